//! YAML as the Kubernetes tools write it (`sigs.k8s.io/yaml`), and TOML.

use std::cmp::Ordering;

use probity_go::float;
use probity_model::SourceId;
use probity_model::value::Value;
use probity_model::yaml::{self, Dialect};

use crate::datum::{Datum, MAX_DEPTH};
use crate::functions::to_value;

/// The first document of a text; nil when there is none.
///
/// # Errors
/// When it cannot be parsed.
pub fn read(text: &str) -> Result<Datum, String> {
    match yaml::read(text, SourceId(0), Dialect::Kubernetes) {
        Ok(documents) => Ok(documents.first().map_or(Datum::Nil, |document| Datum::from_value(&document.value))),
        Err((problem, before)) => match before.first() {
            Some(first) => Ok(Datum::from_value(&first.value)),
            None => Err(format!("error converting YAML to JSON: yaml: {}", problem.message)),
        },
    }
}

/// A value as a block of YAML, with a line end; lists stand as far in as their key.
pub fn write(value: &Datum) -> String {
    let mut out = String::new();
    let style = Style { list_indent: 0, is_third: false };
    style.value(&to_value(value, MAX_DEPTH), 0, Place::Root, &mut out);
    out
}

/// As [`write`], with lists two further in than their key.
pub(crate) fn write_pretty(value: &Datum) -> String {
    let mut out = String::new();
    let style = Style { list_indent: 2, is_third: true };
    style.value(&to_value(value, MAX_DEPTH), 0, Place::Root, &mut out);
    out
}

#[derive(Clone, Copy)]
struct Style {
    list_indent: usize,
    /// Whether texts are written as `yaml.v3` does, which also quotes `yes` and `no`.
    is_third: bool,
}

/// What stands before a value on its line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// Behind `key:`
    Key,
    /// Behind `- `
    Item,
}

impl Style {
    fn value(self, value: &Value, indent: usize, place: Place, out: &mut String) {
        match value {
            Value::Object(object) if !object.is_empty() => {
                let mut entries: Vec<_> = object.iter().map(|(key, value)| (key.as_str(), value)).collect();
                entries.sort_by(|a, b| key_order(a.0, b.0));
                if place == Place::Key {
                    out.push('\n');
                }
                for (position, (key, value)) in entries.into_iter().enumerate() {
                    if position > 0 || place != Place::Item {
                        out.extend(std::iter::repeat_n(' ', indent));
                    }
                    let is_long = key.len() > 128 || key.contains('\n');
                    if is_long {
                        out.push_str("? ");
                        out.push_str(&self.scalar(key, indent + 2, !key.contains('\n')));
                        out.push('\n');
                        out.extend(std::iter::repeat_n(' ', indent));
                    } else {
                        out.push_str(&self.scalar(key, indent + 2, true));
                    }
                    out.push(':');
                    self.entry(value, indent, out);
                }
            }
            Value::Array(array) if !array.is_empty() => {
                if place == Place::Key {
                    out.push('\n');
                }
                for (position, value) in array.iter().enumerate() {
                    if position > 0 || place != Place::Item {
                        out.extend(std::iter::repeat_n(' ', indent));
                    }
                    out.push_str("- ");
                    self.value(value, indent + 2, Place::Item, out);
                }
            }
            scalar => {
                if place == Place::Key {
                    out.push(' ');
                }
                out.push_str(&self.plain(scalar, indent));
                out.push('\n');
            }
        }
    }

    /// What stands behind `key:`.
    fn entry(self, value: &Value, indent: usize, out: &mut String) {
        let deeper = match value {
            Value::Array(_) => indent + self.list_indent,
            _ => indent + 2,
        };
        self.value(value, deeper, Place::Key, out);
    }

    fn plain(self, value: &Value, indent: usize) -> String {
        match value {
            Value::Object(_) => "{}".to_owned(),
            Value::Array(_) | Value::Set(_) => "[]".to_owned(),
            Value::String(text) => self.scalar(text, indent.max(2), false),
            Value::Number(number) => {
                let text = number.to_string();
                if text.contains(['.', 'e', 'E']) || text.parse::<i64>().is_err() && text.parse::<u64>().is_err() {
                    let float = number.as_f64();
                    let sign = if float.is_sign_negative() { "-" } else { "" };
                    return format!("{sign}{}", float::write(float.abs(), 'g', None));
                }
                if text == "-0" { "0".to_owned() } else { text }
            }
            other => probity_model::json::write(other),
        }
    }

