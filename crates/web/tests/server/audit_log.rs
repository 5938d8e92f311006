//! The audit log, sent as an API server's webhook backend sends it.

use std::time::Duration;

use probity_evidence_ledger::Body;
use probity_web::Role;
use serde_json::{Value, json};

use crate::access::Reachable;
use crate::running::Running;

const PATH: &str = "/api/v1/audit-log/prod-eu";

/// An event of a Deployment.
pub(crate) fn event(id: &str, verb: &str, code: u16) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": id, "stage": "ResponseComplete",
        "requestURI": "/apis/apps/v1/namespaces/clinic/deployments", "verb": verb,
        "user": { "username": "system:serviceaccount:ci:deployer", "groups": ["system:serviceaccounts", "system:authenticated"] },
        "objectRef": { "resource": "deployments", "namespace": "clinic", "name": "portal", "apiGroup": "apps", "apiVersion": "v1" },
        "responseStatus": { "code": code }, "requestReceivedTimestamp": "2026-11-27T10:15:00.000000Z",
        "stageTimestamp": "2026-11-27T10:15:00.010000Z",
        "annotations": { "authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: allowed by ..." },
    })
}

pub(crate) fn list(events: &[Value]) -> Value {
    json!({ "kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": events })
}

fn counts(answer: &Value) -> [u64; 4] {
    ["events", "confirmations", "repeated", "broken"].map(|name| answer[name].as_u64().unwrap())
}

fn confirmed(server: &Running) -> Vec<(String, String)> {
    let reader = server.ledger.reader();
    let entries = reader.entries(0..server.ledger.publish().unwrap().size);
    entries
        .filter_map(|entry| {
            let submission = entry.unwrap().entry.submission;
            let Body::Confirmation(confirmation) = submission.body else { return None };
            let gate = submission.gate.unwrap();
            Some((confirmation.audit_id, format!("{} {}", gate.name.rsplit_once('/').unwrap().0, gate.sequence)))
        })
        .collect()
}

#[test]
fn an_event_is_one_entry_however_often_it_is_sent_and_reading_is_none() {
    let server = Running::start(|_| {});
    let token = server.token(Role::Gate, None);
    let send = |events: &[Value]| {
        let answer = server.post(&format!("{PATH}?timeout=30s"), &token, &list(events));
        assert_eq!(answer.status, 200, "{}", answer.text());
        counts(&answer.json())
    };
    assert_eq!(send(&[event("a", "get", 200), event("b", "create", 201), event("c", "watch", 200)]), [3, 1, 0, 0]);
    // The same again, in part with others, and at once by several.
    assert_eq!(send(&[event("b", "create", 201), event("d", "patch", 200), event("d", "patch", 200)]), [3, 1, 2, 0]);
    std::thread::scope(|scope| {
        let sending: Vec<_> = (0..8).map(|_| scope.spawn(|| send(&[event("e", "delete", 200)])[1])).collect();
        assert_eq!(sending.into_iter().map(|thread| thread.join().unwrap()).sum::<u64>(), 1);
    });
    // One that is broken does not take the others with it.
    let mut broken = event("f", "create", 201);
    broken["auditID"] = json!(7);
    assert_eq!(send(&[broken, event("g", "create", 201)]), [1, 1, 0, 1]);
    assert_eq!(send(&[]), [0, 0, 0, 0]);
    let kept: Vec<(String, String)> = (1..)
        .zip(["b", "d", "e", "g"])
        .map(|(number, id)| (id.to_owned(), format!("audit-log/prod-eu {number}")))
        .collect();
    assert_eq!(confirmed(&server), kept);

    let used = server.get("/api/v1/permissions/used?cluster=prod-eu").json();
    assert_eq!(used["usage"]["window"]["first"], "2026-11-27T10:15:00Z");
    let words = used["usage"]["words"].to_string();
    for word in ["watch", "patch", "deployments", "clinic"] {
        assert!(words.contains(word), "{words}");
    }
    assert_eq!(server.get("/api/v1/permissions/used?cluster=test").status, 404);
}

#[test]
fn a_server_that_starts_again_knows_what_was_kept() {
    let server = Running::start(|_| {});
    let token = server.token(Role::Gate, None);
    let sent = list(&[event("a", "create", 201)]);
    assert_eq!(counts(&server.post(PATH, &token, &sent).json())[1], 1);
    let server = Running::again(server.stop());
    let answer = loop {
        let answer = server.post(PATH, &token, &sent);
        // Until the index is level it is not known, which is said.
        if answer.status == 200 {
            break answer.json();
        }
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")), "{}", answer.text());
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(counts(&answer), [1, 0, 1, 0]);
    assert_eq!(confirmed(&server).len(), 1);
    assert_eq!(server.get("/api/v1/permissions/used?cluster=prod-eu").status, 200);
}

#[test]
fn what_is_no_audit_log_and_who_may_not_send_one_is_refused() {
    let server = Running::start_with(|_| {}, |config| config.limits.ingest_bytes = 20_000);
    let (gate, auditor) = (server.token(Role::Gate, None), server.token(Role::Auditor, None));
    let (own, other) =
        (server.token(Role::Gate, Some("audit-log/prod-eu/")), server.token(Role::Gate, Some("audit-log/prod-eu-2/")));
    let good = list(&[event("a", "create", 201)]);
    for (path, token, body, status) in [
        (PATH, gate.as_str(), good.clone(), 200),
        (PATH, &own, good.clone(), 200),
        (PATH, &other, good.clone(), 403),
        (PATH, &auditor, good.clone(), 403),
        (PATH, "", good.clone(), 401),
        (PATH, &gate, json!({ "kind": "PodList", "items": [] }), 400),
        (PATH, &gate, json!([]), 400),
        (PATH, &gate, list(&[json!({ "auditID": 7 })]), 400),
        (PATH, &gate, list(&vec![good["items"][0].clone(); 100]), 413),
        ("/api/v1/audit-log/a%2Fb", &gate, good.clone(), 400),
        ("/api/v1/audit-log/prod-eu?cluster=prod-eu", &gate, good.clone(), 400),
        ("/api/v1/audit-log", &gate, good.clone(), 404),
    ] {
        let answer = server.post(path, token, &body);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
}

#[test]
fn gates_are_told_what_was_used_in_their_cluster_and_what_they_told() {
    let reachable = Reachable::start_with(crate::cluster::fill);
    let server = &reachable.server;
    let tokens = [
        server.token(Role::Gate, None),
        server.token(Role::Gate, Some("audit-log/prod-eu/")),
        server.token(Role::Gate, Some("audit-log/test/")),
    ];
    let send = |method: &str, path: &str, token: &str, body: &[u8]| {
        let token = format!("Bearer {token}");
        let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
        reachable.send(method, path, &headers, body)
    };
    let body = list(&[event("a", "list", 200)]).to_string();
    let answer = send("POST", PATH, &tokens[0], body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    for (token, status) in tokens.iter().zip([200, 200, 403]) {
        assert_eq!(send("GET", "/api/v1/permissions/used?cluster=prod-eu", token, b"").status, status);
    }
    let address = "address=Deployment/clinic/patient-portal";
    for (query, status) in [
        (format!("cluster=prod-eu&what=changed-out-of-band&{address}"), 200),
        (format!("cluster=prod-eu&{address}"), 403),
        (format!("what=changed-out-of-band&{address}"), 403),
        ("cluster=prod-eu&what=changed-out-of-band&address=*".to_owned(), 400),
    ] {
        assert_eq!(send("GET", &format!("/api/v1/drift?{query}"), &tokens[0], b"").status, status, "{query}");
    }
}
