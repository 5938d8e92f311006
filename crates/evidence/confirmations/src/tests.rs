use std::convert::Infallible;
use std::io::BufReader;
use std::sync::LazyLock;

use probity_evidence_redact::Redactor;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Broken, Confirmation, Confirmations, MAX_LINE, Summary};

fn read(log: &[u8]) -> (Vec<Confirmation>, Summary) {
    static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::new);
    let mut found = Vec::new();
    let take = |confirmation| {
        found.push(confirmation);
        Ok::<(), Infallible>(())
    };
    let summary = Confirmations::new("prod-eu", &REDACTOR).read(BufReader::new(log), take).unwrap();
    (found, summary)
}

/// A Deployment that was created, as a server tells it.
fn event(audit_id: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Request", "auditID": audit_id,
        "stage": "ResponseComplete", "requestURI": "/apis/apps/v1/namespaces/clinic/deployments?fieldManager=kubectl",
        "verb": "create",
        "user": { "username": "alice@company.com", "groups": ["dev"], "extra": { "token": ["t0ps3cret"] } },
        "objectRef": { "resource": "deployments", "namespace": "clinic", "name": "portal", "apiGroup": "apps",
            "apiVersion": "v1" },
        "responseStatus": { "metadata": {}, "code": 201 },
        "requestObject": { "kind": "Deployment", "spec": { "template": { "spec": { "containers": [
            { "name": "app", "image": "registry.example.com/portal@sha256:ab", "env": [{ "name": "KEY", "value": "t0ps3cret" }] }
        ] } } } },
        "requestReceivedTimestamp": "2025-03-22T10:20:15.000000Z", "stageTimestamp": "2025-03-22T10:20:15.250000Z",
        "annotations": {
            "authorization.k8s.io/decision": "allow",
            "validate.fail.admission.probity.dev/decision": "id-1",
            "validate.ignore.admission.probity.dev/decision": "id-2",
            "validate.fail.admission.probity.dev/policies": "a,b",
            "admission.probity.dev.example.com/decision": "not ours",
            "notadmission.probity.dev/decision": "not ours",
        },
    });
    change(&mut event);
    event
}

fn one(event: &Value) -> Option<Confirmation> {
    let (mut found, summary) = read(event.to_string().as_bytes());
    assert_eq!((summary.events, summary.broken), (1, 0), "{event}");
    found.pop()
}

#[test]
fn an_event_becomes_a_confirmation_without_what_is_secret() {
    let confirmation = one(&event("audit-1", |_| {})).unwrap();
    assert_eq!(confirmation.time, "2025-03-22T10:20:15.25Z".parse().unwrap());
    let written = serde_json::to_value(&confirmation.record).unwrap();
    let expected = json!({
        "audit_id": "audit-1", "cluster": "prod-eu", "decisions": ["id-1", "id-2"], "verb": "create",
        "user": "alice@company.com", "resource": { "group": "apps", "version": "v1", "resource": "deployments" },
        "namespace": "clinic", "name": "portal", "code": 201, "received": "2025-03-22T10:20:15Z",
        "answered": "2025-03-22T10:20:15.25Z",
        "images": [{ "container": "app", "reference": "registry.example.com/portal@sha256:ab", "digest": "sha256:ab" }],
    });
    assert_eq!(written, expected);
}

#[test]
fn who_refused_is_told() {
    let refused = |code: u16, message: &str, authorization: &str| {
        let event = event("audit-1", |event| {
            event["responseStatus"] = json!({ "code": code, "message": message, "reason": "Forbidden" });
            event["annotations"]["authorization.k8s.io/decision"] = authorization.into();
        });
        one(&event).unwrap().record.denied_by
    };
    for (code, message, authorization, by) in [
        (201, "", "allow", None),
        (403, "deployments is forbidden", "forbid", Some("authorization")),
        (
            403,
            r#"admission webhook "validate.fail.admission.probity.dev" denied the request: image not signed"#,
            "allow",
            Some("webhook validate.fail.admission.probity.dev"),
        ),
        (
            500,
            r#"Internal error occurred: failed calling webhook "other.example.com": connection refused"#,
            "allow",
            Some("webhook other.example.com, which could not be asked"),
        ),
        (
            422,
            "deployments \"a\" is forbidden: ValidatingAdmissionPolicy 'no-latest' with binding 'b' denied request: no",
            "allow",
            Some("ValidatingAdmissionPolicy no-latest"),
        ),
        (409, "already exists", "allow", Some("the API server")),
    ] {
        assert_eq!(refused(code, message, authorization).as_deref(), by, "{message}");
    }
}

#[test]
fn what_the_server_said_is_redacted() {
    let token = format!("ghp_{}", "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6");
    let event = event("audit-1", |event| {
        event["responseStatus"] = json!({ "code": 422, "message": format!("Invalid value: {token}") });
    });
    let message = one(&event).unwrap().record.message.unwrap();
    assert!(!message.contains(&token), "{message}");
}

