//! Which requests to an API server a policy is about, and what its failure means there.

use probity_model::SmolStr;

use crate::policy::TypeSelector;
use crate::request::{AdmissionRequest, Operation};

/// What objects are called in a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// By their kind, which is found among those that the cluster serves; `*` is all.
    Kind(SmolStr),
    /// By the name under which they are served, such as `pods`; `*` is all.
    Plural(SmolStr),
}

/// Requests of some kind, in the words of a webhook's rules.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestRule {
    /// The API group; `*` for all.
    pub group: SmolStr,
    /// The version; `*` for all.
    pub version: SmolStr,
    /// What the objects are.
    pub named: Named,
    /// Such as `exec`; empty for the objects themselves, `*` for all subresources.
    pub subresource: SmolStr,
    /// What is done with them.
    pub operations: Vec<Operation>,
}

impl RequestRule {
    /// The making and changing of objects of a kind, in any group and version.
    pub fn of_kind(kind: impl Into<SmolStr>) -> Self {
        Self {
            group: "*".into(),
            version: "*".into(),
            named: Named::Kind(kind.into()),
            subresource: SmolStr::default(),
            operations: vec![Operation::Create, Operation::Update],
        }
    }

    /// Whether it is about a request. Versions are not compared: the API server converts what it sends to the version
    /// that was asked for.
    pub fn is_about(&self, request: &AdmissionRequest) -> bool {
        let fits = |wanted: &str, is: &str| wanted == "*" || wanted == is;
        let asked = request.asked();
        let ((group, is), name) = match &self.named {
            Named::Kind(kind) => (&asked.kind, kind),
            Named::Plural(plural) => (&asked.resource, plural),
        };
        let is_added_container = asked.subresource == "ephemeralcontainers" && self.subresource.is_empty();
        self.operations.contains(&request.operation())
            && fits(name, is)
            && fits(&self.group, group)
            && (fits(&self.subresource, &asked.subresource) || is_added_container)
    }

    /// The making and changing of all that a policy judges by these types.
    pub fn of_types(types: &[TypeSelector]) -> Vec<Self> {
        types
            .iter()
            .map(|selector| match selector {
                TypeSelector::Exact(kind) => Self::of_kind(kind.clone()),
                TypeSelector::All | TypeSelector::Prefix(_) => Self::of_kind("*"),
            })
            .collect()
    }
}

/// What it means that a policy cannot be asked, or fails itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum FailMode {
    /// What it would judge passes.
    Open,
    /// What it would judge does not pass.
    #[default]
    Closed,
}

/// Where in a cluster a policy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occasions {
    /// When something is asked of the API server.
    pub admission: bool,
    /// Of what is there already.
    pub background: bool,
}

impl Default for Occasions {
    fn default() -> Self {
        Self { admission: true, background: true }
    }
}
