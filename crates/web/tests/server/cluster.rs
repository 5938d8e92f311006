//! What gates in front of clusters send, and the pages that show it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use probity_evidence_ledger::{Body, Digest, GateNumber, Ledger, Submission};
use probity_model::Gate;
use probity_web::Role;
use serde_json::{Value, json};

use crate::access::Reachable;
use crate::api::check_answer;
use crate::demo;
use crate::pages::{check_form, hostile};
use crate::running::{Running, request};

/// The gate's name.
const GATE: &str = "admission/prod-eu/probity-7d4f";

fn body(kind: &str, record: &Value) -> Body {
    serde_json::from_value(json!({ "kind": kind, "body": record })).unwrap()
}

fn submission(sequence: u64, time: Timestamp, body: Body) -> Submission {
    Submission { time, gate: Some(GateNumber { kind: Gate::Admission, name: GATE.into(), sequence }), body }
}

/// The digest of what is called so.
fn content(name: &str) -> String {
    Digest::of(name.as_bytes()).to_string()
}

/// A request that was decided.
fn decided(id: &str, user: &str, name: &str, findings: &Value, change: &Value) -> Body {
    let mut admission = json!({
        "decision_id": id, "cluster": "prod-eu", "webhook": "validate.fail.admission.probity.dev", "operation": "CREATE",
        "resource": { "group": "apps", "version": "v1", "resource": "deployments" }, "kind": "Deployment",
        "namespace": "clinic", "name": name, "request_uid": format!("uid-{id}"), "user": user, "groups": ["developers"],
        "images": [{ "container": "app", "reference": format!("registry.example.com/acme/{name}:1.2.0"),
            "digest": format!("sha256:{}", "a".repeat(64)) }],
        "object_digest": content(name), "replica": "probity-7d4f", "duration_us": 1450,
    });
    for (field, value) in change.as_object().into_iter().flatten() {
        admission[field] = value.clone();
    }
    let denied = findings.as_array().is_some_and(|findings| !findings.is_empty());
    let labels = json!({ "environment": "production", "service": name });
    body(
        "decision",
        &json!({
            "subject": { "kind": "kubernetes", "type": "Deployment", "address": format!("Deployment/clinic/{name}"), "labels": labels },
            "action": if denied { "deny" } else { "allow" }, "findings": findings, "admission": admission,
            "passed": (1..=8).map(|number| format!("PRB-K8S-{number:03}")).collect::<Vec<_>>(),
        }),
    )
}

fn confirmed(audit: &str, decisions: &[&str], code: u16, denied_by: Option<&str>) -> Body {
    body(
        "confirmation",
        &json!({
            "audit_id": audit, "cluster": "prod-eu", "decisions": decisions, "verb": "create", "user": "dora@company.com",
            "resource": { "group": "apps", "version": "v1", "resource": "deployments" }, "namespace": "clinic",
            "name": "shadow", "code": code, "denied_by": denied_by, "message": denied_by.map(|_| "denied the request"),
        }),
    )
}

/// What gates sent over three months, and what happened at a cluster today.
pub(crate) fn fill(ledger: &Ledger) {
    demo::fill(ledger);
    at_cluster(ledger);
}

fn at_cluster(ledger: &Ledger) {
    let unsigned = json!([{ "policy": "require-image-signature", "outcome": "fail", "severity": "high", "stage": "enforce", "message": "image not signed" }]);
    let none = json!([]);
    let now = Timestamp::now();
    let ago = |minutes: i64| now - SignedDuration::from_mins(minutes);
    let heartbeat = |replica: &str, state: &str| {
        body(
            "heartbeat",
            &json!({ "cluster": "prod-eu", "replica": replica, "since": ago(60), "state": state, "interval_s": 60, "last_sequence": 1, "version": "0.1.0" }),
        )
    };
    let subject = json!({ "kind": "kubernetes", "type": "Deployment", "address": "Deployment/clinic/patient-portal", "labels": { "environment": "production" } });
    let bodies = [
        (30, heartbeat("probity-lost", "alive")),
        (20, decided("id-1", "alice@company.com", "patient-portal", &none, &json!({}))),
        (19, confirmed("audit-1", &["id-1"], 201, None)),
        (18, decided("id-2", "bob@company.com", "legacy-app", &unsigned, &json!({}))),
        (
            17,
            decided(
                "id-3",
                "root",
                "rescue",
                &none,
                &json!({ "exempt": "root is in the break-glass group probity:break-glass" }),
            ),
        ),
        (
            16,
            decided(
                "id-4",
                "carol@company.com",
                "imaging",
                &none,
                &json!({ "fail_open": "there was no verdict within 2700 ms" }),
            ),
        ),
        (15, confirmed("audit-2", &["id-4"], 403, Some("webhook validate.other.example.com"))),
        (14, confirmed("audit-3", &[], 201, None)),
        (
            13,
            body(
                "gap",
                &json!({ "cluster": "prod-eu", "replica": "probity-7d4f", "from": ago(40), "to": ago(38), "allowed": 3, "denied": 1, "why": "no space left on device" }),
            ),
        ),
        (
            12,
            body(
                "drift",
                &json!({ "cluster": "prod-eu", "subject": subject, "what": "changed-out-of-band", "message": "`replicas` were 3 and are 1", "severity": "high",
            "before": { "verdict": "allow", "digest": "sha256:0a1b" }, "after": { "verdict": "deny" }, "who": "mallory" }),
            ),
        ),
        (0, heartbeat("probity-7d4f", "alive")),
    ];
    let all: Vec<Submission> =
        (1..).zip(bodies).map(|(sequence, (minutes, body))| submission(sequence, ago(minutes), body)).collect();
    ledger.append(&all).unwrap();
    ledger.publish().unwrap();
}

