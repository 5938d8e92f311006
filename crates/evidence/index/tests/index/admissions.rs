//! Requests to API servers are found by what names them, and joined with what the servers did.

use probity_evidence_index::{
    AdmissionFilter, AdmissionOutcome, DeploymentFilter, DeploymentKnown, DriftFilter, Page, Period, Queries,
};
use probity_evidence_ledger::{
    AdmissionRecord, AdmittedImage, Body, ConfirmationRecord, DecisionRecord, DriftRecord, FindingRecord, GapRecord,
    GateNumber, HeartbeatRecord, ReplicaState, ResourceRecord, Submission,
};
use probity_model::{Gate, Outcome, Severity};
use serde_json::json;

use crate::planted::*;

const GATE: &str = "admission/prod-eu/one";

fn numbered(sequence: u64) -> GateNumber {
    GateNumber { kind: Gate::Admission, name: GATE.into(), sequence }
}

fn send(ledger: &mut Memory, at: &str, body: Body) {
    let sequence = ledger.entries.len() as u64 + 1;
    ledger.push(Submission { time: time(at), gate: Some(numbered(sequence)), body });
}

fn digest(letter: &str) -> String {
    format!("sha256:{}", letter.repeat(64))
}

fn admission(id: &str, user: &str, name: &str, operation: &str) -> AdmissionRecord {
    AdmissionRecord {
        decision_id: id.into(),
        cluster: "prod-eu".into(),
        webhook: "validate.fail.admission.probity.dev".into(),
        operation: operation.into(),
        resource: ResourceRecord { group: "apps".into(), version: "v1".into(), resource: "deployments".into() },
        kind: "Deployment".into(),
        namespace: "clinic".into(),
        name: name.into(),
        request_uid: format!("uid-{id}"),
        user: user.into(),
        images: vec![AdmittedImage {
            container: "app".into(),
            reference: format!("registry.example.com/{name}:1"),
            digest: Some(digest("a")),
        }],
        replica: "one".into(),
        ..AdmissionRecord::default()
    }
}

fn decided(admission: AdmissionRecord, findings: Vec<FindingRecord>, passed: &[&str]) -> Body {
    let address = format!("Deployment/clinic/{}", admission.name);
    let record = DecisionRecord { admission: Some(Box::new(admission)), ..decision(&address, findings, passed) };
    Body::Decision(Box::new(record))
}

fn confirmation(audit_id: &str, decisions: &[&str], code: u16) -> ConfirmationRecord {
    ConfirmationRecord {
        audit_id: audit_id.into(),
        cluster: "prod-eu".into(),
        decisions: decisions.iter().map(|id| (*id).to_owned()).collect(),
        verb: "create".into(),
        user: "dora@company.com".into(),
        resource: ResourceRecord { group: "apps".into(), version: "v1".into(), resource: "deployments".into() },
        namespace: "clinic".into(),
        name: "hidden".into(),
        code,
        ..ConfirmationRecord::default()
    }
}

fn confirmed(audit_id: &str, decisions: &[&str], code: u16) -> Body {
    Body::Confirmation(Box::new(confirmation(audit_id, decisions, code)))
}

const ALL_PASSED: &[&str] = &["P-1", "P-2", "P-3", "P-4", "P-5", "P-6", "P-7", "P-8"];

