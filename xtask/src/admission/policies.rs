//! Fifty policies of four languages, and the Pods that they judge.

use std::fmt::Write as _;

/// Files of policies, by their names: 20 of Kyverno's rules, 15 of its CEL policies, 5 admission policies, 10 rules of Rego.
pub(super) fn fifty() -> Vec<(String, String)> {
    let kyverno = (0..20).map(|number| (format!("kyverno-{number}.yaml"), kyverno(number)));
    let cel = (0..15).map(|number| (format!("cel-{number}.yaml"), cel(number)));
    let admission = (0..5).map(|number| (format!("admission-{number}.yaml"), admission(number)));
    let rego = (0..10).map(|number| (format!("rego_{number}.rego"), rego(number)));
    kyverno.chain(cel).chain(admission).chain(rego).collect()
}

fn kyverno(number: usize) -> String {
    let rule = match number % 4 {
        0 => "pattern: {spec: {containers: [{image: '!*:latest'}]}}",
        1 => "pattern: {spec: {=(hostNetwork): false, =(hostPID): false, =(hostIPC): false}}",
        2 => "pattern: {spec: {containers: [{resources: {limits: {memory: '?*'}}}]}}",
        _ => {
            "deny: {conditions: {any: [{key: '{{ request.object.spec.containers[].securityContext.capabilities.add[] || `[]` }}', \
             operator: AnyIn, value: [NET_ADMIN, SYS_ADMIN]}]}}"
        }
    };
    format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: kyverno-{number}}}\nspec:\n  rules:\n    - name: rule\n      \
         match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n      validate:\n        failureAction: Enforce\n        \
         message: rule {number} does not hold\n        {rule}\n"
    )
}

/// Expressions on Pods.
const EXPRESSIONS: [&str; 4] = [
    "object.spec.containers.all(c, !c.image.endsWith(':latest'))",
    "object.spec.containers.all(c, has(c.resources) && has(c.resources.limits) && 'memory' in c.resources.limits)",
    "!has(object.spec.hostNetwork) || !object.spec.hostNetwork",
    "has(object.metadata.labels) && 'app' in object.metadata.labels",
];

fn cel(number: usize) -> String {
    let expression = EXPRESSIONS[number % EXPRESSIONS.len()];
    format!(
        "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {{name: cel-{number}}}\nspec:\n  validationActions: \
         [Deny]\n  matchConstraints:\n    resourceRules:\n      - {{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], \
         resources: [pods]}}\n  validations:\n    - expression: \"{expression}\"\n      message: rule {number} does not hold\n"
    )
}

fn admission(number: usize) -> String {
    let expression = EXPRESSIONS[number % EXPRESSIONS.len()];
    format!(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: admission-{number}}}\nspec:\n  \
         matchConstraints:\n    resourceRules:\n      - {{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: \
         [pods]}}\n  validations:\n    - expression: \"{expression}\"\n      message: rule {number} does not hold\n"
    )
}

fn rego(number: usize) -> String {
    format!(
        "package bench.rule{number}\n\nimport rego.v1\n\n# METADATA\n# title: Rule {number}\ndeny contains msg if {{\n\tinput.kind == \"Pod\"\n\tsome \
         container in input.spec.containers\n\tnot allowed(container)\n\tmsg := sprintf(\"container %v breaks rule {number}\", \
         [container.name])\n}}\n\nallowed(container) if {{\n\tstartswith(container.image, \"registry.example/\")\n\tnot container.securityContext.privileged\n}}\n"
    )
}

/// A Pod that all of them let in.
pub(super) fn pod(name: &str, namespace: &str) -> String {
    let pod = crate::pod();
    pod.replace(r#""name":"portal","namespace":"clinic""#, &format!(r#""name":"{name}","namespace":"{namespace}""#))
        .replace(r#""serviceAccountName":"portal","#, "")
}

/// A review of a Pod, each of another one.
pub(super) fn review(number: usize) -> String {
    let (name, namespace) = (format!("pod-{number}"), format!("team-{}", number % 50));
    let mut review = String::new();
    let _ = write!(
        review,
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"00000000-0000-4000-8000-{number:012}",
        "kind":{{"group":"","version":"v1","kind":"Pod"}},"resource":{{"group":"","version":"v1","resource":"pods"}},
        "requestKind":{{"group":"","version":"v1","kind":"Pod"}},"requestResource":{{"group":"","version":"v1","resource":"pods"}},
        "name":"{name}","namespace":"{namespace}","operation":"CREATE","dryRun":false,
        "userInfo":{{"username":"alice@company.com","groups":["developers","system:authenticated"]}},
        "options":{{"apiVersion":"meta.k8s.io/v1","kind":"CreateOptions"}},"oldObject":null,"object":{}}}}}"#,
        pod(&name, &namespace)
    );
    review
}
