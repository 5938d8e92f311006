//! JSON text to values and back (RFC 8259).

mod sieve;

use std::borrow::Cow;
use std::fmt::Write as _;

use jiter::{Jiter, JiterError, Peek};

use crate::source::{Problem, SourceId, Span};
use crate::value::{Array, Key, Number, Object, Value};

pub use sieve::{Sieved, sieve};

/// Deepest nesting that is read.
pub const MAX_DEPTH: usize = 256;

/// Reads one JSON text. Entries do not know their place: for documents that arrive over the network.
///
/// Of equal keys in an object the last wins, as in Go and JavaScript. Numbers keep every digit.
///
/// # Errors
/// When the text is not one JSON value or is nested deeper than [`MAX_DEPTH`].
pub fn read(text: &[u8]) -> Result<Value, Problem> {
    read_within(text, MAX_DEPTH)
}

/// As [`read`], of a text as people write it: a comma may stand before a closing bracket.
///
/// # Errors
/// As [`read`].
pub fn read_written(text: &[u8]) -> Result<Value, Problem> {
    read(text).or_else(|problem| without_last_commas(text).map_or(Err(problem), |mended| read(&mended)))
}

/// The text with a space for each comma that a closing bracket follows; `None` when there is none.
fn without_last_commas(text: &[u8]) -> Option<Vec<u8>> {
    let mut mended = Vec::new();
    let (mut comma, mut quoted, mut escaped) = (None, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if quoted => {
                quoted = escaped || *byte != b'"';
                escaped = !escaped && *byte == b'\\';
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'}' | b']' if comma.is_some() => {
                if mended.is_empty() {
                    mended = text.to_vec();
                }
                mended[comma.take()?] = b' ';
            }
            _ => {
                comma = (*byte == b',').then_some(at);
                quoted = *byte == b'"';
            }
        }
    }
    (!mended.is_empty()).then_some(mended)
}

/// As [`read`], for a text of our own that may be nested deeper.
///
/// # Errors
/// As [`read`], with another bound.
pub fn read_within(text: &[u8], max_depth: usize) -> Result<Value, Problem> {
    let mut reader = Reader::new(text, None, max_depth);
    reader.document().map_err(|error| reader.problem(&error))
}

/// Reads one JSON text whose entries know their place in `source`.
///
/// # Errors
/// As [`read`], with the place.
pub fn read_with_spans(text: &str, source: SourceId) -> Result<Value, Problem> {
    let mut reader = Reader::new(text.as_bytes(), Some(source), MAX_DEPTH);
    reader.document().map_err(|error| reader.problem(&error))
}

/// As [`read_with_spans`], without the entries of objects that `left_out` names by their keys from the top on (elements of
/// lists have none): they are passed over, and take no memory.
///
/// # Errors
/// As [`read_with_spans`].
pub fn read_with_spans_without(
    text: &str,
    source: SourceId,
    left_out: &dyn Fn(&[Key]) -> bool,
) -> Result<Value, Problem> {
    let mut reader = Reader::new(text.as_bytes(), Some(source), MAX_DEPTH);
    reader.left_out = Some(left_out);
    reader.document().map_err(|error| reader.problem(&error))
}

/// Whether what stands under these keys is left out.
type LeftOut<'j> = &'j dyn Fn(&[Key]) -> bool;

struct Reader<'j> {
    jiter: Jiter<'j>,
    source: Option<SourceId>,
    left_out: Option<LeftOut<'j>>,
    /// The keys that lead to what is being read, where something is left out.
    path: Vec<Key>,
    max_depth: usize,
    /// Entries of the objects being read, those of the innermost last.
    entries: Vec<(Key, Value)>,
    /// Elements of the lists being read, those of the innermost last.
    elements: Vec<Value>,
}

enum Error {
    Json(JiterError),
    Number(usize, String),
    Depth(usize),
}

impl From<JiterError> for Error {
    fn from(error: JiterError) -> Self {
        Self::Json(error)
    }
}

impl<'j> Reader<'j> {
    fn new(text: &'j [u8], source: Option<SourceId>, max_depth: usize) -> Self {
        Self {
            jiter: Jiter::new(text),
            source,
            left_out: None,
            path: Vec::new(),
            max_depth,
            entries: Vec::new(),
            elements: Vec::new(),
        }
    }

    fn document(&mut self) -> Result<Value, Error> {
        let peek = self.jiter.peek()?;
        let value = self.value(peek, 0)?;
        self.jiter.finish()?;
        Ok(value)
    }

