//! Rights in a cluster and their use, from files.

use std::io::Write as _;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{folder, probity, text};

const OBJECTS: &str = "apiVersion: v1
kind: List
items:
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: cluster-admin}, rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: look}, rules: [{apiGroups: [''], resources: [pods, services], verbs: [get, list]}, {apiGroups: [policy], resources: [podsecuritypolicies], verbs: [use]}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: run, namespace: ops}, rules: [{apiGroups: [''], resources: [pods], verbs: ['*']}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: look}, roleRef: {kind: ClusterRole, name: look}, subjects: [{kind: ServiceAccount, name: deployer, namespace: shop}, {kind: User, name: nora}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: run, namespace: ops}, roleRef: {kind: Role, name: run}, subjects: [{kind: ServiceAccount, name: deployer, namespace: shop}]}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: operator}, roleRef: {kind: ClusterRole, name: cluster-admin}, subjects: [{kind: ServiceAccount, name: operator, namespace: ops}, {kind: Group, name: system:masters}]}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: idle, namespace: shop}}
";

/// An event: day of November, user, verb, resource, namespace and name.
fn event(day: u32, user: &str, verb: &str, resource: &str, namespace: &str, name: &str) -> String {
    let time = format!("2026-11-{day:02}T10:00:00.000000Z");
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete", "verb": verb, "requestURI": "/api/v1/x",
        "user": {"username": user, "groups": ["system:authenticated"]},
        "objectRef": {"resource": resource, "namespace": namespace, "name": name}, "responseStatus": {"code": 200},
        "requestReceivedTimestamp": time, "stageTimestamp": time,
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: allowed by something"}
    })
    .to_string()
        + "\n"
}

const DEPLOYER: &str = "system:serviceaccount:shop:deployer";

fn place() -> TempDir {
    let first = event(1, DEPLOYER, "get", "pods", "shop", "web") + &event(2, DEPLOYER, "list", "services", "", "");
    let second = event(27, DEPLOYER, "create", "pods", "ops", "") + &event(28, "nora", "get", "pods", "shop", "web");
    let place =
        folder(&[("objects.yaml", OBJECTS), ("audit.log", &second), ("broken.log", "{\"stage\":\n\nnothing\n")]);
    let file = std::fs::File::create(place.path().join("audit.log.1.gz")).unwrap();
    let mut packed = GzEncoder::new(file, Compression::default());
    packed.write_all(first.as_bytes()).unwrap();
    packed.finish().unwrap();
    place
}

const LOGS: [&str; 5] = ["--objects", "objects.yaml", "--audit-log", "audit.log.1.gz", "audit.log"];

