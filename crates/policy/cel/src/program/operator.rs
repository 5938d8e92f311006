//! Operators.

use std::cmp::Ordering;

use super::frame::{MAX_ELEMENTS, MAX_TEXT};
use crate::value::{Comparison, compare};
use crate::{Error, Value};

/// An order that two values may be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    pub(super) fn holds(self, left: &Value, right: &Value) -> Result<bool, Error> {
        let number = |value: &Value| matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_));
        let Some(order) = compare(left, right) else {
            // NaN has no order to any number.
            return if number(left) && number(right) { Ok(false) } else { Err(Error::NoSuchOverload) };
        };
        Ok(match self {
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
        })
    }
}

/// An operator on numbers; a sum is also of texts, bytes, lists and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl Arithmetic {
    pub(super) fn apply(self, left: &Value, right: &Value) -> Result<Value, Error> {
        match (left, right) {
            (Value::Int(left), Value::Int(right)) => self.ints(*left, *right).map(Value::Int),
            (Value::Uint(left), Value::Uint(right)) => self.uints(*left, *right).map(Value::Uint),
            (Value::Double(left), Value::Double(right)) => self.doubles(*left, *right).map(Value::Double),
            _ if self == Self::Add => add(left, right),
            _ if self == Self::Subtract => subtract(left, right),
            _ => Err(Error::NoSuchOverload),
        }
    }

    fn ints(self, left: i64, right: i64) -> Result<i64, Error> {
        self.check_divisor(right == 0)?;
        let result = match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide => left.checked_div(right),
            Self::Modulo => left.checked_rem(right),
        };
        result.ok_or(Error::new("integer overflow"))
    }

    fn uints(self, left: u64, right: u64) -> Result<u64, Error> {
        self.check_divisor(right == 0)?;
        let result = match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide => left.checked_div(right),
            Self::Modulo => left.checked_rem(right),
        };
        result.ok_or(Error::new("unsigned integer overflow"))
    }

    fn doubles(self, left: f64, right: f64) -> Result<f64, Error> {
        Ok(match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Modulo => return Err(Error::NoSuchOverload),
        })
    }

    fn check_divisor(self, zero: bool) -> Result<(), Error> {
        match self {
            Self::Divide if zero => Err(Error::new("division by zero")),
            Self::Modulo if zero => Err(Error::new("modulus by zero")),
            _ => Ok(()),
        }
    }

    pub(super) fn cost(self, left: &Value, right: &Value) -> u64 {
        match (self, left) {
            (Self::Add, Value::String(_) | Value::Bytes(_)) => traversal(left.size() + right.size()),
            _ => 1,
        }
    }
}

fn add(left: &Value, right: &Value) -> Result<Value, Error> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => {
            check_text(left.len() + right.len())?;
            let mut text = String::with_capacity(left.len() + right.len());
            text.push_str(left);
            text.push_str(right);
            Ok(Value::from(text))
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            check_text(left.len() + right.len())?;
            Ok(Value::from([left.as_ref(), right.as_ref()].concat()))
        }
        (Value::List(left), Value::List(right)) if left.is_empty() => Ok(Value::List(right.clone())),
        (Value::List(left), Value::List(right)) if right.is_empty() => Ok(Value::List(left.clone())),
        (Value::List(left), Value::List(right)) => {
            if left.len() + right.len() > MAX_ELEMENTS {
                return Err(Error::new("list is too long"));
            }
            Ok(Value::list(left.iter().chain(right.iter()).collect::<Vec<_>>()))
        }
        (Value::Timestamp(time), Value::Duration(span)) | (Value::Duration(span), Value::Timestamp(time)) => {
            time.later(*span).map(Value::Timestamp)
        }
        (Value::Duration(left), Value::Duration(right)) => left.plus(*right).map(Value::Duration),
        (Value::Null | Value::Bool(_) | Value::Map(_) | Value::Type(_) | Value::Optional(_) | Value::Opaque(_), _) => {
            Err(Error::new("no such overload: _+_"))
        }
        _ => Err(Error::NoSuchOverload),
    }
}

/// Whether a text of this many bytes may be made.
pub(crate) fn check_text(length: usize) -> Result<(), Error> {
    if length > MAX_TEXT { Err(Error::new("string is too long")) } else { Ok(()) }
}

fn subtract(left: &Value, right: &Value) -> Result<Value, Error> {
    match (left, right) {
        (Value::Timestamp(left), Value::Timestamp(right)) => left.since(*right).map(Value::Duration),
        (Value::Timestamp(time), Value::Duration(span)) => time.earlier(*span).map(Value::Timestamp),
        (Value::Duration(left), Value::Duration(right)) => left.minus(*right).map(Value::Duration),
        _ => Err(Error::NoSuchOverload),
    }
}

/// The sum of two values.
pub(crate) fn sum(left: &Value, right: &Value) -> Result<Value, Error> {
    Arithmetic::Add.apply(left, right)
}

pub(super) fn negate(operand: &Value) -> Result<Value, Error> {
    match operand {
        Value::Int(int) => int.checked_neg().map(Value::Int).ok_or(Error::new("integer overflow")),
        Value::Double(double) => Ok(Value::Double(-double)),
        _ => Err(Error::NoSuchOverload),
    }
}

/// `element in container`
pub(super) fn is_in(element: &Value, container: &Value) -> Result<bool, Error> {
    match container {
        Value::List(list) => Comparison::new().position(list.iter(), element).map(|found| found.is_some()),
        Value::Map(map) => Ok(map.get(element).is_some()),
        _ => Err(Error::NoSuchOverload),
    }
}

/// The cost of reading so many characters or bytes once.
pub(crate) fn traversal(size: u64) -> u64 {
    // Reckoned in doubles as cel-go does: 70 * 0.1 is a little more than 7.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "sizes are far below 2^53"
    )]
    let cost = (size as f64 * 0.1).ceil() as u64;
    cost
}

pub(super) fn equality_cost(left: &Value, right: &Value) -> u64 {
    match left {
        Value::Opaque(_) => 1,
        _ => traversal(left.size().min(right.size())),
    }
}

pub(super) fn order_cost(left: &Value, right: &Value) -> u64 {
    match left {
        Value::String(_) | Value::Bytes(_) => traversal(left.size().min(right.size())),
        _ => 1,
    }
}

pub(super) fn in_cost(container: &Value) -> u64 {
    match container {
        Value::List(list) => list.len() as u64,
        _ => 1,
    }
}
