//! Texts read as quantities, with all that Kubernetes takes: signs, `.5`, `1.`, and digits left out altogether.

use super::{Amount, BigDecimal, BigInt, Format, MAX_EXPONENT, Quantity, QuantityError, RoundingMode, Signed, Zero};

/// Finest power of ten that is kept; what is finer is rounded away from nothing.
const NANO: i32 = -9;

struct Parts<'t> {
    negative: bool,
    /// Sign, digits and point.
    value: &'t str,
    /// Digits before the point, without zeros before them.
    whole: &'t str,
    fraction: &'t str,
    suffix: &'t str,
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn split(text: &str) -> Result<Parts<'_>, QuantityError> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, rest) = unsigned.split_at(digits(unsigned));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    let letters = rest.bytes().take_while(|byte| b"eEinumkKMGTP".contains(byte)).count();
    let tail = &rest[letters..];
    let tail = tail.strip_prefix(['-', '+']).unwrap_or(tail);
    if digits(tail) != tail.len() {
        return Err(QuantityError::Format);
    }
    Ok(Parts {
        negative: text.starts_with('-'),
        value: &text[..text.len() - rest.len()],
        whole: Some(whole.trim_start_matches('0')).filter(|whole| !whole.is_empty()).unwrap_or("0"),
        fraction,
        suffix: rest,
    })
}

/// Base and exponent of a suffix, and its family.
fn suffix(text: &str) -> Result<(u32, i32, Format), QuantityError> {
    let decimal = |exponent| Ok((10, exponent, Format::DecimalSi));
    let binary = |exponent| Ok((2, exponent, Format::BinarySi));
    match text {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent = text.strip_prefix(['e', 'E']).and_then(|exponent| exponent.parse().ok());
            let exponent = exponent.filter(|exponent: &i32| exponent.abs() <= MAX_EXPONENT);
            exponent.map(|exponent| (10, exponent, Format::DecimalExponent)).ok_or(QuantityError::Suffix)
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Quantity, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Format);
    }
    let parts = split(text)?;
    let (base, exponent, format) = suffix(parts.suffix)?;
    match short(text, &parts, exponent, format) {
        Some(quantity) => Ok(quantity),
        None => long(&parts, base, exponent, format),
    }
}

/// The usual quantities, of few digits.
fn short(text: &str, parts: &Parts<'_>, exponent: i32, format: Format) -> Option<Quantity> {
    let count = i32::try_from(parts.whole.len() + parts.fraction.len()).ok()?;
    let (precision, factor, exponent) = match format {
        Format::BinarySi if !parts.fraction.is_empty() => return None,
        Format::BinarySi => (15 - count - exponent * 3 / 10 - 1, 1_i64 << exponent, 0),
        _ => (18 - count, 1, exponent - i32::try_from(parts.fraction.len()).ok()?),
    };
    if precision < 0 || exponent < NANO {
        return None;
    }
    let shifted = format!("{}{}", parts.whole, parts.fraction);
    let number: i64 = shifted.parse().ok()?;
    let value = number.checked_mul(factor)? * if parts.negative { -1 } else { 1 };
    let canonical = match format {
        Format::BinarySi => number & 7 != 0,
        _ => exponent % 3 == 0 && !shifted.ends_with("000") && !shifted.starts_with('0'),
    };
    let text = canonical.then(|| text.into());
    Some(Quantity { amount: Amount::Small { value, exponent }, format, text })
}

fn long(parts: &Parts<'_>, base: u32, exponent: i32, format: Format) -> Result<Quantity, QuantityError> {
    let unsigned = parts.value.trim_start_matches(['-', '+']);
    let all: String = unsigned.chars().filter(char::is_ascii_digit).collect();
    let unscaled: BigInt = all.parse().map_err(|_| QuantityError::Number)?;
    let scale = i64::try_from(parts.fraction.len()).map_err(|_| QuantityError::Number)?;
    let mut value = match base {
        2 => BigDecimal::new(unscaled << exponent, scale),
        _ => BigDecimal::new(unscaled, scale - i64::from(exponent)),
    };
    if !value.is_zero() {
        value = value.with_scale_round(-i64::from(NANO), RoundingMode::Up);
    }
    if format == Format::BinarySi {
        value = value.min(BigDecimal::from(i64::MAX));
    }
    let below_one = value.is_positive() && value < 1;
    let format = if format == Format::BinarySi && below_one { Format::DecimalSi } else { format };
    let value = if parts.negative { -value } else { value };
    Ok(Quantity { amount: Amount::Big(value), format, text: None })
}