fn run(place: &TempDir, command: &[&str], more: &[&str]) -> (Option<i32>, String, String) {
    let output = probity(place.path(), &[&["permissions"], command, &LOGS[..], more].concat());
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_report_says_what_is_not_used_and_what_rights_lead_to() {
    let place = place();
    let (code, shown, said) = run(&place, &["report"], &[]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    insta::assert_snapshot!(shown);
    let cases: [(&[&str], i32); 5] = [
        (&["--fail-on", "critical"], 1),
        (&["--fail-on", "critical", "--subject", "user:nora"], 0),
        (&["--fail-on", "low", "--subject", "user:nora"], 1),
        (&["--fail-on", "critical", "--subject", "group:system:masters"], 1),
        (&["--subject", "shop/absent"], 2),
    ];
    for (arguments, expected) in cases {
        let (code, shown, said) = run(&place, &["report"], arguments);
        assert_eq!(code, Some(expected), "{arguments:?}\n{shown}{said}");
    }
    let (_, shown, _) = run(&place, &["report"], &["--since", "2026-11-28", "--subject", "user:nora"]);
    assert!(shown.contains("1 request, 0 denied"), "{shown}");
}

#[test]
fn a_report_is_also_for_programs() {
    let place = place();
    let (_, shown, _) = run(&place, &["report"], &["--format", "json", "--system"]);
    let report: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(report["window"]["events"], 4);
    assert_eq!(report["doubts"][0], "the log is of 27 days, fewer than 30: what is done rarely is not in it");
    let subjects: Vec<&str> =
        report["subjects"].as_array().unwrap().iter().map(|told| told["subject"].as_str().unwrap()).collect();
    assert_eq!(
        subjects,
        ["ServiceAccount ops/operator", "ServiceAccount shop/deployer", "User nora", "Group system:masters"]
    );
    let deployer = &report["subjects"][1];
    assert_eq!(deployer["escalations"][0]["reach"], "every right in the cluster");
    assert_eq!(deployer["excess"]["rules"][0]["unused"][0]["verbs"], json!(["list"]));
    assert_eq!(deployer["excess"]["rules"][0]["binding"], "ClusterRoleBinding look");
    // Without a log only what rights lead to is known.
    let output = probity(place.path(), &["permissions", "report", "--objects", "objects.yaml", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["window"].is_null() && report["subjects"][0]["excess"].is_null(), "{report}");
}

#[test]
fn a_proposal_is_enough_and_a_replay_shows_it() {
    let place = place();
    let (code, proposed, said) = run(&place, &["role", "shop/deployer"], &[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said, "note: the log is of 27 days, fewer than 30: what is done rarely is not in it\n");
    insta::assert_snapshot!(proposed);
    let (code, ..) = run(&place, &["role", "shop/deployer"], &["-o", "proposed.yaml"]);
    assert_eq!(code, Some(0));
    assert_eq!(std::fs::read_to_string(place.path().join("proposed.yaml")).unwrap(), proposed);
    let (code, shown, _) = run(&place, &["replay"], &["--proposed", "proposed.yaml"]);
    assert_eq!((code, shown.as_str()), (Some(0), "4 requests asked again: 0 would be denied\n"));
    // What was not used is denied now.
    let more = event(29, DEPLOYER, "delete", "pods", "ops", "web") + &event(29, DEPLOYER, "get", "pods", "lab", "web");
    std::fs::write(place.path().join("more.log"), more).unwrap();
    let replay = ["permissions", "replay", "--objects", "objects.yaml", "--audit-log", "more.log"];
    assert_eq!(probity(place.path(), &replay).status.code(), Some(0));
    let output = probity(place.path(), &[&replay[..], &["--proposed", "proposed.yaml"]].concat());
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output.stdout));
    let output = probity(place.path(), &[&replay[..], &["--proposed", "proposed.yaml", "--format", "json"]].concat());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["counts"]["denied"], 2);
    assert_eq!(document["denials"][0]["request"]["subject"], "ServiceAccount shop/deployer");
}

#[test]
fn what_cannot_be_read_is_told() {
    let place = place();
    let (code, shown, said) = run(&place, &["report"], &["--audit-log", "broken.log"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("problem: broken.log:1: no event: ") && said.contains("problem: broken.log:3: no event: "),
        "{said}"
    );
    assert!(shown.contains("not known: 2 lines could not be read: what they say was used is not known"), "{shown}");
    let objects = ["permissions", "report", "--objects"];
    let log = ["permissions", "role", "shop/deployr", "--objects", "objects.yaml", "--audit-log", "audit.log"];
    let cases: [(&[&str], &str); 7] = [
        (&["permissions", "report"], "--objects"),
        (&[&objects[..], &["absent.yaml"]].concat(), "absent.yaml cannot be read"),
        (&[&objects[..], &["broken.log"]].concat(), "broken.log:"),
        (&[&objects[..], &["objects.yaml", "--audit-log", "absent.log"]].concat(), "absent.log cannot be read"),
        (&[&objects[..], &["-", "--audit-log", "-"]].concat(), "the standard input can be read once"),
        (&log, "no binding names ServiceAccount shop/deployr; did you mean ServiceAccount shop/deployer?"),
        (&["permissions", "role", "nora", "--objects", "objects.yaml"], "write NAMESPACE/NAME for a service account"),
    ];
    for (arguments, expected) in cases {
        let output = probity(place.path(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn objects_are_taken_from_the_standard_input() {
    let place = place();
    let mut child = Command::new(env!("CARGO_BIN_EXE_probity"))
        .args(["permissions", "report", "--objects", "-", "--subject", "ops/operator"])
        .current_dir(place.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(OBJECTS.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = text(&output.stdout);
    assert!(shown.contains("CRITICAL reaches every right in the cluster"), "{shown}");
}
