//! `JMESPath`'s own functions (jmespath.org, "Built-in Functions"), as go-jmespath has them.

#![expect(clippy::unnecessary_wraps, reason = "functions that cannot fail have the form of those that can")]

use std::cmp::Ordering;

use probity_model::Value;
use probity_model::value::Object;

use super::{Arguments, bounded, elements, error, strings};
use crate::error::SearchError;
use crate::text::{number, to_json};

type Outcome = Result<Value, SearchError>;

fn length_of(count: usize) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

pub(super) fn abs(arguments: &Arguments<'_>) -> Outcome {
    Ok(number(arguments.number(0)?.abs()))
}

pub(super) fn ceil(arguments: &Arguments<'_>) -> Outcome {
    Ok(number(arguments.number(0)?.ceil()))
}

pub(super) fn floor(arguments: &Arguments<'_>) -> Outcome {
    Ok(number(arguments.number(0)?.floor()))
}

pub(super) fn avg(arguments: &Arguments<'_>) -> Outcome {
    let numbers = arguments.list(0)?;
    let sum: f64 = numbers.iter().filter_map(Value::as_number).map(probity_model::Number::as_f64).sum();
    #[expect(clippy::cast_precision_loss, reason = "a list has fewer elements than 2^53")]
    let count = numbers.len() as f64;
    Ok(number(sum / count))
}

pub(super) fn length(arguments: &Arguments<'_>) -> Outcome {
    let count = match arguments.value(0) {
        Value::String(text) => text.chars().count(),
        Value::Object(object) => object.len(),
        other => elements(other).unwrap_or_default().len(),
    };
    Ok(length_of(count))
}

pub(super) fn contains(arguments: &Arguments<'_>) -> Outcome {
    let wanted = arguments.value(1);
    if let Value::String(text) = arguments.value(0) {
        return Ok(wanted.as_str().is_some_and(|part| text.contains(part)).into());
    }
    for element in arguments.list(0)? {
        if arguments.interpreter.equal(element, wanted)? {
            return Ok(true.into());
        }
    }
    Ok(false.into())
}

pub(super) fn starts_with(arguments: &Arguments<'_>) -> Outcome {
    Ok(arguments.string(0)?.starts_with(arguments.string(1)?).into())
}

pub(super) fn ends_with(arguments: &Arguments<'_>) -> Outcome {
    Ok(arguments.string(0)?.ends_with(arguments.string(1)?).into())
}

pub(super) fn join(arguments: &Arguments<'_>) -> Outcome {
    let separator = arguments.string(0)?;
    let parts: Vec<&str> = arguments.list(1)?.iter().filter_map(Value::as_str).collect();
    let length: usize = parts.iter().map(|part| part.len() + separator.len()).sum();
    if length > crate::text::MAX_TEXT {
        return Err(SearchError::Bound("a text is too long"));
    }
    Ok(parts.join(separator).into())
}

pub(super) fn keys(arguments: &Arguments<'_>) -> Outcome {
    Ok(strings(object(arguments, 0)?.iter().map(|(key, _)| key.as_str())))
}

pub(super) fn values(arguments: &Arguments<'_>) -> Outcome {
    Ok(Value::array(object(arguments, 0)?.iter().map(|(_, value)| value.clone())))
}

fn object<'a>(arguments: &'a Arguments<'_>, index: usize) -> Result<&'a Object, SearchError> {
    arguments.value(index).as_object().ok_or_else(|| arguments.not_of_type(index, "Object"))
}

pub(super) fn merge(arguments: &Arguments<'_>) -> Outcome {
    let objects = arguments.values().filter_map(Value::as_object);
    let entries = objects.flat_map(|object| object.iter().map(|(key, value)| (key.clone(), value.clone())));
    Ok(Value::Object(entries.collect()))
}

pub(super) fn map(arguments: &Arguments<'_>) -> Outcome {
    let expression = arguments.expression(0)?;
    let mapped = arguments.list(1)?.iter().map(|element| arguments.interpreter.evaluate_or_null(expression, element));
    Ok(Value::Array(mapped.collect::<Result<_, _>>()?))
}

pub(super) fn max(arguments: &Arguments<'_>) -> Outcome {
    Ok(first_best(arguments.list(0)?.iter().map(|element| (element, element)), Ordering::Greater))
}