fn planted() -> Memory {
    let mut ledger = Memory::default();
    let mut say = |at: &str, body: Body| send(&mut ledger, at, body);
    let unsigned = finding("require-image-signature", Outcome::Fail, Severity::High, "image not signed");
    let alice = admission("id-0", "alice@company.com", "patient-portal", "CREATE");
    say("2025-03-22T10:20:15Z", decided(alice.clone(), vec![], ALL_PASSED));
    let second = AdmissionRecord {
        decision_id: "id-1".into(),
        webhook: "validate.ignore.admission.probity.dev".into(),
        ..alice
    };
    say("2025-03-22T10:20:15.1Z", decided(second, vec![], &["P-9"]));
    say("2025-03-22T10:20:16Z", confirmed("audit-1", &["id-0", "id-1"], 201));
    let bob = AdmissionRecord {
        object_digest: Some(digest("d")),
        ..admission("id-3", "bob@company.com", "legacy-app", "CREATE")
    };
    say("2025-03-22T10:21:30Z", decided(bob, vec![unsigned], &["P-1"]));
    say("2025-03-22T10:21:31Z", confirmed("audit-2", &["id-3"], 403));
    let exempt = AdmissionRecord {
        exempt: Some("root is in the break-glass group probity:break-glass".into()),
        ..admission("id-5", "root", "rescue", "UPDATE")
    };
    say("2025-03-22T10:22:00Z", decided(exempt, vec![], &[]));
    let open = AdmissionRecord {
        fail_open: Some("no verdict within 2700 ms".into()),
        ..admission("id-6", "carol@company.com", "slow", "CREATE")
    };
    say("2025-03-22T10:23:00Z", decided(open, vec![], &[]));
    // Another webhook denied what this gate let pass.
    say("2025-03-22T10:23:01Z", {
        let by = Some("webhook validate.other.example.com".into());
        Body::Confirmation(Box::new(ConfirmationRecord { denied_by: by, ..confirmation("audit-3", &["id-6"], 403) }))
    });
    // Nobody asked a gate; told twice.
    say("2025-03-22T10:24:00Z", confirmed("audit-4", &[], 201));
    say("2025-03-22T10:24:00Z", confirmed("audit-4", &[], 201));
    let controller =
        admission("id-10", "system:serviceaccount:kube-system:deployment-controller", "patient-portal-7d", "CREATE");
    say("2025-03-22T10:25:00Z", decided(controller, vec![], &["P-1"]));
    ledger
}

fn admissions(queries: &Queries, filter: &serde_json::Value) -> Vec<u64> {
    let filter: AdmissionFilter = serde_json::from_value(filter.clone()).unwrap();
    queries.admissions(&filter, Page::first(50)).unwrap().rows.iter().map(|row| row.decision.index).collect()
}

#[test]
fn every_filter_of_admissions_finds_what_it_names() {
    let place = Place::new();
    let queries = place.follow(&planted());
    for (filter, expected) in [
        (json!({}), vec![10, 6, 5, 3, 1, 0]),
        (json!({"cluster": "prod-*", "namespace": "clinic", "environment": "production"}), vec![10, 6, 5, 3, 1, 0]),
        (json!({"cluster": "test"}), vec![]),
        (json!({"user": "alice@company.com"}), vec![1, 0]),
        (json!({"user": "*@company.com"}), vec![6, 3, 1, 0]),
        (json!({"image": "registry.example.com/legacy-app:1"}), vec![3]),
        (json!({"image": "*/patient-portal:*"}), vec![1, 0]),
        (json!({"image": "sha256:aaaa"}), vec![10, 6, 5, 3, 1, 0]),
        (json!({"image": digest("b")}), vec![]),
        (json!({"object_digest": digest("d"), "cluster": "prod-eu"}), vec![3]),
        (json!({"object_digest": digest("d"), "cluster": "test"}), vec![]),
        (json!({"object_digest": "sha256:dddd"}), vec![]),
        (json!({"operation": "update"}), vec![5]),
        (json!({"outcome": "rejected"}), vec![3]),
        (json!({"outcome": "exempt"}), vec![5]),
        (json!({"outcome": "fail-open"}), vec![6]),
        (json!({"outcome": "allowed"}), vec![10, 1, 0]),
        (json!({"done": true}), vec![1, 0]),
        (json!({"done": false, "kind": "Deployment"}), vec![10, 6, 5, 3]),
        (json!({"from": "2025-03-22T10:22:00Z", "to": "2025-03-22T10:23:00Z"}), vec![5]),
        (json!({"name": "' OR 1=1 --"}), vec![]),
    ] {
        assert_eq!(admissions(&queries, &filter), expected, "{filter}");
    }
    let first = queries.admissions(&AdmissionFilter::default(), Page::first(2)).unwrap();
    assert_eq!((first.rows.len(), first.next), (2, Some(6)));
    let after = queries.admissions_after(&AdmissionFilter::default(), Some(5), 10).unwrap();
    assert_eq!(after.iter().map(|row| row.decision.index).collect::<Vec<_>>(), [6, 10]);
}

