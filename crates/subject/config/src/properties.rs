//! Java properties (the `load` method of `java.util.Properties`), values as they are written.

use std::collections::HashMap;
use std::iter::Peekable;
use std::str::CharIndices;

use probity_model::value::Object;
use probity_model::{Key, Problem, Span, Value};

use crate::text::Text;

/// Longest chain of values that stand for each other.
const MAX_CHAIN: usize = 64;

pub(crate) fn read(text: &Text<'_>) -> Result<Value, Problem> {
    let mut reader = Reader { text, characters: text.whole.char_indices().peekable() };
    reader.characters.next_if(|(_, first)| *first == '\u{feff}');
    let mut entries = Vec::new();
    while let Some((key, value, span)) = reader.entry()? {
        entries.push((key, value, span));
    }
    check_references(text, &entries)?;
    let entries = entries.into_iter().map(|(key, value, span)| (Key::new(&key), value.into(), span));
    Ok(Value::Object(Object::with_spans(entries.collect())))
}

struct Reader<'t> {
    text: &'t Text<'t>,
    characters: Peekable<CharIndices<'t>>,
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\u{c}')
}

fn is_line_end(character: char) -> bool {
    matches!(character, '\n' | '\r')
}

impl Reader<'_> {
    fn at(&mut self) -> usize {
        self.characters.peek().map_or(self.text.whole.len(), |(at, _)| *at)
    }

    fn skip(&mut self, of: impl Fn(char) -> bool) {
        while self.characters.next_if(|(_, character)| of(*character)).is_some() {}
    }

    fn entry(&mut self) -> Result<Option<(String, String, Span)>, Problem> {
        loop {
            self.skip(|character| is_space(character) || is_line_end(character));
            if self.characters.next_if(|(_, first)| matches!(first, '#' | '!')).is_none() {
                break;
            }
            self.skip(|character| !is_line_end(character));
        }
        let start = self.at();
        if start == self.text.whole.len() {
            return Ok(None);
        }
        let key = self.key()?;
        self.skip(is_space);
        let delimiter = self.at();
        self.characters.next_if(|(_, character)| matches!(character, '=' | ':'));
        if key.is_empty() {
            return Err(self.text.problem("a value without a key", delimiter..self.at()));
        }
        self.skip(is_space);
        let value = self.value()?;
        Ok(Some((key, value, self.text.span(start..self.at()))))
    }

    fn key(&mut self) -> Result<String, Problem> {
        let mut key = String::new();
        let ends = |character: char| is_space(character) || is_line_end(character) || matches!(character, ':' | '=');
        while let Some((at, character)) = self.characters.next_if(|(_, character)| !ends(*character)) {
            match character {
                '\\' => key.push(self.escaped(at)?),
                other => key.push(other),
            }
        }
        Ok(key)
    }

    fn value(&mut self) -> Result<String, Problem> {
        let mut value = String::new();
        while let Some((at, character)) = self.characters.next_if(|(_, character)| !is_line_end(*character)) {
            match character {
                '\\' if self.characters.next_if(|(_, next)| is_line_end(*next)).is_some() => self.skip(is_space),
                '\\' => value.push(self.escaped(at)?),
                other => value.push(other),
            }
        }
        Ok(value)
    }

    /// What the characters behind a backslash stand for.
    fn escaped(&mut self, backslash: usize) -> Result<char, Problem> {
        let Some((_, character)) = self.characters.next() else {
            return Err(self.text.problem("nothing follows the backslash", backslash..backslash + 1));
        };
        match character {
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'u' => self.unicode(backslash),
            other => Ok(other),
        }
    }

    fn unicode(&mut self, backslash: usize) -> Result<char, Problem> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.characters.next().and_then(|(_, character)| character.to_digit(16));
            let Some(digit) = digit else {
                return Err(self.text.problem("`\\u` without four hexadecimal digits", backslash..self.at()));
            };
            code = code * 16 + digit;
        }
        // Halves of a pair are no characters of their own.
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

/// `${key}` is not replaced, but a key that stands for itself, directly or not, is an error.
fn check_references(text: &Text<'_>, entries: &[(String, String, Span)]) -> Result<(), Problem> {
    let values: HashMap<&str, (&str, Span)> =
        entries.iter().map(|(key, value, span)| (key.as_str(), (value.as_str(), *span))).collect();
    let mut heights = HashMap::new();
    for (key, value, span) in entries {
        let problem = |message: &str| text.problem(message, span.start as usize..span.end as usize);
        height(key, value, &values, &mut vec![key.as_str()], &mut heights).map_err(|message| problem(&message))?;
    }
    Ok(())
}

/// Length of the longest chain of values that begins with this key.
fn height<'e>(
    key: &'e str,
    value: &'e str,
    values: &HashMap<&'e str, (&'e str, Span)>,
    chain: &mut Vec<&'e str>,
    heights: &mut HashMap<&'e str, usize>,
) -> Result<usize, String> {
    if let Some(known) = heights.get(key) {
        return Ok(*known);
    }
    let mut highest = 0;
    let mut rest = value;
    while let Some(start) = rest.find("${") {
        let inner = &rest[start + 2..];
        let end = inner.find('}').ok_or("`${` without a `}`")?;
        let name = &inner[..end];
        rest = &inner[end + 1..];
        if chain.contains(&name) {
            return Err(format!("`{name}` stands for itself"));
        }
        let Some((value, _)) = values.get(name) else { continue };
        let too_long = || format!("more than {MAX_CHAIN} values that stand for each other");
        if chain.len() == MAX_CHAIN {
            return Err(too_long());
        }
        chain.push(name);
        highest = highest.max(height(name, value, values, chain, heights)?);
        chain.pop();
        if highest + chain.len() > MAX_CHAIN {
            return Err(too_long());
        }
    }
    heights.insert(key, highest + 1);
    Ok(highest + 1)
}
