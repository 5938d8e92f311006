//! Amounts of resources (k8s.io/apimachinery, `resource.Quantity`): `1500m`, `2Gi`, `1e3`.

mod parse;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, Signed, ToPrimitive, Zero};
use probity_model::SmolStr;

/// Largest power of ten, either way, of a quantity. Kubernetes has no bound; without one a short text such as
/// `1e999999999` would take a gigabyte when it is compared.
const MAX_EXPONENT: i32 = 2_000;

/// An exact amount, with the family of suffixes it is written in.
///
/// Equality and order are by value: `1`, `1000m` and `1e0` are equal. It prints in its canonical form: no fraction,
/// the largest suffix that keeps it whole (`1.5Gi` prints as `1536Mi`); a text that is whole already is kept as it was.
#[derive(Debug, Clone)]
pub struct Quantity {
    amount: Amount,
    format: Format,
    /// The text it was read from, when that is kept.
    text: Option<SmolStr>,
}

/// The family of suffixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `12e6`
    DecimalExponent,
    /// `12Mi`
    BinarySi,
    /// `12M`
    DecimalSi,
}

#[derive(Debug, Clone)]
enum Amount {
    /// `value * 10^exponent`
    Small {
        value: i64,
        exponent: i32,
    },
    Big(BigDecimal),
}

/// A text that is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Something is behind the suffix, or nothing is there.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The number is none.
    #[error("unable to parse numeric part of quantity")]
    Number,
    /// There is no such suffix.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

impl Quantity {
    /// A whole amount.
    pub fn from_i64(value: i64, format: Format) -> Self {
        Self { amount: Amount::Small { value, exponent: 0 }, format, text: None }
    }

    /// An exact amount.
    pub fn from_decimal(value: BigDecimal, format: Format) -> Self {
        Self { amount: Amount::Big(value), format, text: None }
    }

    /// The amount. Its scale is the one it was written with.
    pub fn to_decimal(&self) -> BigDecimal {
        match &self.amount {
            Amount::Small { value, exponent } => BigDecimal::new(BigInt::from(*value), -i64::from(*exponent)),
            Amount::Big(value) => value.clone(),
        }
    }

    /// The family of suffixes.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Less than, equal to or greater than nothing: -1, 0 or 1.
    pub fn sign(&self) -> i64 {
        match &self.amount {
            Amount::Small { value, .. } => value.signum(),
            Amount::Big(value) if value.is_zero() => 0,
            Amount::Big(value) => {
                if value.is_negative() {
                    -1
                } else {
                    1
                }
            }
        }
    }

    /// The amount when it was written without a fraction and fits: `1000m` is not among them (Go, `AsInt64`).
    pub fn as_i64(&self) -> Option<i64> {
        match &self.amount {
            Amount::Small { value, exponent } => value.checked_mul(10_i64.checked_pow(u32::try_from(*exponent).ok()?)?),
            Amount::Big(_) => None,
        }
    }

    /// The amount as a double, with the error that reckoning in doubles has (Go, `AsApproximateFloat64`).
    pub fn approximate_f64(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
        let (base, exponent) = match &self.amount {
            Amount::Small { value, exponent } => (*value as f64, *exponent),
            Amount::Big(value) => {
                let (digits, scale) = value.as_bigint_and_exponent();
                (digits.to_f64().unwrap_or(f64::NAN), i32::try_from(-scale).unwrap_or_default())
            }
        };
        if exponent == 0 { base } else { base * power_of_ten(exponent) }
    }

    /// The sum, written as this one is unless this one is nothing.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        let format = if self.sign() == 0 { other.format } else { self.format };
        Self { amount: self.amount.add(&other.amount), format, text: None }
    }

    /// The difference, written as this one is unless this one is nothing.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        self.add(&Self { amount: other.amount.negated(), ..other.clone() })
    }

    fn is_within(&self, bound: i64) -> bool {
        let bound = Self::from_i64(bound, self.format);
        *self < bound && *self > Self { amount: bound.amount.negated(), ..bound.clone() }
    }
}

