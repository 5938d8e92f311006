//! What an evaluation of Sentinel means for a request.

use probity_model::Value;
use probity_policy_sentinel::{Condition, Datum, Failure, Outcome, Trace, Undefined, Verdict};

/// What a policy says of a request, before its enforcement level. Messages quote the policy, and no values: those of
/// requests to Vault are secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ruling {
    Pass,
    Fail(String),
    Unknown(String),
    Error(String),
}

impl Ruling {
    pub(crate) fn new(result: &Result<Outcome, Failure>) -> Self {
        let trace = match result {
            Ok(outcome) => &outcome.trace,
            Err(failure) => &failure.trace,
        };
        let undefined = match result {
            Ok(Outcome { main: Datum::Undefined(undefined), .. }) => Some(undefined),
            _ => None,
        };
        let waiting = trace.assumed.as_ref().or_else(|| undefined.filter(|undefined| undefined.waits_for.is_some()));
        if let Some(waiting) = waiting {
            return Self::Unknown(match place(waiting, trace) {
                Some(place) => format!("{place}: {}", waits_for(waiting)),
                None => waits_for(waiting).to_owned(),
            });
        }
        match result {
            Ok(outcome) if outcome.verdict == Verdict::Pass => Self::Pass,
            Ok(outcome) => Self::Fail(match undefined {
                Some(undefined) => match place(undefined, trace) {
                    Some(place) => format!("undefined: {place}: {}", undefined.reason),
                    None => format!("undefined: {}", undefined.reason),
                },
                None => failed(&outcome.trace),
            }),
            Err(failure) => Self::Error(failure.to_string()),
        }
    }

    /// The ruling on a write that `self` is the ruling on as an update, and `created` gives as a create.
    pub(crate) fn or_created(self, created: impl FnOnce() -> Self) -> Self {
        let created = created();
        if std::mem::discriminant(&self) == std::mem::discriminant(&created) {
            return self;
        }
        if let Self::Unknown(message) = &self {
            return Self::Unknown(message.clone());
        }
        Self::Unknown(format!(
            "it depends on whether the path is written for the first time, which only Vault knows (as `update`: {}; as \
             `create`: {})",
            self.words(),
            created.words()
        ))
    }

    fn words(&self) -> &str {
        match self {
            Self::Pass => "pass",
            Self::Fail(message) | Self::Unknown(message) | Self::Error(message) => message,
        }
    }
}

fn waits_for(undefined: &Undefined) -> &str {
    undefined.waits_for.as_deref().unwrap_or(&undefined.reason)
}

/// What is undefined, and where: the expression, or the condition around it when it is an element that was gone through.
fn place(undefined: &Undefined, trace: &Trace) -> Option<String> {
    if let Some(location) = &undefined.location {
        return Some(format!("`{}` ({location})", undefined.expression));
    }
    let condition = trace.rules.iter().find_map(|rule| first_undefined(&rule.conditions))?;
    Some(format!("`{}` ({})", condition.expression, condition.location))
}

fn first_undefined(conditions: &[Condition]) -> Option<&Condition> {
    let condition = conditions.iter().find(|condition| matches!(condition.value, Datum::Undefined(_)))?;
    Some(first_undefined(&condition.parts).unwrap_or(condition))
}

/// Which condition failed: the innermost first one that is false.
fn failed(trace: &Trace) -> String {
    let false_rules = trace.rules.iter().filter(|rule| !is_true(rule.value.as_ref()));
    // Rules that others ask for are told before those others, but for `main`, which is first.
    for rule in false_rules.clone().skip(1).chain(false_rules.take(1)) {
        if let Some(condition) = first_false(&rule.conditions) {
            let (expression, place) = (&condition.expression, &condition.location);
            return format!("rule `{}`: `{expression}` is false ({place})", rule.name);
        }
    }
    match trace.rules.first() {
        Some(rule) => format!("rule `{}` is false ({})", rule.name, rule.location),
        None => "`main` is false".to_owned(),
    }
}

fn is_true(value: Option<&Datum>) -> bool {
    matches!(value, Some(Datum::Known(Value::Bool(true))))
}

fn first_false(conditions: &[Condition]) -> Option<&Condition> {
    let condition = conditions.iter().find(|condition| condition.value == Datum::Known(Value::Bool(false)))?;
    Some(first_false(&condition.parts).unwrap_or(condition))
}
