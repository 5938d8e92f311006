//! Whether the rules of a template can have a message, without which Gatekeeper reports nothing.

use probity_policy_rego::ast::{Module, Rule, Term, TermKind};

/// Whether one of the rules `violation` may have a member with a `msg`, as far as the text tells. Where none can, OPA's
/// checks refuse the code.
pub(crate) fn may_have_message(module: &Module) -> bool {
    let mut rules = module.rules.iter().filter(|rule| rule.head.name() == "violation");
    rules.any(rule_may)
}

fn rule_may(rule: &Rule) -> bool {
    match (&rule.head.key, &rule.head.value) {
        (Some(key), _) => member_may(key),
        (None, Some(value)) => match &value.kind {
            TermKind::Set(members) => members.iter().any(member_may),
            // Their members are gone through by position or key, and those are texts and numbers.
            TermKind::Array(_) | TermKind::ArrayCompr(_) | TermKind::Object(_) | TermKind::Scalar(_) => false,
            _ => true,
        },
        (None, None) => true,
    }
}

fn member_may(member: &Term) -> bool {
    match &member.kind {
        TermKind::Object(pairs) => pairs.iter().any(|(key, _)| key.as_str().is_none_or(|name| name == "msg")),
        TermKind::Scalar(_) | TermKind::Array(_) | TermKind::ArrayCompr(_) | TermKind::Set(_) => false,
        _ => true,
    }
}
