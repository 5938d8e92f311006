//! The operators that ask whether something is among others. `None` is what cannot be asked: the operator does not hold
//! then, nor does its opposite.

use probity_kubernetes::wildcard;
use probity_model::{SmolStr, Value, json};

use crate::gofmt;
use crate::pattern::{Comparison, Leaf};

/// The key: one text, or several.
enum Keys {
    One(SmolStr),
    Many(Vec<SmolStr>),
}

fn keys(key: &Value) -> Option<Keys> {
    match key {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Some(Keys::One(gofmt::print(key))),
        Value::Array(array) => Some(Keys::Many(array.iter().map(gofmt::print).collect())),
        _ => None,
    }
}

/// The texts of a list that is written as JSON; another text stands for itself. `None` when it is JSON of another kind.
fn texts(text: &str) -> Option<Vec<SmolStr>> {
    let Ok(value) = json::read(text.as_bytes()) else { return Some(vec![text.into()]) };
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(array) => array.iter().map(|element| element.as_str().map(SmolStr::from)).collect(),
        _ => None,
    }
}

/// Either may have wildcards.
fn like(a: &str, b: &str) -> bool {
    wildcard::matches(a, b) || wildcard::matches(b, a)
}

fn is_range(text: &str) -> bool {
    Comparison::of(text) == Comparison::InRange
}

fn in_range(key: &str, range: &str) -> bool {
    Leaf::of_text(range).matches(&key.into())
}

/// Whether one text is among a value.
fn one_in(key: &str, value: &Value) -> Option<bool> {
    match value {
        Value::Array(array) => Some(array.iter().any(|element| like(&gofmt::print(element), key))),
        Value::String(text) if wildcard::matches(text, key) => Some(true),
        Value::String(text) if is_range(text) => Some(in_range(key, text)),
        Value::String(text) => Some(texts(text)?.iter().any(|element| element == key)),
        _ => None,
    }
}

pub(super) fn any_in(key: &Value, value: &Value) -> Option<bool> {
    match keys(key)? {
        Keys::One(key) => one_in(&key, value),
        Keys::Many(keys) => match value {
            Value::String(text) if keys.len() == 1 && keys[0] == *text => Some(true),
            Value::String(text) if is_range(text) => Some(keys.iter().any(|key| in_range(key, text))),
            _ => Some(any_like(&keys, &members(value, true)?)),
        },
    }
}

pub(super) fn all_in(key: &Value, value: &Value) -> Option<bool> {
    match keys(key)? {
        Keys::One(key) => one_in(&key, value),
        Keys::Many(keys) => match value {
            Value::String(text) if keys.len() == 1 && keys[0] == *text => Some(true),
            Value::String(text) if is_range(text) => Some(keys.iter().all(|key| in_range(key, text))),
            _ => {
                let members = members(value, false)?;
                Some(keys.iter().all(|key| members.iter().any(|member| like(key, member))))
            }
        },
    }
}

pub(super) fn any_not_in(key: &Value, value: &Value) -> Option<bool> {
    match keys(key)? {
        Keys::One(key) => one_in(&key, value).map(|is_in| !is_in),
        Keys::Many(keys) => match value {
            Value::String(text) if keys.len() == 1 && keys[0] == *text => Some(false),
            Value::String(text) if is_range(text) => {
                let outside = text.replacen('-', "!-", 1);
                Some(keys.iter().any(|key| in_range(key, &outside)))
            }
            _ => {
                let members = members(value, true)?;
                Some(keys.iter().any(|key| !members.iter().any(|member| like(key, member))))
            }
        },
    }
}

pub(super) fn all_not_in(key: &Value, value: &Value) -> Option<bool> {
    match keys(key)? {
        Keys::One(key) => one_in(&key, value).map(|is_in| !is_in),
        Keys::Many(keys) => match value {
            Value::String(text) if keys.len() == 1 && keys[0] == *text => Some(false),
            Value::String(text) if is_range(text) => Some(!keys.iter().any(|key| in_range(key, text))),
            _ => Some(!any_like(&keys, &members(value, false)?)),
        },
    }
}

fn any_like(keys: &[SmolStr], members: &[SmolStr]) -> bool {
    keys.iter().any(|key| members.iter().any(|member| like(key, member)))
}

fn members(value: &Value, takes_scalars: bool) -> Option<Vec<SmolStr>> {
    match value {
        Value::Array(array) => Some(array.iter().map(gofmt::print).collect()),
        Value::String(text) => texts(text),
        Value::Number(_) | Value::Bool(_) if takes_scalars => Some(vec![gofmt::print(value)]),
        _ => None,
    }
}

/// Whether one text is among a value, for the older operators: a text that is no JSON cannot be asked.
fn one_in_older(key: &str, value: &Value) -> Option<bool> {
    match value {
        Value::Array(array) => Some(array.iter().any(|element| like(&gofmt::print(element), key))),
        Value::String(text) if wildcard::matches(text, key) => Some(true),
        Value::String(text) => Some(json_texts(text)?.iter().any(|element| element == key)),
        _ => None,
    }
}

fn json_texts(text: &str) -> Option<Vec<SmolStr>> {
    json::read(text.as_bytes()).ok().and_then(|_| texts(text))
}

/// The members, for the older operators: texts only.
fn members_older(value: &Value) -> Option<Vec<SmolStr>> {
    match value {
        Value::Array(array) => array.iter().map(|element| element.as_str().map(SmolStr::from)).collect(),
        Value::String(text) => json_texts(text),
        _ => None,
    }
}

pub(super) fn is_in(key: &Value, value: &Value) -> Option<bool> {
    match keys(key)? {
        Keys::One(key) => one_in_older(&key, value),
        Keys::Many(keys) if matches!(value, Value::String(text) if keys.len() == 1 && keys[0] == *text) => Some(true),
        Keys::Many(keys) => {
            let members = members_older(value)?;
            Some(keys.iter().all(|key| members.contains(key)))
        }
    }
}

pub(super) fn is_not_in(key: &Value, value: &Value) -> Option<bool> {
    match keys(key)? {
        Keys::One(key) => one_in_older(&key, value).map(|is_in| !is_in),
        // Kyverno says so of a single key that is the value.
        Keys::Many(keys) if matches!(value, Value::String(text) if keys.len() == 1 && keys[0] == *text) => Some(true),
        Keys::Many(keys) => {
            let members = members_older(value)?;
            Some(keys.iter().any(|key| !members.contains(key)))
        }
    }
}
