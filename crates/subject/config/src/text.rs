//! A text on its way to being a value.

use std::ops::Range;

use probity_model::{Problem, SourceId, Span, Value};

use crate::{Document, Format};

/// A text, where it comes from, and what it is read as.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'t> {
    pub(crate) whole: &'t str,
    pub(crate) source: SourceId,
    pub(crate) format: Format,
}

impl<'t> Text<'t> {
    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, range)
    }

    /// The text is not of its format, because of what stands here.
    pub(crate) fn problem(&self, message: impl AsRef<str>, range: Range<usize>) -> Problem {
        Problem::new(format!("not valid {}: {}", self.format.name(), message.as_ref()), self.span(range))
    }

    /// The whole text as one document.
    pub(crate) fn document(&self, value: Value) -> Document {
        Document { value, span: self.span(0..self.whole.len()) }
    }

    /// Each element of a list is a document, any other value is one.
    pub(crate) fn documents(&self, value: Value) -> Vec<Document> {
        let Value::Array(list) = &value else { return vec![self.document(value)] };
        let all = self.span(0..self.whole.len());
        let document =
            |(index, value): (usize, &Value)| Document { value: value.clone(), span: list.span(index).unwrap_or(all) };
        list.iter().enumerate().map(document).collect()
    }

    /// The lines with their ends, and the offset of each.
    pub(crate) fn lines(&self) -> Lines<'t> {
        Lines { text: self.whole, at: 0 }
    }
}

/// Lines with their ends. The last one has no end, and is not there when it is empty.
#[derive(Debug, Clone)]
pub(crate) struct Lines<'t> {
    text: &'t str,
    at: usize,
}

impl Lines<'_> {
    /// Offset of the next line.
    pub(crate) fn at(&self) -> usize {
        self.at
    }
}

impl<'t> Iterator for Lines<'t> {
    type Item = (usize, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let len = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let start = self.at;
        self.at += len;
        Some((start, &rest[..len]))
    }
}

/// The first characters of a text, for a message.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 40;
    let text = text.trim();
    let mut shown: String = text.chars().take(MOST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
