//! `probity apply`, and `probity test` with Kyverno's tests, as a user runs them.

use serde_json::Value;

use crate::support::{folder, probity, text};

const REQUIRE: &str = "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: run-as-nonroot
  annotations:
    policies.kyverno.io/severity: high
spec:
  validationFailureAction: Enforce
  rules:
  - name: nonroot
    match:
      any:
      - resources:
          kinds: [Pod]
    validate:
      message: Containers must not run as root
      pattern:
        spec:
          securityContext:
            runAsNonRoot: true
";

const LABEL: &str = "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: add-owner
spec:
  rules:
  - name: owner
    match:
      any:
      - resources:
          kinds: [Pod]
    context:
    - name: team
      configMap:
        name: teams
        namespace: clinic
    mutate:
      patchStrategicMerge:
        metadata:
          labels:
            +(owner): '{{ team.data.owner }}'
";

const VALUES: &str = "apiVersion: cli.kyverno.io/v1alpha1
kind: Values
policies:
- name: add-owner
  rules:
  - name: owner
    values:
      team.data.owner: clinic-team
";

const GENERATE: &str = "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: default-deny
spec:
  rules:
  - name: deny
    match:
      any:
      - resources:
          kinds: [Namespace]
    generate:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      name: default-deny
      namespace: '{{ request.object.metadata.name }}'
      data:
        spec:
          podSelector: {}
          policyTypes: [Ingress]
";

const POD: &str = "apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: clinic
spec:
  containers:
  - name: web
    image: web:1
";

const TEST: &str = "apiVersion: cli.kyverno.io/v1alpha1
kind: Test
metadata:
  name: nonroot
policies: [require.yaml]
resources: [pod.yaml]
results:
- policy: run-as-nonroot
  rule: nonroot
  resources: [clinic/web]
  kind: Pod
  result: RESULT
";

const ADMISSION: &str = "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: owned
  annotations:
    policies.kyverno.io/severity: high
    policies.kyverno.io/category: Ownership
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  validations:
  - expression: has(object.metadata.labels)
    message: Somebody must own it
  auditAnnotations:
  - key: seen
    valueExpression: \"'image ' + object.spec.containers[0].image\"
";

const BINDING: &str = "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: owned-audit
spec:
  policyName: owned
  validationActions: [Audit]
";

const IN_CEL: &str = "apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata:
  name: labelled
  annotations:
    policies.kyverno.io/severity: low