pub(super) fn min(arguments: &Arguments<'_>) -> Outcome {
    Ok(first_best(arguments.list(0)?.iter().map(|element| (element, element)), Ordering::Less))
}

/// The first of those whose key no other is before; null of none.
fn first_best<'v>(keyed: impl Iterator<Item = (&'v Value, &'v Value)>, wanted: Ordering) -> Value {
    let best = keyed.reduce(|best, next| if next.0.cmp(best.0) == wanted { next } else { best });
    best.map_or(Value::Null, |(_, value)| value.clone())
}

pub(super) fn max_by(arguments: &Arguments<'_>) -> Outcome {
    best_by(arguments, Ordering::Greater)
}

pub(super) fn min_by(arguments: &Arguments<'_>) -> Outcome {
    best_by(arguments, Ordering::Less)
}

fn best_by(arguments: &Arguments<'_>, wanted: Ordering) -> Outcome {
    let list = arguments.list(0)?;
    if list.len() < 2 {
        return Ok(list.first().cloned().unwrap_or_default());
    }
    let keys = keys_of(arguments, list)?;
    let kind = sortable(&keys[0])?;
    if keys.iter().any(|key| key.kind() != kind) {
        return Err(error(format!("invalid type, must be {kind}")));
    }
    Ok(first_best(keys.iter().zip(list), wanted))
}

fn keys_of(arguments: &Arguments<'_>, list: &[Value]) -> Result<Vec<Value>, SearchError> {
    let expression = arguments.expression(1)?;
    list.iter().map(|element| arguments.interpreter.evaluate_or_null(expression, element)).collect()
}

fn sortable(key: &Value) -> Result<&'static str, SearchError> {
    match key {
        Value::Number(_) | Value::String(_) => Ok(key.kind()),
        _ => Err(error("invalid type, must be number of string")),
    }
}

pub(super) fn sort(arguments: &Arguments<'_>) -> Outcome {
    let mut sorted = arguments.list(0)?.to_vec();
    sorted.sort();
    Ok(Value::array(sorted))
}

pub(super) fn sort_by(arguments: &Arguments<'_>) -> Outcome {
    let list = arguments.list(0)?;
    if list.len() < 2 {
        return Ok(arguments.value(0).clone());
    }
    let keys = keys_of(arguments, list)?;
    let kind = sortable(&keys[0])?;
    if keys.iter().any(|key| key.kind() != kind) {
        return Err(error("error in sort_by comparison"));
    }
    let mut keyed: Vec<_> = keys.into_iter().zip(list).collect();
    keyed.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(Value::array(keyed.into_iter().map(|(_, element)| element.clone())))
}

pub(super) fn not_null(arguments: &Arguments<'_>) -> Outcome {
    Ok(arguments.values().find(|value| !value.is_null()).cloned().unwrap_or_default())
}

pub(super) fn reverse(arguments: &Arguments<'_>) -> Outcome {
    match arguments.value(0) {
        Value::String(text) => Ok(text.chars().rev().collect::<String>().into()),
        _ => Ok(Value::array(arguments.list(0)?.iter().rev().cloned())),
    }
}

pub(super) fn to_array(arguments: &Arguments<'_>) -> Outcome {
    let value = arguments.value(0);
    if elements(value).is_some() { Ok(value.clone()) } else { Ok(Value::array([value.clone()])) }
}

pub(super) fn to_string(arguments: &Arguments<'_>) -> Outcome {
    match arguments.value(0) {
        text @ Value::String(_) => Ok(text.clone()),
        other => bounded(to_json(other)?),
    }
}

pub(super) fn to_number(arguments: &Arguments<'_>) -> Outcome {
    match arguments.value(0) {
        number @ Value::Number(_) => Ok(number.clone()),
        Value::String(text) => Ok(text.parse().map_or(Value::Null, number)),
        _ => Ok(Value::Null),
    }
}

pub(super) fn type_of(arguments: &Arguments<'_>) -> Outcome {
    let name = match arguments.value(0) {
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) | Value::Set(_) => "array",
        Value::Object(_) => "object",
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Unknown(_) => return Err(error("unknown type")),
    };
    Ok(name.into())
}