/// A request that passed, as a gate sends it.
pub(crate) fn request_of(sequence: u64, user: &str, name: &str) -> Submission {
    submission(sequence, Timestamp::now(), decided(name, user, name, &json!([]), &json!({})))
}

#[test]
fn the_pages_say_what_happened() {
    let server = Running::start(fill);
    server.level();
    for (path, said, not_said) in [
        (
            "/admissions",
            &["8 policies checked, all passed", "image not signed (require-image-signature)", "Exempt", "Not judged"][..],
            &["shadow"][..],
        ),
        ("/admissions?user=bob@*", &["legacy-app", "Rejected"][..], &["patient-portal"][..]),
        ("/admissions?done=true", &["patient-portal"][..], &["imaging", "legacy-app"][..]),
        (
            "/deployments",
            &[
                "Deployments to production",
                "patient-portal",
                "Confirmed",
                "rescue",
                "Unconfirmed",
                "shadow",
                "Outside of gates",
            ][..],
            // What the server refused was not deployed.
            &["legacy-app", "imaging"][..],
        ),
        ("/deployments?environment=test", &["No deployment to test"][..], &["shadow"][..]),
        ("/drift", &["<code>replicas</code> were 3 and are 1", "mallory", "Changed out of band"][..], &[][..]),
        ("/drift?severity=critical", &["Nothing drifted"][..], &["mallory"][..]),
        ("/gates", &["probity-lost", "Silent", "Not yet", "no space left on device", "Alive"][..], &[][..]),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let page = answer.text();
        check_form(path, &page);
        let main = page.split("<main").nth(1).unwrap().to_owned();
        for text in said {
            assert!(main.contains(text), "{path} does not say {text}: {main}");
        }
        for text in not_said {
            assert!(!main.contains(text), "{path} says {text}");
        }
    }
    let links = server.get("/admissions?user=carol@*").text();
    let decision = links.split("href=\"/decisions/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = server.get(&format!("/decisions/{decision}")).text();
    check_form("a decision", &page);
    for text in
        ["there was no verdict within 2700 ms", "Refused by webhook validate.other.example.com (403)", "1.450 ms"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    for path in ["/admissions?outcome=maybe", "/drift?what=weather", "/deployments?controllers=some"] {
        assert_eq!(server.get(path).status, 400, "{path}");
    }
}

#[test]
fn programs_are_told_what_happened_at_clusters() {
    let server = Running::start(fill);
    server.level();
    let document = server.get("/api/v1/openapi.json").json();
    let digest = content("patient-portal");
    for (path, query, field, expected) in [
        ("admissions", "", "/admission/name", &["imaging", "rescue", "legacy-app", "patient-portal"][..]),
        ("admissions", "user=*@company.com&result=allowed", "/admission/name", &["patient-portal"]),
        ("admissions", &format!("cluster=prod-eu&object_digest={digest}"), "/admission/name", &["patient-portal"]),
        ("admissions", &format!("cluster=test&object_digest={digest}"), "/admission/name", &[]),
        ("admissions", &format!("object_digest={}", &digest[..20]), "/admission/name", &[]),
        ("admissions", "done=true", "/confirmation/confirmation/audit_id", &["audit-1"]),
        ("admissions", "from=2999-01-01", "/admission/name", &[]),
        ("deployments", "", "/known", &["outside-of-gates", "unconfirmed", "confirmed"]),
        ("deployments", "environment=test", "/known", &[]),
        ("drift", "what=changed-out-of-band&severity=high", "/drift/who", &["mallory"]),
        ("drift", "what=advisory", "/drift/who", &[]),
    ] {
        let path = format!("/api/v1/{path}");
        let answer = server.get(&format!("{path}?{query}"));
        assert_eq!(answer.status, 200, "{path}?{query}: {}", answer.text());
        check_answer(&document, &document["paths"][path.as_str()]["get"], &answer, &path);
        let rows = answer.json()["rows"].as_array().unwrap().clone();
        let told: Vec<&str> = rows.iter().map(|row| row.pointer(field).unwrap().as_str().unwrap()).collect();
        assert_eq!(told, expected, "{path}?{query}");
    }
}

#[test]
fn a_gate_is_told_only_whether_this_very_thing_was_decided_by_its_own() {
    let reachable = Reachable::start_with(fill);
    let server = &reachable.server;
    let tokens = [
        server.token(Role::Auditor, None),
        server.token(Role::Gate, None),
        server.token(Role::Gate, Some("admission/prod-eu/")),
        server.token(Role::Gate, Some("admission/other/")),
    ];
    let digest = content("patient-portal");
    let ask = |token: &str, query: &str| {
        let path = format!("/api/v1/admissions?{query}");
        let answer = reachable.send("GET", &path, &[("Authorization", &format!("Bearer {token}"))], b"");
        (answer.status, answer.json()["rows"].as_array().map(Vec::len))
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while ask(&tokens[0], "name=imaging").1 != Some(1) {
        assert!(Instant::now() < deadline, "the index follows");
        std::thread::sleep(Duration::from_millis(50));
    }
    let object = "cluster=prod-eu&kind=Deployment&namespace=clinic&name=rescue";
    for (query, expected) in [
        ("", [(200, Some(4)), (403, None), (403, None), (403, None)]),
        (&format!("object_digest={digest}"), [(200, Some(1)), (403, None), (403, None), (403, None)]),
        (
            &format!("cluster=prod-eu&object_digest={digest}"),
            [(200, Some(1)), (200, Some(1)), (200, Some(1)), (200, Some(0))],
        ),
        (&format!("cluster=*&object_digest={digest}"), [(200, Some(1)), (400, None), (400, None), (400, None)]),
        (object, [(200, Some(1)), (200, Some(1)), (200, Some(1)), (200, Some(0))]),
        (&object.replace("rescue", "*"), [(200, Some(4)), (400, None), (400, None), (400, None)]),
        (&object.replace("namespace=clinic&", ""), [(200, Some(1)), (200, Some(0)), (200, Some(0)), (200, Some(0))]),
        (&object.replace("kind=Deployment&", ""), [(200, Some(1)), (403, None), (403, None), (403, None)]),
    ] {
        for (token, expected) in tokens.iter().zip(expected) {
            assert_eq!(ask(token, query), expected, "{query}");
        }
    }
    assert_eq!(reachable.send("GET", &format!("/api/v1/admissions?{object}"), &[], b"").status, 401);
    let gates = format!("Bearer {}", tokens[1]);
    for path in ["/api/v1/deployments", "/api/v1/drift", "/admissions"] {
        assert_eq!(reachable.send("GET", path, &[("Authorization", &gates)], b"").status, 403, "{path}");
    }
}

#[test]
fn without_evidence_the_pages_say_what_to_do() {
    let server = Running::start(|_| {});
    for path in ["/admissions", "/deployments", "/drift", "/gates"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}");
        check_form(path, &answer.text());
    }
}

#[test]
fn html_in_every_field_of_a_request_is_text() {
    let server = Running::start(|ledger| {
        let findings = json!([{ "policy": hostile("policy"), "outcome": "fail", "severity": "high", "stage": "enforce", "message": hostile("message") }]);
        let change = json!({
            "cluster": hostile("cluster"), "webhook": hostile("webhook"), "kind": hostile("kind"), "namespace": hostile("namespace"),
            "groups": [hostile("group")], "replica": hostile("replica"), "subresource": hostile("subresource"), "operation": hostile("operation"),
            "images": [{ "container": hostile("container"), "reference": hostile("image"), "digest": hostile("digest") }],
            "refused": hostile("refused"), "object_uid": hostile("uid"), "mutated_by": [hostile("mutator")],
        });
        let decided = decided(&hostile("id"), &hostile("user"), &hostile("name"), &findings, &change);
        let mut confirmation = json!({ "audit_id": hostile("audit"), "cluster": hostile("cluster"), "verb": "create", "code": 201,
            "user": hostile("user"), "impersonated": hostile("other"), "namespace": hostile("namespace"), "name": hostile("name"),
            "resource": { "group": "apps", "version": "v1", "resource": "deployments" } });
        let outside = body("confirmation", &confirmation);
        confirmation["audit_id"] = "another".into();
        confirmation["decisions"] = json!([hostile("id")]);
        confirmation["denied_by"] = hostile("denier").into();
        confirmation["message"] = hostile("message").into();
        confirmation["code"] = 403.into();
        let refused = body("confirmation", &confirmation);
        let drift = json!({ "cluster": hostile("cluster"), "what": "advisory", "message": hostile("message"), "severity": "high", "who": hostile("who"),
            "subject": { "kind": "kubernetes", "type": "Pod", "address": hostile("address"), "labels": { "environment": hostile("environment") } },
            "before": { "digest": hostile("digest") } });
        let now = Timestamp::now();
        let gap = json!({ "cluster": hostile("cluster"), "replica": hostile("replica"), "from": now, "to": now, "allowed": 1, "denied": 1, "why": hostile("why") });
        let heartbeat = json!({ "cluster": hostile("cluster"), "replica": hostile("replica"), "since": now, "state": "stopped", "interval_s": 1,
            "last_sequence": 1, "version": hostile("version") });
        let bodies =
            [decided, outside, refused, body("drift", &drift), body("gap", &gap), body("heartbeat", &heartbeat)];
        let all: Vec<Submission> = (1..).zip(bodies).map(|(sequence, body)| submission(sequence, now, body)).collect();
        ledger.append(&all).unwrap();
    });
    server.level();
    let value: String = form_urlencoded::byte_serialize(hostile("user").as_bytes()).collect();
    let mut shown = 0;
    for path in [
        "/admissions".to_owned(),
        format!("/admissions?user={value}"),
        format!("/admissions?image={value}&cluster={value}&namespace={value}"),
        "/deployments?environment=*".to_owned(),
        format!("/deployments?environment={value}"),
        "/drift".to_owned(),
        "/gates".to_owned(),
        "/decisions/0".to_owned(),
    ] {
        let answer = server.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let page = answer.text();
        for live in ["<script>alert", "<img src=x"] {
            assert!(!page.contains(live), "{path} has {live}");
        }
        shown += page.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count();
        check_form(&path, &page);
    }
    assert!(shown > 40, "the fields are shown {shown} times only");
    let stream = Stream::open(&server, "/admissions/live");
    // The script makes text of it; it comes as JSON in one line.
    let event = stream.wait_for("}\n\n");
    let data = event.split("\ndata: ").nth(1).unwrap().split('\n').next().unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&data["name"], &data["href"]), (&json!(hostile("name")), &json!("/decisions/0")));
}

