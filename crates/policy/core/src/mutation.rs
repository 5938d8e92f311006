//! Policies that change objects before they are judged.

use probity_model::{PolicyId, Value};

use crate::cluster::Watched;
use crate::policy::Facts;
use crate::reach::{FailMode, RequestRule};

/// Why a policy could not change an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MutationFailure {
    /// The policy.
    pub policy: PolicyId,
    /// What went wrong.
    pub message: String,
    /// Whether the request is denied by it.
    pub denies: bool,
}

/// What came of changing an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mutation {
    /// The object now; `None` when it is as it was.
    pub object: Option<Value>,
    /// The policies that changed it.
    pub by: Vec<PolicyId>,
    /// What went wrong.
    pub failures: Vec<MutationFailure>,
    /// What the user is told.
    pub warnings: Vec<String>,
}

/// All policies of a language that change objects, in the language's own order.
pub trait Mutator: Send + Sync {
    /// The requests whose objects it may change, with what a failure means.
    fn requests(&self) -> Vec<(FailMode, RequestRule)>;

    /// The objects it looks at besides.
    fn watches(&self) -> Vec<Watched> {
        Vec::new()
    }

    /// Changes the object of `facts.request`.
    fn mutate(&self, facts: &Facts<'_>) -> Mutation;
}
