//! Functions on decimals that have no exact result, to 100 digits.

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, One, Signed, ToPrimitive, Zero};

/// Digits of a result.
pub(super) const DIGITS: u64 = 100;

/// Digits that are calculated with.
const WORKING: u64 = DIGITS + 20;

/// Greatest exponent, of e, that is calculated: its power has about 43,000 digits before the point.
const MAX_EXPONENT: i64 = 100_000;

#[expect(clippy::needless_pass_by_value, reason = "what is rounded is mostly made for it")]
fn round(number: BigDecimal) -> BigDecimal {
    number.with_prec(WORKING)
}

/// e to this power; nothing when that is out of range.
pub(super) fn exp(power: &BigDecimal) -> Option<BigDecimal> {
    if power.abs() > MAX_EXPONENT {
        return None;
    }
    // The series is short for what is small: halve, and square as often as was halved.
    let halvings = 24_u32;
    let small = round(power / BigDecimal::from(1_i64 << halvings));
    let mut term = BigDecimal::one();
    let mut sum = BigDecimal::one();
    for n in 1..200_i64 {
        term = round(term * &small / BigDecimal::from(n));
        if negligible(&term) {
            break;
        }
        sum += &term;
    }
    for _ in 0..halvings {
        sum = round(&sum * &sum);
    }
    Some(sum.with_prec(DIGITS))
}

fn negligible(term: &BigDecimal) -> bool {
    let (digits, scale) = term.as_bigint_and_exponent();
    let length = digits.magnitude().to_string().len();
    term.is_zero() || i64::try_from(length).unwrap_or(i64::MAX) - scale < -(WORKING.cast_signed() + 10)
}

/// The natural logarithm of a positive number.
pub(super) fn ln(number: &BigDecimal) -> BigDecimal {
    let (digits, scale) = number.as_bigint_and_exponent();
    // number = mantissa * 10^exponent, the mantissa from 1 to 10
    let length = i64::try_from(digits.magnitude().to_string().len()).unwrap_or(i64::MAX);
    let exponent = length - 1 - scale;
    let mantissa = BigDecimal::new(digits, length - 1);
    let tens = near(&BigDecimal::from(10)) * BigDecimal::from(exponent);
    (near(&mantissa) + tens).with_prec(DIGITS)
}

/// The natural logarithm of a number from 1 to 10.
fn near(number: &BigDecimal) -> BigDecimal {
    // ln x = 2^k ln x^(1/2^k), and the root is close to 1.
    let roots = 8_u32;
    let mut root = round(number.clone());
    for _ in 0..roots {
        root = sqrt(&root);
    }
    let ratio = round((&root - BigDecimal::one()) / (&root + BigDecimal::one()));
    let square = round(&ratio * &ratio);
    let mut power = ratio.clone();
    let mut sum = ratio;
    for n in (3..400_i64).step_by(2) {
        power = round(power * &square);
        if negligible(&power) {
            break;
        }
        sum += round(&power / BigDecimal::from(n));
    }
    round(sum * BigDecimal::from(2_i64 << roots))
}

/// The square root of a number that is not negative.
pub(super) fn sqrt(number: &BigDecimal) -> BigDecimal {
    let (digits, scale) = number.as_bigint_and_exponent();
    // An even scale, and digits enough that the root has those wanted.
    let more = 2 * i64::try_from(WORKING).unwrap_or(0) + (scale & 1);
    let widened = digits * BigInt::from(10).pow(u32::try_from(more).unwrap_or(0));
    round(BigDecimal::new(widened.sqrt(), i64::midpoint(scale, more)))
}

/// A number to a power; nothing when that is out of range or no real number.
pub(super) fn pow(base: &BigDecimal, power: &BigDecimal) -> Option<BigDecimal> {
    if let Some(whole) = power.to_i64().filter(|_| power.is_integer() && power.abs() < 100_000) {
        return integer_power(base, whole);
    }
    if !base.is_positive() {
        return None;
    }
    exp(&(ln(base) * power))
}

fn integer_power(base: &BigDecimal, power: i64) -> Option<BigDecimal> {
    if base.is_zero() && power < 0 {
        return None;
    }
    let mut result = BigDecimal::one();
    let mut square = base.clone();
    let mut left = power.unsigned_abs();
    while left > 0 {
        if left & 1 == 1 {
            result = round(result * &square);
        }
        square = round(&square * &square);
        left >>= 1;
    }
    if power < 0 {
        result = round(BigDecimal::one() / result);
    }
    Some(result.with_prec(DIGITS).normalized())
}
