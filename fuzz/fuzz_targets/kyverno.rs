//! Kyverno's policies and exceptions, also those in CEL: read, and asked about a pod when they are some.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Value, json};
use probity_policy_kyverno::cel::{CelPolicies, Given};
use probity_policy_kyverno::{Offline, Policy, PolicyException, Request, Surroundings, is_exception, is_policy};

const POD: &[u8] =
    br#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b", "labels": {"c": "d"}},
    "spec": {"containers": [{"name": "e", "image": "f/g:1", "resources": {"limits": {"memory": "1Gi"}}}]}}"#;

fn judge(node: Node<'_>, request: &Request) {
    if let Ok(policy) = Policy::read(node) {
        let around = Surroundings { host: &Offline, exceptions: &[] };
        policy.mutate(request, around);
        policy.validate(request, around);
        policy.generate(request, around);
    }
}

fuzz_target!(|text: &str| {
    thread_local!(static POD_VALUE: Value = json::read(POD).unwrap());
    let documents = yaml::read(text, SourceId(0), Dialect::Kubernetes).unwrap_or_default();
    let request = POD_VALUE.with(Request::of_object);
    let nodes: Vec<Node<'_>> = documents.iter().map(|document| Node::root(&document.value, document.span)).collect();
    for node in &nodes {
        if is_policy(node.value) {
            judge(*node, &request);
        } else if is_exception(node.value) {
            let _ = PolicyException::read(*node);
        }
    }
    if let Ok(policies) = CelPolicies::read(&nodes) {
        policies.apply(&request, &Given::default(), &Offline);
    }
});