    /// A text in the form that the emitter chooses for it.
    fn scalar(self, text: &str, indent: usize, is_key: bool) -> String {
        let analysis = Analysis::of(text);
        if text.contains('\n') && analysis.block && !is_key {
            return literal(text, indent);
        }
        let is_text = is_plain_text(text) && !(self.is_third && is_old_bool(text));
        if text.contains('\n') || !is_text {
            return double_quoted(text);
        }
        match () {
            () if analysis.plain && !text.is_empty() => text.to_owned(),
            () if analysis.single => format!("'{}'", text.replace('\'', "''")),
            () => double_quoted(text),
        }
    }
}

/// Which forms can hold a text.
struct Analysis {
    plain: bool,
    single: bool,
    block: bool,
}

impl Analysis {
    fn of(text: &str) -> Self {
        let characters: Vec<char> = text.chars().collect();
        let is_blank = |at: usize| characters.get(at).is_none_or(|c| matches!(c, ' ' | '\t'));
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut breaks, mut break_space, mut space_break) = (false, false, false, false);
        let (mut after_space, mut after_break, mut after_white) = (false, false, true);
        for (at, &character) in characters.iter().enumerate() {
            let before_white = is_blank(at + 1);
            indicators |= match character {
                '#' => at == 0 || after_white,
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => at == 0,
                '?' | '-' => at == 0 && before_white,
                ':' => before_white,
                _ => false,
            };
            special |= !is_printable(character);
            let is_break = is_break(character);
            break_space |= character == ' ' && after_break;
            space_break |= is_break && after_space;
            breaks |= is_break;
            after_space = character == ' ';
            after_break = is_break;
            after_white = matches!(character, ' ' | '\t') || is_break;
        }
        let edge = |c: Option<&char>| c.is_some_and(|c| *c == ' ' || is_break(*c));
        let edges = edge(characters.first()) || edge(characters.last());
        let broken = space_break || special;
        Self {
            plain: !indicators && !edges && !breaks && !broken,
            single: !break_space && !broken,
            block: !broken && characters.last() != Some(&' '),
        }
    }
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What the emitter writes as it is; it takes no characters beyond the basic plane for printable.
fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// Whether a text without quotes is read as a text.
fn is_plain_text(text: &str) -> bool {
    if text.is_empty() {
        return false;
    }
    if matches!(text, "<<" | "=") || is_special_float(text) || is_base60(text) || is_date(text) {
        return false;
    }
    match text.as_bytes()[0] {
        b'0'..=b'9' | b'-' | b'+' | b'.' => !is_number(text),
        _ => !is_word(text),
    }
}

fn is_special_float(text: &str) -> bool {
    let name = text.strip_prefix(['-', '+']).unwrap_or(text);
    matches!(name, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

fn is_old_bool(text: &str) -> bool {
    matches!(text, "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON")
        || matches!(text, "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF")
}

fn is_word(text: &str) -> bool {
    is_old_bool(text)
        || matches!(text, "~" | "null" | "Null" | "NULL" | "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
}

/// Numbers of base 60, which only other readers know.
fn is_base60(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = digits.split(':');
    let first = parts.next().unwrap_or_default();
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let rest: Vec<&str> = parts.collect();
    !rest.is_empty()
        && first.starts_with(|c: char| c.is_ascii_digit())
        && is_digits(first)
        && rest.iter().enumerate().all(|(position, part)| {
            let (whole, fraction) = part.split_once('.').unwrap_or((part, ""));
            let allowed = fraction.is_empty() || position + 1 == rest.len();
            let short = matches!(whole.len(), 1 | 2) && whole.bytes().all(|byte| byte.is_ascii_digit());
            short && (whole.len() == 1 || whole.as_bytes()[0] < b'6') && allowed && is_digits(fraction)
        })
}

/// Dates, which are read as times.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits != 4 || bytes.get(4) != Some(&b'-') {
        return false;
    }
    let date = text.split(['T', 't', ' ']).next().unwrap_or(text);
    let parts: Vec<&str> = date.split('-').collect();
    let [_, month, day] = parts[..] else { return false };
    let part = |part: &str, most: u32| {
        matches!(part.len(), 1 | 2) && part.parse::<u32>().is_ok_and(|number| (1..=most).contains(&number))
    };
    if !part(month, 12) || !part(day, 31) {
        return false;
    }
    let time = &text[date.len()..];
    time.is_empty() || is_time(&time[1..])
}

fn is_time(text: &str) -> bool {
    let zone = text.find(['Z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at(zone);
    let parts: Vec<&str> = clock.trim_end().split(':').collect();
    parts.len() == 3
        && parts.iter().all(|part| part.starts_with(|c: char| c.is_ascii_digit()))
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
        && (zone.is_empty() || zone == "Z" || zone.contains(':'))
}

/// Whether `yaml.v2` reads a number.
fn is_number(text: &str) -> bool {
    let plain = text.replace('_', "");
    let digits = plain.strip_prefix(['-', '+']).unwrap_or(&plain);
    let lower = digits.to_ascii_lowercase();
    let radix = |prefix: &str, radix| {
        lower.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)))
    };
    if radix("0x", 16) || radix("0b", 2) || radix("0o", 8) {
        return true;
    }
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    is_decimal(digits)
}

