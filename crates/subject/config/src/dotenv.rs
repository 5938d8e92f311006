//! `.env` files: `NAME=value` and `NAME: value`, quotes, values of several lines, variables of the lines before.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use probity_model::value::Object;
use probity_model::{Key, Problem, Value};
use regex::{Captures, Regex};

use crate::text::{Text, shown};

/// Longest value; variables can make one double the one before it.
const MAX_VALUE: usize = 1 << 20;

/// The name, a `=` or a `:` with a space behind it, the value, and perhaps a comment. A quoted value ends with the last
/// quote that nothing but a comment follows; others end with the comment.
static LINE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r#"(?x) \A [\t\n\f\r\ ]* (?: export [\t\n\f\r\ ]+ )?
        (?<name> [0-9A-Za-z_.]+ ) (?: [\t\n\f\r\ ]* = [\t\n\f\r\ ]* | : [\t\n\f\r\ ]+? )
        (?<value> '(?s:.)*' | "(?s:.)*" | [^\#\n]+ )?
        [\t\n\f\r\ ]* (?: \# .* )? \z"#;
    Regex::new(pattern).expect("a pattern that is tested")
});

/// `$NAME`, `${NAME}`, and what looks like them.
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\\?\$\{?(?<name>[A-Z0-9_]+)?\}?").expect("a pattern that is tested"));

static ESCAPE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\\([^$])").expect("a pattern that is tested"));

pub(crate) fn read(text: &Text<'_>) -> Result<Value, Problem> {
    let mut values: HashMap<&str, String> = HashMap::new();
    let mut entries = Vec::new();
    for (range, line) in logical_lines(text)? {
        let (name, value) = entry(line, &values)
            .ok_or_else(|| text.problem(format!("`{}` is not NAME=value", shown(line)), range.clone()))?;
        if value.len() > MAX_VALUE {
            return Err(text.problem(format!("`{name}` is longer than {MAX_VALUE} bytes"), range));
        }
        entries.push((Key::new(name), Value::from(value.as_str()), text.span(range)));
        values.insert(name, value);
    }
    Ok(Value::Object(Object::with_spans(entries)))
}

/// Lines that say something. A line whose value opens a quote goes on to the line that closes it.
fn logical_lines<'t>(text: &Text<'t>) -> Result<Vec<(Range<usize>, &'t str)>, Problem> {
    let mut found = Vec::new();
    let mut lines = physical_lines(text.whole).into_iter();
    while let Some(range) = lines.next() {
        let line = text.whole[range.clone()].trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let start = range.start + text.whole[range.clone()].find(line).unwrap_or(0);
        let mut end = start + line.len();
        if let Some(quote) = open_quote(line) {
            let closing = lines.find(|range| closes(&text.whole[range.clone()], quote));
            end = closing.ok_or_else(|| text.problem("the quote does not end", start..end))?.end;
        }
        found.push((start..end, &text.whole[start..end]));
    }
    Ok(found)
}

/// Lines end with `\n`, `\r\n` or `\r`. A byte order mark belongs to none.
fn physical_lines(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    while start < text.len() {
        let len = text[start..].find(['\r', '\n']).unwrap_or(text.len() - start);
        let end = start + len;
        found.push(start..end);
        start = end + if text[end..].starts_with("\r\n") { 2 } else { 1 };
    }
    found
}

/// The quote that the value of a line opens and does not close.
fn open_quote(line: &str) -> Option<char> {
    let at = line.find('=').or_else(|| line.find(':')).filter(|at| *at > 0)?;
    let value = line[at + 1..].trim();
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let inner = value[1..].trim();
    match inner.rfind(quote) {
        Some(0) => None,
        Some(end) if inner.as_bytes()[end - 1] != b'\\' => None,
        _ => Some(quote),
    }
}

/// Whether a line ends a value that an earlier one began.
fn closes(line: &str, quote: char) -> bool {
    line.rfind(quote).is_some_and(|at| at == 0 || line.as_bytes()[at - 1] != b'\\')
}

fn entry<'t>(line: &'t str, values: &HashMap<&str, String>) -> Option<(&'t str, String)> {
    let found = LINE.captures(line)?;
    let name = found.name("name")?.as_str();
    let written = found.name("value").map_or("", |value| value.as_str()).trim();
    let quoted = |quote| written.len() >= 2 && written.starts_with(quote) && written.ends_with(quote);
    if quoted('\'') {
        return Some((name, written[1..written.len() - 1].to_owned()));
    }
    let mut value = Cow::Borrowed(written);
    if quoted('"') {
        let inner = written[1..written.len() - 1].replace("\\n", "\n").replace("\\r", "\r");
        value = ESCAPE.replace_all(&inner, "$1").into_owned().into();
    }
    Some((name, expand(&value, values)))
}

/// The text with its variables put in; those that no line before gave a value are empty.
fn expand(text: &str, values: &HashMap<&str, String>) -> String {
    let mut len = text.len();
    let put = |found: &Captures<'_>| {
        let written = &found[0];
        let value = match found.name("name") {
            _ if written.starts_with('\\') => &written[1..],
            None => written,
            Some(name) => values.get(name.as_str()).map_or("", String::as_str),
        };
        // What is too long is refused by the caller; nothing is put in once it is.
        len += value.len();
        if len > 2 * MAX_VALUE { String::new() } else { value.to_owned() }
    };
    let expanded = VARIABLE.replace_all(text, put).into_owned();
    if len > 2 * MAX_VALUE { " ".repeat(MAX_VALUE + 1) } else { expanded }
}
