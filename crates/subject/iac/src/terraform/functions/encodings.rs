//! Other forms of values: JSON, YAML, CSV, base64, URLs.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Value, json};

use super::{within_elements, within_string};
use crate::terraform::budget::MAX_STRING;
use crate::terraform::eval::{EvalError, Evaluated, error, plain, to_text};
use crate::terraform::policy_document::with_placeholders;

/// What stands for itself in a query (RFC 3986, "unreserved").
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// JSON is mostly written for policy documents: one ARN that is not known must not hide the rest.
pub(super) fn json_text(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    match (name, arguments) {
        ("jsonencode", [Value::Unknown(what)]) => Some(Ok(Value::Unknown(what.clone()))),
        ("jsonencode", [value]) => Some(Ok(json(&with_placeholders(value)).into())),
        _ => None,
    }
}

/// JSON as Go writes it: what could end a script or a line is escaped.
pub(super) fn json(value: &Value) -> String {
    let text = json::write(&plain_numbers(value));
    if !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out
}

/// The value with its numbers in the form that Terraform writes.
fn plain_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(plain(number)),
        Value::Array(list) => Value::array(list.iter().map(plain_numbers)),
        Value::Set(set) => Value::array(set.iter().map(plain_numbers)),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(key, value)| (key.clone(), plain_numbers(value))).collect())
        }
        other => other.clone(),
    }
}

/// The function of this name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("jsondecode", [text]) => {
            to_text(text).and_then(|text| json::read(text.as_bytes()).map_err(|problem| EvalError(problem.message)))
        }
        ("yamlencode", [value]) => yaml_text(value),
        ("yamldecode", [text]) => to_text(text).and_then(|text| yaml_value(&text)),
        ("csvdecode", [text]) => to_text(text).and_then(|text| csv_value(&text)),
        ("base64encode", [text]) => to_text(text).map(|text| STANDARD.encode(text).into()),
        ("base64decode", [text]) => to_text(text).and_then(|text| decoded(&text)),
        ("base64gunzip", [text]) => to_text(text).and_then(|text| unzipped(&bytes(&text)?)),
        ("textencodebase64", [text, encoding]) => encode_as(text, encoding),
        ("textdecodebase64", [text, encoding]) => decode_as(text, encoding),
        ("urlencode", [text]) => {
            // A query has `+` for a space.
            to_text(text).map(|text| utf8_percent_encode(&text, QUERY).to_string().replace("%20", "+").into())
        }
        ("urldecode", [text]) => to_text(text).and_then(|text| {
            if !is_percent_encoded(&text) {
                return error("urldecode: a `%` without two hexadecimal digits");
            }
            let decoded = percent_decode_str(&text.replace('+', " ")).decode_utf8().map(Cow::into_owned);
            decoded.map(Value::from).map_err(|_| EvalError("urldecode: not UTF-8".to_owned()))
        }),
        _ => return None,
    })
}

fn is_percent_encoded(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|behind| behind.len() >= 2 && behind.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

fn bytes(text: &str) -> Result<Vec<u8>, EvalError> {
    STANDARD.decode(text).map_err(|_| EvalError("not base64".to_owned()))
}

fn decoded(text: &str) -> Evaluated {
    String::from_utf8(bytes(text)?).map(Value::from).map_err(|_| EvalError("base64decode: not UTF-8".to_owned()))
}

/// A text that was compressed (RFC 1952).
fn unzipped(bytes: &[u8]) -> Evaluated {
    let mut text = String::new();
    let most = u64::try_from(MAX_STRING).unwrap_or(u64::MAX);
    let read = GzDecoder::new(bytes).take(most + 1).read_to_string(&mut text);
    read.map_err(|cause| EvalError(format!("base64gunzip: {cause}")))?;
    within_string(text.len())?;
    Ok(text.into())
}

/// The encodings that are in use, by the names of IANA.
enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    Latin1,
}

fn encoding(name: &Value) -> Result<Option<Encoding>, EvalError> {
    Ok(Some(match to_text(name)?.to_ascii_uppercase().as_str() {
        "UTF-8" | "US-ASCII" => Encoding::Utf8,
        "UTF-16LE" => Encoding::Utf16Le,
        "UTF-16BE" => Encoding::Utf16Be,
        "ISO-8859-1" => Encoding::Latin1,
        _ => return Ok(None),
    }))
}

fn unknown(name: &str) -> Value {
    Value::Unknown(format!("{name}() with this encoding").as_str().into())
}

fn encode_as(text: &Value, name: &Value) -> Evaluated {
    let text = to_text(text)?;
    let bytes: Vec<u8> = match encoding(name)? {
        None => return Ok(unknown("textencodebase64")),
        Some(Encoding::Utf8) => text.into_bytes(),
        Some(Encoding::Utf16Le) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Some(Encoding::Utf16Be) => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Some(Encoding::Latin1) => {
            let byte = |character: char| u8::try_from(u32::from(character)).ok();
            let bytes: Option<Vec<u8>> = text.chars().map(byte).collect();
            bytes.ok_or_else(|| EvalError("the text has characters that are not in ISO-8859-1".to_owned()))?
        }
    };
    Ok(STANDARD.encode(bytes).into())
}

