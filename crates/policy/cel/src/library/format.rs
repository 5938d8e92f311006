//! `format`: texts with values put in where `%s`, `%d`, ... stand.

use std::fmt::Write as _;

use crate::environment::Builder;
use crate::program::check_text;
use crate::{Error, Evaluation, Overload, Type, Value};

use super::args::{error, list, text};
use super::convert::go_double;
use super::strings::quoted;

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// As cel-go does now.
    Current,
    /// As up to version 3 of cel-go's library, with the locale `en_US`.
    Version2,
}

/// Most digits after the point.
const MAX_PRECISION: usize = 1000;

pub(super) fn format(builder: &mut Builder, style: Style) {
    let params = [Type::String, Type::list(Type::Dyn)];
    let run = move |_: &Evaluation<'_>, args: &[Value]| {
        let values: Vec<Value> = list(args, 1)?.iter().collect();
        written(text(args, 0)?, &values, style).map(Value::from)
    };
    builder.function("format", Overload::member("string_format", params, Type::String, run));
}

/// The clauses of a template, such as `s` and `d`, in their order.
///
/// # Errors
/// When one cannot be read.
pub(crate) fn clauses(template: &str) -> Result<Vec<char>, Error> {
    let mut clauses = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            rest = after;
            continue;
        }
        let (_, after) = precision(rest)?;
        let clause = after.chars().next().ok_or(Error::new("unexpected end of string"))?;
        if !"sdfebxXo".contains(clause) {
            return Err(unrecognized(clause));
        }
        rest = &after[clause.len_utf8()..];
        clauses.push(clause);
    }
    Ok(clauses)
}

fn unrecognized(clause: char) -> Error {
    error(format!("could not parse formatting clause: unrecognized formatting clause \"{clause}\""))
}

fn written(template: &str, values: &[Value], style: Style) -> Result<String, Error> {
    let mut out = String::new();
    let mut rest = template;
    let mut next = 0;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let value = values.get(next).ok_or_else(|| error(format!("index {next} out of range")))?;
        next += 1;
        if rest.is_empty() {
            return Err(Error::new("unexpected end of string"));
        }
        let (precision, after) = precision(rest)?;
        let clause = after.chars().next().ok_or(Error::new("unexpected end of string"))?;
        rest = &after[clause.len_utf8()..];
        out.push_str(&clause_text(clause, precision, value, style)?);
        check_text(out.len())?;
    }
    out.push_str(rest);
    Ok(out)
}

/// Digits after the point, when a clause says how many.
fn precision(text: &str) -> Result<(Option<usize>, &str), Error> {
    let Some(digits) = text.strip_prefix('.') else { return Ok((None, text)) };
    let end = digits.find(|c: char| !c.is_ascii_digit());
    let end = end.ok_or(Error::new(
        "could not parse formatting clause: error while parsing precision: could not find end of precision specifier",
    ))?;
    let parsed: Result<usize, _> = digits[..end].parse();
    match parsed {
        Ok(precision) if precision <= MAX_PRECISION => Ok((Some(precision), &digits[end..])),
        _ => {
            let shown = &digits[..end];
            Err(error(format!("could not parse formatting clause: error while parsing precision: invalid \"{shown}\"")))
        }
    }
}

fn clause_text(clause: char, precision: Option<usize>, value: &Value, style: Style) -> Result<String, Error> {
    let written = match clause {
        's' => string(value, style),
        'd' => decimal(value, style),
        'f' => fixed(value, precision.unwrap_or(6), style),
        'e' => scientific(value, precision.unwrap_or(6), style),
        'b' => binary(value),
        'x' => hexadecimal(value),
        'X' => hexadecimal(value).map(|text| text.to_uppercase()),
        'o' => octal(value),
        other => return Err(unrecognized(other)),
    };
    written.map_err(|message| error(format!("error during formatting: {message}")))
}

type Written = Result<String, String>;

fn refused(what: &str, value: &Value) -> Written {
    Err(format!("{what}, was given {}", value.type_name()))
}

fn string(value: &Value, style: Style) -> Written {
    let mut out = String::new();
    match value {
        Value::String(text) => return Ok(text.to_string()),
        Value::Double(double) if style == Style::Version2 => return Ok(go_double(*double)),
        Value::Bytes(bytes) => return Ok(String::from_utf8_lossy(bytes).into_owned()),
        Value::Duration(duration) => return Ok(duration.to_string()),
        Value::Timestamp(time) => return Ok(time.in_utc().to_string()),
        other => nested(&mut out, other, style)?,
    }
    Ok(out)
}

