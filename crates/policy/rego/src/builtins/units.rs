//! Quantities with units: bytes, and Kubernetes' notation.

use bigdecimal::{BigDecimal, RoundingMode};
use probity_model::value::{Number, Value};

use super::args::string;
use super::{Context, Failure, Outcome};

/// Most digits of an exponent.
const MAX_EXPONENT_DIGITS: usize = 6;

struct Quantity<'t> {
    number: &'t str,
    unit: &'t str,
}

/// The number and the unit behind it; `None` when the exponent has too many digits.
fn take_apart(text: &str) -> Option<Quantity<'_>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let exponent = matches!(byte, b'e' | b'E');
        if !byte.is_ascii_digit() && !matches!(byte, b'.' | b'+' | b'-') && !exponent {
            break;
        }
        if exponent {
            let next = bytes.get(at + 1);
            if !next.is_some_and(|next| next.is_ascii_digit() || matches!(next, b'+' | b'-')) {
                break;
            }
            if matches!(next, Some(b'+' | b'-')) {
                at += 1;
            }
            let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits > MAX_EXPONENT_DIGITS {
                return None;
            }
        }
        at += 1;
    }
    // The texts are cut at ASCII characters only.
    Some(Quantity { number: &text[..at], unit: &text[at..] })
}

fn number(text: &str) -> Option<BigDecimal> {
    let plain = text.strip_prefix('+').unwrap_or(text);
    let plain = match plain.strip_prefix('.') {
        Some(fraction) => format!("0.{fraction}"),
        None => plain.replacen(".e", ".0e", 1).replacen(".E", ".0E", 1),
    };
    let plain = plain.strip_suffix('.').unwrap_or(&plain);
    if plain.is_empty() || !plain.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    plain.parse::<Number>().ok().map(|number| number.to_big())
}

fn power(base: u64, exponent: u32) -> BigDecimal {
    BigDecimal::from(base.pow(exponent))
}

pub(super) fn parse_bytes(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let fail = |message: &str| Failure::value(format!("units.parse_bytes: {message}"));
    let text = string(args, 0)?.to_lowercase().replace('"', "");
    if text.contains(' ') {
        return Err(fail("spaces not allowed in resource strings"));
    }
    let quantity = take_apart(&text).ok_or_else(|| fail("exponent too large"))?;
    if quantity.number.is_empty() {
        return Err(fail("no byte amount provided"));
    }
    let factor = match quantity.unit {
        "" => power(1, 1),
        "kb" | "k" => power(1000, 1),
        "kib" | "ki" => power(1024, 1),
        "mb" | "m" => power(1000, 2),
        "mib" | "mi" => power(1024, 2),
        "gb" | "g" => power(1000, 3),
        "gib" | "gi" => power(1024, 3),
        "tb" | "t" => power(1000, 4),
        "tib" | "ti" => power(1024, 4),
        "pb" | "p" => power(1000, 5),
        "pib" | "pi" => power(1024, 5),
        "eb" | "e" => power(1000, 6),
        "eib" | "ei" => power(1024, 6),
        other => return Err(fail(&format!("byte unit {other} not recognized"))),
    };
    let amount = number(quantity.number).ok_or_else(|| fail("could not parse byte amount to a number"))?;
    Ok(Value::Number((amount * factor).with_scale_round(0, RoundingMode::Down).into()))
}

pub(super) fn parse(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let fail = |message: &str| Failure::value(format!("units.parse: {message}"));
    let text = string(args, 0)?.replace('"', "");
    if text.contains(' ') {
        return Err(fail("spaces not allowed in resource strings"));
    }
    let quantity = take_apart(&text).ok_or_else(|| fail("exponent too large"))?;
    if quantity.number.is_empty() {
        return Err(fail("no amount provided"));
    }
    // The case of the first letter tells a thousandth from a million.
    let mut unit = quantity.unit.to_owned();
    if let Some((at, _)) = unit.char_indices().nth(1) {
        let lower = unit[at..].to_lowercase();
        unit.replace_range(at.., &lower);
    }
    let factor = match unit.as_str() {
        "m" => BigDecimal::new(1.into(), 3),
        "" => power(1, 1),
        "k" | "K" => power(1000, 1),
        "ki" | "Ki" => power(1024, 1),
        "M" => power(1000, 2),
        "mi" | "Mi" => power(1024, 2),
        "g" | "G" => power(1000, 3),
        "gi" | "Gi" => power(1024, 3),
        "t" | "T" => power(1000, 4),
        "ti" | "Ti" => power(1024, 4),
        "p" | "P" => power(1000, 5),
        "pi" | "Pi" => power(1024, 5),
        "e" | "E" => power(1000, 6),
        "ei" | "Ei" => power(1024, 6),
        other => return Err(fail(&format!("unit {other} not recognized"))),
    };
    let amount = number(quantity.number).ok_or_else(|| fail("could not parse amount to a number"))?;
    let total = (amount * factor).normalized();
    let total = if total.is_integer() { total.with_scale(0) } else { total.with_scale_round(10, RoundingMode::HalfUp) };
    Ok(Value::Number(total.normalized_number()))
}

trait NormalizedNumber {
    fn normalized_number(self) -> Number;
}

impl NormalizedNumber for BigDecimal {
    /// The number without needless zeros.
    fn normalized_number(self) -> Number {
        let normal = self.normalized();
        if normal.is_integer() { normal.with_scale(0).into() } else { normal.into() }
    }
}
