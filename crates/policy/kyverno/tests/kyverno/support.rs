//! Policies and resources from texts.

use std::sync::Arc;

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{Problem, SourceId, Value};
use probity_policy_kyverno::{Offline, Policy, PolicyException, Request, RuleResponse, Surroundings};

pub(crate) fn documents(text: &str) -> Vec<yaml::Document> {
    yaml::read(text, SourceId(0), Dialect::Kubernetes).unwrap()
}

pub(crate) fn value(text: &str) -> Value {
    documents(text).remove(0).value
}

pub(crate) fn try_policy(text: &str) -> Result<Policy, Vec<Problem>> {
    let documents = documents(text);
    Policy::read(Node::root(&documents[0].value, documents[0].span))
}

/// A policy with these rules; the text is the list of them, indented by two.
pub(crate) fn policy_with(spec: &str, rules: &str) -> Policy {
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n{spec}  rules:\n{rules}"
    );
    try_policy(&text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

/// A policy with one rule on pods that validates so; the text is indented by six.
pub(crate) fn validating(validate: &str) -> Policy {
    policy_with("", &format!("  - name: r\n{MATCH}    validate:\n{validate}"))
}

pub(crate) const MATCH: &str = "    match: {any: [{resources: {kinds: [Pod]}}]}\n";

pub(crate) fn exception(text: &str) -> Arc<PolicyException> {
    let documents = documents(text);
    Arc::new(PolicyException::read(Node::root(&documents[0].value, documents[0].span)).unwrap())
}

pub(crate) fn judge(policy: &Policy, request: &Request) -> Vec<RuleResponse> {
    policy.validate(request, Surroundings { host: &Offline, exceptions: &[] }).rules
}

/// What came of the only rule that applies: its status and message.
pub(crate) fn said(policy: &Policy, request: &Request) -> (String, String) {
    let mut rules = judge(policy, request);
    assert!(rules.len() <= 1, "{rules:?}");
    rules.pop().map_or_else(Default::default, |rule| (rule.status.as_str().to_owned(), rule.message))
}

pub(crate) fn pod(rest: &str) -> Value {
    value(&format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop, labels: {{app: web}}}}\n{rest}"))
}
