//! Base64, hexadecimal digits, query strings, YAML.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use probity_go::{float as gofloat, time};
use probity_model::value::{Number, Value};
use probity_model::{SourceId, yaml};
use regex::Regex;

use super::args::{all_expandable, object, string, wrong_type};
use super::json::plain;
use super::{Context, Failure, Outcome};

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// Bytes as a text; what is no UTF-8 becomes replacement characters, since values are texts.
pub(super) fn as_text(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned().into(),
    }
}

fn decoded(engine: &GeneralPurpose, text: &str) -> Result<Vec<u8>, Failure> {
    // Line breaks do not count.
    let text: String = text.chars().filter(|character| !matches!(character, '\r' | '\n')).collect();
    engine.decode(&text).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol { offset: at, .. } => at,
            _ => text.len(),
        };
        Failure::value(format!("illegal base64 data at input byte {at}"))
    })
}

pub(super) fn base64_encode(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(STANDARD.encode(string(args, 0)?).into())
}

pub(super) fn base64_decode(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    decoded(&STANDARD, string(args, 0)?).map(as_text)
}

pub(super) fn base64_is_valid(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(args[0].as_str().is_some_and(|text| decoded(&STANDARD, text).is_ok()).into())
}

pub(super) fn base64url_encode(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(URL.encode(string(args, 0)?).into())
}

pub(super) fn base64url_encode_no_pad(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(URL.encode(string(args, 0)?).trim_end_matches('=').into())
}

pub(super) fn base64url_decode(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    decode_url(string(args, 0)?).map(as_text)
}

/// Decodes with or without padding (RFC 7515, appendix C).
pub(super) fn decode_url(text: &str) -> Result<Vec<u8>, Failure> {
    let mut padded = text.to_owned();
    if !text.ends_with('=') {
        match text.len() % 4 {
            0 => {}
            2 => padded.push_str("=="),
            3 => padded.push('='),
            _ => return Err(Failure::value(format!("illegal base64url string: {text}"))),
        }
    }
    decoded(&URL, &padded)
}

/// Encodes without padding.
pub(super) fn encode_url(bytes: impl AsRef<[u8]>) -> String {
    URL.encode(bytes).trim_end_matches('=').to_owned()
}

/// Decodes the ordinary alphabet.
pub(super) fn decode_standard(text: &str) -> Result<Vec<u8>, Failure> {
    decoded(&STANDARD, text)
}

/// Encodes in the ordinary alphabet.
pub(super) fn encode_standard(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn hex_encode(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(hex_text(string(args, 0)?.as_bytes()).into())
}

pub(super) fn hex_decode(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let text = string(args, 0)?;
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let digits: Vec<char> = text.chars().collect();
    for pair in digits.chunks(2) {
        let mut byte = 0;
        for digit in pair {
            let Some(value) = digit.to_digit(16) else {
                let message = format!("encoding/hex: invalid byte: U+{:04X} '{digit}'", u32::from(*digit));
                return Err(Failure::Value(message));
            };
            byte = byte * 16 + value;
        }
        if pair.len() == 1 {
            return Err(Failure::value("encoding/hex: odd length hex string"));
        }
        bytes.push(u8::try_from(byte).unwrap_or_default());
    }
    Ok(as_text(bytes))
}

/// Encodes for a query string.
pub(super) fn escape_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

pub(crate) fn unescape_query(text: &str) -> Result<String, Failure> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let code = rest.get(..2).and_then(|code| std::str::from_utf8(code).ok());
                let decoded = code
                    .filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()))
                    .and_then(|code| u8::from_str_radix(code, 16).ok());
                let Some(decoded) = decoded else {
                    let shown = String::from_utf8_lossy(rest.get(..2).unwrap_or(rest)).into_owned();
                    return Err(Failure::value(format!("invalid URL escape \"%{shown}\"")));
                };
                bytes.push(decoded);
                rest = &rest[2..];
            }
            other => bytes.push(*other),
        }
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

pub(super) fn urlquery_encode(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(escape_query(string(args, 0)?).into())
}

pub(super) fn urlquery_decode(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    unescape_query(string(args, 0)?).map(Value::from)
}

pub(super) fn urlquery_encode_object(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    let wrong = || Failure::Type("operand 1 values must be string, array[string], or set[string]".to_owned());
    let mut parts = Vec::new();
    for (key, value) in object(args, 0)?.iter() {
        let values: &[Value] = match value {
            Value::String(_) => std::slice::from_ref(value),
            Value::Array(array) => array.as_slice(),
            Value::Set(set) => set.as_slice(),
            _ => return Err(wrong()),
        };
        for value in values {
            let text = value.as_str().ok_or_else(wrong)?;
            parts.push(format!("{}={}", escape_query(key.as_str()), escape_query(text)));
        }
    }
    Ok(parts.join("&").into())
}

