//! Types: asking for them, and making one of another.

use probity_model::value::{Number, Value};

use super::args::{type_name, wrong_type};
use super::{Context, Failure, Outcome};

pub(super) fn name(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(type_name(&args[0]).into())
}

macro_rules! is {
    ($name:ident, $pattern:pat) => {
        pub(super) fn $name(_: &mut Context<'_>, args: &[Value]) -> Outcome {
            Ok(matches!(&args[0], $pattern).into())
        }
    };
}

is!(is_array, Value::Array(_));
is!(is_boolean, Value::Bool(_));
is!(is_null, Value::Null);
is!(is_number, Value::Number(_));
is!(is_object, Value::Object(_));
is!(is_set, Value::Set(_));
is!(is_string, Value::String(_));

macro_rules! cast {
    ($name:ident, $pattern:pat, $wanted:literal) => {
        pub(super) fn $name(_: &mut Context<'_>, args: &[Value]) -> Outcome {
            match &args[0] {
                value @ $pattern => Ok(value.clone()),
                other => Err(wrong_type(1, other, &[$wanted])),
            }
        }
    };
}

cast!(cast_boolean, Value::Bool(_), "boolean");
cast!(cast_null, Value::Null, "null");
cast!(cast_object, Value::Object(_), "object");
cast!(cast_string, Value::String(_), "string");

pub(super) fn cast_array(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(Value::array(super::args::elements(args, 0)?.iter().cloned()))
}

pub(super) fn cast_set(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(Value::Set(super::args::elements(args, 0)?.iter().cloned().collect()))
}

pub(super) fn to_number(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    match &args[0] {
        Value::Null => Ok(0.into()),
        Value::Bool(truth) => Ok(i64::from(*truth).into()),
        Value::Number(number) => Ok(Value::Number(number.clone())),
        Value::String(text) => {
            let plain = text.trim_start_matches(['+', '-']).to_lowercase();
            if matches!(plain.as_str(), "inf" | "infinity" | "nan") {
                return Err(wrong_type(1, &args[0], &["valid number string"]));
            }
            if parse(text).is_some_and(|number| number.as_f64().is_infinite()) {
                return Err(Failure::value(format!(
                    "strconv.ParseFloat: parsing {}: value out of range",
                    super::sprintf::text(&args[0])
                )));
            }
            parse(text).map(Value::Number).ok_or_else(|| {
                Failure::value(format!(
                    "strconv.ParseFloat: parsing {}: invalid syntax",
                    super::sprintf::text(&args[0])
                ))
            })
        }
        other => Err(wrong_type(1, other, &["null", "boolean", "number", "string"])),
    }
}

/// A number as Go reads one from a text.
fn parse(text: &str) -> Option<Number> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (&digits[..at], &digits[at..]),
        None => (digits, ""),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !plain(whole) || !plain(fraction) {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    let dot = if fraction.is_empty() { "" } else { "." };
    Number::as_written(&format!("{sign}{whole}{dot}{fraction}{exponent}")).ok()
}
