//! Arithmetic, bits, aggregates, ranges.

use bigdecimal::num_bigint::{BigInt, Sign};
use bigdecimal::num_traits::{Signed, ToPrimitive, Zero};
use probity_model::value::Value;

use super::args::{bad, big_int, count, int, number, string, whole, whole_value, wrong_element, wrong_type};
use super::float64::{DOUBLE, Float64};
use super::{Context, Failure, Outcome};

/// Largest list that a range gives.
const MAX_RANGE: u64 = 10_000_000;

/// Largest number that is calculated, in bits.
const MAX_BITS: u64 = 1 << 20;

/// Largest number of bits that a number is shifted by.
const MAX_SHIFT: u64 = 1 << 20;

type Exact = fn(i64, i64) -> Option<i64>;
type Wide = fn(&BigInt, &BigInt) -> BigInt;
type Float = fn(&Float64, &Float64) -> Float64;

/// An operation on numbers: exact on whole ones, with 64 binary digits on others, as in OPA.
#[derive(Clone, Copy)]
struct Operation {
    exact: Exact,
    wide: Wide,
    float: Float,
}

const ADD: Operation = Operation { exact: i64::checked_add, wide: |a, b| a + b, float: |a, b| a.add(b) };
const SUBTRACT: Operation = Operation { exact: i64::checked_sub, wide: |a, b| a - b, float: |a, b| a.subtract(b) };
const MULTIPLY: Operation = Operation { exact: i64::checked_mul, wide: |a, b| a * b, float: |a, b| a.multiply(b) };

fn bounded(int: BigInt) -> Outcome {
    if int.bits() > MAX_BITS {
        return Err(Failure::value(format!("the number would have more than {MAX_BITS} bits")));
    }
    Ok(whole_value(int))
}

fn arithmetic(args: &[Value], operation: Operation) -> Outcome {
    let (left, right) = (number(args, 0)?, number(args, 1)?);
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64())
        && let Some(result) = (operation.exact)(left, right)
    {
        return Ok(result.into());
    }
    if let (Some(left), Some(right)) = (whole(left), whole(right)) {
        return bounded((operation.wide)(&left, &right));
    }
    (operation.float)(&Float64::of(left), &Float64::of(right)).value()
}

pub(super) fn plus(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    arithmetic(args, ADD)
}

pub(super) fn minus(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    match (&args[0], &args[1]) {
        (Value::Number(_), Value::Number(_)) => arithmetic(args, SUBTRACT),
        (Value::Set(left), Value::Set(right)) => {
            Ok(Value::Set(left.iter().filter(|member| !right.contains(member)).cloned().collect()))
        }
        (Value::Number(_), other) => Err(wrong_type(2, other, &["number"])),
        (Value::Set(_), other) => Err(wrong_type(2, other, &["set"])),
        (other, _) => Err(wrong_type(1, other, &["number", "set"])),
    }
}

pub(super) fn mul(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    arithmetic(args, MULTIPLY)
}

pub(super) fn div(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (left, right) = (number(args, 0)?, number(args, 1)?);
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64())
        && right != 0
        && left.checked_rem(right) == Some(0)
    {
        return Ok((left / right).into());
    }
    let (left, right) = (Float64::of(left), Float64::of(right));
    left.divide(&right).ok_or_else(|| Failure::value("divide by zero"))?.value()
}

pub(super) fn rem(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (left, right) = (number(args, 0)?, number(args, 1)?);
    match (whole(left), whole(right)) {
        (Some(_), Some(right)) if right.is_zero() => Err(Failure::value("modulo by zero")),
        (Some(left), Some(right)) => Ok(whole_value(left % right)),
        _ => Err(Failure::value("modulo on floating-point number")),
    }
}

pub(super) fn abs(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let number = number(args, 0)?;
    if let Some(int) = number.as_i64().and_then(i64::checked_abs) {
        return Ok(int.into());
    }
    Float64::of(number).abs().value()
}

fn rounded(args: &[Value], round: fn(&Float64) -> BigInt) -> Outcome {
    let number = number(args, 0)?;
    if let Some(int) = number.as_i64() {
        return Ok(int.into());
    }
    Ok(whole_value(round(&Float64::of(number))))
}

pub(super) fn round(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    rounded(args, Float64::round)
}

pub(super) fn ceil(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    rounded(args, Float64::ceil)
}

pub(super) fn floor(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    rounded(args, Float64::floor)
}

fn bits(args: &[Value], op: fn(BigInt, BigInt) -> BigInt) -> Outcome {
    Ok(whole_value(op(big_int(args, 0)?, big_int(args, 1)?)))
}

pub(super) fn bits_and(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    bits(args, |a, b| a & b)
}

pub(super) fn bits_or(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    bits(args, |a, b| a | b)
}

pub(super) fn bits_xor(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    bits(args, |a, b| a ^ b)
}

pub(super) fn bits_negate(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(whole_value(!big_int(args, 0)?))
}

fn shift(args: &[Value]) -> Result<(BigInt, u64), Failure> {
    let (value, by) = (big_int(args, 0)?, big_int(args, 1)?);
    if by.sign() == Sign::Minus {
        return Err(bad(2, "must be an unsigned integer number but got a negative integer"));
    }
    // As OPA has it, the last 64 bits tell.
    Ok((value, by.iter_u64_digits().next().unwrap_or(0)))
}