#[test]
fn a_request_is_one_line() {
    let place = Place::new();
    let queries = place.follow(&planted());
    for (index, line, confirmed) in [
        (
            0,
            "2025-03-22T10:20:15Z ALLOWED alice@company.com patient-portal: 8 policies checked, all passed",
            "done by the server (201)",
        ),
        (
            3,
            "2025-03-22T10:21:30Z REJECTED bob@company.com legacy-app: image not signed (require-image-signature)",
            "not done by the server (403)",
        ),
        (
            5,
            "2025-03-22T10:22:00Z ALLOWED root rescue: not held to policies: root is in the break-glass group probity:break-glass",
            "not confirmed by the server's audit log",
        ),
        (
            6,
            "2025-03-22T10:23:00Z ALLOWED carol@company.com slow: passed without being judged: no verdict within 2700 ms",
            "refused by webhook validate.other.example.com (403)",
        ),
    ] {
        let row = queries.admission(index).unwrap().unwrap();
        assert_eq!((row.line().as_str(), row.confirmed().as_str()), (line, confirmed));
    }
    assert_eq!(queries.admission(2).unwrap(), None, "a confirmation is no request");
    assert_eq!(queries.admission(3).unwrap().unwrap().outcome, AdmissionOutcome::Rejected);
}

#[test]
fn who_deployed_what_is_told_once_and_only_when_it_may_have_happened() {
    let place = Place::new();
    let queries = place.follow(&planted());
    let ask = |filter: serde_json::Value| -> Vec<(u64, String, DeploymentKnown)> {
        let filter: DeploymentFilter = serde_json::from_value(filter).unwrap();
        let page = queries.deployments(&filter, Page::first(50)).unwrap();
        page.rows.into_iter().map(|row| (row.index, row.user, row.known)).collect()
    };
    let row = |index: u64, user: &str, known| (index, user.to_owned(), known);
    let expected = vec![
        row(8, "dora@company.com", DeploymentKnown::OutsideOfGates),
        row(5, "root", DeploymentKnown::Unconfirmed),
        row(0, "alice@company.com", DeploymentKnown::Confirmed),
    ];
    // Where no gate was asked, the namespace says what environment it is.
    assert_eq!(ask(json!({"environment": "production"})), expected);
    assert_eq!(ask(json!({"environment": "test"})), []);
    assert_eq!(ask(json!({"controllers": true}))[0].0, 10);
    assert_eq!(ask(json!({"image": "*/patient-portal:1"})), expected[2..]);
    assert_eq!(ask(json!({"user": "dora@*"})), expected[..1]);
    let page = queries.deployments(&DeploymentFilter::default(), Page::first(1)).unwrap();
    assert_eq!((page.rows.len(), page.next), (1, Some(8)));
    let outside = queries.outside_of_gates(&DeploymentFilter::default(), Page::first(10)).unwrap();
    assert_eq!(outside.rows.iter().map(|row| row.index).collect::<Vec<_>>(), [8]);
    // The server gives a name where the gate saw only the beginning of one.
    let mut ledger = Memory::default();
    for (id, name) in [("id-0", "patient-portal"), ("id-2", "patient-*")] {
        let record = admission(id, "alice@company.com", name, "CREATE");
        send(&mut ledger, "2025-03-22T10:00:00Z", decided(record, vec![], &["P-1"]));
        send(&mut ledger, "2025-03-22T10:00:00Z", confirmed(&format!("audit-{id}"), &[id], 201));
    }
    let names = Place::new().follow(&ledger).deployments(&DeploymentFilter::default(), Page::first(9)).unwrap();
    assert_eq!(names.rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["hidden", "patient-portal"]);
    // A gate was asked, and its evidence is not here.
    let mut ledger = planted();
    send(&mut ledger, "2025-03-22T11:00:00Z", confirmed("audit-5", &["id-lost"], 201));
    let lost = Place::new().follow(&ledger).deployments(&DeploymentFilter::default(), Page::first(1)).unwrap();
    assert_eq!((lost.rows[0].index, lost.rows[0].known), (11, DeploymentKnown::DecisionMissing));
    assert!(queries.knows_audit_event("prod-eu", "audit-4").unwrap());
    assert!(!queries.knows_audit_event("other", "audit-4").unwrap());
}