pub(super) fn urlquery_decode_object(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut entries: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for part in string(args, 0)?.split('&').filter(|part| !part.is_empty()) {
        if part.contains(';') {
            return Err(Failure::value("invalid semicolon separator in query"));
        }
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        entries.entry(unescape_query(key)?).or_default().push(unescape_query(value)?.into());
    }
    Ok(Value::object(entries.into_iter().map(|(key, values)| (key, Value::array(values)))))
}

fn read_yaml(text: &str) -> Result<Value, Failure> {
    if text.trim_start_matches(['\n', ' ']).starts_with('\t') {
        return Err(Failure::value("yaml: found character that cannot start any token"));
    }
    let documents = yaml::read(text, SourceId(0), yaml::Dialect::Go).map_err(|(problem, _)| {
        // As Go's reader says it, for those who look for it.
        let line =
            problem.span.map_or(1, |span| 1 + text[..(span.start as usize).min(text.len())].matches('\n').count());
        Failure::value(format!("yaml: line {line}: did not find expected node: {}", problem.message))
    })?;
    Ok(documents.into_iter().next().map(|document| document.value).unwrap_or_default())
}

pub(super) fn yaml_unmarshal(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    read_yaml(string(args, 0)?)
}

pub(super) fn yaml_is_valid(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(args[0].as_str().is_some_and(|text| read_yaml(text).is_ok()).into())
}

pub(super) fn yaml_marshal(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    let mut out = String::new();
    write_yaml(&plain(&args[0]), 0, false, &mut out);
    Ok(out.into())
}

/// Block style, two spaces a level; as Go's library indents.
fn write_yaml(value: &Value, indent: usize, in_line: bool, out: &mut String) {
    let pad = |out: &mut String| out.extend(std::iter::repeat_n(' ', indent));
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (position, (key, value)) in object.iter().enumerate() {
                if position > 0 || !in_line {
                    pad(out);
                }
                out.push_str(&yaml_scalar(key.as_str(), indent, true));
                out.push(':');
                write_yaml_entry(value, indent, out);
            }
        }
        Value::Array(array) if !array.is_empty() => {
            for (position, value) in array.iter().enumerate() {
                if position > 0 || !in_line {
                    pad(out);
                }
                out.push_str("- ");
                write_yaml(value, indent + 2, true, out);
            }
        }
        Value::Object(_) => out.push_str("{}\n"),
        Value::Array(_) => out.push_str("[]\n"),
        Value::String(text) => {
            out.push_str(&yaml_scalar(text, indent, false));
            out.push('\n');
        }
        Value::Number(number) if is_float(number) => {
            let float = number.as_f64();
            let sign = if float.is_sign_negative() { "-" } else { "" };
            out.push_str(&format!("{sign}{}\n", gofloat::write(float.abs(), 'g', None)));
        }
        Value::Number(number) if number.as_i64() == Some(0) => out.push_str("0\n"),
        other => {
            out.push_str(&probity_model::json::write(other));
            out.push('\n');
        }
    }
}

/// Whether Go reads the number as a float: it has a point or an exponent, or fits no machine word.
fn is_float(number: &Number) -> bool {
    let text = number.to_string();
    text.contains(['.', 'e', 'E']) || text.parse::<i64>().is_err() && text.parse::<u64>().is_err()
}

fn write_yaml_entry(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            out.push('\n');
            write_yaml(value, indent + 2, false, out);
        }
        Value::Array(array) if !array.is_empty() => {
            out.push('\n');
            // Within lists, lists stand two levels further in.
            write_yaml(value, indent + 2, false, out);
        }
        _ => {
            out.push(' ');
            write_yaml(value, indent, true, out);
        }
    }
}

/// A text as Go's YAML library writes it in block style; a key stays on one line.
fn yaml_scalar(text: &str, indent: usize, is_key: bool) -> String {
    let allowed = Allowed::of(text);
    if text.contains('\n') {
        return if allowed.block && !is_key { literal_block(text, indent + 2) } else { double_quoted(text) };
    }
    if !reads_as_text(text) {
        return double_quoted(text);
    }
    if allowed.plain && !(is_key && text.is_empty()) {
        return text.to_owned();
    }
    if allowed.single_quoted { format!("'{}'", text.replace('\'', "''")) } else { double_quoted(text) }
}

