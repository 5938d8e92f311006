//! `validate` (Kyverno, `pkg/engine/handlers/validation/validate_resource.go`).

use probity_model::Value;

use super::Run;
use super::old::Before;
use crate::condition::Conditions;
use crate::context::Context;
use crate::response::{RuleResponse, RuleType, Status};
use crate::rule::{Check, FailureAction, Validate};

/// Where in the loops of a rule something is judged.
#[derive(Clone, Copy, Default)]
pub(super) struct Place<'e> {
    /// What patterns see in the place of the resource.
    pub(super) element: Option<&'e Value>,
    /// How many loops there are around.
    pub(super) nesting: usize,
}

impl Place<'_> {
    /// A path that a pattern tells, when it leads from the resource itself.
    pub(super) fn of(&self, path: String) -> Option<String> {
        self.element.is_none().then_some(path)
    }
}

const TYPE: RuleType = RuleType::Validation;

impl Run<'_> {
    /// Judges the resource, once the preconditions are met.
    pub(super) fn validated<'c>(&self, validate: &'c Validate, context: &mut Context<'c>) -> Option<RuleResponse> {
        // Exceptions to the Pod Security Standards may be about some controls only.
        if !matches!(validate.check, Check::PodSecurity(_)) {
            let exceptions = self.exceptions(context);
            if !exceptions.is_empty() {
                return Some(self.excepted(TYPE, &exceptions));
            }
        }
        let response = self.checked(&validate.check, validate, Place::default(), context);
        self.unless_it_was_so(response, validate, context)
    }

    /// Judges by one check.
    pub(super) fn checked<'c>(
        &self,
        check: &'c Check,
        validate: &'c Validate,
        place: Place<'_>,
        context: &mut Context<'c>,
    ) -> Option<RuleResponse> {
        match check {
            Check::Deny(conditions) => Some(self.denied(conditions.as_ref(), validate, context)),
            Check::Pattern(pattern) => self.like(pattern, validate, place, context),
            Check::AnyPattern(patterns) => self.like_any(patterns, validate, place, context),
            Check::ForEach(loops) => self.each(loops, validate, place, context),
            Check::Cel(cel) => Some(self.holds(cel, context)),
            Check::PodSecurity(standard) => self.secured(standard, context),
            // Nothing here verifies signatures yet: what is not known to be signed is not let through.
            Check::Manifests if self.request.is_delete() => None,
            Check::Manifests => {
                let message = "failed to verify signature: the manifest's signature could not be verified here";
                Some(self.own(TYPE, Status::Fail, message))
            }
            Check::Assert(assertion) => Some(self.asserted(assertion, validate, context)),
        }
    }

    fn denied(&self, conditions: Option<&Conditions>, validate: &Validate, context: &Context<'_>) -> RuleResponse {
        let outcome = match conditions.map(|conditions| conditions.evaluate(context)).transpose() {
            Ok(outcome) => outcome,
            Err(error) => return self.error(TYPE, "failed to check deny conditions", error),
        };
        match outcome {
            Some(outcome) if !outcome.holds => self.passed(),
            // Without conditions, everything is denied.
            outcome => {
                let said = outcome.map(|outcome| outcome.message).unwrap_or_default();
                self.own(TYPE, Status::Fail, self.deny_message(validate, &said, context))
            }
        }
    }

    pub(super) fn passed(&self) -> RuleResponse {
        self.own(TYPE, Status::Pass, format!("validation rule '{}' passed.", self.rule.name))
    }

    /// What follows when the resource fails as it did before: that is let through, unless the rule says otherwise.
    fn unless_it_was_so<'c>(
        &self,
        response: Option<RuleResponse>,
        validate: &'c Validate,
        context: &mut Context<'c>,
    ) -> Option<RuleResponse> {
        let action = validate.failure_action.unwrap_or(self.policy.spec.failure_action);
        let is_asked =
            action == FailureAction::Enforce && validate.allow_existing_violations && self.request.is_update();
        if !is_asked {
            return response;
        }
        let judge = |run: &Run<'_>, context: &mut Context<'c>| {
            run.checked(&validate.check, validate, Place::default(), context)
        };
        let Before::Known(before) = self.before(context, judge) else {
            return Some(self.own(TYPE, Status::Skip, "failed to validate old object"));
        };
        let fails = |response: &Option<RuleResponse>| response.as_ref().is_some_and(|r| r.status == Status::Fail);
        if fails(&response) && fails(&before) {
            let message = "skipping the rule evaluation as pre-existing violations are allowed";
            return Some(self.own(TYPE, Status::Skip, message));
        }
        response
    }
}
