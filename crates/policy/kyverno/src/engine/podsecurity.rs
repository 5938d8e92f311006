//! `validate.podSecurity` (Kyverno, `pkg/engine/handlers/validation/validate_pss.go`).

use probity_policy_podsecurity::exclusion::{self, describe};
use probity_policy_podsecurity::{Pod, TypeError};

use super::Run;
use crate::context::Context;
use crate::exception::PolicyException;
use crate::object;
use crate::response::{RuleResponse, RuleType, Status};
use crate::rule::PodSecurity;

const TYPE: RuleType = RuleType::Validation;

impl Run<'_> {
    /// Judges the pod of the resource. `None` when it goes.
    pub(super) fn secured(&self, standard: &PodSecurity, context: &Context<'_>) -> Option<RuleResponse> {
        if self.request.is_delete() {
            return None;
        }
        let exceptions = self.exceptions(context);
        if let Some(whole) = exceptions.iter().find(|exception| exception.pod_security.is_empty()) {
            let message = format!("rule is skipped due to policy exception {}", whole.key());
            return Some(RuleResponse { message, ..self.excepted(TYPE, &[whole]) });
        }
        let response = self.judged(standard, &exceptions);
        Some(response.unwrap_or_else(|error| self.error(TYPE, "Error while getting new resource", error)))
    }

    fn judged(&self, standard: &PodSecurity, exceptions: &[&PolicyException]) -> Result<RuleResponse, TypeError> {
        let PodSecurity { level, version, version_text, excludes } = standard;
        let Some(object) = self.request.resource() else {
            return Ok(self.error(TYPE, "Error while getting new resource", "there is none"));
        };
        let Some(pod) = Pod::of(object)? else {
            return Ok(self.error(TYPE, "Error while getting new resource", "could not find correct resource type"));
        };
        let name = &self.rule.name;
        let found = exclusion::evaluate(*level, *version, excludes, &pod)?;
        if found.is_empty() {
            return Ok(self.own(TYPE, Status::Pass, format!("Validation rule '{name}' passed.")));
        }
        let also: Vec<_> = exceptions.iter().flat_map(|exception| exception.pod_security.iter().cloned()).collect();
        let found = exclusion::exclude(*level, *version, &also, found, &pod)?;
        if found.is_empty() {
            let keys: Vec<String> = exceptions.iter().map(|exception| exception.key()).collect();
            let message = format!("rule is skipped due to policy exceptions {}", keys.join(", "));
            return Ok(RuleResponse { message, ..self.excepted(TYPE, exceptions) });
        }
        let violations = describe(&found, object::text(object, "kind"));
        let message = format!(
            "Validation rule '{name}' failed. It violates PodSecurity \"{level}:{version_text}\": {violations}"
        );
        Ok(self.own(TYPE, Status::Fail, message))
    }
}