#[test]
fn an_unconfirmed_request_about_which_two_webhooks_were_asked_is_told_once() {
    let mut ledger = Memory::default();
    for (at, id, webhook) in [("10:00:00Z", "a", "fail"), ("10:00:00.2Z", "b", "ignore"), ("11:00:00Z", "c", "fail")] {
        let webhook = format!("validate.{webhook}.admission.probity.dev");
        let record = AdmissionRecord { webhook, ..admission(id, "alice", "portal", "UPDATE") };
        send(&mut ledger, &format!("2025-03-22T{at}"), decided(record, vec![], &["P-1"]));
    }
    let place = Place::new();
    let queries = place.follow(&ledger);
    let page = queries.deployments(&DeploymentFilter::default(), Page::first(50)).unwrap();
    assert_eq!(page.rows.iter().map(|row| row.index).collect::<Vec<_>>(), [2, 0]);
}

fn heartbeat(replica: &str, since: &str, state: ReplicaState) -> Body {
    Body::Heartbeat(Box::new(HeartbeatRecord {
        cluster: "prod-eu".into(),
        replica: replica.into(),
        since: time(since),
        state,
        interval_s: 60,
        last_sequence: 0,
        policies: None,
        version: "1".into(),
    }))
}

#[test]
fn a_replica_that_falls_silent_shows() {
    use ReplicaState::{Alive, Stopped};
    let mut ledger = Memory::default();
    for (at, replica, since, state) in [
        ("10:00:00", "steady", "10:00:00", Alive),
        ("10:00:00", "lost", "10:00:00", Alive),
        ("10:00:00", "stopped", "10:00:00", Alive),
        ("10:00:30", "stopped", "10:00:00", Stopped),
        ("10:01:00", "steady", "10:00:00", Alive),
        // It came back by itself, then it was started anew.
        ("10:06:00", "steady", "10:00:00", Alive),
        ("10:20:00", "steady", "10:15:00", Alive),
        ("10:20:30", "steady", "10:15:00", Alive),
    ] {
        send(&mut ledger, &format!("2025-03-22T{at}Z"), heartbeat(replica, &format!("2025-03-22T{since}Z"), state));
    }
    let place = Place::new();
    let queries = place.follow(&ledger);
    let day = Period::new("2025-03-22".parse().unwrap(), "2025-03-22".parse().unwrap());
    let now = time("2025-03-22T10:22:00Z");
    let replicas = queries.replicas(day, now).unwrap();
    let said: Vec<_> = replicas.iter().map(|row| (row.heartbeat.replica.as_str(), row.silent)).collect();
    assert_eq!(said, [("steady", false), ("stopped", false), ("lost", true)]);
    let before = Period::new("2025-03-01".parse().unwrap(), "2025-03-21".parse().unwrap());
    assert_eq!((queries.replicas(before, now).unwrap(), queries.silences(before, now).unwrap()), (vec![], vec![]));
    let silences = queries.silences(day, now).unwrap();
    let said: Vec<_> = silences
        .iter()
        .map(|silence| {
            let clock = |time: jiff::Timestamp| time.strftime("%H:%M").to_string();
            (silence.replica.as_str(), clock(silence.from), silence.to.map(clock))
        })
        .collect();
    let text = |clock: &str| clock.to_owned();
    assert_eq!(
        said,
        [
            ("lost", text("10:00"), None),
            ("steady", text("10:06"), Some(text("10:15"))),
            ("steady", text("10:01"), Some(text("10:06"))),
        ]
    );
}

