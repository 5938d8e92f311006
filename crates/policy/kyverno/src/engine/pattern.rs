//! `pattern` and `anyPattern`.

use probity_model::Value;

use super::Run;
use super::validate::Place;
use crate::context::Context;
use crate::pattern::Pattern;
use crate::response::{RuleResponse, RuleType, Status};
use crate::rule::Validate;
use crate::template::SubstituteError;

const TYPE: RuleType = RuleType::Validation;

impl Run<'_> {
    /// What patterns are compared with; `None` when the object goes and there is nothing to compare.
    fn seen<'e>(&'e self, place: Place<'e>) -> Option<&'e Value> {
        match place.element {
            Some(element) => Some(element),
            None if self.request.is_delete() => None,
            None => Some(self.request.object.as_ref().unwrap_or(&Value::Null)),
        }
    }

    fn not_filled(&self, error: &SubstituteError) -> RuleResponse {
        self.error(TYPE, "variable substitution failed", error)
    }

    pub(super) fn like(
        &self,
        pattern: &Pattern,
        validate: &Validate,
        place: Place<'_>,
        context: &Context<'_>,
    ) -> Option<RuleResponse> {
        let pattern = match pattern.fill(context) {
            Ok(pattern) => pattern,
            Err(error) => return Some(self.not_filled(&error)),
        };
        let resource = self.seen(place)?;
        let Err(mismatch) = pattern.matches(resource) else { return Some(self.passed()) };
        if mismatch.is_skip {
            return Some(self.own(TYPE, Status::Skip, mismatch.message));
        }
        let message = self.pattern_message(validate, &mismatch, context);
        let status = if mismatch.path.is_empty() { Status::Error } else { Status::Fail };
        Some(RuleResponse { path: place.of(mismatch.path), ..self.own(TYPE, status, message) })
    }

    pub(super) fn like_any(
        &self,
        patterns: &[Pattern],
        validate: &Validate,
        place: Place<'_>,
        context: &Context<'_>,
    ) -> Option<RuleResponse> {
        let filled: Result<Vec<_>, SubstituteError> = patterns.iter().map(|pattern| pattern.fill(context)).collect();
        let filled = match filled {
            Ok(filled) => filled,
            Err(error) => return Some(self.not_filled(&error)),
        };
        let resource = self.seen(place)?;
        let name = &self.rule.name;
        let (mut failed, mut skipped, mut path) = (Vec::new(), Vec::new(), None);
        for (index, pattern) in filled.iter().enumerate() {
            let Err(mismatch) = pattern.matches(resource) else {
                let message = format!("validation rule '{name}' anyPattern[{index}] passed.");
                return Some(self.own(TYPE, Status::Pass, message));
            };
            if mismatch.is_skip {
                skipped.push(format!("rule {name}[{index}] skipped: {}", mismatch.message));
            } else if mismatch.path.is_empty() {
                failed.push(format!("rule {name}[{index}] failed: {}", mismatch.message));
            } else {
                failed.push(format!("rule {name}[{index}] failed at path {}", mismatch.path));
                path = path.or(place.of(mismatch.path));
            }
        }
        Some(if !failed.is_empty() {
            let message = self.any_pattern_message(validate, &failed.join(" "), context);
            RuleResponse { path, ..self.own(TYPE, Status::Fail, message) }
        } else if skipped.is_empty() {
            self.own(TYPE, Status::Pass, validate.message_text.clone())
        } else {
            self.own(TYPE, Status::Skip, skipped.join(" "))
        })
    }
}
