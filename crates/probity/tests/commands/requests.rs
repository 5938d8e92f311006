//! Requests to clusters: what a gate decided of them, what the server's audit log says, and who deployed what.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use probity_evidence_ledger::{GateNumber, KeyFile, Ledger, Submission};
use probity_model::Gate;
use serde_json::{Value, json};

use crate::support::{probity, text};

/// A request that a gate decided.
fn decided(sequence: u64, time: &str, id: &str, user: &str, name: &str, findings: &Value) -> Submission {
    let passed: Vec<String> = (1..=8).map(|number| format!("P-{number}")).collect();
    let denied = findings.as_array().is_some_and(|findings| !findings.is_empty());
    let body = json!({ "kind": "decision", "body": {
        "subject": { "kind": "kubernetes", "type": "Deployment", "address": format!("Deployment/clinic/{name}"),
            "labels": { "environment": "production" } },
        "action": if denied { "deny" } else { "allow" }, "findings": findings, "passed": passed,
        "admission": {
            "decision_id": id, "cluster": "prod-eu", "operation": "CREATE", "kind": "Deployment", "namespace": "clinic",
            "resource": { "group": "apps", "version": "v1", "resource": "deployments" }, "name": name,
            "request_uid": "uid", "user": user, "replica": "one", "duration_us": 900,
            "images": [{ "container": "app", "reference": format!("registry.example.com/{name}:1.2.0"), "digest": "sha256:0a1b" }],
        },
    }});
    Submission {
        time: time.parse().unwrap(),
        gate: Some(GateNumber { kind: Gate::Admission, name: "admission/prod-eu/one".into(), sequence }),
        body: serde_json::from_value(body).unwrap(),
    }
}

/// The ledger of a folder, as a gate fills it.
fn ledger(folder: &Path) -> Ledger {
    let data = folder.join(".probity");
    Ledger::open(&data.join("ledger"), KeyFile::load_or_create(&data.join("keys/ledger.key")).unwrap()).unwrap()
}

fn fill(folder: &Path) {
    let unsigned = json!([{ "policy": "require-image-signature", "outcome": "fail", "severity": "high", "stage": "enforce", "message": "image not signed" }]);
    let none = json!([]);
    ledger(folder)
        .append(&[
            decided(1, "2025-03-22T10:20:15Z", "id-1", "alice@company.com", "patient-portal", &none),
            decided(2, "2025-03-22T10:21:30Z", "id-2", "bob@company.com", "legacy-app", &unsigned),
        ])
        .unwrap();
}

/// An event of the server's audit log.
fn event(audit_id: &str, user: &str, name: &str, decision: Option<&str>) -> Value {
    let mut event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": audit_id, "stage": "ResponseComplete",
        "requestURI": "/apis/apps/v1/namespaces/clinic/deployments", "verb": "create", "user": { "username": user },
        "objectRef": { "resource": "deployments", "namespace": "clinic", "name": name, "apiGroup": "apps", "apiVersion": "v1" },
        "responseStatus": { "code": 201 }, "requestReceivedTimestamp": "2025-03-22T10:20:15.000000Z",
        "stageTimestamp": "2025-03-22T10:20:15.250000Z", "annotations": {},
    });
    if let Some(decision) = decision {
        event["annotations"]["validate.fail.admission.probity.dev/decision"] = decision.into();
    }
    event
}

fn said(folder: &Path, code: i32, arguments: &[&str]) -> String {
    let output = probity(folder, arguments);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    text(&output.stdout)
}

const ALICE: &str = "2025-03-22T10:20:15Z ALLOWED alice@company.com patient-portal: 8 policies checked, all passed\n";
const BOB: &str =
    "2025-03-22T10:21:30Z REJECTED bob@company.com legacy-app: image not signed (require-image-signature)\n";

