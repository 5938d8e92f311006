//! Texts that stand for numbers and truth values, by the rules of Go's `strconv`, where Conftest applies them.

use probity_model::{Number, Value};

/// Most characters of a number: as many as the reader of JSON takes.
const MAX_DIGITS: usize = 4300;

/// A number in the form of JSON, with all its digits.
pub(crate) fn number(written: &str) -> Option<Number> {
    if written.len() > MAX_DIGITS { None } else { written.parse().ok() }
}

/// A number if it can be read as one, a truth value if it can be read as one, else the text.
///
/// Infinities and NaN, which are no JSON, stay texts.
pub(crate) fn typed(text: &str) -> Value {
    if let Some(number) = float(text) {
        return Value::Number(number);
    }
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Value::Bool(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Value::Bool(false),
        other => Value::from(other),
    }
}

/// Reads what `strconv.ParseFloat` reads, without losing digits.
fn float(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = without_underscores(&digits.to_ascii_lowercase())?;
    if let Some(hexadecimal) = lower.strip_prefix("0x") {
        let value = hexadecimal_float(hexadecimal)?;
        return Number::from_f64(if negative { -value } else { value });
    }
    if !lower.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    // Rust reads decimals as Go does, except for words.
    if lower.parse::<f64>().ok()?.is_infinite() {
        return None;
    }
    let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let sign = if negative { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    number(&format!("{sign}0{whole}{point}{fraction}e{exponent}"))
}

/// The text without underscores, each of which must stand between two digits or behind the `0x`.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let fits = |at: usize| at > 0 && is_digit(at + 1) && (is_digit(at - 1) || (at == 2 && text.starts_with("0x")));
    let all_fit = text.match_indices('_').all(|(at, _)| fits(at));
    all_fit.then(|| text.replace('_', ""))
}

/// `1.8p-3`: sixteen-based digits, with the exponent of two that they must have.
fn hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 || !exponent.trim_start_matches(['+', '-']).starts_with(char::is_numeric) {
        return None;
    }
    let mut value = 0.0_f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value.mul_add(16.0, f64::from(digit.to_digit(16)?));
    }
    let places = i32::try_from(fraction.len()).ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let value = value * 2.0_f64.powi(exponent.checked_sub(places.checked_mul(4)?)?);
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_model::json;

    #[test]
    fn texts_become_what_they_stand_for() {
        for (text, expected) in [
            ("1", "1"),
            ("-007", "-7"),
            ("+.5", "0.5"),
            ("5.", "5"),
            ("1.50", "1.50"),
            ("1E3", "1000"),
            ("0x1p-2", "0.25"),
            ("0x10", r#""0x10""#),
            ("1_000", "1000"),
            ("1__0", r#""1__0""#),
            ("_1", r#""_1""#),
            ("1e999", r#""1e999""#),
            ("inf", r#""inf""#),
            ("NaN", r#""NaN""#),
            (".", r#"".""#),
            ("t", "true"),
            ("False", "false"),
            ("yes", r#""yes""#),
            ("", r#""""#),
            (&format!("0.{}", "1".repeat(5000)), &format!("\"0.{}\"", "1".repeat(5000))),
            ("12345678901234567890", "12345678901234567890"),
        ] {
            assert_eq!(json::write(&typed(text)), expected, "{text}");
        }
    }
}
