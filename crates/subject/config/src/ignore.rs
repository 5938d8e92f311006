//! `.gitignore`, `.dockerignore` and their like: one entry a line, comments and empty lines among them.

use probity_model::value::{Array, Object};
use probity_model::{Key, Span, Value};

use crate::text::Text;

pub(crate) fn read(text: &Text<'_>) -> Value {
    let (mut entries, mut spans) = (Vec::new(), Vec::new());
    let mut at = 0;
    // What follows the last line's end is an entry too.
    for line in text.whole.split('\n') {
        let span = text.span(at..at + line.len());
        entries.push(entry(line, span));
        spans.push(span);
        at += line.len() + 1;
    }
    Value::Array(Array::with_spans(entries, spans))
}

fn entry(line: &str, span: Span) -> Value {
    let trimmed = without_trailing_spaces(line);
    let (kind, value) = if trimmed.is_empty() {
        ("Empty", line.to_owned())
    } else if let Some(comment) = trimmed.strip_prefix('#') {
        ("Comment", comment.trim().to_owned())
    } else if let Some(path) = trimmed.strip_prefix('!') {
        ("NegatedPath", unescape(path))
    } else {
        ("Path", unescape(trimmed))
    };
    let entries = [("Kind", kind.into()), ("Value", value.into()), ("Original", line.into())];
    Value::Object(Object::with_spans(entries.map(|(key, value)| (Key::new(key), value, span)).into()))
}

/// Spaces at the end do not count; one that a backslash stands before does.
fn without_trailing_spaces(line: &str) -> &str {
    let trimmed = line.trim_end_matches(' ');
    let escaped = trimmed.ends_with('\\') && trimmed.len() < line.len();
    if escaped { &line[..=trimmed.len()] } else { trimmed }
}

/// Takes backslashes out; a doubled one is one.
fn unescape(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut characters = path.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
        } else if characters.next_if_eq(&'\\').is_some() {
            out.push('\\');
        }
    }
    out
}
