//! EDN text to forms.

use probity_model::Problem;

use super::{Edn, Form, scalar};
use crate::MAX_DEPTH;
use crate::text::{Text, shown};

pub(super) fn read(text: &Text<'_>) -> Result<Edn, Problem> {
    Reader { text, at: 0 }.form(0)
}

struct Reader<'t> {
    text: &'t Text<'t>,
    at: usize,
}

/// What ends a word.
fn is_end(character: char) -> bool {
    character.is_whitespace() || matches!(character, ',' | ';' | '"' | '(' | ')' | '[' | ']' | '{' | '}')
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text.whole[self.at..]
    }

    fn problem(&self, message: impl AsRef<str>, start: usize) -> Problem {
        self.text.problem(message, start..self.at.max(start))
    }

    /// Passes over spaces and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(|character: char| character.is_whitespace() || character == ',');
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with(';') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    /// Passes over what `#_` leaves out.
    fn skip_discarded(&mut self, depth: usize) -> Result<(), Problem> {
        self.skip();
        while self.rest().starts_with("#_") {
            self.at += 2;
            self.form(depth + 1)?;
            self.skip();
        }
        Ok(())
    }

    fn form(&mut self, depth: usize) -> Result<Edn, Problem> {
        if depth > MAX_DEPTH {
            return Err(self.problem(format!("nested deeper than {MAX_DEPTH} levels"), self.at));
        }
        self.skip_discarded(depth)?;
        let start = self.at;
        let rest = self.rest();
        let form = match rest.chars().next() {
            None => return Err(self.problem("a value is missing", start)),
            Some('(') => Form::List(self.elements(1, ')', depth)?),
            Some('[') => Form::List(self.elements(1, ']', depth)?),
            Some('{') => self.map(depth)?,
            Some('"') => Form::Text(self.string()?),
            Some('#') if rest.starts_with("#{") => Form::Set(self.elements(2, '}', depth)?),
            Some('#') => self.tagged(depth)?,
            Some('\\') => Form::Text(self.character()?),
            Some(_) => Form::Text(self.word()?),
        };
        Ok(Edn { form, span: self.text.span(start..self.at) })
    }

    fn elements(&mut self, mark: usize, close: char, depth: usize) -> Result<Vec<Edn>, Problem> {
        let start = self.at;
        self.at += mark;
        let mut found = Vec::new();
        loop {
            self.skip_discarded(depth)?;
            if self.rest().starts_with(close) {
                self.at += 1;
                return Ok(found);
            }
            if self.rest().is_empty() {
                return Err(self.text.problem(format!("no `{close}` follows"), start..start + mark));
            }
            found.push(self.form(depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Form, Problem> {
        let start = self.at;
        let elements = self.elements(1, '}', depth)?;
        if !elements.len().is_multiple_of(2) {
            return Err(self.problem("a map with a key that has no value", start));
        }
        let mut elements = elements.into_iter();
        let mut entries = Vec::new();
        while let (Some(key), Some(value)) = (elements.next(), elements.next()) {
            entries.push((key, value));
        }
        Ok(Form::Map(entries))
    }

    fn string(&mut self) -> Result<String, Problem> {
        let start = self.at;
        let rest = self.rest();
        let mut characters = rest.char_indices().skip(1);
        let mut text = String::new();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += at + 1;
                    return Ok(text);
                }
                '\\' => {
                    let code = start + at..(start + at + 2).min(self.text.whole.len());
                    let escaped = match characters.next().map(|(_, escaped)| escaped) {
                        Some('t') => Some('\t'),
                        Some('r') => Some('\r'),
                        Some('n') => Some('\n'),
                        Some('b') => Some('\u{8}'),
                        Some('f') => Some('\u{c}'),
                        Some(same @ ('\\' | '"')) => Some(same),
                        Some('u') => rest.get(at + 2..at + 6).and_then(|digits| {
                            characters.nth(3)?;
                            scalar::code_point(digits)
                        }),
                        _ => None,
                    };
                    text.push(escaped.ok_or_else(|| self.text.problem("an escape that is not known", code))?);
                }
                other => text.push(other),
            }
        }
        Err(self.text.problem("the string does not end", start..start + 1))
    }

    /// A word of symbol characters.
    fn plain(&mut self) -> &'t str {
        let rest = self.rest();
        let word = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn character(&mut self) -> Result<String, Problem> {
        let start = self.at;
        self.at += 1;
        let first = self.rest().chars().next().filter(|first| !first.is_whitespace());
        let first = first.ok_or_else(|| self.problem("a character is missing", start))?;
        self.at += first.len_utf8();
        let more = self.plain();
        let name = &self.text.whole[start + 1..self.at];
        let character = if more.is_empty() { Some(first) } else { scalar::character(name) };
        let code = character.map(|character| u32::from(character).to_string());
        code.ok_or_else(|| self.problem(format!("`\\{}` is no character", shown(name)), start))
    }

    fn word(&mut self) -> Result<String, Problem> {
        let start = self.at;
        let word = self.plain();
        if word.is_empty() {
            self.at += self.rest().chars().next().map_or(0, char::len_utf8);
            return Err(self.problem("not a value", start));
        }
        scalar::printed(word).ok_or_else(|| self.problem(format!("`{}` is not a value", shown(word)), start))
    }

    fn tagged(&mut self, depth: usize) -> Result<Form, Problem> {
        let start = self.at;
        self.at += 1;
        let tag = self.plain();
        if !tag.starts_with(char::is_alphabetic) {
            return Err(self.problem("`#` without a tag", start));
        }
        let inner = self.form(depth + 1)?;
        match (&inner.form, tag) {
            (Form::Text(text), "inst") => match scalar::instant(text) {
                Some(instant) => Ok(Form::Text(instant)),
                None => Err(self.problem(format!("`{}` is not a time of RFC 3339", shown(text)), start)),
            },
            _ => Ok(Form::Tagged(tag.to_owned(), Box::new(inner))),
        }
    }
}
