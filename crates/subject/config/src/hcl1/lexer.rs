//! The tokens of HCL1.

use std::ops::Range;

use probity_model::{Number, Problem, Value};

use crate::scalar;
use crate::text::Text;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Name(String),
    String(String),
    /// A number, a truth value or a here-document.
    Literal(Value),
    Mark(char),
    End,
}

pub(super) fn tokens(text: &Text<'_>) -> Result<Vec<(Token, Range<usize>)>, Problem> {
    let whole = text.whole;
    let mut found = Vec::new();
    let mut at = if whole.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    while let Some(first) = whole[at..].chars().next() {
        let rest = &whole[at..];
        if matches!(first, ' ' | '\t' | '\r' | '\n') {
            at += 1;
            continue;
        }
        if first == '#' || rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let problem = |message: &str| text.problem(message, at..at + first.len_utf8());
        if let Some(comment) = rest.strip_prefix("/*") {
            at += comment.find("*/").ok_or_else(|| problem("the comment does not end"))? + 4;
            continue;
        }
        let (token, len) = token(rest, first).map_err(problem)?;
        found.push((token, at..at + len));
        at += len;
    }
    found.push((Token::End, at..at));
    Ok(found)
}

fn token(rest: &str, first: char) -> Result<(Token, usize), &'static str> {
    if first.is_alphabetic() || first == '_' {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let name = &rest[..rest.find(|c: char| !fits(c)).unwrap_or(rest.len())];
        let token = match name {
            "true" => Token::Literal(Value::Bool(true)),
            "false" => Token::Literal(Value::Bool(false)),
            _ => Token::Name(name.to_owned()),
        };
        return Ok((token, name.len()));
    }
    match first {
        '"' => {
            let len = string_len(rest).ok_or("the string does not end")?;
            let inner = &rest[1..len - 1];
            Ok((Token::String(unescaped(inner).ok_or("an escape that is not known in this string")?), len))
        }
        '<' => heredoc(rest).ok_or("the here-document does not end"),
        '[' | ']' | '{' | '}' | ',' | '=' => Ok((Token::Mark(first), 1)),
        '-' | '.' | '0'..='9' => {
            let (number, len) = number(rest).ok_or("not a number")?;
            Ok((Token::Literal(Value::Number(number)), len))
        }
        _ => Err("not a character of HCL1"),
    }
}

fn number(rest: &str) -> Option<(Number, usize)> {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (sign, plain) = rest.strip_prefix('-').map_or(("", rest), |plain| ("-", plain));
    let based = |text: &str, radix| i64::from_str_radix(&format!("{sign}{text}"), radix).ok().map(Number::from);
    if let Some(hexadecimal) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        let len = hexadecimal.len() - hexadecimal.trim_start_matches(|c: char| c.is_ascii_hexdigit()).len();
        return Some((based(&hexadecimal[..len], 16)?, sign.len() + 2 + len));
    }
    let whole = digits(plain);
    let mut len = whole;
    if plain[len..].starts_with('.') {
        len += 1 + digits(&plain[len + 1..]);
    }
    if plain[len..].starts_with(['e', 'E']) {
        let exponent = &plain[len + 1..];
        let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        len += 1 + exponent.len() - unsigned.len() + digits(unsigned);
    }
    let written = &plain[..len];
    if len == whole && whole > 1 && plain.starts_with('0') {
        return Some((based(&written[1..], 8)?, sign.len() + len));
    }
    // A point without digits on one of its sides.
    let fraction = if written.starts_with('.') { format!("{sign}0{written}") } else { format!("{sign}{written}") };
    let number = scalar::number(fraction.replace(".e", ".0e").trim_end_matches('.'))?;
    Some((number, sign.len() + len))
}

/// Length of a string with its quotes. Quotes inside `${…}` do not end it.
fn string_len(text: &str) -> Option<usize> {
    let mut braces = 0_usize;
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\n' | '"' if braces == 0 => return (character == '"').then_some(at + 1),
            '\\' => {
                characters.next()?;
            }
            '$' if braces == 0 && characters.next_if(|(_, next)| *next == '{').is_some() => braces = 1,
            '{' if braces > 0 => braces += 1,
            '}' if braces > 0 => braces -= 1,
            _ => {}
        }
    }
    None
}

/// The text with its escapes replaced, except inside `${…}`.
fn unescaped(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut braces = 0_usize;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if braces == 0 && rest.starts_with("${") {
            out.push_str("${");
            rest = &rest[2..];
            braces = 1;
            continue;
        }
        if braces == 0 && character == '\\' {
            let (escaped, len) = escape(&rest[1..])?;
            out.push(escaped);
            rest = &rest[1 + len..];
            continue;
        }
        match character {
            '{' if braces > 0 => braces += 1,
            '}' if braces > 0 => braces -= 1,
            _ => {}
        }
        out.push(character);
        rest = &rest[character.len_utf8()..];
    }
    Some(out)
}

/// What the characters behind a backslash stand for, and how many bytes they are.
fn escape(rest: &str) -> Option<(char, usize)> {
    let coded = |start: usize, count: usize, radix| {
        let code = u32::from_str_radix(rest.get(start..start + count)?, radix).ok()?;
        Some((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), start + count))
    };
    match rest.chars().next()? {
        'a' => Some(('\u{7}', 1)),
        'b' => Some(('\u{8}', 1)),
        'f' => Some(('\u{c}', 1)),
        'n' => Some(('\n', 1)),
        'r' => Some(('\r', 1)),
        't' => Some(('\t', 1)),
        'v' => Some(('\u{b}', 1)),
        same @ ('\\' | '"') => Some((same, 1)),
        '0'..='7' => coded(0, 3, 8),
        'x' => coded(1, 2, 16),
        'u' => coded(1, 4, 16),
        'U' => coded(1, 8, 16),
        _ => None,
    }
}

/// `<<NAME` to the line that is `NAME`; with `<<-` the indentation of that line is taken from all.
fn heredoc(rest: &str) -> Option<(Token, usize)> {
    let (head, body) = rest.strip_prefix("<<")?.split_once('\n')?;
    let head = head.strip_suffix('\r').unwrap_or(head);
    let (name, is_indented) = head.strip_prefix('-').map_or((head, false), |name| (name, true));
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let start = rest.len() - body.len();
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let end = line.strip_suffix('\n')?;
        if end.trim_end_matches('\r').trim_start() == name {
            let indent = &end[..end.len() - end.trim_start().len()];
            let content = &body[..at];
            let text = if is_indented { unindented(content, indent) } else { content.to_owned() };
            return Some((Token::Literal(text.into()), start + at + line.len()));
        }
        at += line.len();
    }
    None
}

fn unindented(content: &str, indent: &str) -> String {
    if content.lines().all(|line| line.starts_with(indent)) {
        content.split_inclusive('\n').map(|line| line.strip_prefix(indent).unwrap_or(line)).collect()
    } else {
        content.to_owned()
    }
}
