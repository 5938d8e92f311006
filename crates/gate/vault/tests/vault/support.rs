//! Policies in a folder, and requests.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::date;
use probity_gate_vault::{Governing, Namespace, VaultRequest, read};
use probity_model::{Decision, Gate, NodeIndex, Outcome, ResourceGraph, Sources, Stage, Stages, Value};
use probity_policy_core::{Facts, Policy, PolicySet};
use tempfile::TempDir;

/// A folder of policies.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            std::fs::write(folder.path(name), text).unwrap();
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self) -> Result<Governing, Vec<String>> {
        read(&self.path("vault.yaml"), &Arc::new(Sources::default()))
    }

    pub(crate) fn set(&self) -> Arc<PolicySet> {
        let governing = self.read().unwrap_or_else(|problems| panic!("{}", problems.join("\n")));
        let policies = governing.policies.into_iter().map(|policy| policy as Arc<dyn Policy>);
        Arc::new(PolicySet::builder(Gate::Vault, Stages::all(Stage::Enforce)).policies(policies).build().unwrap())
    }
}

/// One policy on every path.
pub(crate) fn one(text: &str, level: &str) -> Folder {
    let config = format!(
        "version: 1\negp:\n  - {{name: one, policy: one.sentinel, paths: [\"*\"], enforcement_level: {level}}}\n"
    );
    Folder::new(&[("vault.yaml", &config), ("one.sentinel", text)])
}

/// A read of a secret by nobody.
pub(crate) fn request() -> VaultRequest {
    VaultRequest {
        id: None,
        // A Friday.
        time: "2026-11-27T09:30:00Z".parse().unwrap(),
        operation: "read".to_owned(),
        may_create: false,
        path: "secret/data/clinic".to_owned(),
        data: Value::object::<&str>([]),
        remote_addr: "10.1.2.3".into(),
        policy_override: false,
        unauthenticated: true,
        wrap_ttl: 0,
        namespace: Namespace::root(),
        token: None,
        identity: None,
        elsewhere: "nobody asked",
    }
}

/// A token with these policies.
pub(crate) fn token(policies: &[&str]) -> Value {
    Value::object([("policies", Value::array(policies.iter().map(|&name| name.into())))])
}

pub(crate) fn decide(set: &PolicySet, request: &VaultRequest) -> Decision {
    let graph = ResourceGraph::new(vec![request.subject()], []);
    let facts = Facts::of_files(&graph, date(2026, 11, 27));
    set.evaluate(graph.subject(NodeIndex(0)), NodeIndex(0), &facts, &set.rule(&facts))
}

/// The outcome of the only finding, and its message.
pub(crate) fn outcome(set: &PolicySet, request: &VaultRequest) -> Option<(Outcome, String)> {
    let decision = decide(set, request);
    assert!(decision.findings.len() < 2, "{:?}", decision.findings);
    decision.findings.into_iter().next().map(|finding| (finding.outcome, finding.message))
}
