//! Exact numbers.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use bigdecimal::num_bigint::Sign;
use bigdecimal::{BigDecimal, ToPrimitive};

/// Largest power of ten, either way, that a number may have. JSON has no bound; without one, `1e999999999` would take
/// a gigabyte when it is first compared.
const MAX_EXPONENT: i64 = 100_000;

/// An exact decimal number: integers and decimals of any length keep every digit, and the form they were written in
/// (`1.50` prints as `1.50`) as far as it has a meaning; the rest of the form only by [`Number::as_written`].
///
/// Equality and order are by value: `1`, `1.0` and `10e-1` are equal.
#[derive(Clone)]
pub struct Number(Repr);

#[derive(Clone)]
enum Repr {
    Int(i64),
    /// `mantissa * 10^exponent`, `exponent` never 0.
    Decimal {
        mantissa: i64,
        exponent: i32,
    },
    Big(Arc<BigDecimal>),
    /// A number whose value alone would print otherwise: one with an exponent, or minus nothing.
    Written(Arc<Written>),
}

struct Written {
    text: Box<str>,
    value: Number,
}

/// A text that is no decimal number, or one whose exponent is out of bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a decimal number with an exponent of at most {MAX_EXPONENT}")]
pub struct ParseNumberError(String);

impl Number {
    /// The number that this double prints as, the shortest that reads back as the same double; `None` for infinities
    /// and NaN.
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        format!("{value:?}").parse().ok()
    }

    /// Reads a number that prints as it is written, its exponent and its sign too: `1E3` stays `1E3`, `-0` stays `-0`.
    ///
    /// # Errors
    /// As reading without keeping the form.
    pub fn as_written(text: &str) -> Result<Self, ParseNumberError> {
        let value: Self = text.parse()?;
        if !text.contains(['e', 'E']) && !text.starts_with("-0") || value.to_string() == text {
            return Ok(value);
        }
        Ok(Self(Repr::Written(Arc::new(Written { text: text.into(), value }))))
    }

    /// Whether it prints with an exponent because it was written with one.
    pub fn is_written_with_exponent(&self) -> bool {
        matches!(&self.0, Repr::Written(written) if written.text.contains(['e', 'E']))
    }

    /// The number without the form it was written in.
    fn plain(&self) -> &Self {
        match &self.0 {
            Repr::Written(written) => &written.value,
            _ => self,
        }
    }

    /// The number as `i64`, when it is a whole number in range (`3.0` is).
    pub fn as_i64(&self) -> Option<i64> {
        match &self.plain().0 {
            Repr::Int(int) => Some(*int),
            _ if self.is_integer() => self.to_big().to_i64(),
            _ => None,
        }
    }

    /// The number, when it is kept as a machine word: the fast way for the usual ones.
    pub fn as_small_int(&self) -> Option<i64> {
        match &self.0 {
            Repr::Int(int) => Some(*int),
            _ => None,
        }
    }

    /// The nearest double.
    pub fn as_f64(&self) -> f64 {
        match &self.0 {
            Repr::Written(written) => written.value.as_f64(),
            #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
            Repr::Int(int) => *int as f64,
            Repr::Decimal { .. } => self.to_string().parse().unwrap_or(f64::NAN),
            Repr::Big(big) => big.to_f64().unwrap_or(f64::NAN),
        }
    }

    /// Whether the value is a whole number, whatever its form.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Repr::Int(_) => true,
            Repr::Written(written) => written.value.is_integer(),
            Repr::Decimal { .. } => self.normalized().1 >= 0,
            Repr::Big(big) => big.is_integer(),
        }
    }

    /// The same value as an arbitrary-precision decimal.
    pub fn to_big(&self) -> BigDecimal {
        match &self.0 {
            Repr::Int(int) => BigDecimal::from(*int),
            Repr::Decimal { mantissa, exponent } => BigDecimal::new((*mantissa).into(), -i64::from(*exponent)),
            Repr::Big(big) => (**big).clone(),
            Repr::Written(written) => written.value.to_big(),
        }
    }

    /// Mantissa without trailing zeros, and exponent, of the small forms.
    fn normalized(&self) -> (i64, i64) {
        let (mut mantissa, mut exponent) = match &self.0 {
            Repr::Int(int) => (*int, 0),
            Repr::Decimal { mantissa, exponent } => (*mantissa, i64::from(*exponent)),
            Repr::Big(_) | Repr::Written(_) => return (0, 0),
        };
        if mantissa == 0 {
            return (0, 0);
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        (mantissa, exponent)
    }

    /// Reads a JSON number that the JSON reader has checked; the fast way for short ones.
    pub(crate) fn from_json(text: &str) -> Result<Self, ParseNumberError> {
        // Up to 18 digits fit in i64 whatever they are.
        if text.len() <= 18 && !text.starts_with("-0") {
            let mut int: i64 = 0;
            let digits = text.strip_prefix('-').unwrap_or(text);
            if digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty() {
                for byte in digits.bytes() {
                    int = int * 10 + i64::from(byte - b'0');
                }
                return Ok(Self(Repr::Int(if digits.len() == text.len() { int } else { -int })));
            }
        }
        Self::as_written(text)
    }
}

impl From<i64> for Number {
    fn from(int: i64) -> Self {
        Self(Repr::Int(int))
    }
}

impl From<BigDecimal> for Number {
    fn from(big: BigDecimal) -> Self {
        let (digits, scale) = big.as_bigint_and_exponent();
        match (digits.to_i64(), i32::try_from(-scale)) {
            // Written out, a zero with zeros behind it would be no number of JSON.
            (Some(0), Ok(1..)) => Self(Repr::Int(0)),
            (Some(int), Ok(0)) => Self(Repr::Int(int)),
            (Some(mantissa), Ok(exponent)) => Self(Repr::Decimal { mantissa, exponent }),
            _ => Self(Repr::Big(Arc::new(big))),
        }
    }
}

