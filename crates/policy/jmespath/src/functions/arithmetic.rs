//! Kyverno's arithmetic (`pkg/engine/jmespath/arithmetic.go`): typed on numbers, quantities and durations.

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, Zero};
use probity_go::float;
use probity_kubernetes::duration;
use probity_kubernetes::quantity::Quantity;
use probity_model::Value;

use super::{Arguments, error};
use crate::error::SearchError;
use crate::text::number;

type Outcome = Result<Value, SearchError>;

enum Operand {
    Number(f64),
    Quantity(Quantity),
    /// Nanoseconds.
    Duration(i64),
}

fn operand(arguments: &Arguments<'_>, value: &Value) -> Result<Operand, SearchError> {
    let invalid = || arguments.failed("invalid operand");
    match value {
        Value::Number(number) => Ok(Operand::Number(number.as_f64())),
        Value::String(text) => match text.parse() {
            Ok(quantity) => Ok(Operand::Quantity(quantity)),
            Err(_) => duration::parse(text).map(Operand::Duration).map_err(|_| invalid()),
        },
        _ => Err(invalid()),
    }
}

fn operands(arguments: &Arguments<'_>) -> Result<(Operand, Operand), SearchError> {
    Ok((operand(arguments, arguments.value(0))?, operand(arguments, arguments.value(1))?))
}

fn mismatch(arguments: &Arguments<'_>) -> SearchError {
    arguments.failed("Types mismatch")
}

fn zero(arguments: &Arguments<'_>) -> SearchError {
    arguments.failed("Zero divisor passed")
}

fn shown(quantity: &Quantity) -> Value {
    quantity.to_string().into()
}

fn lasting(nanoseconds: i64) -> Value {
    duration::format(nanoseconds).into()
}

/// A duration in seconds (Go, `Duration.Seconds`).
#[expect(clippy::cast_precision_loss, reason = "Go's seconds are the nearest double too")]
fn seconds(nanoseconds: i64) -> f64 {
    (nanoseconds / 1_000_000_000) as f64 + (nanoseconds % 1_000_000_000) as f64 / 1e9
}

#[expect(clippy::cast_possible_truncation, reason = "Go cuts off what is less than a nanosecond")]
fn from_seconds(seconds: f64) -> i64 {
    (seconds * 1e9) as i64
}

fn sum_of(arguments: &Arguments<'_>, left: Operand, right: Operand) -> Outcome {
    match (left, right) {
        (Operand::Number(left), Operand::Number(right)) => Ok(number(left + right)),
        (Operand::Quantity(left), Operand::Quantity(right)) => Ok(shown(&left.add(&right))),
        (Operand::Duration(left), Operand::Duration(right)) => Ok(lasting(left.wrapping_add(right))),
        _ => Err(mismatch(arguments)),
    }
}

pub(super) fn add(arguments: &Arguments<'_>) -> Outcome {
    let (left, right) = operands(arguments)?;
    sum_of(arguments, left, right)
}

pub(super) fn sum(arguments: &Arguments<'_>) -> Outcome {
    let Some((first, rest)) = arguments.list(0)?.split_first() else {
        return Err(arguments.failed("at least one element in the array is required"));
    };
    rest.iter().try_fold(first.clone(), |sum, next| {
        arguments.interpreter.step()?;
        sum_of(arguments, operand(arguments, &sum)?, operand(arguments, next)?)
    })
}

pub(super) fn subtract(arguments: &Arguments<'_>) -> Outcome {
    match operands(arguments)? {
        (Operand::Number(left), Operand::Number(right)) => Ok(number(left - right)),
        (Operand::Quantity(left), Operand::Quantity(right)) => Ok(shown(&left.subtract(&right))),
        (Operand::Duration(left), Operand::Duration(right)) => Ok(lasting(left.wrapping_sub(right))),
        _ => Err(mismatch(arguments)),
    }
}

/// A number as the quantity that it is printed as.
fn as_quantity(scalar: f64) -> Result<BigDecimal, SearchError> {
    let quantity: Result<Quantity, _> = float::plain(scalar).parse();
    quantity.map(|quantity| quantity.to_decimal()).map_err(|problem| error(problem.to_string()))
}

