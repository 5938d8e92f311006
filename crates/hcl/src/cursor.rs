//! A place in a text that is being parsed: blanks, comments, names and marks.

use probity_model::{SourceId, Span};

use crate::{Failure, MAX_DEPTH, Parsed};

pub(crate) struct Cursor<'t> {
    pub(crate) text: &'t str,
    pub(crate) at: usize,
    source: SourceId,
    /// What everything stands at, when the text is no source by itself.
    fixed: Option<Span>,
    /// Whether a line break ends what is being parsed; within brackets it is a blank.
    pub(crate) line_breaks_count: bool,
    depth: usize,
    /// What is wrong and can be passed over.
    pub(crate) passed_over: Vec<Failure>,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t str, source: SourceId) -> Self {
        Self { text, at: 0, source, fixed: None, line_breaks_count: true, depth: 0, passed_over: Vec::new() }
    }

    /// A text all of which stands at one place.
    pub(crate) fn within(text: &'t str, span: Span) -> Self {
        Self { fixed: Some(span), ..Self::new(text, span.source) }
    }

    pub(crate) fn span(&self, start: usize) -> Span {
        self.fixed.unwrap_or_else(|| Span::new(self.source, start..self.at))
    }

    pub(crate) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(crate) fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(crate) fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(Failure { message: message.into(), at: self.at })
    }

    /// What stands here, for a message.
    pub(crate) fn found(&self) -> String {
        match self.rest().chars().next() {
            None => "the end of the file".to_owned(),
            Some('\n' | '\r') => "the end of the line".to_owned(),
            Some(character) => format!("`{character}`"),
        }
    }

    /// Passes over blanks and comments, and over line breaks where they do not count.
    pub(crate) fn skip(&mut self) {
        let breaks = !self.line_breaks_count;
        self.skip_blanks(breaks);
    }

    pub(crate) fn skip_blanks(&mut self, line_breaks: bool) {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'\n' if line_breaks => self.at += 1,
                b'\r' if bytes.get(self.at + 1) == Some(&b'\n') => self.at += 1,
                b'#' => self.skip_line(),
                b'/' if bytes.get(self.at + 1) == Some(&b'/') => self.skip_line(),
                b'/' if bytes.get(self.at + 1) == Some(&b'*') => {
                    let end = memchr::memmem::find(&bytes[self.at + 2..], b"*/");
                    self.at = end.map_or(bytes.len(), |end| self.at + 2 + end + 2);
                }
                _ => return,
            }
        }
    }

    /// To the end of the line, which still stands.
    fn skip_line(&mut self) {
        let rest = self.rest().as_bytes();
        self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    }

    /// Takes the text when it stands here.
    pub(crate) fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    pub(crate) fn expect(&mut self, text: &str, what: &str) -> Parsed<()> {
        self.skip();
        if self.take(text) { Ok(()) } else { self.fail(format!("expected `{text}` {what}, found {}", self.found())) }
    }

    /// The name that stands here.
    pub(crate) fn peek_name(&self) -> Option<&'t str> {
        let rest = self.rest();
        let is_start = |character: char| character.is_alphabetic() || character == '_';
        let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
        rest.starts_with(is_start).then(|| &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())])
    }

    pub(crate) fn name(&mut self) -> Option<&'t str> {
        let name = self.peek_name()?;
        self.at += name.len();
        Some(name)
    }

    pub(crate) fn expect_name(&mut self, what: &str) -> Parsed<Box<str>> {
        self.skip();
        match self.name() {
            Some(name) => Ok(name.into()),
            None => self.fail(format!("expected {what}, found {}", self.found())),
        }
    }

    /// Takes this word, when it is all of the name that stands here.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek_name() == Some(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// Parses what is nested one deeper.
    pub(crate) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return self.fail(format!("nested more than {MAX_DEPTH} deep"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Parses what stands in brackets, where line breaks are blanks, or not in them.
    pub(crate) fn with_line_breaks<T>(&mut self, count: bool, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let outer = std::mem::replace(&mut self.line_breaks_count, count);
        let parsed = parse(self);
        self.line_breaks_count = outer;
        parsed
    }
}
