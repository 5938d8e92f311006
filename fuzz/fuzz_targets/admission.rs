//! Admission policies of Kubernetes with their bindings: read, and asked about a pod.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Value, json};
use probity_policy_admission::{Attributes, Host, read_set};

const POD: &[u8] =
    br#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b", "labels": {"c": "d"}},
    "spec": {"containers": [{"name": "e", "image": "f/g:1"}]}}"#;

fuzz_target!(|text: &str| {
    thread_local!(static POD_VALUE: Value = json::read(POD).unwrap());
    let documents = yaml::read(text, SourceId(0), Dialect::Kubernetes).unwrap_or_default();
    let nodes: Vec<Node<'_>> = documents.iter().map(|document| Node::root(&document.value, document.span)).collect();
    let Ok(set) = read_set(&nodes) else { return };
    let attributes = POD_VALUE.with(Attributes::of_object);
    for policy in &set.validating {
        if let Ok(Some(matched)) = policy.head.matches(&attributes) {
            policy.validate(&attributes, &matched, None, Host::default());
        }
    }
    for policy in &set.mutating {
        if let Ok(Some(matched)) = policy.head.matches(&attributes) {
            policy.mutate(&attributes, &matched, None, Host::default());
        }
    }
});
