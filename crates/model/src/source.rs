//! Source texts and places in them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

/// Number of a text in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A range of bytes in one source text, the end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The text.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A range of bytes; offsets past 4 GiB are held at the end.
    pub fn new(source: SourceId, range: std::ops::Range<usize>) -> Self {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { source, start: offset(range.start), end: offset(range.end) }
    }
}

/// One text that was read, with the name it is shown under.
#[derive(Debug)]
pub struct Source {
    /// Path as the user would type it.
    pub path: PathBuf,
    /// The whole text.
    pub text: Arc<str>,
    /// Where each line begins; found when a place is first asked for.
    line_starts: OnceLock<Box<[usize]>>,
}

impl Source {
    /// A text under a name.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        Self { path: path.into(), text: text.into(), line_starts: OnceLock::new() }
    }

    fn line_starts(&self) -> &[usize] {
        self.line_starts.get_or_init(|| {
            std::iter::once(0).chain(memchr::memchr_iter(b'\n', self.text.as_bytes()).map(|at| at + 1)).collect()
        })
    }

    /// Line and column of a byte offset, both from 1; the column counts characters.
    pub fn line_column(&self, offset: u32) -> (u32, u32) {
        let mut offset = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let starts = self.line_starts();
        let line = starts.partition_point(|start| *start <= offset);
        let column = self.text[starts[line - 1]..offset].chars().count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// The lines from `first` to `last`, counted from 1, without their ends.
    pub fn lines(&self, first: u32, last: u32) -> impl Iterator<Item = (u32, &str)> {
        let starts = self.line_starts();
        (first.max(1)..=last).map_while(move |line| {
            let start = *starts.get(line as usize - 1)?;
            let end = starts.get(line as usize).copied().unwrap_or(self.text.len());
            let text = self.text[start..end].trim_end_matches(['\n', '\r']);
            (start < self.text.len()).then_some((line, text))
        })
    }
}

/// All texts read so far. Shared between threads; texts are added and never removed.
#[derive(Debug, Default)]
pub struct Sources(RwLock<Vec<Arc<Source>>>);

impl Sources {
    /// Adds a text.
    ///
    /// # Panics
    /// With more than 2^32 texts.
    pub fn add(&self, path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> SourceId {
        let source = Arc::new(Source::new(path, text));
        let mut sources = self.0.write().unwrap_or_else(PoisonError::into_inner);
        sources.push(source);
        SourceId(u32::try_from(sources.len() - 1).expect("fewer than 2^32 texts"))
    }

    /// The text with this number.
    pub fn get(&self, id: SourceId) -> Option<Arc<Source>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id.0 as usize).cloned()
    }

    /// Path, lines and columns of a span.
    pub fn locate(&self, span: Span) -> Option<Location> {
        let source = self.get(span.source)?;
        let (line, column) = source.line_column(span.start);
        let (end_line, end_column) = source.line_column(span.end.max(span.start));
        Some(Location { path: source.path.clone(), line, column, end_line, end_column })
    }
}

/// A place in a file as people read it; lines and columns from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// Path as the user would type it.
    pub path: PathBuf,
    /// First line.
    pub line: u32,
    /// First column, in characters.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// One past the last column.
    pub end_column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// Something wrong with data from outside: what, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What to do about it, when there is something to say.
    pub help: Option<String>,
    /// Where it stands, when it stands in a text.
    pub span: Option<Span>,
}

impl Problem {
    /// A problem at a place.
    pub fn new(message: impl Into<String>, span: impl Into<Option<Span>>) -> Self {
        Self { message: message.into(), help: None, span: span.into() }
    }

    /// The same problem with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The problem in one line, `path:line:column: message (help)`; `path` serves when it has no place of its own.
    pub fn display(&self, sources: &Sources, path: &Path) -> String {
        let place = match self.span.and_then(|span| sources.locate(span)) {
            Some(location) => location.to_string(),
            None => path.display().to_string(),
        };
        match &self.help {
            Some(help) => format!("{place}: {} ({help})", self.message),
            None => format!("{place}: {}", self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let sources = Sources::default();
        let id = sources.add("a.txt", "eins\nzwölf = 1\n");
        let start = "eins\nzwölf ".len();
        let location = sources.locate(Span::new(id, start..start + 1)).unwrap();
        assert_eq!(location.to_string(), "a.txt:2:7");
    }

    #[test]
    fn offsets_out_of_range_or_inside_a_character_are_held_back() {
        let source = Source::new("a", "ö");
        assert_eq!(source.line_column(1), (1, 1));
        assert_eq!(source.line_column(99), (1, 2));
    }
}
