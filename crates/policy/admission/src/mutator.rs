//! Mutating policies as they are asked by a webhook.

use probity_model::node::Node;
use probity_model::{PolicyId, Problem};
use probity_policy_core::{
    AdmissionRequest, Facts, FailMode, Mutation, MutationFailure, Mutator, Operation, RequestRule, Watched,
};

use crate::attributes::Attributes;
use crate::conditions::FailurePolicy;
use crate::host::{ClusterAuthorizer, Host};
use crate::policy::Requested;
use crate::read::{Set, read_set};

/// All `MutatingAdmissionPolicy` objects with their bindings.
#[derive(Debug)]
pub struct AdmissionMutator(Set);

/// Reads mutating policies and their bindings; `None` when there is no policy among the documents.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn read_mutator(documents: &[Node<'_>]) -> Result<Option<AdmissionMutator>, Vec<Problem>> {
    let set = read_set(documents)?;
    Ok((!set.mutating.is_empty()).then_some(AdmissionMutator(set)))
}

impl FailurePolicy {
    /// What it means where a policy is asked.
    pub fn fail_mode(self) -> FailMode {
        match self {
            Self::Fail => FailMode::Closed,
            Self::Ignore => FailMode::Open,
        }
    }
}

/// Whether there is an object that can be changed.
pub fn can_be_mutated(request: &AdmissionRequest) -> bool {
    matches!(request.operation(), Operation::Create | Operation::Update) && request.object().is_some()
}

impl Mutator for AdmissionMutator {
    fn requests(&self) -> Vec<(FailMode, RequestRule)> {
        let of_policy = |policy: &std::sync::Arc<crate::mutating::MutatingPolicy>| {
            let mode = policy.failure_policy().fail_mode();
            policy.head.requests().into_iter().map(move |rule| (mode, rule)).collect::<Vec<_>>()
        };
        let mut all: Vec<(FailMode, RequestRule)> = self.0.mutating.iter().flat_map(of_policy).collect();
        for (_, rule) in &mut all {
            rule.operations.retain(|operation| matches!(operation, Operation::Create | Operation::Update));
        }
        all.retain(|(_, rule)| !rule.operations.is_empty());
        all
    }

    fn watches(&self) -> Vec<Watched> {
        let needs = |binding: &std::sync::Arc<crate::binding::Binding>| binding.needs_namespace();
        let by_binding = self.0.mutating_bindings.iter().any(needs);
        let of_policy = |policy: &std::sync::Arc<crate::mutating::MutatingPolicy>| {
            policy
                .head
                .watches(by_binding || policy.head.constraints.needs_namespace() || policy.names("namespaceObject"))
        };
        self.0.mutating.iter().flat_map(of_policy).collect()
    }

    fn mutate(&self, facts: &Facts<'_>) -> Mutation {
        let (Some(request), Some(cluster)) = (facts.request, facts.cluster) else { return Mutation::default() };
        if !can_be_mutated(request) {
            return Mutation::default();
        }
        let requested = request.view(|request| Requested(Attributes::of_request(request, Some(cluster))));
        let authorizer = ClusterAuthorizer::new(cluster, &requested.0.user);
        let changed = self.0.mutate_in(&requested.0, cluster, Host::new(&authorizer));
        let failures = changed.troubles.into_iter().map(|trouble| MutationFailure {
            policy: PolicyId::from(trouble.policy.as_str()),
            message: trouble.message,
            denies: trouble.denies,
        });
        Mutation {
            object: Some(changed.object).filter(|object| Some(object) != request.object()),
            by: changed.by.iter().map(|name| PolicyId::from(name.as_str())).collect(),
            failures: failures.collect(),
            warnings: Vec::new(),
        }
    }
}
