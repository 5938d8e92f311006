//! Numbers of 64 binary digits, which OPA calculates with where numbers are not whole.

use bigdecimal::num_bigint::{BigInt, Sign};
use bigdecimal::num_traits::{Signed, Zero};
use bigdecimal::{BigDecimal, RoundingMode};
use probity_model::value::{Number, Value};

use super::args::whole_value;
use super::{Failure, Outcome};

const DIGITS: u64 = 64;

/// Largest power of two, either way, of a result.
const MAX_EXPONENT: u64 = 1 << 20;

/// `mantissa * 2^exponent`; the mantissa has 64 bits at most.
#[derive(Clone)]
pub(super) struct Float64 {
    mantissa: BigInt,
    exponent: i64,
}

/// Binary digits of a double.
pub(super) const DOUBLE: u64 = 53;

impl Float64 {
    /// The nearest to a number.
    pub(super) fn of(number: &Number) -> Self {
        let (digits, scale) = number.to_big().into_bigint_and_exponent();
        if scale > 0 {
            Self::nearest(&digits, &power_of_ten(scale))
        } else {
            Self::rounded(digits * power_of_ten(scale), 0)
        }
    }

    /// The nearest to a fraction; the divisor is positive.
    fn nearest(numerator: &BigInt, denominator: &BigInt) -> Self {
        if numerator.is_zero() {
            return Self { mantissa: BigInt::ZERO, exponent: 0 };
        }
        let bits = |int: &BigInt| i64::try_from(int.bits()).unwrap_or(i64::MAX);
        // Two bits more than are kept, and one that tells of any rest.
        let shift = 66 + bits(denominator) - bits(numerator);
        let (top, bottom) = if shift >= 0 {
            (numerator << shift.unsigned_abs(), denominator.clone())
        } else {
            (numerator.clone(), denominator << shift.unsigned_abs())
        };
        let quotient = &top / &bottom;
        let rest = i8::from(!(top - &quotient * bottom).is_zero());
        let sticky = if numerator.is_negative() { -rest } else { rest };
        Self::rounded((quotient << 1u32) + sticky, -shift - 1)
    }

    /// Rounds to 64 bits, halves to even.
    fn rounded(mantissa: BigInt, exponent: i64) -> Self {
        Self::rounded_to(DIGITS, mantissa, exponent)
    }

    /// Rounds to so many bits, halves to even.
    fn rounded_to(digits: u64, mantissa: BigInt, exponent: i64) -> Self {
        let excess = mantissa.bits().saturating_sub(digits);
        if excess == 0 {
            return Self { mantissa, exponent };
        }
        let negative = mantissa.is_negative();
        let magnitude = mantissa.abs();
        let kept = &magnitude >> excess;
        let rest = magnitude - (&kept << excess);
        let half = BigInt::from(1) << (excess - 1);
        let up = rest > half || rest == half && kept.bit(0);
        let kept = if up { kept + 1 } else { kept };
        let exponent = exponent + i64::try_from(excess).unwrap_or(0);
        Self { mantissa: if negative { -kept } else { kept }, exponent }
    }

    /// Both mantissas over the lower exponent.
    fn aligned(&self, other: &Self) -> (BigInt, BigInt, i64) {
        let exponent = self.exponent.min(other.exponent);
        let shifted = |float: &Self| &float.mantissa << (float.exponent - exponent).unsigned_abs();
        (shifted(self), shifted(other), exponent)
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let (left, right, exponent) = self.aligned(other);
        Self::rounded(left + right, exponent)
    }

    pub(super) fn subtract(&self, other: &Self) -> Self {
        let (left, right, exponent) = self.aligned(other);
        Self::rounded(left - right, exponent)
    }

    pub(super) fn multiply(&self, other: &Self) -> Self {
        Self::rounded(&self.mantissa * &other.mantissa, self.exponent + other.exponent)
    }

    /// The same with so many bits.
    pub(super) fn with_digits(self, digits: u64) -> Self {
        Self::rounded_to(digits, self.mantissa, self.exponent)
    }

    /// The quotient; `None` when the divisor is zero.
    pub(super) fn divide(&self, other: &Self) -> Option<Self> {
        let sign = match other.mantissa.sign() {
            Sign::NoSign => return None,
            Sign::Minus => -1,
            Sign::Plus => 1,
        };
        let quotient = Self::nearest(&(&self.mantissa * sign), &other.mantissa.abs());
        Some(Self { exponent: quotient.exponent + self.exponent - other.exponent, ..quotient })
    }

