//! Whether rules want to know who asks: nobody does of what is there already.

use std::sync::Arc;

use probity_model::Value;

use crate::exception::PolicyException;
use crate::matching::Matching;
use crate::rule::Rule;

/// How expressions name the roles of who asks.
const ROLES: &[&str] = &["request.roles", "request.clusterRoles"];

/// How expressions name who asks.
const USER: &[&str] =
    &["request.userInfo", "request.roles", "request.clusterRoles", "serviceAccountName", "serviceAccountNamespace"];

/// Whether a rule, or an exception, asks for the roles of who asks.
pub(crate) fn asks_about_roles(rule: &Rule, exceptions: &[Arc<PolicyException>]) -> bool {
    let matchings = [&rule.matching, &rule.exclude];
    matchings.into_iter().chain(exceptions.iter().map(|one| one.matching())).any(Matching::names_roles)
        || says(&rule.source.value, ROLES)
}

/// Whether a rule asks about who asks.
pub(crate) fn asks_about_user(rule: &Rule) -> bool {
    [&rule.matching, &rule.exclude].into_iter().any(Matching::names_users) || says(&rule.source.value, USER)
}

/// Whether a text within a value has one of these words.
fn says(value: &Value, words: &[&str]) -> bool {
    match value {
        Value::String(text) => words.iter().any(|word| text.contains(word)),
        Value::Array(items) => items.iter().any(|item| says(item, words)),
        Value::Object(fields) => {
            fields.iter().any(|(key, value)| words.iter().any(|word| key.as_str().contains(word)) || says(value, words))
        }
        _ => false,
    }
}