/// Go's `math.Pow10`, which is the product of two powers from its tables.
fn power_of_ten(exponent: i32) -> f64 {
    let table = |exponent: i32| format!("1e{exponent}").parse::<f64>().unwrap_or(f64::NAN);
    let (high, low) = (exponent.abs() / 32 * 32, exponent.abs() % 32);
    match exponent {
        ..-323 => 0.0,
        -323..0 => table(-high) / table(low),
        0..=308 => table(high) * table(low),
        _ => f64::INFINITY,
    }
}

impl Amount {
    fn add(&self, other: &Self) -> Self {
        if let (Self::Small { value: a, exponent: x }, Self::Small { value: b, exponent: y }) = (self, other) {
            if *a == 0 {
                return other.clone();
            }
            if *b == 0 {
                return self.clone();
            }
            let exponent = *x.min(y);
            let sum = scaled(*a, x - exponent).zip(scaled(*b, y - exponent)).and_then(|(a, b)| a.checked_add(b));
            if let Some(value) = sum {
                return Self::Small { value, exponent };
            }
        }
        Self::Big(self.to_decimal() + other.to_decimal())
    }

    fn to_decimal(&self) -> BigDecimal {
        match self {
            Self::Small { value, exponent } => BigDecimal::new(BigInt::from(*value), -i64::from(*exponent)),
            Self::Big(value) => value.clone(),
        }
    }

    fn negated(&self) -> Self {
        match self {
            Self::Small { value, exponent } if *value != i64::MIN => Self::Small { value: -value, exponent: *exponent },
            other => Self::Big(-other.to_decimal()),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        if let (Self::Small { value: a, exponent: x }, Self::Small { value: b, exponent: y }) = (self, other) {
            let exponent = x.min(y);
            if let Some((a, b)) = scaled(*a, x - exponent).zip(scaled(*b, y - exponent)) {
                return a.cmp(&b);
            }
        }
        self.to_decimal().cmp(&other.to_decimal())
    }
}

/// `value * 10^exponent`, when it fits.
fn scaled(value: i64, exponent: i32) -> Option<i64> {
    value.checked_mul(10_i64.checked_pow(u32::try_from(exponent).ok()?)?)
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse::parse(text)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.amount.compare(&other.amount)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.text {
            return f.write_str(text);
        }
        if self.sign() == 0 {
            return f.write_str("0");
        }
        let value = self.to_decimal();
        // A fraction has no binary suffix, and little is shown without one.
        let binary = self.format == Format::BinarySi && !self.is_within(1024) && value.is_integer();
        match self.format {
            Format::BinarySi if binary => write_binary(f, &value),
            Format::BinarySi | Format::DecimalSi => write_decimal(f, &value, Format::DecimalSi),
            Format::DecimalExponent => write_decimal(f, &value, Format::DecimalExponent),
        }
    }
}

fn write_binary(f: &mut fmt::Formatter<'_>, value: &BigDecimal) -> fmt::Result {
    const SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let (mut digits, _) = value.with_scale(0).into_bigint_and_exponent();
    let mut times = 0;
    while times < SUFFIXES.len() - 1 && (&digits % 1024_i32).is_zero() {
        digits /= 1024_i32;
        times += 1;
    }
    write!(f, "{digits}{}", SUFFIXES[times])
}

fn write_decimal(f: &mut fmt::Formatter<'_>, value: &BigDecimal, format: Format) -> fmt::Result {
    let (mut digits, scale) = value.normalized().into_bigint_and_exponent();
    let mut exponent = -scale;
    while exponent % 3 != 0 {
        digits *= 10_i32;
        exponent -= 1;
    }
    let suffix = match exponent {
        -9 => Some("n"),
        -6 => Some("u"),
        -3 => Some("m"),
        0 => Some(""),
        3 => Some("k"),
        6 => Some("M"),
        9 => Some("G"),
        12 => Some("T"),
        15 => Some("P"),
        18 => Some("E"),
        _ => None,
    };
    match suffix {
        Some(suffix) if format == Format::DecimalSi || exponent == 0 => write!(f, "{digits}{suffix}"),
        // Go writes no suffix where there is none so large, which would be another amount.
        _ => write!(f, "{digits}e{exponent}"),
    }
}

#[cfg(test)]
mod tests;