fn decode_as(text: &Value, name: &Value) -> Evaluated {
    let bytes = bytes(&to_text(text)?)?;
    let pairs = |read: fn([u8; 2]) -> u16| -> Option<String> {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok().filter(|_| bytes.len().is_multiple_of(2))
    };
    let text = match encoding(name)? {
        None => return Ok(unknown("textdecodebase64")),
        Some(Encoding::Utf8) => String::from_utf8(bytes).ok(),
        Some(Encoding::Utf16Le) => pairs(u16::from_le_bytes),
        Some(Encoding::Utf16Be) => pairs(u16::from_be_bytes),
        Some(Encoding::Latin1) => Some(bytes.into_iter().map(char::from).collect()),
    };
    text.map(Value::from).ok_or_else(|| EvalError("the text is not in this encoding".to_owned()))
}

fn yaml_value(text: &str) -> Evaluated {
    let documents = yaml::read(text, SourceId(0), Dialect::Core).map_err(|(problem, _)| EvalError(problem.message))?;
    match documents.as_slice() {
        [] => error("yamldecode: there is no document"),
        [only] => Ok(only.value.clone()),
        _ => error("yamldecode: there are several documents"),
    }
}

/// Block style; texts and keys in double quotes.
fn yaml_text(value: &Value) -> Evaluated {
    let mut out = String::new();
    write_yaml(&plain_numbers(value), 0, &mut out)?;
    // A plain word by itself is ended, so that more cannot follow it.
    if matches!(value, Value::Null | Value::Bool(_) | Value::Number(_)) {
        out.push_str("...\n");
    }
    Ok(out.into())
}

fn write_yaml(value: &Value, indent: usize, out: &mut String) -> Result<(), EvalError> {
    within_string(out.len())?;
    let pad = |out: &mut String| out.extend(std::iter::repeat_n(' ', indent));
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (position, (key, value)) in object.iter().enumerate() {
                if position > 0 {
                    pad(out);
                }
                out.push_str(&json::write(&key.as_str().into()));
                out.push(':');
                match value {
                    Value::Object(inner) if !inner.is_empty() => {
                        out.push('\n');
                        out.extend(std::iter::repeat_n(' ', indent + 2));
                        write_yaml(value, indent + 2, out)?;
                    }
                    Value::Array(_) | Value::Set(_) if has_elements(value) => {
                        out.push('\n');
                        pad(out);
                        write_yaml(value, indent, out)?;
                    }
                    _ => {
                        out.push(' ');
                        write_yaml(value, indent, out)?;
                    }
                }
            }
        }
        Value::Array(_) | Value::Set(_) if has_elements(value) => {
            for (position, element) in super::list(value)?.iter().enumerate() {
                if position > 0 {
                    pad(out);
                }
                out.push_str("- ");
                write_yaml(element, indent + 2, out)?;
            }
        }
        Value::Array(_) | Value::Set(_) => out.push_str("[]\n"),
        Value::String(text) if text.contains('\n') => {
            out.push_str(if text.ends_with('\n') { "|\n" } else { "|-\n" });
            for line in text.lines() {
                out.extend(std::iter::repeat_n(' ', indent + 2));
                out.push_str(line);
                out.push('\n');
            }
        }
        other => {
            out.push_str(&json::write(other));
            out.push('\n');
        }
    }
    Ok(())
}

fn has_elements(value: &Value) -> bool {
    match value {
        Value::Array(array) => !array.is_empty(),
        Value::Set(set) => !set.is_empty(),
        _ => false,
    }
}

/// A list of objects, with the names of the first row as keys (RFC 4180).
fn csv_value(text: &str) -> Evaluated {
    let mut rows = csv_rows(text)?.into_iter();
    let names = rows.next().ok_or_else(|| EvalError("csvdecode: there is no row of names".to_owned()))?;
    if names.iter().collect::<HashSet<_>>().len() < names.len() {
        return error("csvdecode: two columns have the same name");
    }
    let mut objects = Vec::new();
    for row in rows {
        if row.len() != names.len() {
            return error("csvdecode: a row has not as many fields as the first");
        }
        objects.push(Value::object(names.iter().zip(row.into_iter().map(Value::from))));
        within_elements(objects.len().saturating_mul(names.len()))?;
    }
    Ok(Value::array(objects))
}

fn csv_rows(text: &str) -> Result<Vec<Vec<String>>, EvalError> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut field = String::new();
    let mut characters = text.chars().peekable();
    let mut quoted = false;
    let mut any = false;
    while let Some(character) = characters.next() {
        any = true;
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\r' if !quoted && characters.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
                any = false;
            }
            other => field.push(other),
        }
    }
    if quoted {
        return error("csvdecode: a quote is not closed");
    }
    if any {
        row.push(field);
        rows.push(row);
    }
    // Empty lines are no rows.
    rows.retain(|row| row.len() > 1 || row.first().is_some_and(|field| !field.is_empty()));
    Ok(rows)
}
