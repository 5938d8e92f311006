//! Operators, and the simple types that they want.

use bigdecimal::{BigDecimal, Zero as _};
use probity_model::{Number, Value};

use super::{EvalError, Evaluated, error};
use crate::terraform::budget::MAX_DIGITS;
use crate::terraform::policy_document::has_unknown;
use crate::terraform::syntax::{Binary, Unary};

/// Decimal digits of a quotient: as many as a binary fraction of 512 bits, which is what Terraform has, can tell.
const QUOTIENT_DIGITS: u64 = 154;

/// A truth value; the inner error is the unknown it waits for.
pub(in crate::terraform) fn to_bool(value: &Value) -> Result<Result<bool, Value>, EvalError> {
    match value {
        Value::Bool(truth) => Ok(Ok(*truth)),
        Value::String(text) if text == "true" => Ok(Ok(true)),
        Value::String(text) if text == "false" => Ok(Ok(false)),
        Value::Unknown(_) => Ok(Err(value.clone())),
        other => error(format!("expected true or false, found a {}", other.kind())),
    }
}

pub(in crate::terraform) fn to_number(value: &Value) -> Result<Number, EvalError> {
    match value {
        Value::Number(number) => Ok(number.clone()),
        Value::String(text) => text.parse().map_err(|_| EvalError(format!("`{text}` is not a number"))),
        other => error(format!("expected a number, found a {}", other.kind())),
    }
}

pub(in crate::terraform) fn to_text(value: &Value) -> Result<String, EvalError> {
    match value {
        Value::String(text) => Ok(text.to_string()),
        Value::Number(number) => Ok(plain(number).to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        other => error(format!("expected a string, found a {}", other.kind())),
    }
}

/// The number in the form that Terraform writes: no exponent, and no zeros that mean nothing.
pub(in crate::terraform) fn plain(number: &Number) -> Number {
    if number.as_small_int().is_some() {
        return number.clone();
    }
    let text = number.to_big().normalized().to_plain_string();
    text.parse().unwrap_or_else(|_| number.clone())
}

pub(super) fn unary(operator: Unary, value: &Value) -> Evaluated {
    if let Value::Unknown(_) = value {
        return Ok(value.clone());
    }
    match operator {
        Unary::Not => match to_bool(value)? {
            Ok(truth) => Ok(Value::Bool(!truth)),
            Err(unknown) => Ok(unknown),
        },
        Unary::Negative => Ok(Value::Number(plain(&Number::from(-to_number(value)?.to_big())))),
    }
}

pub(super) fn binary(operator: Binary, left: &Value, right: &Value) -> Evaluated {
    if matches!(operator, Binary::And | Binary::Or) {
        return logic(operator == Binary::Or, left, right);
    }
    for side in [left, right] {
        if let Value::Unknown(_) = side {
            return Ok(side.clone());
        }
    }
    match operator {
        Binary::Equal => return Ok(equal(left, right).map_or_else(|unknown| unknown, Value::Bool)),
        Binary::NotEqual => return Ok(equal(left, right).map_or_else(|unknown| unknown, |same| Value::Bool(!same))),
        _ => {}
    }
    let (a, b) = (to_number(left)?, to_number(right)?);
    Ok(match operator {
        Binary::Less => Value::Bool(a < b),
        Binary::LessEqual => Value::Bool(a <= b),
        Binary::Greater => Value::Bool(a > b),
        Binary::GreaterEqual => Value::Bool(a >= b),
        _ => return arithmetic(operator, &a, &b),
    })
}

/// Whether two values are the same; the error is the unknown that it waits for.
///
/// Terraform holds a list never equal to a tuple, nor a map to an object, and which of them a value is, it does not tell
/// here: whether two are equal whose elements are, is not known.
fn equal(left: &Value, right: &Value) -> Result<bool, Value> {
    match (left, right) {
        (Value::Unknown(_), _) => Err(left.clone()),
        (_, Value::Unknown(_)) => Err(right.clone()),
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) if left == right => {
            Err(Value::Unknown("whether both sides of == are of the same type".into()))
        }
        _ if has_unknown(left) || has_unknown(right) => Err(Value::Unknown("a side of ==".into())),
        _ => Ok(left == right),
    }
}

/// `&&` and `||`: one decisive side is enough, whatever the other waits for.
fn logic(decisive: bool, left: &Value, right: &Value) -> Evaluated {
    match (to_bool(left)?, to_bool(right)?) {
        (Ok(truth), _) | (_, Ok(truth)) if truth == decisive => Ok(Value::Bool(decisive)),
        (Err(unknown), _) | (_, Err(unknown)) => Ok(unknown),
        _ => Ok(Value::Bool(!decisive)),
    }
}

fn arithmetic(operator: Binary, a: &Number, b: &Number) -> Evaluated {
    let (a, b) = (a.to_big(), b.to_big());
    // Digits that the result may have; an exponent is written out when numbers are brought to the same one.
    let size = |number: &BigDecimal| number.digits().saturating_add(number.fractional_digit_count().unsigned_abs());
    if size(&a).saturating_add(size(&b)) > MAX_DIGITS {
        return error("a number grows over its bound");
    }
    let zero = b.is_zero();
    let made = match operator {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide | Binary::Modulo if zero => return error("division by zero"),
        Binary::Divide => quotient(a, &b),
        Binary::Modulo => a % b,
        _ => return error("not an arithmetic operator"),
    };
    Ok(Value::Number(plain(&Number::from(made))))
}

/// The division's own precision is shorter: the numerator is given more digits first.
fn quotient(a: BigDecimal, b: &BigDecimal) -> BigDecimal {
    let wanted = i64::try_from(QUOTIENT_DIGITS + b.digits()).unwrap_or(i64::MAX);
    let (digits, scale) = a.into_bigint_and_exponent();
    let (divisor, divisor_scale) = b.as_bigint_and_exponent();
    let power = bigdecimal::num_bigint::BigInt::from(10).pow(u32::try_from(wanted).unwrap_or(u32::MAX));
    let made = BigDecimal::new(digits * power / divisor, scale + wanted - divisor_scale);
    made.with_prec(QUOTIENT_DIGITS).normalized()
}
