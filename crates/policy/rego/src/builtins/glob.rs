//! Globs: `*`, `**`, `?`, classes and alternatives.

use std::cell::RefCell;
use std::rc::Rc;

use probity_model::value::Value;
use regex::{Regex, RegexBuilder};
use std::collections::HashMap;

use super::args::{string, wrong_element, wrong_type};
use super::{Context, Failure, Outcome};

/// How many compiled globs each thread keeps.
const KEPT: usize = 512;

type Key = (String, Vec<char>);

thread_local! {
    static COMPILED: RefCell<HashMap<Key, Rc<Regex>>> = RefCell::new(HashMap::new());
}

pub(super) fn matches(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let pattern = string(args, 0)?;
    let delimiters = match &args[1] {
        Value::Null => Vec::new(),
        Value::Array(array) if array.is_empty() => vec!['.'],
        Value::Array(array) => {
            let mut delimiters = Vec::new();
            for element in array {
                let Value::String(text) = element else {
                    return Err(wrong_element(2, &args[1], element, &["string"]));
                };
                let mut characters = text.chars();
                match (characters.next(), characters.next()) {
                    (Some(one), None) => delimiters.push(one),
                    _ => return Err(wrong_element(2, &args[1], element, &["rune"])),
                }
            }
            delimiters
        }
        other => return Err(wrong_type(2, other, &["array", "null"])),
    };
    let text = string(args, 2)?;
    Ok(compiled(pattern, &delimiters)?.is_match(text).into())
}

/// Whether a text fits a glob, as `glob.match` has it; `*` does not reach over a delimiter.
///
/// # Errors
/// When the glob is not valid.
pub fn glob_matches(pattern: &str, delimiters: &[char], text: &str) -> Result<bool, String> {
    match compiled(pattern, delimiters) {
        Ok(regex) => Ok(regex.is_match(text)),
        Err(Failure::Value(message) | Failure::Type(message)) => Err(message),
        Err(_) => Err(format!("the glob {pattern:?} is not valid")),
    }
}

fn compiled(pattern: &str, delimiters: &[char]) -> Result<Rc<Regex>, Failure> {
    COMPILED.with_borrow_mut(|kept| {
        let key = (pattern.to_owned(), delimiters.to_vec());
        if let Some(known) = kept.get(&key) {
            return Ok(Rc::clone(known));
        }
        let translated = translate(pattern, delimiters)?;
        let regex = RegexBuilder::new(&translated)
            .dot_matches_new_line(true)
            .build()
            .map_err(|error| Failure::value(format!("the glob {pattern:?} is not valid: {error}")))?;
        if kept.len() >= KEPT {
            kept.clear();
        }
        let regex = Rc::new(regex);
        kept.insert(key, Rc::clone(&regex));
        Ok(regex)
    })
}

fn literal(character: char, out: &mut String) {
    out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
}

fn translate(pattern: &str, delimiters: &[char]) -> Result<String, Failure> {
    let wrong = |message: &str| Failure::value(format!("the glob {pattern:?} is not valid: {message}"));
    let one = if delimiters.is_empty() {
        ".".to_owned()
    } else {
        let listed: String =
            delimiters.iter().map(|character| regex::escape(character.encode_utf8(&mut [0; 4]))).collect();
        format!("[^{listed}]")
    };
    let mut out = String::from("\\A(?:");
    let mut depth = 0_usize;
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' => {
                let mut stars = 1;
                while characters.next_if_eq(&'*').is_some() {
                    stars += 1;
                }
                out.push_str(if stars > 1 { "." } else { &one });
                out.push('*');
            }
            '?' => out.push_str(&one),
            '\\' => literal(characters.next().ok_or_else(|| wrong("nothing is escaped"))?, &mut out),
            '[' => class(&mut characters, &mut out).ok_or_else(|| wrong("a bracket is not closed"))?,
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            ',' if depth > 0 => out.push('|'),
            other => literal(other, &mut out),
        }
    }
    if depth > 0 {
        return Err(wrong("a brace is not closed"));
    }
    out.push_str(")\\z");
    Ok(out)
}

/// A class, behind its bracket: a range `a-z` whose ends stand for themselves, or a list in which a backslash escapes.
fn class(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> Option<()> {
    out.push('[');
    if characters.next_if_eq(&'!').is_some() {
        out.push('^');
    }
    let mut ahead = characters.clone();
    let first = ahead.next()?;
    if ahead.next() == Some('-') {
        let last = ahead.next()?;
        literal(first, out);
        out.push('-');
        literal(last, out);
        *characters = ahead;
        return (characters.next()? == ']' && first <= last).then(|| out.push(']'));
    }
    let mut empty = true;
    loop {
        let character = match characters.next()? {
            // A class of nothing is an error.
            ']' => return (!empty).then(|| out.push(']')),
            '\\' => characters.next()?,
            other => other,
        };
        empty = false;
        literal(character, out);
    }
}

pub(super) fn quote_meta(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let text = string(args, 0)?;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '\\' | '[' | ']' | '{' | '}') {
            out.push('\\');
        }
        out.push(character);
    }
    Ok(out.into())
}