/// A value within a list or map.
fn nested(out: &mut String, value: &Value, style: Style) -> Result<(), String> {
    check_text(out.len()).map_err(|problem| problem.to_string())?;
    let legacy = style == Style::Version2;
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => {
            let _ = write!(out, "{truth}");
        }
        Value::Int(int) => {
            let _ = write!(out, "{int}");
        }
        Value::Uint(uint) => {
            let _ = write!(out, "{uint}");
        }
        Value::Double(double) if double.is_nan() => out.push_str(if legacy { "\"NaN\"" } else { "NaN" }),
        Value::Double(double) if double.is_infinite() => {
            let name = if *double > 0.0 { "Infinity" } else { "-Infinity" };
            out.push_str(&if legacy { format!("\"{name}\"") } else { name.to_owned() });
        }
        Value::Double(double) if legacy => {
            let _ = write!(out, "{double:.6}");
        }
        Value::Double(double) => {
            let _ = write!(out, "{double}");
        }
        Value::String(text) if legacy => out.push_str(&quoted(text)),
        Value::String(text) => out.push_str(text),
        Value::Bytes(bytes) if legacy => {
            out.push('b');
            out.push_str(&quoted(&String::from_utf8_lossy(bytes)));
        }
        Value::Bytes(bytes) => out.push_str(&String::from_utf8_lossy(bytes)),
        Value::Duration(duration) if legacy => {
            let _ = write!(out, "duration(\"{duration}\")");
        }
        Value::Duration(duration) => {
            let _ = write!(out, "{duration}");
        }
        Value::Timestamp(time) if legacy => {
            let _ = write!(out, "timestamp(\"{}\")", time.in_utc());
        }
        Value::Timestamp(time) => {
            let _ = write!(out, "{}", time.in_utc());
        }
        Value::Type(name) => out.push_str(name),
        Value::List(list) => {
            out.push('[');
            for (index, element) in list.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                nested(out, &element, style)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            let (mut entries, mut length) = (Vec::new(), 0);
            for (key, value) in map.iter() {
                let (mut name, mut shown) = (String::new(), String::new());
                nested(&mut name, &key, style)?;
                nested(&mut shown, &value, style)?;
                length += name.len() + shown.len();
                check_text(length).map_err(|problem| problem.to_string())?;
                entries.push((name, shown));
            }
            entries.sort();
            let colon = if legacy { ":" } else { ": " };
            let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}{colon}{value}")).collect();
            let _ = write!(out, "{{{}}}", entries.join(", "));
        }
        other => {
            let what = "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, \
                        durations, and timestamps";
            return refused(what, other).map(drop);
        }
    }
    Ok(())
}

fn decimal(value: &Value, style: Style) -> Written {
    match value {
        Value::Int(int) => Ok(int.to_string()),
        Value::Uint(uint) => Ok(uint.to_string()),
        other if style == Style::Version2 => refused("decimal clause can only be used on integers", other),
        Value::Double(double) => Ok(special(*double, style).unwrap_or_else(|| double.to_string())),
        other => refused("decimal clause can only be used on ints, uints, and doubles", other),
    }
}

/// Infinities and what is no number.
fn special(double: f64, style: Style) -> Option<String> {
    let infinity = if style == Style::Version2 { "∞" } else { "Infinity" };
    match double {
        double if double.is_nan() => Some("NaN".to_owned()),
        double if double.is_infinite() => Some(format!("{}{infinity}", if double < 0.0 { "-" } else { "" })),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "the nearest double is what is written")]
fn double(value: &Value, clause: &str, style: Style) -> Result<f64, String> {
    match value {
        Value::Double(double) => Ok(*double),
        Value::Int(int) if style == Style::Current => Ok(*int as f64),
        Value::Uint(uint) if style == Style::Current => Ok(*uint as f64),
        other => {
            let kinds = if style == Style::Current { "ints, uints, and doubles" } else { "doubles" };
            let what = format!("{clause} clause can only be used on {kinds}, was given {}", other.type_name());
            Err(what)
        }
    }
}

fn fixed(value: &Value, precision: usize, style: Style) -> Written {
    let double = double(value, "fixed-point", style)?;
    if let Some(special) = special(double, style) {
        return Ok(special);
    }
    let plain = format!("{double:.precision$}");
    Ok(if style == Style::Version2 { grouped(&plain) } else { plain })
}

/// Digits before the point in groups of three.
fn grouped(plain: &str) -> String {
    let (whole, fraction) = plain.find('.').map_or((plain, ""), |at| plain.split_at(at));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut out = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + fraction
}

fn scientific(value: &Value, precision: usize, style: Style) -> Written {
    let double = double(value, "scientific", style)?;
    if let Some(special) = special(double, style) {
        return Ok(special);
    }
    let plain = format!("{double:.precision$e}");
    let (mantissa, exponent) = plain.split_once('e').unwrap_or((&plain, "0"));
    let (negative, digits) = exponent.strip_prefix('-').map_or((false, exponent), |digits| (true, digits));
    if style == Style::Current {
        return Ok(format!("{mantissa}e{}{digits:0>2}", if negative { '-' } else { '+' }));
    }
    let raised = |digit: char| digit.to_digit(10).and_then(|digit| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit as usize));
    let exponent: String = format!("{digits:0>2}").chars().filter_map(raised).collect();
    Ok(format!("{mantissa}×10{}{exponent}", if negative { "⁻" } else { "" }))
}

fn binary(value: &Value) -> Written {
    match value {
        Value::Bool(truth) => Ok(u8::from(*truth).to_string()),
        Value::Int(int) => Ok(signed(*int, |magnitude| format!("{magnitude:b}"))),
        Value::Uint(uint) => Ok(format!("{uint:b}")),
        other => refused("only ints, uints, and bools can be formatted as binary", other),
    }
}

fn signed(int: i64, write: impl Fn(u64) -> String) -> String {
    format!("{}{}", if int < 0 { "-" } else { "" }, write(int.unsigned_abs()))
}

fn hexadecimal(value: &Value) -> Written {
    let bytes = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match value {
        Value::Int(int) => Ok(signed(*int, |magnitude| format!("{magnitude:x}"))),
        Value::Uint(uint) => Ok(format!("{uint:x}")),
        Value::String(text) => Ok(bytes(text.as_bytes())),
        Value::Bytes(content) => Ok(bytes(content)),
        other => refused("only ints, uints, bytes, and strings can be formatted as hex", other),
    }
}

fn octal(value: &Value) -> Written {
    match value {
        Value::Int(int) => Ok(signed(*int, |magnitude| format!("{magnitude:o}"))),
        Value::Uint(uint) => Ok(format!("{uint:o}")),
        other => refused("octal clause can only be used on ints and uints", other),
    }
}