spec:
  validationActions: [Warn]
  matchConstraints:
    resourceRules:
    - {apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  validations:
  - expression: has(object.metadata.labels)
    message: Labels are wanted
  auditAnnotations:
  - key: named
    valueExpression: \"'pod ' + object.metadata.name\"
";

const MUTATING: &str = "apiVersion: policies.kyverno.io/v1
kind: MutatingPolicy
metadata:
  name: label
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: 'Object{metadata: Object.metadata{labels: {\"a\": \"b\"}}}'
";

const ANSWERING: &str = "apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata:
  name: gate
spec:
  evaluation: {mode: MODE}
  validations:
  - expression: 'object.attributes.PATH.startsWith(\"/open\") ? MODE_.Allowed().Response() : null'
  - expression: 'MODE_.Denied(WHY).Response()'
";

const ANSWERS: &str = "apiVersion: cli.kyverno.io/v1alpha1
kind: Test
metadata: {name: gate}
policies: [policy.yaml]
httpPayloads: [shut.json]
results:
- {policy: gate, kind: '', result: fail}
";

fn clinic() -> tempfile::TempDir {
    let http = ANSWERING.replace("MODE_", "http").replace("MODE", "HTTP").replace("PATH", "path");
    let envoy = ANSWERING.replace("MODE_", "envoy").replace("MODE", "Envoy").replace("PATH", "request.http.path");
    folder(&[
        ("admission.yaml", ADMISSION),
        ("bound.yaml", &format!("{ADMISSION}---\n{BINDING}")),
        ("in-cel.yaml", IN_CEL),
        ("mutating.yaml", MUTATING),
        ("http.yaml", &http.replace("WHY", "\"shut\"")),
        ("envoy.yaml", &envoy.replace("WHY", "403")),
        ("shut.json", "{\"attributes\": {\"path\": \"/shut\"}}"),
        ("open.json", "{\"attributes\": {\"path\": \"/open/1\"}}"),
        ("envoy.json", "{\"attributes\": {\"request\": {\"http\": {\"path\": \"/shut\"}}}}"),
        ("answers/policy.yaml", &http.replace("WHY", "\"shut\"")),
        ("answers/shut.json", "{\"attributes\": {\"path\": \"/shut\"}}"),
        ("answers/kyverno-test.yaml", ANSWERS),
        ("require.yaml", REQUIRE),
        ("audit.yaml", &REQUIRE.replace("Enforce", "Audit")),
        ("label.yaml", LABEL),
        ("generate.yaml", GENERATE),
        ("pod.yaml", POD),
        ("good.yaml", &POD.replace("spec:\n", "spec:\n  securityContext:\n    runAsNonRoot: true\n")),
        ("namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: clinic\n"),
        ("values.yaml", VALUES),
        ("bad-values.yaml", "apiVersion: cli.kyverno.io/v1alpha1\nkind: Values\nglobalValue:\n  owner: x\n"),
        ("exception.yaml", EXCEPTION),
        ("bad-policy.yaml", &REQUIRE.replace("pattern:", "patern:")),
        ("broken.yaml", "a: [1\n"),
        ("empty.yaml", ""),
        ("passing/require.yaml", REQUIRE),
        ("passing/pod.yaml", POD),
        ("passing/kyverno-test.yaml", &TEST.replace("RESULT", "fail")),
        ("failing/.kyverno-test/require.yaml", REQUIRE),
        ("failing/.kyverno-test/pod.yaml", POD),
        ("failing/.kyverno-test/kyverno-test.yaml", &TEST.replace("RESULT", "pass")),
        ("missing/kyverno-test.yaml", &TEST.replace("RESULT", "pass")),
    ])
}

const EXCEPTION: &str = "apiVersion: kyverno.io/v2
kind: PolicyException
metadata:
  name: legacy
  namespace: clinic
spec:
  exceptions:
  - policyName: run-as-nonroot
    ruleNames: [nonroot]
  match:
    any:
    - resources:
        kinds: [Pod]
        names: [web]
";

#[test]
fn what_is_enforced_counts_in_the_exit_code() {
    let clinic = clinic();
    for (arguments, code) in [
        (&["apply", "require.yaml", "--resource", "pod.yaml"][..], 1),
        (&["apply", "require.yaml", "--resource", "good.yaml"], 0),
        (&["apply", "audit.yaml", "--resource", "pod.yaml"], 0),
        (&["apply", "require.yaml", "-r", "pod.yaml", "--exception", "exception.yaml"], 0),
        (&["apply", "require.yaml", "label.yaml", "-r", "good.yaml", "-f", "values.yaml"], 0),
    ] {
        let output = probity(clinic.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    }
}

#[test]
fn failures_are_told_with_policy_rule_resource_and_place() {
    let clinic = clinic();
    let output = probity(clinic.path(), &["apply", "require.yaml", "--resource", "pod.yaml"]);
    let shown = text(&output.stdout);
    for part in [
        "FAIL   run-as-nonroot/nonroot Pod/clinic/web",
        "pod.yaml:1:1",
        "Containers must not run as root",
        "1 policy, 1 resources",
        "0 passed, 1 failed",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn what_policies_change_and_make_is_shown_or_written() {
    let clinic = clinic();
    let arguments =
        ["apply", "label.yaml", "generate.yaml", "-r", "pod.yaml", "-r", "namespace.yaml", "-f", "values.yaml"];
    let shown = text(&probity(clinic.path(), &arguments).stdout);
    assert!(shown.contains("# changed: Pod/clinic/web\n"), "{shown}");
    assert!(shown.contains("  labels:\n    owner: clinic-team\n"), "{shown}");
    assert!(shown.contains("kind: NetworkPolicy\n"), "{shown}");
    let written = [&arguments[..], &["--output", "out.yaml"]].concat();
    let output = probity(clinic.path(), &written);
    assert!(!text(&output.stdout).contains("kind: NetworkPolicy"));
    let file = std::fs::read_to_string(clinic.path().join("out.yaml")).unwrap();
    assert!(
        file.contains("owner: clinic-team") && file.contains("\n---\n") && file.contains("kind: NetworkPolicy"),
        "{file}"
    );
    std::fs::create_dir(clinic.path().join("out")).unwrap();
    probity(clinic.path(), &[&arguments[..], &["--output", "out"]].concat());
    for name in ["web-mutated.yaml", "default-deny-generated.yaml"] {
        assert!(clinic.path().join("out").join(name).is_file(), "{name}");
    }
}

#[test]
fn policies_in_cel_tell_what_their_failures_do_and_what_they_note() {
    let clinic = clinic();
    for (file, code, severity, actions, properties) in [
        ("admission.yaml", 1, "high", "[\"Deny\"]", "{\"seen\":\"image web:1\"}"),
        ("bound.yaml", 0, "high", "[\"Audit\"]", "{\"binding\":\"owned-audit\",\"seen\":\"image web:1\"}"),
        ("in-cel.yaml", 0, "low", "[\"Warn\"]", "{\"cel.validationIndex\":\"0\",\"named\":\"pod web\"}"),
    ] {
        let output = probity(clinic.path(), &["apply", file, "-r", "pod.yaml", "--format", "json"]);
        let json: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        assert_eq!(output.status.code(), Some(code), "{file}: {json}");
        let result = &json["results"][0];
        assert_eq!((&result["status"], &result["severity"]), (&"fail".into(), &severity.into()), "{file}");
        assert_eq!(result["enforced"], code == 1, "{file}");
        assert_eq!(result["actions"].to_string(), actions, "{file}");
        assert_eq!(result["properties"].to_string(), properties, "{file}");
    }
    let run = |format: &str| {
        text(&probity(clinic.path(), &["apply", "bound.yaml", "-r", "pod.yaml", "--format", format]).stdout)
    };
    assert!(run("json").contains("\"category\":\"Ownership\""));
    for format in ["text", "sarif", "junit", "github", "csv"] {
        assert!(run(format).contains("seen: image web:1"), "{format}\n{}", run(format));
    }
}

#[test]
fn requests_are_answered() {
    let clinic = clinic();
    for (arguments, code, parts) in [
        (&["apply", "http.yaml", "--http-payload", "open.json"][..], 0, &["1 passed"][..]),
        (
            &["apply", "http.yaml", "--http-payload", "shut.json"],
            1,
            &["FAIL   gate shut.json", "request denied, reason: shut"],
        ),
        (
            &["apply", "envoy.yaml", "http.yaml", "--envoy-payload", "envoy.json"],
            1,
            &["FAIL   gate envoy.json", "request denied with status code 403", "0 passed, 1 failed"],
        ),
        (&["test", "answers"], 0, &["1 passed"]),
    ] {
        let output = probity(clinic.path(), arguments);
        let shown = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{shown}{}", text(&output.stderr));
        assert!(parts.iter().all(|part| shown.contains(part)), "{arguments:?}\n{shown}");
    }
}

#[test]
fn a_scan_says_which_policies_it_does_not_ask() {
    let clinic = clinic();
    let arguments =
        ["scan", "pod.yaml", "--policy", "mutating.yaml", "--policy", "label.yaml", "--policy", "http.yaml"];
    let output = probity(clinic.path(), &arguments);
    let said = text(&output.stderr);
    let note = "MutatingPolicy label, ClusterPolicy add-owner and ValidatingPolicy gate judge no resource as it stands";
    assert!(said.contains(note), "{said}");
    let output = probity(clinic.path(), &["scan", "pod.yaml", "--policy", "require.yaml"]);
    assert!(!text(&output.stderr).contains("judge no resource"), "{}", text(&output.stderr));
}

#[test]
fn other_forms_have_the_same_in_them() {
    let clinic = clinic();
    let run = |format: &str| {
        text(&probity(clinic.path(), &["apply", "require.yaml", "-r", "pod.yaml", "--format", format]).stdout)
    };
    let json: Value = serde_json::from_str(&run("json")).unwrap();
    assert_eq!(json["summary"]["fail"], 1);
    let result = &json["results"][0];
    assert_eq!((&result["policy"], &result["rule"]), (&"run-as-nonroot".into(), &"nonroot".into()));
    assert_eq!((&result["status"], &result["enforced"]), (&"fail".into(), &true.into()));
    assert_eq!(result["resource"]["namespace"], "clinic");
    assert_eq!(result["location"]["path"], "pod.yaml");
    assert!(
        run("junit").contains("<failure message=\"validation error: Containers must not run as root"),
        "{}",
        run("junit")
    );
    let sarif: Value = serde_json::from_str(&run("sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "run-as-nonroot/nonroot");
    assert!(run("github").contains("pod.yaml"));
    assert!(run("csv").contains("run-as-nonroot/nonroot"));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let clinic = clinic();
    for (arguments, part) in [
        (&["apply", "require.yaml"][..], "--resource"),
        (&["apply", "--resource", "pod.yaml"], "name the policies"),
        (&["apply", "nowhere.yaml", "--resource", "pod.yaml"], "nowhere.yaml"),
        (&["apply", "require.yaml", "--resource", "nowhere.yaml"], "nowhere.yaml"),
        (&["apply", "require.yaml", "--resource", "empty.yaml"], "no resource is there"),
        (&["apply", "empty.yaml", "--resource", "pod.yaml"], "no Kyverno policy is there"),
        (&["apply", "broken.yaml", "--resource", "pod.yaml"], "broken.yaml:"),
        (&["apply", "bad-policy.yaml", "--resource", "pod.yaml"], "patern"),
        (&["apply", "require.yaml", "-r", "pod.yaml", "--values", "bad-values.yaml"], "globalValue"),
        (&["apply", "require.yaml", "-r", "pod.yaml", "--set", "x"], "`x` is no variable"),
        (&["apply", "require.yaml", "-r", "pod.yaml", "--operation", "READ"], "`READ` is no operation"),
        (&["apply", "require.yaml", "-r", "pod.yaml", "--exception", "pod.yaml"], "no policy exception is there"),
    ] {
        let output = probity(clinic.path(), arguments);
        let shown = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}\n{shown}");
        assert!(shown.contains(part), "{arguments:?}\n{shown}");
    }
}

#[test]
fn a_policy_that_is_wrong_takes_no_other_down() {
    let clinic = clinic();
    let alone = probity(clinic.path(), &["apply", "require.yaml", "--resource", "pod.yaml"]);
    let output = probity(clinic.path(), &["apply", "bad-policy.yaml", "require.yaml", "--resource", "pod.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), text(&alone.stdout));
    assert!(text(&output.stderr).contains("did you mean `pattern`?"), "{}", text(&output.stderr));
}

#[test]
fn tests_of_kyverno_are_found_and_run() {
    let clinic = clinic();
    for (path, code, part) in
        [("passing", 0, "1 passed"), ("failing", 1, "want pass, got fail"), ("missing", 1, "require.yaml")]
    {
        let output = probity(clinic.path(), &["test", path]);
        let shown = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{path}\n{shown}{}", text(&output.stderr));
        assert!(shown.to_lowercase().contains(part), "{path}\n{shown}");
    }
    let output = probity(clinic.path(), &["test", "failing", "--format", "junit"]);
    assert!(
        text(&output.stdout).contains("nonroot/run-as-nonroot/nonroot/v1/Pod/clinic/web"),
        "{}",
        text(&output.stdout)
    );
}
