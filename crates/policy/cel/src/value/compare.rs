//! Equality and order of values.

use std::cmp::Ordering;

use super::{List, Map, Value};

/// Whether two values are equal: numbers by value, whatever their types; lists and maps part by part; values of
/// different types never. NaN is not equal to itself.
pub fn equals(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::String(a), Value::String(b)) | (Value::Type(a), Value::Type(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::List(a), Value::List(b)) => equal_lists(a, b),
        (Value::Map(a), Value::Map(b)) => equal_maps(a, b),
        (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Optional(a), Value::Optional(b)) => match (a, b) {
            (Some(a), Some(b)) => equals(a, b),
            (a, b) => a.is_none() && b.is_none(),
        },
        (Value::Opaque(a), Value::Opaque(b)) => a.equals(b.as_ref()),
        (a, b) => compare_numbers(a, b) == Some(Ordering::Equal),
    }
}

fn equal_lists(a: &List, b: &List) -> bool {
    match (a.as_tree(), b.as_tree()) {
        (Some(a), Some(b)) if a.ptr_eq(b) => true,
        _ => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equals(&a, &b)),
    }
}

fn equal_maps(a: &Map, b: &Map) -> bool {
    match (a.as_tree(), b.as_tree()) {
        (Some(a), Some(b)) if a.ptr_eq(b) => true,
        _ => a.len() == b.len() && a.iter().all(|(key, a)| b.get(&key).is_some_and(|b| equals(&a, &b))),
    }
}

/// The order of two values; `None` when they have none, as values of different types or NaN.
pub fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        (a, b) => compare_numbers(a, b),
    }
}

fn compare_numbers(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Double(a), b) => compare_double(*a, integer(b)?),
        (a, Value::Double(b)) => compare_double(*b, integer(a)?).map(Ordering::reverse),
        (a, b) => Some(integer(a)?.cmp(&integer(b)?)),
    }
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(int) => Some((*int).into()),
        Value::Uint(uint) => Some((*uint).into()),
        _ => None,
    }
}

/// Compares as cel-go does: a whole number is rounded to the nearest double.
fn compare_double(double: f64, int: i128) -> Option<Ordering> {
    #[expect(clippy::cast_precision_loss, reason = "it is what cel-go does")]
    let int = int as f64;
    double.partial_cmp(&int)
}
