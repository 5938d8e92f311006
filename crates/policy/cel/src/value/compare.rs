//! Equality and order of values.

use std::cmp::Ordering;

use super::{List, Map, Value};
use crate::Error;

/// Most parts that are compared or written at once: values that share parts can be larger than memory when each is
/// looked at.
pub(crate) const MAX_PARTS: u64 = 2_000_000;

/// Whether two values are equal: numbers by value, whatever their types; lists and maps part by part; values of
/// different types never. NaN is not equal to itself.
pub fn equals(a: &Value, b: &Value) -> bool {
    let mut comparison = Comparison { left: u64::MAX };
    comparison.equals(a, b).unwrap_or(false)
}

/// Comparisons that together look at no more than so many parts.
pub(crate) struct Comparison {
    left: u64,
}

impl Comparison {
    pub(crate) fn new() -> Self {
        Self { left: MAX_PARTS }
    }

    /// Whether two values are equal.
    ///
    /// # Errors
    /// When they have too many parts.
    pub(crate) fn equals(&mut self, a: &Value, b: &Value) -> Result<bool, Error> {
        self.left = self.left.checked_sub(1).ok_or(Error::CostLimit)?;
        Ok(match (a, b) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::String(a), Value::String(b)) | (Value::Type(a), Value::Type(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::List(a), Value::List(b)) => self.equal_lists(a, b)?,
            (Value::Map(a), Value::Map(b)) => self.equal_maps(a, b)?,
            (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
            (Value::Duration(a), Value::Duration(b)) => a == b,
            (Value::Optional(Some(a)), Value::Optional(Some(b))) => self.equals(a, b)?,
            (Value::Optional(a), Value::Optional(b)) => a.is_none() && b.is_none(),
            (Value::Opaque(a), Value::Opaque(b)) => a.equals(b.as_ref()),
            (a, b) => compare_numbers(a, b) == Some(Ordering::Equal),
        })
    }

    fn equal_lists(&mut self, a: &List, b: &List) -> Result<bool, Error> {
        if matches!((a.as_tree(), b.as_tree()), (Some(a), Some(b)) if a.ptr_eq(b)) {
            return Ok(true);
        }
        if a.len() != b.len() {
            return Ok(false);
        }
        for (a, b) in a.iter().zip(b.iter()) {
            if !self.equals(&a, &b)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn equal_maps(&mut self, a: &Map, b: &Map) -> Result<bool, Error> {
        if matches!((a.as_tree(), b.as_tree()), (Some(a), Some(b)) if a.ptr_eq(b)) {
            return Ok(true);
        }
        if a.len() != b.len() {
            return Ok(false);
        }
        for (key, a) in a.iter() {
            match b.get(&key) {
                Some(b) if self.equals(&a, &b)? => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The position of the first element that equals a value.
    pub(crate) fn position(
        &mut self,
        mut elements: impl Iterator<Item = Value>,
        wanted: &Value,
    ) -> Result<Option<usize>, Error> {
        let mut index = 0;
        loop {
            match elements.next() {
                None => return Ok(None),
                Some(element) if self.equals(&element, wanted)? => return Ok(Some(index)),
                Some(_) => index += 1,
            }
        }
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