#[test]
fn a_replica_whose_clock_jumps_is_heard_of_by_its_numbers() {
    let mut ledger = Memory::default();
    let mut say = |at: &str, last_sequence: u64| {
        let since = "2025-03-22T10:00:00Z";
        let Body::Heartbeat(beat) = heartbeat("jumping", since, ReplicaState::Alive) else { unreachable!() };
        let beat = HeartbeatRecord { last_sequence, ..*beat };
        send(&mut ledger, at, Body::Heartbeat(Box::new(beat)));
    };
    say("2025-03-22T10:00:00Z", 0);
    // A day ahead, and back again: it lives, and is lost at last. One that was long on its way changes nothing.
    say("2025-03-23T10:01:00Z", 1);
    say("2025-03-22T10:02:00Z", 2);
    say("2025-03-22T09:03:00Z", 3);
    say("2025-03-22T09:02:30Z", 2);
    let place = Place::new();
    let queries = place.follow(&ledger);
    let days = Period::new("2025-03-22".parse().unwrap(), "2025-03-23".parse().unwrap());
    let told = |now: &str| {
        let silences = queries.silences(days, time(now)).unwrap().into_iter();
        silences.map(|silence| (silence.from, silence.to, silence.last_sequence)).collect::<Vec<_>>()
    };
    // The day that passed at once is told as one in which nothing was heard.
    let jump = (time("2025-03-22T10:00:00Z"), Some(time("2025-03-23T10:01:00Z")), None);
    assert_eq!(told("2025-03-22T09:04:00Z"), [jump]);
    assert_eq!(told("2025-03-22T09:10:00Z"), [(time("2025-03-22T09:03:00Z"), None, Some(5)), jump]);
}

#[test]
fn drift_and_requests_without_evidence_are_found() {
    let mut ledger = Memory::default();
    let drift = json!({
        "cluster": "prod-eu", "subject": decision("Deployment/clinic/portal", vec![], &[]).subject,
        "what": "changed-out-of-band", "message": "replicas were 3 and are 1", "severity": "high", "who": "mallory",
    });
    let drift: DriftRecord = serde_json::from_value(drift).unwrap();
    send(&mut ledger, "2025-03-22T10:00:00Z", Body::Drift(Box::new(drift)));
    let gap = GapRecord {
        cluster: "prod-eu".into(),
        replica: "one".into(),
        from: time("2025-03-22T09:00:00Z"),
        to: time("2025-03-22T09:10:00Z"),
        allowed: 3,
        denied: 1,
        why: "no space left on device".into(),
    };
    send(&mut ledger, "2025-03-23T10:00:00Z", Body::Gap(Box::new(gap.clone())));
    let place = Place::new();
    let queries = place.follow(&ledger);
    for (filter, found) in [
        (json!({}), 1),
        (json!({"what": "changed-out-of-band", "environment": "production", "address": "*portal"}), 1),
        (json!({"severity_at_least": "high"}), 1),
        (json!({"severity_at_least": "critical"}), 0),
        (json!({"what": "advisory"}), 0),
    ] {
        let filter_: DriftFilter = serde_json::from_value(filter.clone()).unwrap();
        assert_eq!(queries.drift(&filter_, Page::first(9)).unwrap().rows.len(), found, "{filter}");
    }
    let day = |text: &str| Period::new(text.parse().unwrap(), text.parse().unwrap());
    // What counts is when they were answered, not when that was told.
    let found = queries.unrecorded(day("2025-03-22")).unwrap();
    assert_eq!(found.iter().map(|row| &row.gap).collect::<Vec<_>>(), [&gap]);
    assert_eq!(queries.unrecorded(day("2025-03-23")).unwrap(), []);
    // A gate that serves has no runs that could break off.
    let gates = queries.gates(&probity_evidence_index::GateFilter::default(), Page::first(9)).unwrap();
    assert!(gates.rows[0].ended);
}
