//! The operators of conditions (Kyverno, `pkg/engine/variables/operator`).

use std::cmp::Ordering;

use probity_kubernetes::quantity::Quantity;
use probity_kubernetes::semver::Version;
use probity_kubernetes::{duration, wildcard};
use probity_model::Value;

use super::membership;

/// A comparison of a key with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equals,
    NotEquals,
    In,
    NotIn,
    AnyIn,
    AllIn,
    AnyNotIn,
    AllNotIn,
    Numeric(Order),
    Duration(Order),
    /// An operator of an order in other than its own letters: it is known, and never holds.
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Order {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
        }
    }
}

const KNOWN: &[(&str, Operator)] = &[
    ("Equal", Operator::Equals),
    ("Equals", Operator::Equals),
    ("NotEqual", Operator::NotEquals),
    ("NotEquals", Operator::NotEquals),
    ("In", Operator::In),
    ("AnyIn", Operator::AnyIn),
    ("AllIn", Operator::AllIn),
    ("NotIn", Operator::NotIn),
    ("AnyNotIn", Operator::AnyNotIn),
    ("AllNotIn", Operator::AllNotIn),
    ("GreaterThanOrEquals", Operator::Numeric(Order::GreaterOrEqual)),
    ("GreaterThan", Operator::Numeric(Order::Greater)),
    ("LessThanOrEquals", Operator::Numeric(Order::LessOrEqual)),
    ("LessThan", Operator::Numeric(Order::Less)),
    ("DurationGreaterThanOrEquals", Operator::Duration(Order::GreaterOrEqual)),
    ("DurationGreaterThan", Operator::Duration(Order::Greater)),
    ("DurationLessThanOrEquals", Operator::Duration(Order::LessOrEqual)),
    ("DurationLessThan", Operator::Duration(Order::Less)),
];

const NAMES: [&str; KNOWN.len()] = {
    let mut names = [""; KNOWN.len()];
    let mut index = 0;
    while index < KNOWN.len() {
        names[index] = KNOWN[index].0;
        index += 1;
    }
    names
};

impl Operator {
    pub(crate) const NAMES: &'static [&'static str] = &NAMES;

    /// The operator of this name; case does not matter for finding it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (known, operator) = KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        let is_ordering = matches!(operator, Self::Numeric(_) | Self::Duration(_));
        Some(if is_ordering && *known != name { Self::Never } else { *operator })
    }

    pub(crate) fn holds(self, key: &Value, value: &Value) -> bool {
        match self {
            Self::Equals => equals(key, value),
            // What is nothing is neither equal nor unequal.
            Self::NotEquals => !matches!(key, Value::Null | Value::Unknown(_)) && !equals(key, value),
            Self::In => membership::is_in(key, value) == Some(true),
            Self::NotIn => membership::is_not_in(key, value) == Some(true),
            Self::AnyIn => membership::any_in(key, value) == Some(true),
            Self::AllIn => membership::all_in(key, value) == Some(true),
            Self::AnyNotIn => membership::any_not_in(key, value) == Some(true),
            Self::AllNotIn => membership::all_not_in(key, value) == Some(true),
            Self::Numeric(order) => compared(key, value).is_some_and(|ordering| order.holds(ordering)),
            Self::Duration(order) => durations(key, value).is_some_and(|ordering| order.holds(ordering)),
            Self::Never => false,
        }
    }
}

const SECOND: i64 = 1_000_000_000;

fn text_duration(value: &Value) -> Option<i64> {
    duration::parse(value.as_str()?).ok()
}

fn seconds(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    #[expect(clippy::cast_possible_truncation, reason = "parts of seconds do not count")]
    let seconds = number.as_i64().unwrap_or(number.as_f64() as i64);
    Some(seconds.saturating_mul(SECOND))
}

/// Both as durations, when one of them is one and the other may be: numbers are seconds.
fn as_durations(key: &Value, value: &Value) -> Option<(i64, i64)> {
    let own = |value: &Value| text_duration(value).filter(|_| value.as_str() != Some("0"));
    match (own(key), own(value)) {
        (None, None) => None,
        (key_ns, value_ns) => Some((key_ns.or_else(|| seconds(key))?, value_ns.or_else(|| seconds(value))?)),
    }
}

fn equals(key: &Value, value: &Value) -> bool {
    match (key, value) {
        (Value::Bool(key), Value::Bool(value)) => key == value,
        (Value::Number(key), Value::Number(value)) => key == value,
        (Value::Number(key), Value::String(value)) => match key.as_i64() {
            Some(key) => value.parse() == Ok(key),
            None => value.parse().is_ok_and(|value: f64| value.total_cmp(&key.as_f64()).is_eq()),
        },
        (Value::String(key_text), _) => texts_equal(key, key_text, value),
        (Value::Object(key), Value::Object(value)) => key == value,
        (Value::Array(key), Value::Array(value)) => key == value,
        _ => false,
    }
}

fn texts_equal(key: &Value, text: &str, value: &Value) -> bool {
    if let Some((key, value)) = as_durations(key, value) {
        return key == value;
    }
    let Value::String(other) = value else { return false };
    match text.parse::<Quantity>() {
        Ok(quantity) => other.parse::<Quantity>().is_ok_and(|other| quantity == other),
        Err(_) => wildcard::matches(other, text),
    }
}

fn compared(key: &Value, value: &Value) -> Option<Ordering> {
    match key {
        Value::Number(number) => match value {
            Value::Number(other) => Some(number.cmp(other)),
            Value::String(other) => match as_durations(key, value) {
                Some((key, value)) => Some(key.cmp(&value)),
                None => number.as_f64().partial_cmp(&other.parse().ok()?),
            },
            _ => None,
        },
        Value::String(text) => {
            if let Some((key, value)) = as_durations(key, value) {
                return Some(key.cmp(&value));
            }
            if let (Ok(quantity), Some(Ok(other))) = (text.parse::<Quantity>(), value.as_str().map(str::parse)) {
                return Some(quantity.cmp(&other));
            }
            if let Ok(float) = text.parse::<f64>() {
                return match value {
                    Value::Number(other) => float.partial_cmp(&other.as_f64()),
                    Value::String(other) => float.partial_cmp(&other.parse().ok()?),
                    _ => None,
                };
            }
            Some(text.parse::<Version>().ok()?.compare(&value.as_str()?.parse().ok()?))
        }
        _ => None,
    }
}

fn durations(key: &Value, value: &Value) -> Option<Ordering> {
    let ns = |value: &Value| text_duration(value).or_else(|| seconds(value));
    Some(ns(key)?.cmp(&ns(value)?))
}
