//! `.env` files: `NAME=value` and `NAME: value`, quotes, values of several lines, variables of the lines before.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use probity_model::value::Object;
use probity_model::{Key, Problem, Value};
use regex::Regex;

use crate::text::{Text, shown};

/// Longest value; variables can make one double the one before it.
const MAX_VALUE: usize = 1 << 20;

/// Most that variables may add to a file, all values together.
const MAX_ADDED: usize = 16 << 20;

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
    let mut size = 0;
    for (range, line) in logical_lines(text)? {
        let (name, written) =
            entry(line).ok_or_else(|| text.problem(format!("`{}` is not NAME=value", shown(line)), range.clone()))?;
        let value = written
            .value(&values)
            .filter(|value| value.len() <= MAX_VALUE)
            .ok_or_else(|| text.problem(format!("`{name}` is longer than {MAX_VALUE} bytes"), range.clone()))?;
        size += value.len();
        if size > text.whole.len() + MAX_ADDED {
            return Err(text.problem("variables make the values too long", range));
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

/// A value as it is written, without its quotes.
enum Written<'t> {
    Single(&'t str),
    Double(&'t str),
    Plain(&'t str),
}

fn entry(line: &str) -> Option<(&str, Written<'_>)> {
    let found = LINE.captures(line)?;
    let name = found.name("name")?.as_str();
    let written = found.name("value").map_or("", |value| value.as_str()).trim();
    let inner = |quote| written.strip_prefix(quote)?.strip_suffix(quote);
    let value = match (inner('\''), inner('"')) {
        (Some(inner), _) => Written::Single(inner),
        (None, Some(inner)) => Written::Double(inner),
        (None, None) => Written::Plain(written),
    };
    Some((name, value))
}

impl Written<'_> {
    /// The value with its escapes and variables replaced; nothing when it is too long.
    fn value(&self, values: &HashMap<&str, String>) -> Option<String> {
        match self {
            Self::Single(inner) => Some((*inner).to_owned()),
            Self::Plain(text) => expand(text, values),
            Self::Double(inner) => {
                let inner = inner.replace("\\n", "\n").replace("\\r", "\r");
                expand(&ESCAPE.replace_all(&inner, "$1"), values)
            }
        }
    }
}

/// The text with its variables put in; those that no line before gave a value are empty.
fn expand(text: &str, values: &HashMap<&str, String>) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for found in VARIABLE.captures_iter(text) {
        let whole = found.get(0)?;
        out.push_str(&text[at..whole.start()]);
        at = whole.end();
        out.push_str(match found.name("name") {
            _ if whole.as_str().starts_with('\\') => &whole.as_str()[1..],
            None => whole.as_str(),
            Some(name) => values.get(name.as_str()).map_or("", String::as_str),
        });
        if out.len() > MAX_VALUE {
            return None;
        }
    }
    out.push_str(&text[at..]);
    Some(out)
}