    pub(super) fn abs(&self) -> Self {
        Self { mantissa: self.mantissa.abs(), exponent: self.exponent }
    }

    /// The whole part.
    pub(super) fn truncated(&self) -> BigInt {
        let shift = self.exponent.unsigned_abs();
        if self.exponent >= 0 {
            &self.mantissa << shift
        } else {
            let magnitude = self.mantissa.abs() >> shift;
            if self.mantissa.is_negative() { -magnitude } else { magnitude }
        }
    }

    /// Halves go away from zero.
    pub(super) fn round(&self) -> BigInt {
        let half = Self { mantissa: 1.into(), exponent: -1 };
        if self.mantissa.is_negative() { self.subtract(&half).truncated() } else { self.add(&half).truncated() }
    }

    pub(super) fn floor(&self) -> BigInt {
        let whole = self.truncated();
        if self.mantissa.is_negative() && !self.is_whole() { whole - 1 } else { whole }
    }

    pub(super) fn ceil(&self) -> BigInt {
        let whole = self.truncated();
        if self.mantissa.is_positive() && !self.is_whole() { whole + 1 } else { whole }
    }

    fn is_whole(&self) -> bool {
        let zeros = self.mantissa.trailing_zeros().unwrap_or(u64::MAX);
        self.exponent >= 0 || zeros >= self.exponent.unsigned_abs()
    }

    /// The number with as few decimal digits as tell it apart from its neighbours.
    ///
    /// Fails when it is too large or too small.
    pub(super) fn value(self) -> Outcome {
        self.value_of(DIGITS)
    }

    /// As [`Self::value`], among numbers of so many bits.
    pub(super) fn value_of(self, digits: u64) -> Outcome {
        if self.exponent.unsigned_abs() > MAX_EXPONENT {
            return Err(Failure::value("the number would have too large an exponent"));
        }
        if self.is_whole() && self.mantissa.bits() + self.exponent.max(0).unsigned_abs() <= digits {
            return Ok(whole_value(self.truncated()));
        }
        let exact = self.decimal();
        let wanted = Self::rounded(self.mantissa, self.exponent).decimal();
        let short = (1..=21).find_map(|length| {
            let length = std::num::NonZeroU64::new(length)?;
            let short = exact.with_precision_round(length, RoundingMode::HalfEven);
            (Self::of(&short.clone().into()).with_digits(digits).decimal() == wanted).then_some(short)
        });
        let normal = short.unwrap_or(exact).normalized();
        Ok(Value::Number(if normal.is_integer() { normal.with_scale(0).into() } else { as_go_prints(normal) }))
    }

    fn decimal(&self) -> BigDecimal {
        let shift = self.exponent.unsigned_abs();
        if self.exponent >= 0 {
            return BigDecimal::new(&self.mantissa << shift, 0);
        }
        // m / 2^k is m * 5^k / 10^k
        let power = BigInt::from(5).pow(u32::try_from(shift).unwrap_or(u32::MAX));
        BigDecimal::new(&self.mantissa * power, i64::try_from(shift).unwrap_or(0))
    }
}

/// A number that prints as Go's shortest `%g` does: with an exponent below 0.0001 and from a million on.
fn as_go_prints(number: BigDecimal) -> Number {
    let (digits, scale) = number.as_bigint_and_exponent();
    let magnitude = digits.magnitude().to_string();
    let exponent = i64::try_from(magnitude.len()).unwrap_or(i64::MAX) - 1 - scale;
    if (-4..6).contains(&exponent) {
        return number.into();
    }
    let (first, rest) = magnitude.split_at(1);
    let sign = if digits.is_negative() { "-" } else { "" };
    let point = if rest.is_empty() { "" } else { "." };
    let direction = if exponent < 0 { '-' } else { '+' };
    let text = format!("{sign}{first}{point}{rest}e{direction}{:02}", exponent.unsigned_abs());
    Number::as_written(&text).unwrap_or_else(|_| number.into())
}

fn power_of_ten(exponent: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent.unsigned_abs()).unwrap_or(u32::MAX))
}