/// A stream of events.
struct Stream(std::cell::RefCell<TcpStream>);

impl Stream {
    fn open(server: &Running, path: &str) -> Self {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        stream.write_all(&request(server.address, "GET", path, &[], b"")).unwrap();
        Self(std::cell::RefCell::new(stream))
    }

    /// What was read, when this is in it.
    fn wait_for(&self, text: &str) -> String {
        let (start, mut read) = (Instant::now(), String::new());
        let mut bytes = [0; 16_384];
        while !read.contains(text) {
            assert!(start.elapsed() < Duration::from_secs(30), "{text} does not come: {read}");
            if let Ok(count) = self.0.borrow_mut().read(&mut bytes) {
                assert!(count > 0, "the stream ends before {text}: {read}");
                read.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        }
        read
    }
}

#[test]
fn what_comes_is_shown_as_it_comes_until_the_server_stops() {
    let server = Running::start(fill);
    server.level();
    let known = server.ledger.appended();
    let stream = Stream::open(&server, &format!("/admissions/live?after={}&user=*@company.com", known - 1));
    let head = stream.wait_for("retry: ");
    assert!(head.contains("text/event-stream") && head.contains("no-store"), "{head}");
    let both = [request_of(12, "system:node:one", "hidden"), request_of(13, "dave@company.com", "shown")];
    server.ledger.append(&both).unwrap();
    let event = stream.wait_for("dave@");
    assert!(event.contains(&format!("id: {}\n", known + 1)) && !event.contains("hidden"), "{event}");
    // A browser that comes back says what it had.
    let again = {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let last = known.to_string();
        let asked = request(server.address, "GET", "/admissions/live?after=0", &[("Last-Event-ID", &last)], b"");
        stream.write_all(&asked).unwrap();
        Stream(std::cell::RefCell::new(stream))
    };
    let event = again.wait_for("dave@");
    assert!(!event.contains("alice@"), "{event}");
    // Whoever looks does not keep the server from stopping.
    let start = Instant::now();
    server.stop();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn only_so_many_look_live_at_once() {
    let server = Running::start_with(|_| {}, |config| config.limits.live = 1);
    let first = Stream::open(&server, "/admissions/live");
    first.wait_for("retry: ");
    assert_eq!(server.get("/admissions/live").status, 503);
    drop(first);
    let start = Instant::now();
    loop {
        let stream = Stream::open(&server, "/admissions/live");
        if stream.wait_for("HTTP/1.1 ").contains("200") {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "the place is not given back");
        std::thread::sleep(Duration::from_millis(50));
    }
}
