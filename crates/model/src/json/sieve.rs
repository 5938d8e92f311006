//! A large JSON text, read in pieces, of which only a part is kept.

use std::io::{self, BufRead};

use memchr::memchr2;

use super::MAX_DEPTH;
use crate::source::Mark;
use crate::value::Key;

/// What was kept of a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sieved {
    /// A JSON text in which `0` stands for each value that was left out.
    pub text: Vec<u8>,
    /// Where it goes on behind each of them: see [`Source::with_cuts`](crate::Source::with_cuts).
    pub cuts: Vec<Mark>,
}

/// Reads one JSON text to its end without ever holding the values of objects that `left_out` names by their keys from the
/// top on (elements of lists have none). What is left out is not checked but for its brackets and strings; what is kept is
/// as it was, so that whoever reads it finds what is wrong with it at its place.
///
/// # Errors
/// When `reader` cannot be read, or gives more than `max_size` bytes ([`io::ErrorKind::FileTooLarge`]).
pub fn sieve(reader: &mut impl BufRead, max_size: u64, left_out: &dyn Fn(&[Key]) -> bool) -> io::Result<Sieved> {
    let mut sieve = Sieve {
        left_out,
        text: Vec::new(),
        cuts: Vec::new(),
        place: Mark::BEGINNING,
        containers: Vec::new(),
        path: Vec::new(),
        key: Vec::new(),
        state: State::Between,
        dropping: None,
    };
    let mut size = 0;
    loop {
        let piece = reader.fill_buf()?;
        if piece.is_empty() {
            return Ok(Sieved { text: sieve.text, cuts: sieve.cuts });
        }
        let length = piece.len();
        size += length as u64;
        if size > max_size {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        sieve.take(piece);
        reader.consume(length);
    }
}

/// What encloses a place.
enum Container {
    /// An object, and whether the key of an entry has been read.
    Object {
        in_entry: bool,
    },
    List,
}

enum State {
    /// Outside of strings.
    Between,
    /// In a key or another string.
    Text { is_key: bool, escaped: bool },
    /// Not JSON: the rest is kept as it is.
    Broken,
}

struct Sieve<'a> {
    left_out: &'a dyn Fn(&[Key]) -> bool,
    text: Vec<u8>,
    cuts: Vec<Mark>,
    /// Line and column of what was looked at last in the whole text.
    place: Mark,
    containers: Vec<Container>,
    /// The keys that lead to what is being read; not kept up within what is left out.
    path: Vec<Key>,
    /// The key that is being read, without its quotes.
    key: Vec<u8>,
    state: State,
    /// How many containers enclose the value that is being left out.
    dropping: Option<usize>,
}

