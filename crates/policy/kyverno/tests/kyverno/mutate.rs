//! What rules change.

use probity_model::{Value, json};
use probity_policy_kyverno::{Offline, Policy, Request, Status, Surroundings};

use crate::support::{try_policy, value as document};

const OFFLINE: Surroundings<'static> = Surroundings { host: &Offline, exceptions: &[] };

fn rule(kinds: &str, mutate: &str) -> String {
    let mutate = mutate.trim().lines().map(|line| format!("      {line}\n")).collect::<String>();
    format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata:\n  name: p\nspec:\n  rules:\n  - name: r\n    match:\n      \
         any:\n      - resources:\n          kinds: [{kinds}]\n    mutate:\n{mutate}"
    )
}

fn policy(text: &str) -> Policy {
    try_policy(text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

fn pod(rest: &str) -> Value {
    document(&format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n{rest}"))
}

#[test]
fn resources_are_changed_as_rules_say() {
    for (mutate, before, after) in [
        // Added where it is not there.
        ("patchStrategicMerge:\n  metadata:\n    labels:\n      +(x): q", "", "  labels: {x: q}\n"),
        ("patchStrategicMerge:\n  metadata:\n    labels:\n      +(x): q", "  labels: {x: z}\n", "  labels: {x: z}\n"),
        // Elements of lists by their condition, found again by their names.
        (
            "patchStrategicMerge:\n  spec:\n    containers:\n    - (image): '*:latest'\n      imagePullPolicy: Always",
            "spec:\n  containers:\n  - {name: a, image: 'x:latest'}\n  - {name: b, image: 'y:1'}\n",
            "spec:\n  containers:\n  - {name: a, image: 'x:latest', imagePullPolicy: Always}\n  - {name: b, image: 'y:1'}\n",
        ),
        // A condition of the whole.
        (
            "patchStrategicMerge:\n  spec:\n    <(hostNetwork): true\n    dnsPolicy: ClusterFirstWithHostNet",
            "spec: {hostNetwork: false}\n",
            "spec: {hostNetwork: false}\n",
        ),
        (
            "patchStrategicMerge:\n  spec:\n    (hostNetwork): true\n    dnsPolicy: ClusterFirstWithHostNet",
            "spec: {hostNetwork: true}\n",
            "spec: {hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet}\n",
        ),
        ("patchStrategicMerge:\n  spec:\n    hostNetwork: null", "spec: {hostNetwork: true, a: 1}\n", "spec: {a: 1}\n"),
        // JSON patches, as JSON and as YAML.
        (
            "patchesJson6902: '[{\"op\":\"add\",\"path\":\"/metadata/labels/x\",\"value\":\"q\"}]'",
            "",
            "  labels: {x: q}\n",
        ),
        (
            "patchesJson6902: |-\n  - op: remove\n    path: /spec/a\n  - op: remove\n    path: /spec/nope",
            "spec: {a: 1, b: 2}\n",
            "spec: {b: 2}\n",
        ),
        // Variables, in keys as well.
        (
            "patchStrategicMerge:\n  metadata:\n    labels:\n      '{{ request.object.metadata.name }}': '{{ request.object.kind }}'",
            "",
            "  labels: {a: Pod}\n",
        ),
        // Loops: strategic merges go from the end, JSON patches from the beginning.
        (
            "foreach:\n- list: request.object.spec.containers\n  patchStrategicMerge:\n    spec:\n      containers:\n      - name: '{{ \
             element.name }}'\n        image: 'mirror/{{ element.image }}'",
            "spec:\n  containers:\n  - {name: a, image: x}\n  - {name: b, image: z}\n",
            "spec:\n  containers:\n  - {name: a, image: mirror/x}\n  - {name: b, image: mirror/z}\n",
        ),
        (
            "foreach:\n- list: request.object.spec.volumes\n  order: Descending\n  preconditions:\n    all:\n    - key: \
             '{{ element.hostPath || `{}` }}'\n      operator: NotEquals\n      value: {}\n  patchesJson6902: |-\n    - op: \
             remove\n      path: /spec/volumes/{{elementIndex}}",
            "spec:\n  volumes:\n  - {name: a, hostPath: {path: /}}\n  - {name: b}\n  - {name: c, hostPath: {path: /}}\n",
            "spec:\n  volumes:\n  - {name: b}\n",
        ),
        (
            "foreach:\n- list: request.object.spec.containers\n  foreach:\n  - list: element.ports\n    patchesJson6902: |-\n      - \
             op: add\n        path: /metadata/labels/p{{ element0.name }}{{ element.containerPort }}\n        value: 'x'",
            "spec:\n  containers:\n  - {name: a, ports: [{containerPort: 1}, {containerPort: 2}]}\n",
            "  labels: {pa1: x, pa2: x}\nspec:\n  containers:\n  - {name: a, ports: [{containerPort: 1}, {containerPort: 2}]}\n",
        ),
    ] {
        let policy = policy(&rule("Pod", mutate));
        let request = Request::of_object(&pod(before));
        let response = policy.mutate(&request, OFFLINE);
        let found = response.patched.unwrap_or_else(|| pod(before));
        assert_eq!(json::write(&found), json::write(&pod(after)), "{mutate}\n{:?}", response.rules);
        // Once more changes nothing.
        let again = policy.mutate(&Request::of_object(&found), OFFLINE);
        let loops = mutate.contains("mirror/");
        assert!(loops || again.patched.is_none(), "{mutate}\n{:?}", again.patched);
    }
}

#[test]
fn what_changes_nothing_is_skipped_and_what_fails_is_an_error() {
    for (mutate, status, message) in [
        ("patchStrategicMerge:\n  metadata:\n    name: a", Status::Skip, "no patches applied"),
        (
            "patchStrategicMerge:\n  metadata:\n    labels:\n      x: '{{ nope }}'",
            Status::Error,
            "variable substitution failed",
        ),
        (
            "patchesJson6902: |-\n  - op: replace\n    path: /spec/nope\n    value: 1",
            Status::Error,
            "failed to patch resource",
        ),
        ("foreach:\n- list: nope\n  patchesJson6902: '[]'", Status::Error, "failed to evaluate list nope"),
        ("patchStrategicMerge:\n  metadata:\n    labels:\n      x: q", Status::Pass, "mutated Pod/a"),
    ] {
        let response = policy(&rule("Pod", mutate)).mutate(&Request::of_object(&pod("")), OFFLINE);
        let [rule] = response.rules.as_slice() else { panic!("{mutate}") };
        assert_eq!(rule.status, status, "{mutate} {}", rule.message);
        assert!(rule.message.starts_with(message), "{mutate} {}", rule.message);
    }
}

#[test]
fn rules_on_pods_change_the_templates_of_controllers() {
    let policy = policy(&rule("Pod", "patchStrategicMerge:\n  spec:\n    automountServiceAccountToken: false"));
    let deployment = document(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  template:\n    spec:\n      containers: [{name: a}]\n",
    );
    let response = policy.mutate(&Request::of_object(&deployment), OFFLINE);
    assert_eq!(response.rules[0].name, "autogen-r");
    let patched = response.patched.unwrap();
    let path = ["spec", "template", "spec", "automountServiceAccountToken"];
    assert_eq!(patched.at(&path), Some(&Value::from(false)));
}

#[test]
fn resources_are_made_with_the_labels_of_kyverno() {
    let text = rule("Namespace", "x: q").replace(
        "mutate:\n      x: q",
        "generate:\n      apiVersion: v1\n      kind: ConfigMap\n      name: c-{{ request.object.metadata.name }}\n      \
         namespace: '{{ request.object.metadata.name }}'\n      data:\n        data: {a: b}",
    );
    let namespace = document("apiVersion: v1\nkind: Namespace\nmetadata: {name: clinic}\n");
    let host = Nothing;
    let around = Surroundings { host: &host, exceptions: &[] };
    let response = policy(&text).generate(&Request::of_object(&namespace), around);
    let [rule] = response.rules.as_slice() else { panic!("{response:?}") };
    assert_eq!(rule.status, Status::Pass, "{}", rule.message);
    let [made] = rule.generated.as_slice() else { panic!("{rule:?}") };
    assert_eq!(made.at(&["metadata", "name"]), Some(&Value::from("c-clinic")));
    assert_eq!(made.at(&["metadata", "namespace"]), Some(&Value::from("clinic")));
    assert_eq!(made.at(&["data", "a"]), Some(&Value::from("b")));
    let label = |name: &str| made.at(&["metadata", "labels", name]).and_then(Value::as_str);
    assert_eq!(label("app.kubernetes.io/managed-by"), Some("kyverno"));
    assert_eq!(label("generate.kyverno.io/rule-name"), Some("r"));
    assert_eq!(label("generate.kyverno.io/trigger-kind"), Some("Namespace"));
}

/// A cluster with nothing in it.
struct Nothing;

impl probity_policy_jmespath::Host for Nothing {}

impl probity_policy_kyverno::Host for Nothing {
    fn objects(&self, _: &str, _: &str, _: &str) -> probity_policy_kyverno::Answer {
        Ok(Value::array([]))
    }
}
