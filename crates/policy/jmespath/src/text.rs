//! Values as Go's programs write them.

use std::fmt::Write as _;

use probity_go::float;
use probity_model::value::Number;
use probity_model::{Value, json};

use crate::error::SearchError;

/// Longest text that a function makes, in bytes.
pub(crate) const MAX_TEXT: usize = 4 << 20;

/// JSON as Go's `encoding/json` writes it: keys in order, numbers in their shortest form, what could end a script in
/// HTML escaped.
///
/// # Errors
/// When it would be longer than four megabytes.
pub fn to_json(value: &Value) -> Result<String, SearchError> {
    let mut out = String::new();
    write_json(value, &mut out)?;
    Ok(json::escaped_for_html(&out).into_owned())
}

fn write_json(value: &Value, out: &mut String) -> Result<(), SearchError> {
    if out.len() > MAX_TEXT {
        return Err(SearchError::Bound("a text is too long"));
    }
    match value {
        Value::Number(number) => out.push_str(&number_text(number)),
        Value::Array(_) | Value::Set(_) => {
            out.push('[');
            for (position, element) in crate::interpreter::elements(value).unwrap_or_default().iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_json(element, out)?;
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (position, (key, value)) in object.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                out.push_str(&json::write(&key.as_str().into()));
                out.push(':');
                write_json(value, out)?;
            }
            out.push('}');
        }
        scalar => out.push_str(&json::write(scalar)),
    }
    Ok(())
}

/// A number as Go's `encoding/json` writes it.
pub(crate) fn number_text(number: &Number) -> String {
    match number.as_small_int() {
        Some(int) => int.to_string(),
        None => float::json(number.as_f64()),
    }
}

/// A value as Go's `fmt` prints it when asked for no form (`%v`), cut when it is long: for messages.
pub(crate) fn printed(value: &Value) -> String {
    const LONGEST: usize = 4096;
    let mut out = String::new();
    print(value, &mut out, LONGEST);
    out
}

fn print(value: &Value, out: &mut String, longest: usize) {
    if out.len() > longest {
        return;
    }
    match value {
        Value::Null => out.push_str("<nil>"),
        Value::Number(number) => out.push_str(&float::plain(number.as_f64())),
        Value::String(text) => out.push_str(text),
        Value::Array(_) | Value::Set(_) => {
            out.push('[');
            for (position, element) in crate::interpreter::elements(value).unwrap_or_default().iter().enumerate() {
                if position > 0 {
                    out.push(' ');
                }
                print(element, out, longest);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push_str("map[");
            for (position, (key, value)) in object.iter().enumerate() {
                if position > 0 {
                    out.push(' ');
                }
                let _ = write!(out, "{}:", key.as_str());
                print(value, out, longest);
            }
            out.push(']');
        }
        other => out.push_str(&json::write(other)),
    }
}

/// The number nearest to a double, whole when it is; null for what is no number.
pub(crate) fn number(double: f64) -> Value {
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    if double.fract() == 0.0 && double.abs() <= WHOLE {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        return Value::from(double as i64);
    }
    Number::from_f64(double).map_or(Value::Null, Value::Number)
}

/// A value whose numbers have the form in which Go's decoder holds them: `1.50` is `1.5`, `1.0` is `1`.
pub(crate) fn decoded(value: Value) -> Value {
    match value {
        Value::Number(ref exact) if exact.as_small_int().is_none() => {
            exact.as_i64().map_or_else(|| number(exact.as_f64()), Value::from)
        }
        Value::Array(array) => Value::array(array.iter().cloned().map(decoded)),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(key, value)| (key.clone(), decoded(value.clone()))).collect())
        }
        other => other,
    }
}