impl FromStr for Number {
    type Err = ParseNumberError;

    /// Reads a decimal number in JSON's form.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseNumberError(text.chars().take(40).collect());
        if let Ok(int) = text.parse::<i64>() {
            return Ok(Self(Repr::Int(int)));
        }
        let (_, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i64 = exponent.parse().map_err(|_| error())?;
        if exponent.abs() > MAX_EXPONENT {
            return Err(error());
        }
        BigDecimal::from_str(text).map(Self::from).map_err(|_| error())
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Int(a), Repr::Int(b)) => a.cmp(b),
            _ => self.to_big().cmp(&other.to_big()),
        }
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Repr::Written(written) => written.value.hash(state),
            Repr::Big(big) => {
                let normal = big.normalized();
                let (digits, scale) = normal.as_bigint_and_exponent();
                match digits.to_i64() {
                    Some(mantissa) => (mantissa, -scale).hash(state),
                    None => (digits, -scale).hash(state),
                }
            }
            _ => self.normalized().hash(state),
        }
    }
}

impl fmt::Display for Number {
    /// Writes the number as JSON does: plain digits as far as they are short, else with an exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (digits, exponent) = match &self.0 {
            Repr::Int(int) => return fmt::Display::fmt(int, f),
            Repr::Written(written) => return f.write_str(&written.text),
            Repr::Decimal { mantissa, exponent } => (mantissa.unsigned_abs().to_string(), i64::from(*exponent)),
            Repr::Big(big) => {
                let (digits, scale) = big.as_bigint_and_exponent();
                (digits.magnitude().to_string(), -scale)
            }
        };
        let negative = match &self.0 {
            Repr::Decimal { mantissa, .. } => *mantissa < 0,
            Repr::Big(big) => big.sign() == Sign::Minus,
            Repr::Int(_) | Repr::Written(_) => false,
        };
        if negative {
            f.write_str("-")?;
        }
        write_decimal(f, &digits, exponent)
    }
}

fn write_decimal(f: &mut fmt::Formatter<'_>, digits: &str, exponent: i64) -> fmt::Result {
    const PLAIN_ZEROS: i64 = 21;
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let point = count + exponent;
    if (0..=PLAIN_ZEROS).contains(&exponent) {
        write!(f, "{digits}")?;
        return (0..exponent).try_for_each(|_| f.write_str("0"));
    }
    if exponent < 0 && point > 0 {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
        return write!(f, "{whole}.{fraction}");
    }
    if exponent < 0 && point > -PLAIN_ZEROS {
        f.write_str("0.")?;
        (point..0).try_for_each(|_| f.write_str("0"))?;
        return f.write_str(digits);
    }
    write!(f, "{digits}e{exponent}")
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn zero_has_one_form_whatever_its_exponent() {
        for (text, expected) in [("0e1", "0"), ("-0e5", "0"), ("0.0e9", "0"), ("0.00", "0.00")] {
            assert_eq!(number(text).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn keeps_what_was_written() {
        for text in [
            "0",
            "-7",
            "1.50",
            "0.000001",
            "9223372036854775807",
            "9223372036854775808",
            "123456789012345678901234567890.0123456789",
            "-0.1",
        ] {
            assert_eq!(number(text).to_string(), text);
        }
    }

    #[test]
    fn equal_by_value_and_by_hash() {
        let same: HashSet<Number> =
            ["100", "1e2", "1.00e2", "100.0", "1000e-1"].iter().map(|text| number(text)).collect();
        assert_eq!(same.len(), 1);
        assert!(number("0.1") < number("0.11"));
        assert!(number("-1e30") < number("1"));
        assert_ne!(number("9007199254740993"), number("9007199254740992"));
    }

    #[test]
    fn whole_numbers_in_any_form() {
        assert_eq!(number("3.0").as_i64(), Some(3));
        assert_eq!(number("3e2").as_i64(), Some(300));
        assert_eq!(number("3.5").as_i64(), None);
        assert_eq!(number("1e30").as_i64(), None);
    }

    #[test]
    fn a_form_of_its_own_is_kept_on_demand() {
        for text in ["1E3", "1e3", "1.5e+10", "-0", "-0.0", "1e-7", "10e-1"] {
            let written = Number::as_written(text).unwrap();
            assert_eq!(written.to_string(), text);
            assert_eq!(written, number(text));
            assert_eq!(written.as_i64(), number(text).as_i64(), "{text}");
            let same: HashSet<Number> = [written, number(text)].into();
            assert_eq!(same.len(), 1, "{text}");
        }
    }

    #[test]
    fn absurd_exponents_are_refused() {
        assert!("1e999999999".parse::<Number>().is_err());
        assert!("1e-999999999".parse::<Number>().is_err());
        assert!("abc".parse::<Number>().is_err());
    }

    proptest! {
        #[test]
        fn printing_and_reading_give_the_same(mantissa in any::<i64>(), exponent in -400_i32..400) {
            let before = number(&format!("{mantissa}e{exponent}"));
            let after = number(&before.to_string());
            prop_assert_eq!(before, after);
        }

        #[test]
        fn doubles_survive(double in any::<f64>()) {
            if let Some(number) = Number::from_f64(double) {
                prop_assert_eq!(number.as_f64().to_bits(), (double + 0.0).to_bits());
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = text.parse::<Number>();
        }
    }
}