pub(super) fn multiply(arguments: &Arguments<'_>) -> Outcome {
    match operands(arguments)? {
        (Operand::Number(left), Operand::Number(right)) => Ok(number(left * right)),
        (Operand::Quantity(quantity), Operand::Number(scalar))
        | (Operand::Number(scalar), Operand::Quantity(quantity)) => {
            let product = quantity.to_decimal() * as_quantity(scalar)?;
            Ok(shown(&Quantity::from_decimal(product, quantity.format())))
        }
        (Operand::Duration(nanoseconds), Operand::Number(scalar))
        | (Operand::Number(scalar), Operand::Duration(nanoseconds)) => {
            Ok(lasting(from_seconds(seconds(nanoseconds) * scalar)))
        }
        _ => Err(mismatch(arguments)),
    }
}

pub(super) fn divide(arguments: &Arguments<'_>) -> Outcome {
    match operands(arguments)? {
        (_, Operand::Number(0.0)) | (Operand::Duration(_), Operand::Duration(0)) => Err(zero(arguments)),
        (Operand::Number(left), Operand::Number(right)) => Ok(number(left / right)),
        (Operand::Quantity(left), Operand::Quantity(right)) => {
            let divisor = right.approximate_f64();
            if divisor == 0.0 { Err(zero(arguments)) } else { Ok(number(left.approximate_f64() / divisor)) }
        }
        (Operand::Quantity(quantity), Operand::Number(scalar)) => {
            let quotient = quotient(&quantity.to_decimal(), &as_quantity(scalar)?).ok_or_else(|| zero(arguments))?;
            Ok(shown(&Quantity::from_decimal(quotient, quantity.format())))
        }
        (Operand::Duration(left), Operand::Duration(right)) => Ok(number(seconds(left) / seconds(right))),
        (Operand::Duration(nanoseconds), Operand::Number(scalar)) => {
            Ok(lasting(from_seconds(seconds(nanoseconds) / scalar)))
        }
        _ => Err(mismatch(arguments)),
    }
}

/// The quotient with as many decimal places as the operand has that has more, cut towards nothing.
fn quotient(dividend: &BigDecimal, divisor: &BigDecimal) -> Option<BigDecimal> {
    if divisor.is_zero() {
        return None;
    }
    let (mut above, above_scale) = dividend.as_bigint_and_exponent();
    let (mut below, below_scale) = divisor.as_bigint_and_exponent();
    let scale = above_scale.max(below_scale);
    let shift = scale - above_scale + below_scale;
    let power = BigInt::from(10).pow(u32::try_from(shift.unsigned_abs()).ok()?);
    if shift >= 0 {
        above *= power;
    } else {
        below *= power;
    }
    Some(BigDecimal::new(above / below, scale))
}

pub(super) fn modulo(arguments: &Arguments<'_>) -> Outcome {
    match operands(arguments)? {
        (Operand::Number(left), Operand::Number(right)) => Ok(remainder(arguments, left, right)?.into()),
        (Operand::Quantity(left), Operand::Quantity(right)) => {
            let rest = remainder(arguments, left.approximate_f64(), right.approximate_f64())?;
            Ok(shown(&Quantity::from_i64(rest, left.format())))
        }
        (Operand::Duration(_), Operand::Duration(0)) => Err(zero(arguments)),
        (Operand::Duration(left), Operand::Duration(right)) => Ok(lasting(left.wrapping_rem(right))),
        _ => Err(mismatch(arguments)),
    }
}

fn remainder(arguments: &Arguments<'_>, left: f64, right: f64) -> Result<i64, SearchError> {
    let whole = |double: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "only what is whole passes")]
        let int = double as i64;
        #[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "that it is the same is what is asked")]
        let same = int as f64 == double;
        same.then_some(int).ok_or_else(|| arguments.failed("Non-integer argument(s) passed for modulo"))
    };
    let (left, right) = (whole(left)?, whole(right)?);
    if right == 0 { Err(zero(arguments)) } else { Ok(left.wrapping_rem(right)) }
}

pub(super) fn round(arguments: &Arguments<'_>) -> Outcome {
    let (value, places) = (arguments.number(0)?, arguments.number(1)?);
    if places.fract() != 0.0 {
        return Err(arguments.failed("Non-integer argument(s) passed for round off"));
    }
    if places < 0.0 {
        // The form is Kyverno's, which gives it nothing to fill in.
        return Err(arguments.failed("%!d(MISSING) argument is out of bounds (%!d(MISSING))"));
    }
    let shift = 10_f64.powf(places);
    Ok(number((value * shift).round() / shift))
}