    fn value(&mut self, peek: Peek, depth: usize) -> Result<Value, Error> {
        if depth > self.max_depth {
            return Err(Error::Depth(self.jiter.current_index()));
        }
        match peek {
            Peek::String => Ok(Value::String(self.jiter.known_str()?.into())),
            Peek::Object => match self.source {
                None => self.object(depth),
                Some(source) => self.object_with_spans(depth, source),
            },
            Peek::Array => match self.source {
                None => self.array(depth),
                Some(source) => self.array_with_spans(depth, source),
            },
            Peek::True | Peek::False => Ok(Value::Bool(self.jiter.known_bool(peek)?)),
            Peek::Null => {
                self.jiter.known_null()?;
                Ok(Value::Null)
            }
            _ => self.number(peek),
        }
    }

    fn number(&mut self, peek: Peek) -> Result<Value, Error> {
        let at = self.jiter.current_index();
        let bytes = self.jiter.known_number_bytes(peek)?;
        let text = std::str::from_utf8(bytes).map_err(|_| Error::Number(at, "not a number".to_owned()))?;
        Number::from_json(text).map(Value::Number).map_err(|error| Error::Number(at, error.to_string()))
    }

    fn object(&mut self, depth: usize) -> Result<Value, Error> {
        let base = self.entries.len();
        let mut key = self.jiter.known_object()?.map(Key::new);
        while let Some(name) = key {
            let peek = self.jiter.peek()?;
            let value = self.value(peek, depth + 1)?;
            self.entries.push((name, value));
            key = self.jiter.next_key()?.map(Key::new);
        }
        Ok(Value::Object(Object::from_stack(&mut self.entries, base)))
    }

    fn array(&mut self, depth: usize) -> Result<Value, Error> {
        let base = self.elements.len();
        let mut next = self.jiter.known_array()?;
        while let Some(peek) = next {
            let value = self.value(peek, depth + 1)?;
            self.elements.push(value);
            next = self.jiter.array_step()?;
        }
        Ok(Value::Array(Array::from_exact_iter(self.elements.drain(base..))))
    }

    fn object_with_spans(&mut self, depth: usize, source: SourceId) -> Result<Value, Error> {
        let mut entries = Vec::new();
        let mut key = self.jiter.known_object()?.map(Key::new);
        while let Some(name) = key {
            // Behind the colon: the place of an entry is that of its value.
            let start = self.jiter.current_index();
            let peek = self.jiter.peek()?;
            if let Some(left_out) = self.left_out {
                self.path.push(name.clone());
                if left_out(&self.path) {
                    self.jiter.known_skip(peek)?;
                    self.path.pop();
                    key = self.jiter.next_key()?.map(Key::new);
                    continue;
                }
            }
            let value = self.value(peek, depth + 1)?;
            if self.left_out.is_some() {
                self.path.pop();
            }
            entries.push((name, value, Span::new(source, start..self.jiter.current_index())));
            key = self.jiter.next_key()?.map(Key::new);
        }
        Ok(Value::Object(Object::with_spans(entries)))
    }

    fn array_with_spans(&mut self, depth: usize, source: SourceId) -> Result<Value, Error> {
        let (mut elements, mut spans) = (Vec::new(), Vec::new());
        let mut next = self.jiter.known_array()?;
        while let Some(peek) = next {
            let start = self.jiter.current_index();
            elements.push(self.value(peek, depth + 1)?);
            spans.push(Span::new(source, start..self.jiter.current_index()));
            next = self.jiter.array_step()?;
        }
        Ok(Value::Array(Array::with_spans(elements, spans)))
    }

    fn problem(&self, error: &Error) -> Problem {
        let (at, message) = match error {
            Error::Json(error) => (error.index, error.error_type.to_string()),
            Error::Number(at, message) => (*at, message.clone()),
            Error::Depth(at) => (*at, format!("nested deeper than {} levels", self.max_depth)),
        };
        if let Some(source) = self.source {
            Problem::new(format!("not valid JSON: {message}"), Span::new(source, at..at))
        } else {
            let position = self.jiter.error_position(at);
            Problem::new(
                format!("not valid JSON: {message} at line {} column {}", position.line, position.column),
                None,
            )
        }
    }
}

/// Writes a value as compact JSON, keys in order. Sets become lists, unknowns a string in angle brackets.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

/// Writes a value as JSON in lines, indented by two spaces a level; otherwise as [`write`].
pub fn write_pretty(value: &Value) -> String {
    indented(&write(value))
}

/// Compact JSON on many lines, indented by two spaces a level.
pub fn indented(compact: &str) -> String {
    let mut out = String::with_capacity(compact.len() * 2);
    let mut depth = 0_usize;
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    let mut characters = compact.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '{' | '[' => {
                out.push(character);
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => {
                out.push('"');
                copy_string(&mut characters, &mut out);
            }
            other => out.push(other),
        }
    }
    out
}

/// The rest of a string, and the quote that ends it.
fn copy_string(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    while let Some(character) = characters.next() {
        out.push(character);
        match character {
            '"' => return,
            '\\' => out.extend(characters.next()),
            _ => {}
        }
    }
}