/// The styles that a text may be written in.
#[derive(Debug, PartialEq)]
struct Allowed {
    plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Allowed {
    /// As the emitter of libyaml analyses scalars.
    fn of(text: &str) -> Self {
        let is_break = |character: char| matches!(character, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let indicator = text.starts_with("---") || text.starts_with("...") || has_indicator(text);
        let special = text.chars().any(|character| character != '\t' && !is_printable(character));
        let edge = |edge: Option<char>| edge.is_some_and(|edge| edge == ' ' || is_break(edge));
        let edges = edge(text.chars().next()) || edge(text.chars().last());
        let pairs = || text.chars().zip(text.chars().skip(1));
        let break_space = pairs().any(|(one, next)| is_break(one) && next == ' ');
        let space_break = pairs().any(|(one, next)| one == ' ' && is_break(next));
        let single_quoted = !break_space && !space_break && !special && !text.contains('\t');
        Self {
            plain: single_quoted && !indicator && !edges && !text.contains(is_break),
            single_quoted,
            block: !text.ends_with(' ') && !space_break && !special,
        }
    }
}

/// Whether something in a text would be read as more than text in block style.
fn has_indicator(text: &str) -> bool {
    let is_blank = |character: Option<char>| character.is_none_or(|character| matches!(character, ' ' | '\t'));
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let alone = is_blank(characters.peek().copied());
        let found = match (before, character) {
            (None, '?' | '-') | (_, ':') => alone,
            (None, first) => "#,[]{}&*!|>'\"%@`".contains(first),
            (Some(before), '#') => matches!(before, ' ' | '\t' | '\r' | '\n'),
            _ => false,
        };
        if found {
            return true;
        }
        before = Some(character);
    }
    false
}

/// Whether a text without quotes would be a text again, in YAML 1.1, too.
fn reads_as_text(text: &str) -> bool {
    if is_word_of_old(text) || is_of_base_60(text) || is_timestamp(text) || matches!(text, "" | "<<") {
        return false;
    }
    text.contains([' ', '\t'])
        || has_indicator(text)
        || !matches!(read_yaml(text), Ok(Value::Null | Value::Bool(_) | Value::Number(_)))
}

/// Whether YAML 1.1 took the text for a number like `190:20:30`.
fn is_of_base_60(text: &str) -> bool {
    static FORM: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\A[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\z").expect("it is one"));
    FORM.is_match(text)
}

/// Whether YAML 1.1 took the text for a time.
fn is_timestamp(text: &str) -> bool {
    const LAYOUTS: [&str; 4] =
        ["2006-1-2T15:4:5.999999999Z07:00", "2006-1-2t15:4:5.999999999Z07:00", "2006-1-2 15:4:5.999999999", "2006-1-2"];
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    digits == 4 && text[4..].starts_with('-') && LAYOUTS.iter().any(|layout| time::parse(layout, text).is_ok())
}

/// `|` with the lines of a text.
fn literal_block(text: &str, indent: usize) -> String {
    let mut out = String::from("|");
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    out.push_str(match text.strip_suffix('\n') {
        None => "-",
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => "+",
        Some(_) => "",
    });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent));
            out.push_str(line);
        }
    }
    out
}

/// Whether YAML 1.1 took the text for a truth value.
fn is_word_of_old(text: &str) -> bool {
    matches!(
        text,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF"
    )
}

/// Characters that Go's library writes without escapes: of those that YAML has, the ones up to U+FFFD.
fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}'
        | '\u{ff00}'..='\u{fffd}')
}

/// With the escapes of YAML (YAML 1.2, section 5.7), as Go's library writes them.
fn double_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '\0' => out.push_str("\\0"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\x0b' => out.push_str("\\v"),
            '\x0c' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\x1b' => out.push_str("\\e"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            other if is_printable(other) => out.push(other),
            other if u32::from(other) <= 0xff => out.push_str(&format!("\\x{:02X}", u32::from(other))),
            other if u32::from(other) <= 0xffff => out.push_str(&format!("\\u{:04X}", u32::from(other))),
            other => out.push_str(&format!("\\U{:08X}", u32::from(other))),
        }
    }
    out.push('"');
    out
}

/// An operand that is a text or else an object.
pub(super) fn text_or_object(args: &[Value], index: usize) -> Result<&Value, Failure> {
    match &args[index] {
        value @ (Value::String(_) | Value::Object(_)) => Ok(value),
        other => Err(wrong_type(index + 1, other, &["string", "object"])),
    }
}
