//! Mutators as a webhook asks them.

use probity_model::PolicyId;
use probity_policy_admission::can_be_mutated;
use probity_policy_core::{
    self as core, Facts, FailMode, Mutation, MutationFailure, Named, Operation as Asked, RequestRule, Watched,
};

use super::{MutateError, Mutator, Mutators, Occasion, Operation};
use crate::exclusion::{Exclusions, Process};
use crate::matching::Source;
use crate::object::{self, Gvk};

/// All mutators, applied to the objects of requests.
#[derive(Debug, Clone)]
pub struct GatekeeperMutator {
    pub(crate) mutators: Mutators,
    pub(crate) exclusions: Exclusions,
}

fn asked(operation: Operation) -> Asked {
    match operation {
        Operation::Create => Asked::Create,
        Operation::Update => Asked::Update,
    }
}

fn id_of(kind: &str, name: &str) -> PolicyId {
    PolicyId::from(format!("{kind}/{name}").as_str())
}

impl Mutator {
    /// The requests whose objects it may change.
    fn requests(&self) -> Vec<RequestRule> {
        let request = |group: &str, version: &str, kind: &str, operations: &[Operation]| RequestRule {
            group: group.into(),
            version: version.into(),
            named: Named::Kind(kind.into()),
            subresource: "".into(),
            operations: operations.iter().copied().map(asked).collect(),
        };
        if self.apply_to.is_empty() {
            let kinds = self.matching.groups_and_kinds().into_iter();
            return kinds.map(|(group, kind)| request(group, "*", kind, Operation::ALL)).collect();
        }
        let applied = self.apply_to.iter();
        applied
            .flat_map(|(apply, operations)| {
                apply.all().map(|gvk| request(&gvk.group, &gvk.version, &gvk.kind, operations)).collect::<Vec<_>>()
            })
            .collect()
    }
}

impl core::Mutator for GatekeeperMutator {
    fn requests(&self) -> Vec<(FailMode, RequestRule)> {
        self.mutators.0.iter().flat_map(Mutator::requests).map(|rule| (FailMode::Open, rule)).collect()
    }

    fn watches(&self) -> Vec<Watched> {
        let namespace = || Watched { api_version: "v1".into(), kind: "Namespace".into() };
        self.mutators.need_namespace().then(namespace).into_iter().collect()
    }

    fn mutate(&self, facts: &Facts<'_>) -> Mutation {
        let (Some(request), Some(cluster)) = (facts.request, facts.cluster) else { return Mutation::default() };
        let Some(before) = request.object().filter(|_| can_be_mutated(request)) else { return Mutation::default() };
        // Gatekeeper's webhook is asked about no subresources.
        if !request.text(&["subResource"]).is_empty() {
            return Mutation::default();
        }
        let name = object::namespace(before);
        let is_namespace = Gvk::of(before).is_namespace();
        let place = if is_namespace { object::name(before) } else { name };
        if self.exclusions.has(Process::Mutation, place) {
            return Mutation::default();
        }
        let namespace = match name {
            "" => Ok(None),
            _ if is_namespace => Ok(None),
            name => cluster.namespace(name),
        };
        let namespace = match namespace {
            Ok(namespace) => namespace,
            Err(error) if self.mutators.need_namespace() => {
                return self.unknown(&format!("the namespace `{name}`: {error}"));
            }
            Err(_) => None,
        };
        let operation = match request.operation() {
            Asked::Create => Operation::Create,
            _ => Operation::Update,
        };
        let occasion = Occasion { namespace: namespace.as_ref(), operation: Some(operation), source: Source::Original };
        match self.mutators.mutate_told(before, &occasion) {
            Ok((object, by)) => Mutation {
                object: Some(object).filter(|object| object != before),
                by: by.into_iter().map(|id| id_of(self.mutators.0[id].kind, &self.mutators.0[id].name)).collect(),
                ..Mutation::default()
            },
            Err(error) => failed(&error),
        }
    }
}

impl GatekeeperMutator {
    /// Nothing is changed, since it is not known what is to be.
    fn unknown(&self, message: &str) -> Mutation {
        let waiting = self.mutators.0.iter().filter(|mutator| mutator.needs_namespace());
        let failures = waiting.map(|mutator| MutationFailure {
            policy: id_of(mutator.kind, &mutator.name),
            message: message.to_owned(),
            denies: false,
        });
        Mutation { failures: failures.collect(), ..Mutation::default() }
    }
}

/// Gatekeeper's answer is an error, which the API server takes for a denial.
fn failed(error: &MutateError) -> Mutation {
    let policy = match error {
        MutateError::Failed { kind, name, .. } => id_of(kind, name),
        MutateError::NotConverging(_) => PolicyId::from("mutators"),
    };
    let failure = MutationFailure { policy, message: error.to_string(), denies: true };
    Mutation { failures: vec![failure], ..Mutation::default() }
}
