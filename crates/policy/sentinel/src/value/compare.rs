//! Equality, order and membership (specification, "Comparison Operators" and "Set Operators").

use std::cmp::Ordering;

use super::{MapKey, Value};
use crate::eval::Budget;

/// Deepest nesting that is compared.
const MAX_DEPTH: usize = 256;

/// Whether two values are equal; neither is undefined. Those of different types are not, but for numbers.
///
/// # Errors
/// When they are nested too deeply, as what holds itself is, or the budget is spent.
pub(crate) fn equal(a: &Value, b: &Value, budget: &mut Budget) -> Result<bool, String> {
    equal_at(a, b, budget, 0)
}

fn equal_at(a: &Value, b: &Value, budget: &mut Budget, depth: usize) -> Result<bool, String> {
    budget.step()?;
    if depth > MAX_DEPTH {
        return Err("what is compared is nested too deeply".to_owned());
    }
    Ok(match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => ordering(a, b) == Some(Ordering::Equal),
        (Value::List(a), Value::List(b)) => {
            if a.ptr_eq(b) {
                return Ok(true);
            }
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.to_vec().iter().zip(&b.to_vec()) {
                if !equal_at(a, b, budget, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.ptr_eq(b) {
                return Ok(true);
            }
            if a.len() != b.len() {
                return Ok(false);
            }
            for (key, value) in a.to_vec() {
                let Some(other) = b.get(&key) else { return Ok(false) };
                if !equal_at(&value, &other, budget, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Object(a), Value::Object(b)) => equal_at(&a.data(), &b.data(), budget, depth + 1)?,
        _ => false,
    })
}

/// How two values are ordered: numbers by value, strings byte by byte; others have no order.
pub(crate) fn ordering(a: &Value, b: &Value) -> Option<Ordering> {
    #[expect(clippy::cast_precision_loss, reason = "an integer is compared as the converted float (specification)")]
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Whether a collection has a value: a list as element, a map as key, a string as part. `None` when that is undefined, as
/// one of the elements is.
///
/// # Errors
/// When it is no collection.
pub(crate) fn contains(collection: &Value, value: &Value, budget: &mut Budget) -> Result<Option<bool>, String> {
    match (collection, value) {
        (Value::List(list), _) => {
            let mut undefined = false;
            for index in 0..list.len() {
                match list.get(index) {
                    Some(Value::Undefined(_)) => undefined = true,
                    Some(element) if equal(&element, value, budget)? => return Ok(Some(true)),
                    _ => {}
                }
            }
            Ok(if undefined { None } else { Some(false) })
        }
        (Value::Map(map), _) => Ok(Some(MapKey::of(value).is_some_and(|key| map.contains_key(&key)))),
        (Value::String(text), Value::String(part)) => {
            budget.steps(text.len() / 64 + 1)?;
            Ok(Some(text.contains(part)))
        }
        (Value::String(_), other) => Err(format!("a string contains strings, not {}", other.type_name())),
        (other, _) => Err(format!("expected a list, a map or a string, got {}", other.type_name())),
    }
}