#[test]
fn requests_are_one_line_each() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let ask = |more: &[&str]| said(folder.path(), 0, &[&["evidence", "query", "--kind", "admission"], more].concat());
    let both = format!("{BOB}{ALICE}");
    for (more, expected) in [
        (&[][..], both.as_str()),
        (&["--result", "rejected"][..], BOB),
        (&["--user", "alice@*", "--cluster", "prod-*", "--operation", "create"][..], ALICE),
        (&["--image", "sha256:0a1b", "--object", "legacy-app", "--environment", "production"][..], BOB),
        (&["--done", "true"][..], ""),
        (&["--from", "2025-03-23"][..], ""),
        (&["--limit", "1"][..], BOB),
    ] {
        assert_eq!(ask(more), expected, "{more:?}");
    }
    let row: Value = serde_json::from_str(&ask(&["--format", "json", "--limit", "1"])).unwrap();
    assert_eq!((&row["outcome"], &row["admission"]["user"]), (&json!("rejected"), &json!("bob@company.com")));
    let table = ask(&["--format", "csv"]);
    assert_eq!(table.lines().count(), 3, "{table}");
    let refused = probity(folder.path(), &["evidence", "query", "--kind", "admission", "--policy", "P-1"]);
    assert!(text(&refused.stderr).contains("--policy does not narrow a list of requests"));
    assert!(
        said(folder.path(), 0, &["evidence", "show", "1"]).contains("request   CREATE in prod-eu by bob@company.com")
    );
}

#[test]
fn the_audit_log_says_what_was_done_and_each_event_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let deployed = |known: &str| {
        format!(
            "2025-03-22T10:20:15Z alice@company.com prod-eu/clinic Deployment/patient-portal CREATE \
             registry.example.com/patient-portal:1.2.0@sha256:0a1b {known}  entry 0\n"
        )
    };
    let ask = ["evidence", "deployments", "--environment", "production"];
    assert_eq!(said(folder.path(), 0, &ask), deployed("unconfirmed"));
    let log = format!(
        "{}\n{{broken\n{}\n{}\n",
        event("audit-1", "alice@company.com", "patient-portal", Some("id-1")),
        event("audit-2", "dora@company.com", "shadow", None),
        event("audit-1", "alice@company.com", "patient-portal", Some("id-1")),
    );
    std::fs::write(folder.path().join("audit.log"), log).unwrap();
    let read = ["evidence", "audit-log", "--cluster", "prod-eu", "audit.log"];
    let output = probity(folder.path(), &read);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("audit.log:2: "), "{errors}");
    assert!(text(&output.stdout).starts_with("2 confirmations kept, 0 known before"), "{}", text(&output.stdout));
    let again = probity(folder.path(), &read);
    assert!(text(&again.stdout).starts_with("0 confirmations kept, 2 known before"), "{}", text(&again.stdout));
    let list = said(folder.path(), 0, &ask);
    let outside = "2025-03-22T10:20:15Z dora@company.com prod-eu/clinic deployments/shadow CREATE images unknown outside of gates  entry 3\n";
    assert_eq!(list, format!("{outside}{}", deployed("confirmed")));
    assert_eq!(said(folder.path(), 0, &["evidence", "query", "--kind", "admission", "--done", "true"]), ALICE);
    assert!(said(folder.path(), 0, &["evidence", "verify"]).contains('4'));
}

#[test]
fn the_webhook_backends_lists_are_read_from_the_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let list = json!({ "kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [
        event("audit-1", "alice@company.com", "patient-portal", Some("id-1")), event("audit-2", "dora@company.com", "shadow", None) ] });
    let mut child = Command::new(env!("CARGO_BIN_EXE_probity"))
        .args(["evidence", "audit-log", "--cluster", "prod-eu", "-"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(list.to_string().as_bytes()).unwrap();
    let mut written = String::new();
    child.stdout.take().unwrap().read_to_string(&mut written).unwrap();
    assert!(child.wait().unwrap().success(), "{written}");
    assert!(written.starts_with("2 confirmations kept"), "{written}");
    // What is decided is not in this ledger.
    let list = said(folder.path(), 0, &["evidence", "deployments"]);
    assert!(list.contains("outside of gates") && list.contains("decision missing"), "{list}");
}

#[test]
fn what_comes_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let mut child = Command::new(env!("CARGO_BIN_EXE_probity"))
        .args(["evidence", "query", "--kind", "admission", "--follow"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap() + "\n");
    assert_eq!((lines.next().as_deref(), lines.next().as_deref()), (Some(ALICE), Some(BOB)));
    let ledger = ledger(folder.path());
    ledger.append(&[decided(3, "2025-03-22T10:22:00Z", "id-3", "carol@company.com", "imaging", &json!([]))]).unwrap();
    ledger.publish().unwrap();
    let line = lines.next().unwrap();
    assert!(line.starts_with("2025-03-22T10:22:00Z ALLOWED carol@company.com imaging: "), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
}
