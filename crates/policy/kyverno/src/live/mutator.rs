//! Rules that change objects, as a webhook asks them.

use std::sync::Arc;

use probity_model::PolicyId;
use probity_policy_admission::can_be_mutated;
use probity_policy_core::{Facts, FailMode, Mutation, MutationFailure, Mutator, Operation, RequestRule, Watched};

use super::reach::{requests_of, watches_of};
use super::request::{Requested, WithRoles};
use super::user::asks_about_roles;
use super::world::InCluster;
use crate::engine::Surroundings;
use crate::exception::PolicyException;
use crate::images::Images;
use crate::policy::Policy;
use crate::request::Request;
use crate::response::{Response, Status};
use crate::rule::{Body, Rule};
use crate::scan::metadata::owner;

/// All rules that change the object of a request: those of `mutate` first, then those that put digests in the place of
/// images' tags.
pub struct KyvernoMutator {
    policies: Vec<Arc<Policy>>,
    exceptions: Arc<[Arc<PolicyException>]>,
    images: Option<Arc<dyn Images>>,
    needs_roles: bool,
}

const WRITTEN: [Operation; 2] = [Operation::Create, Operation::Update];

/// Whether a rule changes the object that is asked about, rather than others.
fn changes(rule: &Rule) -> bool {
    match &rule.body {
        Body::Mutate(mutate) => !mutate.has_targets(),
        Body::VerifyImages(_) => true,
        Body::Validate(_) | Body::Generate(_) => false,
    }
}

impl KyvernoMutator {
    /// Those of these policies that change something; `None` when none does. Without `images` no registry is asked.
    pub(crate) fn new(
        policies: &[Arc<Policy>],
        exceptions: &Arc<[Arc<PolicyException>]>,
        images: Option<Arc<dyn Images>>,
    ) -> Option<Self> {
        let is_meant = |policy: &&Arc<Policy>| policy.spec.admission && policy.rules().iter().any(|rule| changes(rule));
        let policies: Vec<_> = policies.iter().filter(is_meant).cloned().collect();
        let mut rules = policies.iter().flat_map(|policy| policy.rules());
        let needs_roles = rules.any(|rule| asks_about_roles(rule, exceptions));
        (!policies.is_empty()).then(|| Self { policies, exceptions: exceptions.clone(), images, needs_roles })
    }

    fn rules(&self) -> impl Iterator<Item = (&Policy, &Rule)> {
        self.policies.iter().flat_map(|policy| {
            policy.all_rules().filter(|(_, rule)| changes(rule)).map(move |(_, rule)| (&**policy, &**rule))
        })
    }

    fn change(&self, mut request: Request, around: Surroundings<'_>) -> Mutation {
        let mut mutation = Mutation::default();
        for policy in &self.policies {
            let response = policy.mutate_object(&request, around);
            mutation.failures.extend(failures(policy, &response));
            take(policy, &mut request, response, &mut mutation);
        }
        if around.host.images().is_some() {
            for policy in &self.policies {
                // What is not signed is told when the object is judged.
                let response = policy.verify_images(&request, around);
                take(policy, &mut request, response, &mut mutation);
            }
        }
        mutation
    }
}

/// Takes over what a policy made of the object.
fn take(policy: &Policy, request: &mut Request, response: Response, mutation: &mut Mutation) {
    let Some(patched) = response.patched else { return };
    for rule in response.rules.iter().filter(|rule| rule.status == Status::Pass) {
        let id = id_of(policy, &rule.name);
        if !mutation.by.contains(&id) {
            mutation.by.push(id);
        }
    }
    mutation.object = Some(patched.clone());
    request.object = Some(patched);
}

/// The id of the policy that a rule, or what was generated of it, is.
fn id_of(policy: &Policy, rule: &str) -> PolicyId {
    let written = policy.all_rules().find(|(_, known)| known.name == rule);
    let name = written.map_or(rule, |(index, _)| policy.rules()[index].name.as_str());
    PolicyId::from(format!("{}/{name}", owner(&policy.namespace, &policy.name)).as_str())
}

fn failures<'r>(policy: &'r Policy, response: &'r Response) -> impl Iterator<Item = MutationFailure> + 'r {
    let failed = response.rules.iter().filter(|rule| matches!(rule.status, Status::Error | Status::Fail));
    failed.map(|rule| MutationFailure {
        policy: id_of(policy, &rule.name),
        message: rule.message.clone(),
        denies: policy.spec.failure.fail_mode() == FailMode::Closed,
    })
}

impl Mutator for KyvernoMutator {
    fn requests(&self) -> Vec<(FailMode, RequestRule)> {
        let of_rule = |(policy, rule): (&Policy, &Rule)| {
            let mode = policy.spec.failure.fail_mode();
            let mut requests = requests_of(rule, &WRITTEN);
            for request in &mut requests {
                request.operations.retain(|operation| WRITTEN.contains(operation));
            }
            requests.retain(|request| !request.operations.is_empty());
            requests.into_iter().map(move |request| (mode, request)).collect::<Vec<_>>()
        };
        self.rules().flat_map(of_rule).collect()
    }

    fn watches(&self) -> Vec<Watched> {
        self.rules().flat_map(|(_, rule)| watches_of(rule)).collect()
    }

    fn mutate(&self, facts: &Facts<'_>) -> Mutation {
        let (Some(asked), Some(cluster)) = (facts.request, facts.cluster) else { return Mutation::default() };
        if !can_be_mutated(asked) {
            return Mutation::default();
        }
        let requested = asked.view(|asked| Requested::new(asked, cluster));
        let request = if self.needs_roles {
            let known = asked.view(|_| WithRoles::new(&requested, cluster));
            match &known.0 {
                Ok(request) => request.clone(),
                Err(message) => return self.failed(message),
            }
        } else {
            requested.request.clone()
        };
        let host = InCluster::new(cluster, self.images.as_deref());
        self.change(request, Surroundings { host: &host, exceptions: &self.exceptions })
    }
}

impl KyvernoMutator {
    fn failed(&self, message: &str) -> Mutation {
        let failures = self.rules().map(|(policy, rule)| MutationFailure {
            policy: id_of(policy, &rule.name),
            message: message.to_owned(),
            denies: policy.spec.failure.fail_mode() == FailMode::Closed,
        });
        Mutation { failures: failures.collect(), ..Mutation::default() }
    }
}
