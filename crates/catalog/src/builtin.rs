use std::sync::OnceLock;

use probity_model::node::Node;
use probity_model::{Metadata, NodeIndex, PolicyId, Problem, Subject, json};
use probity_policy_core::{Facts, Policy, RequestRule, TypeSelector, Verdict, Watched};
use probity_policy_graph::{GraphPolicy, read_metadata, requests_for, type_selectors};

use crate::{Entry, POLICIES};

/// A built-in policy, of which only the id and the types are at hand until it is asked for more.
pub(crate) struct Builtin {
    id: PolicyId,
    types: Vec<TypeSelector>,
    entry: &'static Entry,
    metadata: OnceLock<Metadata>,
    policy: OnceLock<GraphPolicy>,
}

impl Builtin {
    pub(crate) fn new(entry: &'static Entry) -> Self {
        let types = entry.types.iter().flat_map(|name| type_selectors(name)).collect();
        let id = PolicyId::from(entry.id);
        Self { id, types, entry, metadata: OnceLock::new(), policy: OnceLock::new() }
    }

    fn policy(&self) -> &GraphPolicy {
        self.policy.get_or_init(|| self.read(&POLICIES[self.entry.start..self.entry.end], GraphPolicy::read_checked))
    }

    /// Reads a text of the embedded catalog.
    ///
    /// # Panics
    /// When it is not what the build should have written; the tests of this crate read every policy.
    fn read<T>(&self, text: &[u8], read: impl Fn(Node<'_>, bool) -> Result<T, Problem>) -> T {
        let read = json::read(text).and_then(|value| read(Node::root(&value, None), true));
        read.unwrap_or_else(|problem| panic!("the built-in policy {}: {problem}", self.id))
    }
}

impl Policy for Builtin {
    fn id(&self) -> &PolicyId {
        &self.id
    }

    fn metadata(&self) -> &Metadata {
        if let Some(policy) = self.policy.get() {
            return policy.metadata();
        }
        self.metadata.get_or_init(|| {
            let text = [&POLICIES[self.entry.start..self.entry.bindings], b"}"].concat();
            self.read(&text, read_metadata)
        })
    }

    fn types(&self) -> &[TypeSelector] {
        &self.types
    }

    fn requests(&self) -> Vec<RequestRule> {
        requests_for(&self.types)
    }

    fn watches(&self) -> Vec<Watched> {
        // What is about nothing in a cluster is not read for it.
        if self.requests().is_empty() { Vec::new() } else { self.policy().watches() }
    }

    fn judge(&self, subject: &Subject, index: NodeIndex, facts: &Facts<'_>, verdicts: &mut Vec<Verdict>) {
        self.policy().judge(subject, index, facts, verdicts);
    }
}