pub(super) fn bits_lsh(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (value, by) = shift(args)?;
    if value.is_zero() {
        return Ok(whole_value(value));
    }
    if by > MAX_SHIFT {
        return Err(bad(2, format!("must be at most {MAX_SHIFT}")));
    }
    Ok(whole_value(value << by))
}

pub(super) fn bits_rsh(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (value, by) = shift(args)?;
    Ok(whole_value(value >> by.min(1 << 32)))
}

pub(super) fn count_of(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(match &args[0] {
        Value::Array(array) => count(array.len()),
        Value::Object(object) => count(object.len()),
        Value::Set(set) => count(set.len()),
        Value::String(text) => count(text.chars().count()),
        other => return Err(wrong_type(1, other, &["array", "object", "set", "string"])),
    })
}

fn members(args: &[Value]) -> Result<&[Value], Failure> {
    match &args[0] {
        Value::Array(array) => Ok(array.as_slice()),
        Value::Set(set) => Ok(set.as_slice()),
        other => Err(wrong_type(1, other, &["set", "array"])),
    }
}

fn fold(args: &[Value], start: i64, operation: Operation, digits: u64) -> Outcome {
    let members = members(args)?;
    let mut small = Some(start);
    for member in members {
        let Some(number) = member.as_number() else {
            return Err(wrong_element(1, &args[0], member, &["number"]));
        };
        small = small.zip(number.as_i64()).and_then(|(total, int)| (operation.exact)(total, int));
    }
    if let Some(total) = small {
        return Ok(total.into());
    }
    let numbers = || members.iter().filter_map(Value::as_number);
    if let Some(ints) = numbers().map(whole).collect::<Option<Vec<_>>>() {
        let mut total = BigInt::from(start);
        for int in ints {
            total = (operation.wide)(&total, &int);
            if total.bits() > MAX_BITS {
                break;
            }
        }
        return bounded(total);
    }
    let total = numbers().fold(Float64::of(&start.into()), |total, number| {
        (operation.float)(&total, &Float64::of(number)).with_digits(digits)
    });
    total.value_of(digits)
}

pub(super) fn sum(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    fold(args, 0, ADD, 64)
}

pub(super) fn product(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    // OPA begins with a double, and keeps to its digits.
    fold(args, 1, MULTIPLY, DOUBLE)
}

pub(super) fn max(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    members(args)?.iter().max().cloned().ok_or(Failure::Undefined)
}

pub(super) fn min(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    members(args)?.iter().min().cloned().ok_or(Failure::Undefined)
}

pub(super) fn sort(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut members = members(args)?.to_vec();
    members.sort();
    Ok(Value::array(members))
}

pub(super) fn all(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let members = super::args::elements(args, 0)?;
    Ok(members.iter().all(|member| *member == Value::Bool(true)).into())
}

pub(super) fn any(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let members = super::args::elements(args, 0)?;
    Ok(members.contains(&Value::Bool(true)).into())
}

fn range(args: &[Value], step: &BigInt) -> Outcome {
    let (from, to) = (big_int(args, 0)?, big_int(args, 1)?);
    let length = (&to - &from).abs() / step;
    if length > BigInt::from(MAX_RANGE) {
        return Err(Failure::value(format!("a range may have {MAX_RANGE} numbers at most")));
    }
    let step = if from <= to { step.clone() } else { -step };
    let mut numbers = Vec::with_capacity(length.to_usize().unwrap_or_default() + 1);
    let mut next = from;
    for _ in 0..=length.to_u64().unwrap_or_default() {
        numbers.push(whole_value(next.clone()));
        next += &step;
    }
    Ok(Value::array(numbers))
}

pub(super) fn numbers_range(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    range(args, &BigInt::from(1))
}

pub(super) fn numbers_range_step(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let step = big_int(args, 2)?;
    if step.sign() != Sign::Plus {
        return Err(Failure::value("numbers.range_step: step must be a positive integer"));
    }
    range(args, &step)
}

pub(super) fn rand_intn(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (seed, below) = (string(args, 0)?, int(args, 1)?);
    if below == 0 {
        return Ok(0.into());
    }
    let key = Value::array([seed.into(), below.unsigned_abs().cast_signed().into()]);
    context.once("rand.intn", &key, |host| {
        let mut bytes = [0; 8];
        host.random(&mut bytes).map_err(Failure::Value)?;
        let number = u64::from_le_bytes(bytes) % below.unsigned_abs();
        Ok(number.cast_signed().into())
    })
}

pub(super) fn format_int(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (input, base) = (number(args, 0)?, number(args, 1)?);
    let radix = match base.as_i64() {
        Some(radix @ (2 | 8 | 10 | 16)) => u32::try_from(radix).unwrap_or(10),
        _ => return Err(super::args::not_one_of(2, &["2", "8", "10", "16"])),
    };
    // A number with an exponent is a float before it is a whole number.
    let int = match whole(input) {
        Some(int) if !input.to_string().contains(['e', 'E']) => int,
        _ => Float64::of(input).truncated(),
    };
    Ok(int.to_str_radix(radix).into())
}
