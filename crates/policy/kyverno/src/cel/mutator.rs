//! Policies in CEL that change objects, as a webhook asks them.

use std::sync::Arc;

use probity_model::PolicyId;
use probity_model::Problem;
use probity_model::node::Node;
use probity_policy_admission::can_be_mutated;
use probity_policy_core::{Facts, FailMode, Mutation, MutationFailure, Mutator, Operation, RequestRule, Watched};

use super::read::CelPolicy;
use super::rules::Head;
use super::run::CelPolicies;
use super::scan::is_kyverno_cel;
use super::seen::Seen;
use crate::images::Images;
use crate::live::InCluster;
use crate::response::{Response, Status};
use crate::scan::metadata::owner;

/// All policies of policies.kyverno.io that change the object of a request: the mutating ones first, then those that put
/// digests in the place of images' tags.
pub struct CelMutator {
    policies: Vec<CelPolicy>,
    images: Option<Arc<dyn Images>>,
}

/// Reads the policies that change objects among documents; `None` when there is none. Without `images` no registry is
/// asked, and no tag replaced.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn read_mutator(
    documents: &[Node<'_>],
    images: Option<Arc<dyn Images>>,
) -> Result<Option<CelMutator>, Vec<Problem>> {
    let own: Vec<Node<'_>> = documents.iter().filter(|document| is_kyverno_cel(document.value)).copied().collect();
    let all = CelPolicies::read(&own)?;
    let policies: Vec<CelPolicy> = all.policies().iter().filter(|policy| changes(policy)).cloned().collect();
    Ok((!policies.is_empty()).then_some(CelMutator { policies, images }))
}

fn changes(policy: &CelPolicy) -> bool {
    match policy {
        CelPolicy::Mutating(own) => own.is_for_admission(),
        CelPolicy::Images(own) => {
            let judging = &own.judging;
            judging.occasions.admission && !judging.judges_json && judging.variants.iter().any(|one| one.pins)
        }
        _ => false,
    }
}

fn id_of(head: &Head) -> PolicyId {
    PolicyId::from(owner(&head.namespace, &head.name).as_str())
}

/// What went wrong with a policy.
fn failures(responses: &[Response], head: &Head, mode: FailMode) -> Vec<MutationFailure> {
    let failed = responses.iter().flat_map(|response| &response.rules).filter(|rule| rule.status == Status::Error);
    failed
        .map(|rule| MutationFailure {
            policy: id_of(head),
            message: rule.message.clone(),
            denies: mode == FailMode::Closed,
        })
        .collect()
}

impl Mutator for CelMutator {
    fn requests(&self) -> Vec<(FailMode, RequestRule)> {
        let of_policy = |policy: &CelPolicy| {
            let (mode, requests) = match policy {
                CelPolicy::Mutating(own) => (own.fail_mode(), own.requests()),
                CelPolicy::Images(own) => (own.judging.fail_mode(), own.judging.requests()),
                _ => (FailMode::Closed, Vec::new()),
            };
            requests.into_iter().map(move |request| (mode, request))
        };
        let mut all: Vec<(FailMode, RequestRule)> = self.policies.iter().flat_map(of_policy).collect();
        for (_, request) in &mut all {
            request.operations.retain(|operation| matches!(operation, Operation::Create | Operation::Update));
        }
        all.retain(|(_, request)| !request.operations.is_empty());
        all
    }

    fn watches(&self) -> Vec<Watched> {
        self.policies.iter().flat_map(|policy| policy.head().watches()).collect()
    }

    fn mutate(&self, facts: &Facts<'_>) -> Mutation {
        let (Some(asked), Some(cluster)) = (facts.request, facts.cluster) else { return Mutation::default() };
        if !can_be_mutated(asked) {
            return Mutation::default();
        }
        let host = InCluster::new(cluster, self.images.as_deref());
        let mut seen = Seen::clone(&asked.view(|asked| Seen::of_request(asked, cluster)));
        let mut mutation = Mutation::default();
        let is_within = |policy: &&CelPolicy| {
            let own = policy.head().namespace.as_str();
            own.is_empty() || own == seen.attributes.namespace
        };
        let policies: Vec<&CelPolicy> = self.policies.iter().filter(is_within).collect();
        let mutating = policies.iter().filter(|policy| matches!(policy, CelPolicy::Mutating(_)));
        let pinning = policies.iter().filter(|policy| matches!(policy, CelPolicy::Images(_)));
        for policy in mutating.chain(pinning) {
            let before = seen.attributes.object.clone();
            match policy {
                CelPolicy::Mutating(own) => {
                    let responses = own.apply(&mut seen, &host);
                    mutation.failures.extend(failures(&responses, &own.head, own.fail_mode()));
                }
                // What has no digest, and why, is told when the object is judged.
                CelPolicy::Images(own) => {
                    if let Some(Ok(pinned)) = own.pinned(&seen, &host) {
                        seen = pinned;
                    }
                }
                _ => {}
            }
            if seen.attributes.object != before {
                mutation.by.push(id_of(policy.head()));
            }
        }
        let object = seen.attributes.object;
        mutation.object = Some(object).filter(|object| Some(object) != asked.object());
        mutation
    }
}
