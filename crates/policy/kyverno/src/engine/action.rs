//! What follows from a failure (Kyverno, `pkg/engine/api/engineresponse.go`).

use probity_kubernetes::wildcard;
use probity_model::value::Object;

use crate::object;
use crate::policy::Policy;
use crate::request::Request;
use crate::rule::{Body, FailureAction, Override, Rule};

fn overridden(overrides: &[Override], namespace: &str, labels: &Object) -> Option<FailureAction> {
    let is_for = |one: &&Override| {
        let is_named = one.namespaces.is_empty() || one.namespaces.iter().any(|p| wildcard::matches(p, namespace));
        is_named && one.namespace_selector.as_ref().is_none_or(|selector| selector.matches(Some(labels)))
    };
    overrides.iter().find(is_for).map(|found| found.action)
}

impl Policy {
    /// What follows from a failure of a rule: what the rule says for the namespace, what it says, what the policy says
    /// for the namespace, what the policy says.
    pub fn failure_action(&self, rule: &Rule, request: &Request) -> FailureAction {
        let namespace = request.resource().map_or("", object::namespace);
        let labels = &request.namespace_labels;
        let own = match &rule.body {
            Body::Validate(validate) => overridden(&validate.overrides, namespace, labels).or(validate.failure_action),
            Body::VerifyImages(verifications) => {
                let mut said = verifications.iter().filter_map(|verification| verification.failure_action);
                let first = said.clone().next();
                said.find(|action| *action == FailureAction::Enforce).or(first)
            }
            Body::Mutate(_) | Body::Generate(_) => None,
        };
        own.or_else(|| overridden(&self.spec.overrides, namespace, labels)).unwrap_or(self.spec.failure_action)
    }

    /// Whether it depends on labels of namespaces what follows from a failure of a rule.
    pub(crate) fn overrides_by_namespace_labels(&self, rule: &Rule) -> bool {
        let own = rule.validate().map_or(&[][..], |validate| &validate.overrides);
        own.iter().chain(&self.spec.overrides).any(|one| one.namespace_selector.is_some())
    }

    /// Whether a rule may do other than deny in some namespace.
    pub(crate) fn may_audit(&self, rule: &Rule) -> bool {
        let own = rule.validate().map_or(&[][..], |validate| &validate.overrides);
        let audits = own.iter().chain(&self.spec.overrides).any(|one| one.action == FailureAction::Audit);
        audits || self.failure_action(rule, &Request::default()) == FailureAction::Audit
    }

    /// Whether a rule may deny, whatever the namespace.
    pub(crate) fn may_enforce(&self, rule: &Rule) -> bool {
        let enforces = |overrides: &[Override]| overrides.iter().any(|one| one.action == FailureAction::Enforce);
        let of_policy = || self.spec.failure_action == FailureAction::Enforce || enforces(&self.spec.overrides);
        match &rule.body {
            Body::Validate(validate) => match validate.failure_action {
                _ if enforces(&validate.overrides) => true,
                Some(action) => action == FailureAction::Enforce,
                None => of_policy(),
            },
            Body::VerifyImages(verifications) => {
                let mut said = verifications.iter().filter_map(|verification| verification.failure_action).peekable();
                if said.peek().is_none() { of_policy() } else { said.any(|action| action == FailureAction::Enforce) }
            }
            Body::Mutate(_) | Body::Generate(_) => false,
        }
    }
}