/// A change of an event.
type Change<'c> = &'c dyn Fn(&mut Value);

#[test]
fn only_what_a_gate_was_asked_about_or_what_runs_counts() {
    let without = |event: &mut Value| event["annotations"] = json!({ "authorization.k8s.io/decision": "allow" });
    let of = |resource: &'static str, group: &'static str| {
        move |event: &mut Value| {
            event["annotations"] = Value::Null;
            event["objectRef"]["resource"] = resource.into();
            event["objectRef"]["apiGroup"] = group.into();
        }
    };
    let cases: [(&str, Change<'_>, bool); 9] = [
        ("as it is", &|_| {}, true),
        ("no gate", &without, true),
        ("not ended", &|event| event["stage"] = "RequestReceived".into(), false),
        ("a secret, no gate", &of("secrets", ""), false),
        ("a CRD of that name", &of("deployments", "example.com"), false),
        ("a job", &of("jobs", "batch"), true),
        (
            "a status",
            &|event| {
                without(event);
                event["objectRef"]["subresource"] = "status".into();
            },
            false,
        ),
        (
            "a look",
            &|event| {
                without(event);
                event["verb"] = "list".into();
            },
            false,
        ),
        ("a gate was asked about a secret", &|event| event["objectRef"]["resource"] = "secrets".into(), true),
    ];
    for (what, change, counts) in cases {
        assert_eq!(one(&event("audit-1", |event| change(event))).is_some(), counts, "{what}");
    }
}

#[test]
fn dry_runs_and_names_that_the_server_gave_are_seen() {
    let event_ = event("audit-1", |event| {
        event["requestURI"] = "/api/v1/namespaces/clinic/pods?dryRun=All".into();
        event["objectRef"]["name"] = Value::Null;
        event["responseObject"] = json!({ "kind": "Pod", "metadata": { "name": "portal-x7", "uid": "uid-7" } });
        event["impersonatedUser"] = json!({ "username": "root" });
    });
    let record = one(&event_).unwrap().record;
    assert!(record.dry_run && !record.done());
    assert_eq!((record.name.as_str(), record.object_uid.as_deref()), ("portal-x7", Some("uid-7")));
    assert_eq!(record.impersonated.as_deref(), Some("root"));
    let delete = event("audit-1", |event| {
        event["verb"] = "delete".into();
        event["requestObject"] = json!({ "kind": "DeleteOptions", "dryRun": ["All"] });
    });
    assert!(one(&delete).unwrap().record.dry_run);
}

#[test]
fn lists_are_read_each_event_once_and_broken_lines_are_named() {
    let list = json!({ "kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": [
        event("audit-1", |_| {}), event("audit-2", |_| {}), 7, event("audit-1", |_| {}),
        event("", |_| {}), event("audit-3", |event| { event["stageTimestamp"] = Value::Null; event["requestReceivedTimestamp"] = Value::Null; }),
    ] });
    let other = json!({ "kind": "Event", "apiVersion": "audit.k8s.io/v1beta1" });
    let long = format!("\"{}\"", "x".repeat(MAX_LINE));
    let log = format!("{list}\n\n{{\"kind\"\n{other}\n{long}\n{}", event("audit-4", |_| {}));
    let (found, summary) = read(log.as_bytes());
    let ids: Vec<&str> = found.iter().map(|confirmation| confirmation.record.audit_id.as_str()).collect();
    assert_eq!(ids, ["audit-1", "audit-2", "audit-4"]);
    assert_eq!((summary.events, summary.confirmations, summary.repeated, summary.broken), (6, 3, 1, 6));
    let lines: Vec<u64> = summary.named.iter().map(|Broken { line, .. }| *line).collect();
    assert_eq!(lines, [1, 1, 1, 3, 4, 5]);
    assert!(summary.named[5].what.contains("longer"), "{:?}", summary.named);
}

#[test]
fn broken_lines_beyond_the_first_are_only_counted() {
    let (_, summary) = read("{\n".repeat(1_000).as_bytes());
    assert_eq!((summary.broken, summary.named.len()), (1_000, 20));
}

proptest! {
    #[test]
    fn no_log_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0usize..3_000) {
        let whole = event("audit-1", |_| {}).to_string();
        read(&bytes);
        read(&whole.as_bytes()[..cut.min(whole.len())]);
        let any = bytes.iter().fold(Value::Null, |inner, byte| match byte % 4 {
            0 => json!({ "spec": inner, "kind": byte }),
            1 => json!([inner]),
            2 => json!({ "containers": [inner, { "image": byte }], "template": { "spec": inner } }),
            _ => json!(byte),
        });
        read(event("audit-1", |event| event["requestObject"] = any.clone()).to_string().as_bytes());
        read(event("audit-1", |event| event["objectRef"] = any).to_string().as_bytes());
    }
}