impl Sieve<'_> {
    /// Takes the next piece of the text.
    fn take(&mut self, piece: &[u8]) {
        // From where on bytes are not yet kept, and not yet counted.
        let mut from = 0;
        let mut at = 0;
        while at < piece.len() {
            match self.state {
                State::Broken => break,
                State::Text { is_key, escaped } => at = self.text(piece, at, is_key, escaped),
                State::Between => {
                    self.between(piece, at, &mut from);
                    at += 1;
                }
            }
        }
        self.count(&piece[from..]);
        if self.dropping.is_none() {
            self.text.extend_from_slice(&piece[from..]);
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        self.place = self.place.behind(bytes);
    }

    /// Goes on in a string; gives the place behind what was looked at.
    fn text(&mut self, piece: &[u8], at: usize, is_key: bool, escaped: bool) -> usize {
        let rest = &piece[at..];
        let (length, state) = if escaped {
            (1, State::Text { is_key, escaped: false })
        } else {
            match memchr2(b'"', b'\\', rest) {
                Some(end) if rest[end] == b'"' => (end + 1, State::Between),
                Some(end) => (end + 1, State::Text { is_key, escaped: true }),
                None => (rest.len(), State::Text { is_key, escaped: false }),
            }
        };
        if is_key {
            let closing = usize::from(matches!(state, State::Between));
            self.key.extend_from_slice(&rest[..length - closing]);
        }
        self.state = state;
        at + length
    }

    /// Looks at a byte outside of strings.
    fn between(&mut self, piece: &[u8], at: usize, from: &mut usize) {
        match piece[at] {
            b'"' => {
                let is_key = self.dropping.is_none()
                    && matches!(self.containers.last(), Some(Container::Object { in_entry: false }));
                self.key.clear();
                self.state = State::Text { is_key, escaped: false };
            }
            b'{' => self.open(Container::Object { in_entry: false }),
            b'[' => self.open(Container::List),
            b':' if self.dropping.is_none() => self.begin_value(piece, at, from),
            b',' => self.end_value(piece, at, from),
            b'}' | b']' => {
                self.end_value(piece, at, from);
                if self.containers.pop().is_none() {
                    self.state = State::Broken;
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, container: Container) {
        if self.containers.len() > MAX_DEPTH && self.dropping.is_none() {
            self.state = State::Broken;
        } else {
            self.containers.push(container);
        }
    }

    /// At the colon behind a key.
    fn begin_value(&mut self, piece: &[u8], at: usize, from: &mut usize) {
        let Some(Container::Object { in_entry: in_entry @ false }) = self.containers.last_mut() else {
            self.state = State::Broken;
            return;
        };
        let Some(key) = unescaped(&self.key) else {
            self.state = State::Broken;
            return;
        };
        *in_entry = true;
        self.path.push(key);
        if (self.left_out)(&self.path) {
            let kept = &piece[*from..=at];
            self.text.extend_from_slice(kept);
            self.text.push(b'0');
            self.count(kept);
            *from = at + 1;
            self.dropping = Some(self.containers.len());
        }
    }

    /// At a comma or a closing bracket.
    fn end_value(&mut self, piece: &[u8], at: usize, from: &mut usize) {
        match self.dropping {
            Some(depth) if depth == self.containers.len() => {
                self.count(&piece[*from..at]);
                *from = at;
                self.cuts.push(Mark { at: u32::try_from(self.text.len()).unwrap_or(u32::MAX), ..self.place });
                self.dropping = None;
            }
            Some(_) => return,
            None => {}
        }
        if let Some(Container::Object { in_entry }) = self.containers.last_mut()
            && std::mem::take(in_entry)
        {
            self.path.pop();
        }
    }
}

/// A key as it is meant; none for what is no string.
fn unescaped(key: &[u8]) -> Option<Key> {
    if key.contains(&b'\\') {
        let quoted = [b"\"", key, b"\""].concat();
        return super::read(&quoted).ok()?.as_str().map(Key::new);
    }
    std::str::from_utf8(key).ok().map(Key::new)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;
    use crate::source::{Source, Sources};
    use crate::value::Value;
    use crate::{SourceId, json};

    fn left_out(path: &[Key]) -> bool {
        path.last().is_some_and(|key| matches!(key.as_str(), "drop" | "a\"b")) && path.len() < 4
    }

    /// In pieces of so many bytes.
    fn sieved(text: &str, piece: usize) -> Sieved {
        sieve(&mut BufReader::with_capacity(piece, text.as_bytes()), u64::MAX, &left_out).unwrap()
    }

    /// Every scalar with its place.
    fn places(value: &Value, sources: &Sources, out: &mut Vec<String>) {
        let mut entry = |value: &Value, span| {
            let place = sources.locate(span).unwrap();
            match value {
                Value::Object(_) | Value::Array(_) => places(value, sources, out),
                scalar => out.push(format!("{place} {}", json::write(scalar))),
            }
        };
        match value {
            Value::Object(object) => {
                object.iter_spanned().for_each(|(_, value, span)| entry(value, span.unwrap()));
            }
            Value::Array(list) => {
                list.iter().enumerate().for_each(|(index, value)| entry(value, list.span(index).unwrap()));
            }
            _ => {}
        }
    }

    fn read(source: Source) -> Result<(Value, Vec<String>), String> {
        let text = source.text.clone();
        let sources = Sources::default();
        let id: SourceId = sources.add_source(source);
        let value = json::read_with_spans_without(&text, id, &left_out).map_err(|problem| problem.message)?;
        let mut found = Vec::new();
        places(&value, &sources, &mut found);
        Ok((value, found))
    }

    #[test]
    fn what_is_left_out_is_a_zero() {
        let text = "{\"a\": 1, \"drop\":\n [{\"x\": \"]}\\\"\"}] , \"b\": {\"drop\": {}, \"c\": [{\"drop\": 1}]}}";
        let sieved = sieved(text, 3);
        assert_eq!(
            String::from_utf8(sieved.text).unwrap(),
            "{\"a\": 1, \"drop\":0, \"b\": {\"drop\":0, \"c\": [{\"drop\":0}]}}"
        );
        assert_eq!(
            sieved.cuts.iter().map(|cut| (cut.line, cut.column)).collect::<Vec<_>>(),
            [(2, 18), (2, 36), (2, 54)]
        );
    }

    #[test]
    fn what_is_no_json_is_kept_as_it_is() {
        for text in ["", "}", "{\"a\": }", "[1, 2", "{\"a\" 1, : 2}", "nonsense", "{{", "\"", "[{]}", "{\"a\":1:2}"] {
            for piece in [1, 64] {
                assert_eq!(String::from_utf8(sieved(text, piece).text).unwrap(), text);
            }
        }
    }

    #[test]
    fn more_than_is_allowed_is_refused() {
        let error = sieve(&mut "[1, 2, 3]".as_bytes(), 8, &left_out).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let key = prop::sample::select(vec!["drop", "keep", "a\"b", "ü", "\\", "}"]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            prop::sample::select(vec!["", "\"", "\\", "[{", "ä\n", ",:"]).prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
                prop::collection::vec((key.clone(), inner), 0..5).prop_map(Value::object),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_a_reader_of_all_keeps(value in any_json(), pretty: bool, piece in 1..40_usize) {
            let text = if pretty { json::write_pretty(&value) } else { json::write(&value) };
            let Sieved { text: kept, cuts } = sieved(&text, piece);
            let kept = String::from_utf8(kept).unwrap();
            prop_assert_eq!(read(Source::with_cuts("a", kept, cuts)), read(Source::new("a", text)));
        }

        #[test]
        fn any_text_is_taken(text in "[{}\\[\\]\",:\\\\a0 drop\n]{0,60}", piece in 1..9_usize) {
            let sieved = sieved(&text, piece);
            prop_assert!(sieved.text.len() <= text.len() + 2 * sieved.cuts.len() + 1);
        }
    }
}