/// JSON with what could end a script in HTML escaped, as Go's encoder writes it. Such characters stand in texts only.
pub fn escaped_for_html(json: &str) -> Cow<'_, str> {
    // 0xe2 begins U+2028 and U+2029.
    if !json.bytes().any(|byte| matches!(byte, b'<' | b'>' | b'&' | 0xe2)) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        match character {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::String(text) => write_string(text, out),
        Value::Array(array) => write_list(array.iter(), out),
        Value::Set(set) => write_list(set.iter(), out),
        Value::Object(object) => {
            out.push('{');
            for (position, (key, value)) in object.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_string(key.as_str(), out);
                out.push(':');
                write_value(value, out);
            }
            out.push('}');
        }
        Value::Unknown(what) => write_string(&format!("<unknown: {what}>"), out),
    }
}

fn write_list<'a>(elements: impl Iterator<Item = &'a Value>, out: &mut String) {
    out.push('[');
    for (position, element) in elements.enumerate() {
        if position > 0 {
            out.push(',');
        }
        write_value(element, out);
    }
    out.push(']');
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if (control as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", control as u32);
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_left_out_is_passed_over_and_the_rest_knows_its_place() {
        let text = r#"{"a": {"b": [{"c": 1, "d": {"x": [2]}}, 3], "e": 4}, "f": [{"d": 5}]}"#;
        let left_out =
            |keys: &[Key]| matches!(keys, [a, b, d] if a.as_str() == "a" && b.as_str() == "b" && d.as_str() == "d");
        let value = read_with_spans_without(text, SourceId(0), &left_out).unwrap();
        assert_eq!(write(&value), r#"{"a":{"b":[{"c":1},3],"e":4},"f":[{"d":5}]}"#);
        let span = value.get("a").unwrap().as_object().unwrap().span("e").unwrap();
        assert_eq!(text[span.start as usize..span.end as usize].trim(), "4");
        assert!(read_with_spans_without("{\"a\": {\"b\": [{\"d\": }]}}", SourceId(0), &left_out).is_err());
    }

    #[test]
    fn commas_may_stand_before_closing_brackets_where_people_write() {
        for (text, expected) in [
            (r#"{"a": [1, 2,], "b": {"c": ",]\\",},}"#, Some(r#"{"a":[1,2],"b":{"c":",]\\"}}"#)),
            ("[1 ,\n ]", Some("[1]")),
            (r#"["\",]", 1]"#, Some(r#"["\",]",1]"#)),
            ("[,]", Some("[]")),
            ("[1,,]", None),
            ("{", None),
        ] {
            let read = read_written(text.as_bytes()).ok().map(|value| write(&value));
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn in_lines() {
        let value = super::read(br#"{"a": [1, "x\",]{", {}], "b": [], "c": 100000000000000000000000000001}"#).unwrap();
        assert_eq!(
            super::write_pretty(&value),
            "{\n  \"a\": [\n    1,\n    \"x\\\",]{\",\n    {}\n  ],\n  \"b\": [],\n  \"c\": 100000000000000000000000000001\n}"
        );
    }

    use super::*;
    use crate::source::Sources;
    use proptest::prelude::*;

    #[test]
    fn reads_what_it_writes() {
        let text = r#"{"a":[1,-2.50,"x\"\\\n",true,null],"b":{"c":123456789012345678901234567890}}"#;
        assert_eq!(write(&read(text.as_bytes()).unwrap()), text);
    }

    #[test]
    fn entries_know_their_place() {
        let sources = Sources::default();
        let text = "{\n  \"a\": {\n    \"b\": 1\n  }\n}";
        let id = sources.add("a.json", text);
        let value = read_with_spans(text, id).unwrap();
        let span = value.get("a").unwrap().as_object().unwrap().span("b").unwrap();
        assert_eq!(sources.locate(span).unwrap().line, 3);
    }

    #[test]
    fn errors_name_line_and_column() {
        let error = read(b"{\n  \"a\": }").unwrap_err();
        assert!(error.message.contains("line 2"), "{error}");
    }

    #[test]
    fn depth_is_bounded() {
        let text = "[".repeat(100_000);
        assert!(read(text.as_bytes()).unwrap_err().message.contains("nested deeper"));
        let fine = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(read(fine.as_bytes()).is_ok());
    }

    #[test]
    fn the_last_of_equal_keys_wins() {
        assert_eq!(write(&read(br#"{"a":1,"b":2,"a":3}"#).unwrap()), r#"{"a":3,"b":2}"#);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}\",:0-9a-z\\\\ .eE+-]*") {
            let _ = read(text.as_bytes());
        }

        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{}\",:0-9 ]{0,24}") {
            let ours = read(text.as_bytes()).is_ok();
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            prop_assert_eq!(ours, theirs);
        }
    }
}
