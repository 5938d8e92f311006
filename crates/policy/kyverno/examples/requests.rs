//! How long policies take for a request: Kyverno's rules, its policies in CEL, and Kubernetes' own.
//!
//! `cargo run --release -p probity-policy-kyverno --example requests`

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Value};
use probity_policy_core::testing::{self, Asked, Objects, document};
use probity_policy_core::{Operation, Policy};

const POD: &str = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "labels":
    {"app.kubernetes.io/name": "web", "team": "a"}, "annotations": {"a": "b"}}, "spec": {"hostNetwork": false, "containers":
    [{"name": "a", "image": "registry.example/shop/web:1.2.3", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"},
      "limits": {"memory": "128Mi"}}, "securityContext": {"runAsNonRoot": true, "allowPrivilegeEscalation": false,
      "capabilities": {"drop": ["ALL"]}}, "ports": [{"containerPort": 8080}]},
     {"name": "b", "image": "registry.example/shop/proxy:2.0.0", "resources": {"requests": {"cpu": "10m", "memory": "16Mi"},
      "limits": {"memory": "32Mi"}}, "securityContext": {"runAsNonRoot": true, "allowPrivilegeEscalation": false,
      "capabilities": {"drop": ["ALL"]}}}]}}"#;

/// What rules say, each in one line of `validate`.
const RULES: &[&str] = &[
    "{message: labels, pattern: {metadata: {labels: {app.kubernetes.io/name: '?*'}}}}",
    "{message: tag, pattern: {spec: {containers: [{image: '!*:latest'}]}}}",
    "{message: limits, pattern: {spec: {containers: [{resources: {limits: {memory: '?*'}}}]}}}",
    "{message: registry, deny: {conditions: {any: [{key: \"{{ request.object.spec.containers[].image }}\", operator: AnyIn, value: \
     ['docker.io/*']}]}}}",
    "{message: privilege, foreach: [{list: request.object.spec.containers, deny: {conditions: {any: [{key: \"{{ \
     element.securityContext.privileged || 'false' }}\", operator: Equals, value: true}]}}}]}",
];

const EXPRESSIONS: &[&str] = &[
    "has(object.metadata.labels) && 'team' in object.metadata.labels",
    "object.spec.containers.all(c, !c.image.endsWith(':latest'))",
    "object.spec.containers.all(c, has(c.resources.limits) && 'memory' in c.resources.limits)",
    "object.spec.containers.all(c, c.image.startsWith('registry.example/'))",
    "!has(object.spec.hostNetwork) || object.spec.hostNetwork == false",
];

fn about() -> &'static str {
    "matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods]}]}"
}

fn nodes(documents: &[yaml::Document]) -> Vec<Node<'_>> {
    documents.iter().map(|document| Node::root(&document.value, document.span)).collect()
}

/// Fifty policies made of these texts in turn.
fn fifty(text: impl Fn(usize) -> String) -> Vec<yaml::Document> {
    let all: Vec<String> = (0..50).map(text).collect();
    yaml::read(&all.join("\n---\n"), SourceId(0), Dialect::Kubernetes).expect("documents of ours")
}

fn tell(what: &str, policies: &[&dyn Policy]) {
    let cluster = Objects::of([document(r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}"#)]);
    let asked = Asked::pod(Operation::Create, document(POD), Value::Null);
    let spent = testing::microseconds(policies, &asked, &cluster);
    let each = spent / f64::from(u32::try_from(policies.len()).unwrap_or(1));
    println!("{what}: {} policies, {spent:.1} µs a request, {each:.2} µs each", policies.len());
}

fn main() {
    let rules = fifty(|index| {
        let validate = RULES[index % RULES.len()];
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p{index}}}\nspec: {{rules: [{{name: r, match: {{any: \
             [{{resources: {{kinds: [Pod]}}}}]}}, validate: {validate}}}]}}"
        )
    });
    let rules = probity_policy_kyverno::read(&nodes(&rules)).expect("policies of ours");
    tell("Kyverno's rules", &rules.iter().map(|policy| policy as &dyn Policy).collect::<Vec<_>>());
    for (at, rule) in RULES.iter().enumerate() {
        let own: Vec<&dyn Policy> =
            rules.iter().skip(at).step_by(RULES.len()).map(|policy| policy as &dyn Policy).collect();
        tell(&format!("  {}", rule.split(',').next().unwrap_or_default()), &own);
    }

    let cel = fifty(|index| {
        let expression = EXPRESSIONS[index % EXPRESSIONS.len()];
        format!(
            "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {{name: p{index}}}\nspec: {{{}, validations: \
             [{{expression: \"{expression}\", message: 'no'}}]}}",
            about()
        )
    });
    let cel = probity_policy_kyverno::cel::read(&nodes(&cel)).expect("policies of ours");
    tell("Kyverno's policies in CEL", &cel.iter().map(|policy| policy as &dyn Policy).collect::<Vec<_>>());

    let admission = fifty(|index| {
        let expression = EXPRESSIONS[index % EXPRESSIONS.len()];
        format!(
            "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: p{index}}}\nspec: {{{}, \
             validations: [{{expression: \"{expression}\", message: 'no'}}]}}",
            about()
        )
    });
    let admission = probity_policy_admission::read(&nodes(&admission)).expect("policies of ours");
    tell("ValidatingAdmissionPolicy", &admission.iter().map(|policy| policy as &dyn Policy).collect::<Vec<_>>());
}
