//! Arithmetic, bits, aggregates, ranges.

use bigdecimal::num_bigint::{BigInt, Sign};
use bigdecimal::num_traits::{Signed, ToPrimitive, Zero};
use bigdecimal::{BigDecimal, RoundingMode};
use probity_model::value::{Number, Value};

use super::args::{bad, big_int, count, int, number, string, whole, whole_value, wrong_element, wrong_type};
use super::{Context, Failure, Outcome};

/// Largest list that a range gives.
const MAX_RANGE: u64 = 10_000_000;

/// Largest number of bits that a number is shifted by.
const MAX_SHIFT: u64 = 1 << 20;

type Exact = fn(i64, i64) -> Option<i64>;
type Wide = fn(BigDecimal, BigDecimal) -> BigDecimal;

fn arithmetic(args: &[Value], exact: Exact, wide: Wide) -> Outcome {
    let (left, right) = (number(args, 0)?, number(args, 1)?);
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64())
        && let Some(result) = exact(left, right)
    {
        return Ok(result.into());
    }
    Ok(Value::Number(tidy(&wide(left.to_big(), right.to_big()))))
}

/// A number without needless zeros behind the point.
fn tidy(big: &BigDecimal) -> Number {
    let normal = big.normalized();
    if normal.is_integer() { normal.with_scale(0).into() } else { normal.into() }
}

pub(super) fn plus(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    arithmetic(args, i64::checked_add, |a, b| a + b)
}

pub(super) fn minus(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    match (&args[0], &args[1]) {
        (Value::Number(_), Value::Number(_)) => arithmetic(args, i64::checked_sub, |a, b| a - b),
        (Value::Set(left), Value::Set(right)) => {
            Ok(Value::Set(left.iter().filter(|member| !right.contains(member)).cloned().collect()))
        }
        (Value::Number(_), other) => Err(wrong_type(2, other, &["number"])),
        (Value::Set(_), other) => Err(wrong_type(2, other, &["set"])),
        (other, _) => Err(wrong_type(1, other, &["number", "set"])),
    }
}

pub(super) fn mul(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    arithmetic(args, i64::checked_mul, |a, b| a * b)
}

pub(super) fn div(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (left, right) = (number(args, 0)?, number(args, 1)?);
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64())
        && right != 0
        && left.checked_rem(right) == Some(0)
    {
        return Ok((left / right).into());
    }
    let divisor = right.to_big();
    if divisor.is_zero() {
        return Err(Failure::value("divide by zero"));
    }
    Ok(Value::Number(quotient(&left.to_big(), &divisor)))
}

/// The quotient as OPA has it: rounded to 64 binary digits, written with as few decimal ones as tell it apart.
fn quotient(left: &BigDecimal, right: &BigDecimal) -> Number {
    let (mut numerator, left_scale) = left.as_bigint_and_exponent();
    let (mut denominator, right_scale) = right.as_bigint_and_exponent();
    let scale = left_scale - right_scale;
    let power = |exponent: i64| BigInt::from(10).pow(u32::try_from(exponent.unsigned_abs()).unwrap_or(u32::MAX));
    if scale > 0 {
        denominator *= power(scale);
    } else {
        numerator *= power(scale);
    }
    if numerator.is_zero() {
        return 0.into();
    }
    let negative = numerator.is_negative() != denominator.is_negative();
    let (numerator, denominator) = (numerator.abs(), denominator.abs());
    let rounded = round64(&numerator, &denominator);
    for digits in 1..=22 {
        let short = decimal_of(&rounded, digits);
        let (top, scale) = short.as_bigint_and_exponent();
        let (top, bottom) = if scale > 0 { (top, power(scale)) } else { (top * power(scale), BigInt::from(1)) };
        if round64(&top, &bottom) == rounded {
            return tidy(&if negative { -short } else { short });
        }
    }
    let exact = decimal_of(&rounded, 40);
    tidy(&if negative { -exact } else { exact })
}

/// `mantissa * 2^exponent` nearest to a positive fraction, the mantissa of 64 bits, halves to even.
fn round64(numerator: &BigInt, denominator: &BigInt) -> (BigInt, i64) {
    let bits = |int: &BigInt| i64::try_from(int.bits()).unwrap_or(i64::MAX);
    let mut exponent = bits(numerator) - bits(denominator) - 64;
    loop {
        let (top, bottom) = if exponent >= 0 {
            (numerator.clone(), denominator << u64::try_from(exponent).unwrap_or(0))
        } else {
            (numerator << exponent.unsigned_abs(), denominator.clone())
        };
        let quotient = &top / &bottom;
        if quotient.bits() > 64 {
            exponent += 1;
            continue;
        }
        if quotient.bits() < 64 {
            exponent -= 1;
            continue;
        }
        let rest: BigInt = (&top - &quotient * &bottom) * 2;
        let up = rest > bottom || rest == bottom && quotient.bit(0);
        let mantissa = if up { quotient + 1 } else { quotient };
        return if mantissa.bits() > 64 { (mantissa >> 1u32, exponent + 1) } else { (mantissa, exponent) };
    }
}

fn decimal_of((mantissa, exponent): &(BigInt, i64), digits: u64) -> BigDecimal {
    let shift = u32::try_from(exponent.unsigned_abs()).unwrap_or(u32::MAX);
    let exact = if *exponent >= 0 {
        BigDecimal::new(mantissa << shift, 0)
    } else {
        // m / 2^k is m * 5^k / 10^k
        BigDecimal::new(mantissa * BigInt::from(5).pow(shift), i64::from(shift))
    };
    exact.with_precision_round(digits.try_into().unwrap_or(std::num::NonZeroU64::MIN), RoundingMode::HalfEven)
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
    Ok(Value::Number(tidy(&number.to_big().abs())))
}

fn rounded(args: &[Value], mode: RoundingMode) -> Outcome {
    let number = number(args, 0)?;
    if let Some(int) = number.as_i64() {
        return Ok(int.into());
    }
    Ok(Value::Number(number.to_big().with_scale_round(0, mode).into()))
}

pub(super) fn round(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    rounded(args, RoundingMode::HalfUp)
}

pub(super) fn ceil(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    rounded(args, RoundingMode::Ceiling)
}

pub(super) fn floor(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    rounded(args, RoundingMode::Floor)
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
    Ok((value, by.to_u64().unwrap_or(u64::MAX)))
}

pub(super) fn bits_lsh(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (value, by) = shift(args)?;
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

fn fold(args: &[Value], start: i64, exact: Exact, wide: Wide) -> Outcome {
    let members = members(args)?;
    let mut sum = Some(start);
    for member in members {
        let Some(number) = member.as_number() else {
            return Err(wrong_element(1, &args[0], member, &["number"]));
        };
        sum = sum.zip(number.as_i64()).and_then(|(sum, int)| exact(sum, int));
    }
    if let Some(sum) = sum {
        return Ok(sum.into());
    }
    let mut total = BigDecimal::from(start);
    for number in members.iter().filter_map(Value::as_number) {
        total = wide(total, number.to_big());
    }
    Ok(Value::Number(tidy(&total)))
}

pub(super) fn sum(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    fold(args, 0, i64::checked_add, |a, b| a + b)
}

pub(super) fn product(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    fold(args, 1, i64::checked_mul, |a, b| a * b)
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
    let int = whole(input)
        .unwrap_or_else(|| input.to_big().with_scale_round(0, RoundingMode::Down).into_bigint_and_exponent().0);
    Ok(int.to_str_radix(radix).into())
}