/// `[0-9]*.?[0-9]*([eE][-+]?[0-9]+)?` with a digit in front of the exponent.
fn is_decimal(digits: &str) -> bool {
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (&digits[..at], Some(&digits[at + 1..])),
        None => (digits, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    !(whole.is_empty() && fraction.is_empty()) && all_digits(whole) && all_digits(fraction) && exponent_fits
}

fn literal(text: &str, indent: usize) -> String {
    let mut out = String::from("|");
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    if !text.ends_with('\n') {
        out.push('-');
    } else if text.ends_with("\n\n") || text == "\n" {
        out.push('+');
    }
    let pad = " ".repeat(indent);
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(&pad);
            out.push_str(line);
        }
    }
    out
}

fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            other if is_printable(other) => out.push(other),
            other if (other as u32) < 0x100 => out.push_str(&format!("\\x{:02X}", other as u32)),
            other if (other as u32) < 0x1_0000 => out.push_str(&format!("\\u{:04X}", other as u32)),
            other => out.push_str(&format!("\\U{:08X}", other as u32)),
        }
    }
    out.push('"');
    out
}

/// The order of keys: letters after all else, numbers within texts by value.
fn key_order(a: &str, b: &str) -> Ordering {
    let (left, right): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(at) = left.iter().zip(&right).position(|(a, b)| a != b) else { return left.len().cmp(&right.len()) };
    let (a, b) = (left[at], right[at]);
    match (a.is_alphabetic(), b.is_alphabetic()) {
        (true, true) => return a.cmp(&b),
        (false, true) => return Ordering::Less,
        (true, false) => return Ordering::Greater,
        (false, false) => {}
    }
    let starts_within =
        (a == '0' || b == '0') && left[..at].iter().rev().take_while(|c| c.is_ascii_digit()).any(|c| *c != '0');
    let number = |characters: &[char]| {
        let digits: Vec<u32> = characters[at..].iter().map_while(|c| c.to_digit(10)).collect();
        let start = i64::from(starts_within);
        let value = digits.iter().fold(start, |sum, digit| sum.wrapping_mul(10).wrapping_add(i64::from(*digit)));
        (value, digits.len())
    };
    number(&left).cmp(&number(&right)).then(a.cmp(&b))
}

/// A map as TOML: plain values first, then tables, as Go's library orders them.
pub(crate) fn toml(value: &Datum) -> String {
    let mut out = String::new();
    toml_table(&to_value(value, MAX_DEPTH), "", 0, &mut out);
    out
}

fn toml_table(value: &Value, path: &str, depth: usize, out: &mut String) {
    let Some(object) = value.as_object() else { return };
    let is_table = |value: &Value| match value {
        Value::Object(_) => true,
        Value::Array(list) => !list.is_empty() && list.iter().all(|element| element.as_object().is_some()),
        _ => false,
    };
    let pad = "  ".repeat(depth);
    for (key, value) in object.iter().filter(|(_, value)| !is_table(value) && !value.is_null()) {
        out.push_str(&format!("{pad}{} = {}\n", toml_key(key.as_str()), toml_value(value)));
    }
    for (key, value) in object.iter().filter(|(_, value)| is_table(value)) {
        let key = toml_key(key.as_str());
        let path = if path.is_empty() { key } else { format!("{path}.{key}") };
        let separate = |out: &mut String| {
            if !out.is_empty() {
                out.push('\n');
            }
        };
        match value {
            Value::Array(list) => {
                for element in list {
                    separate(out);
                    out.push_str(&format!("{pad}[[{path}]]\n"));
                    toml_table(element, &path, depth + 1, out);
                }
            }
            table => {
                separate(out);
                out.push_str(&format!("{pad}[{path}]\n"));
                toml_table(table, &path, depth + 1, out);
            }
        }
    }
}

fn toml_key(key: &str) -> String {
    let is_bare =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare { key.to_owned() } else { crate::print::quoted(key) }
}

fn toml_value(value: &Value) -> String {
    match value {
        Value::String(text) => crate::print::quoted(text),
        Value::Array(list) => format!("[{}]", list.iter().map(toml_value).collect::<Vec<_>>().join(", ")),
        // All numbers of values are floats for Helm, and written as such.
        Value::Number(number) => {
            let text = number.to_string();
            if text.contains(['.', 'e', 'E']) { text } else { format!("{text}.0") }
        }
        Value::Object(object) => {
            let entries: Vec<String> = object
                .iter()
                .map(|(key, value)| format!("{} = {}", toml_key(key.as_str()), toml_value(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => probity_model::json::write(other),
    }
}
