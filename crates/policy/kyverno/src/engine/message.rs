//! What failures are told as.

use probity_model::Value;

use super::Run;
use crate::condition::joined;
use crate::context::Context;
use crate::pattern::Mismatch;
use crate::rule::Validate;
use crate::template::Template;

impl Run<'_> {
    /// The message of the rule with its variables put in; `None` when that fails.
    fn said(validate: &Validate, context: &Context<'_>) -> Option<String> {
        let Some(template) = &validate.message else { return Some(String::new()) };
        match template.substitute(context) {
            Ok(Value::String(text)) => Some(text.to_string()),
            Ok(other) => Some(crate::gofmt::print(&other).to_string()),
            Err(_) => None,
        }
    }

    pub(super) fn pattern_message(&self, validate: &Validate, mismatch: &Mismatch, context: &Context<'_>) -> String {
        let (name, error) = (&self.rule.name, &mismatch.message);
        let what = match mismatch.path.as_str() {
            "" => format!("rule {name} execution error: {error}"),
            path => format!("rule {name} failed at path {path}"),
        };
        if validate.message.is_none() {
            return format!("validation error: {what}");
        }
        match Self::said(validate, context) {
            None => format!("validation error: variables substitution error in rule {name} execution error: {error}"),
            Some(said) if said.ends_with('.') => format!("validation error: {said} {what}"),
            Some(said) => format!("validation error: {said}. {what}"),
        }
    }

    pub(super) fn any_pattern_message(&self, validate: &Validate, errors: &str, context: &Context<'_>) -> String {
        if validate.message.is_none() {
            return format!("validation error: {errors}");
        }
        let name = &self.rule.name;
        match Self::said(validate, context) {
            None => format!("validation error: variables substitution error in rule {name} execution error: {errors}"),
            Some(said) if said.ends_with('.') => format!("validation error: {said} {errors}"),
            Some(said) => format!("validation error: {said}. {errors}"),
        }
    }

    /// What a denial is told as: the message of the rule and those of the conditions.
    pub(super) fn deny_message(&self, validate: &Validate, conditions: &str, context: &Context<'_>) -> String {
        if validate.message.is_none() && conditions.is_empty() {
            return format!("validation error: rule {} failed", self.rule.name);
        }
        let substituted = match &validate.message {
            Some(template) if conditions.is_empty() => template.substitute(context),
            _ => {
                let text = joined(&[&validate.message_text, conditions], "; ");
                match Template::of_text(&text) {
                    Ok(template) => template.substitute(context),
                    Err(_) => return conditions.to_owned(),
                }
            }
        };
        match substituted {
            Ok(Value::String(text)) => text.to_string(),
            Ok(_) => "the produced message didn't resolve to a string, check your policy definition.".to_owned(),
            Err(_) => conditions.to_owned(),
        }
    }
}
