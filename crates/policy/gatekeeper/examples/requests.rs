//! How long constraints take for a request.
//!
//! `cargo run --release -p probity-policy-gatekeeper --example requests`

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Value};
use probity_policy_core::testing::{self, Asked, Objects, document};
use probity_policy_core::{Operation, Policy};

const POD: &str = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "labels":
    {"app": "web", "team": "a"}}, "spec": {"containers": [{"name": "a", "image": "registry.example/shop/web:1.2.3",
    "resources": {"limits": {"memory": "128Mi"}}, "securityContext": {"runAsNonRoot": true}}, {"name": "b", "image":
    "registry.example/shop/proxy:2.0.0", "resources": {"limits": {"memory": "32Mi"}}}]}}"#;

/// Bodies of `violation`, as templates of Gatekeeper's library have them.
const RULES: &[&str] = &[
    "provided := {label | input.review.object.metadata.labels[label]}; required := {label | label := \
     input.parameters.labels[_]}; missing := required - provided; count(missing) > 0; msg := sprintf(\"missing %v\", [missing])",
    "container := input.review.object.spec.containers[_]; satisfied := [good | repo := input.parameters.repos[_]; good := \
     startswith(container.image, repo)]; not any(satisfied); msg := sprintf(\"container <%v> of <%v>\", [container.name, \
     container.image])",
    "container := input.review.object.spec.containers[_]; not container.resources.limits.memory; msg := sprintf(\"container <%v> \
     has no memory limit\", [container.name])",
    "container := input.review.object.spec.containers[_]; container.securityContext.privileged; msg := sprintf(\"privileged: %v\", \
     [container.name])",
];

fn template(index: usize, rule: &str) -> String {
    format!(
        "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {{name: k8s{index}}}\nspec:\n  crd: {{spec: \
         {{names: {{kind: K8s{index}}}, validation: {{openAPIV3Schema: {{type: object, properties: {{labels: {{type: array, \
         items: {{type: string}}}}, repos: {{type: array, items: {{type: string}}}}}}}}}}}}}}\n  targets:\n  - target: \
         admission.k8s.gatekeeper.sh\n    rego: |\n      package a\n      violation[{{\"msg\": msg}}] {{ {rule} }}\n"
    )
}

fn constraint(index: usize, kind: usize) -> String {
    format!(
        "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8s{kind}\nmetadata: {{name: c{index}}}\nspec: {{match: {{kinds: \
         [{{apiGroups: [''], kinds: [Pod]}}]}}, parameters: {{labels: [team], repos: [registry.example/]}}}}\n"
    )
}

fn main() {
    let mut texts: Vec<String> = RULES.iter().enumerate().map(|(index, rule)| template(index, rule)).collect();
    texts.extend((0..50).map(|index| constraint(index, index % RULES.len())));
    let documents = yaml::read(&texts.join("---\n"), SourceId(0), Dialect::Kubernetes).expect("documents of ours");
    let nodes: Vec<Node<'_>> = documents.iter().map(|one| Node::root(&one.value, one.span)).collect();
    let policies = probity_policy_gatekeeper::read_in_cluster(&nodes).expect("constraints of ours");
    let cluster = Objects::of([document(r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}"#)]);
    let asked = Asked::pod(Operation::Create, document(POD), Value::Null);
    let policies: Vec<&dyn Policy> = policies.iter().map(|policy| policy as &dyn Policy).collect();
    let spent = testing::microseconds(&policies, &asked, &cluster);
    println!("Gatekeeper: {} constraints, {spent:.1} µs a request, {:.2} µs each", policies.len(), spent / 50.0);
}
