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

/// A place in a text whose line and column are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The offset, in bytes.
    pub at: u32,
    /// The line, from 1.
    pub line: u32,
    /// The column, in characters, from 1.
    pub column: u32,
}

impl Mark {
    /// The beginning of a text.
    pub(crate) const BEGINNING: Self = Self { at: 0, line: 1, column: 1 };

    /// The place behind these bytes, which stand at this one.
    pub(crate) fn behind(self, bytes: &[u8]) -> Self {
        let at = self.at.saturating_add(saturated(bytes.len()));
        match memchr::memrchr(b'\n', bytes) {
            Some(last) => {
                let lines = memchr::memchr_iter(b'\n', bytes).count();
                Self {
                    at,
                    line: self.line.saturating_add(saturated(lines)),
                    column: characters(&bytes[last + 1..]) + 1,
                }
            }
            None => Self { at, line: self.line, column: self.column.saturating_add(characters(bytes)) },
        }
    }
}

/// How many characters begin in these bytes of UTF-8.
fn characters(bytes: &[u8]) -> u32 {
    saturated(bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count())
}

fn saturated(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// So many bytes of one line at most are counted to find a column.
const MARK_EVERY: usize = 4096;

/// One text that was read, with the name it is shown under.
#[derive(Debug)]
pub struct Source {
    /// Path as the user would type it.
    pub path: PathBuf,
    /// The whole text, or what was kept of it.
    pub text: Arc<str>,
    /// Where the text goes on behind what was left out of it.
    cuts: Vec<Mark>,
    /// Where each line begins, and places within long ones; found when a place is first asked for.
    marks: OnceLock<Box<[Mark]>>,
}

impl Source {
    /// A text under a name.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        Self::with_cuts(path, text, Vec::new())
    }

    /// A text out of which something was left. `cuts` says for each place behind that which line and column of the whole
    /// text it is, in their order.
    pub fn with_cuts(path: impl Into<PathBuf>, text: impl Into<Arc<str>>, cuts: Vec<Mark>) -> Self {
        Self { path: path.into(), text: text.into(), cuts, marks: OnceLock::new() }
    }

    fn marks(&self) -> &[Mark] {
        self.marks.get_or_init(|| {
            let mut marks = Vec::new();
            let ends = self.cuts.iter().map(|cut| cut.at as usize).chain([self.text.len()]);
            for (from, end) in std::iter::once(&Mark::BEGINNING).chain(&self.cuts).zip(ends) {
                self.mark(*from, end, &mut marks);
            }
            marks.into()
        })
    }

    /// Adds the marks of a part of the text in which nothing is left out.
    fn mark(&self, mut from: Mark, end: usize, marks: &mut Vec<Mark>) {
        let bytes = self.text.as_bytes();
        loop {
            marks.push(from);
            let start = from.at as usize;
            let most = start.saturating_add(MARK_EVERY).min(end);
            let next = memchr::memchr(b'\n', &bytes[start..most]).map_or(most, |newline| start + newline + 1);
            let is_line = next > start && bytes[next - 1] == b'\n';
            if next == end && !is_line {
                return;
            }
            from = from.behind(&bytes[start..next]);
        }
    }

    /// Line and column of a byte offset, both from 1; the column counts characters.
    pub fn line_column(&self, offset: u32) -> (u32, u32) {
        let mut offset = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let marks = self.marks();
        let before = marks[marks.partition_point(|mark| mark.at as usize <= offset) - 1];
        let place = before.behind(&self.text.as_bytes()[before.at as usize..offset]);
        (place.line, place.column)
    }

    /// The lines from `first` to `last`, counted from 1, without their ends.
    pub fn lines(&self, first: u32, last: u32) -> impl Iterator<Item = (u32, &str)> {
        let marks = self.marks();
        let starts =
            move |line: u32| marks.get(marks.partition_point(|mark| mark.line < line)).map(|mark| mark.at as usize);
        (first.max(1)..=last).map_while(move |line| {
            let start = starts(line)?;
            let end = starts(line.saturating_add(1)).unwrap_or(self.text.len());
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
        self.add_source(Source::new(path, text))
    }

    /// Adds a text that may have been cut.
    ///
    /// # Panics
    /// With more than 2^32 texts.
    pub fn add_source(&self, source: Source) -> SourceId {
        let source = Arc::new(source);
        let mut sources = self.0.write().unwrap_or_else(PoisonError::into_inner);
        sources.push(source);
        SourceId(u32::try_from(sources.len() - 1).expect("fewer than 2^32 texts"))
    }

    /// The text with this number.
    pub fn get(&self, id: SourceId) -> Option<Arc<Source>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id.0 as usize).cloned()
    }

    /// Shows the texts below a folder by their paths within it. Their numbers stay.
    pub fn shorten(&self, folder: &Path) {
        let mut sources = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for source in sources.iter_mut() {
            if let Ok(inner) = source.path.strip_prefix(folder) {
                *source = Arc::new(Source::with_cuts(inner, Arc::clone(&source.text), source.cuts.clone()));
            }
        }
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
    fn texts_below_a_folder_are_shown_without_it() {
        let sources = Sources::default();
        let ids = ["/tmp/x/acme/plan.json", "/tmp/xy/a", "b"].map(|path| sources.add(path, "text"));
        sources.shorten(Path::new("/tmp/x"));
        let paths = ids.map(|id| sources.get(id).unwrap().path.display().to_string());
        assert_eq!(paths, ["acme/plan.json", "/tmp/xy/a", "b"]);
    }

    /// The obvious way: counting from the beginning.
    fn counted(text: &str, offset: usize) -> (u32, u32) {
        let before = &text[..offset];
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (u32::try_from(before.matches('\n').count() + 1).unwrap(), u32::try_from(column).unwrap())
    }

    #[test]
    fn columns_of_long_lines_are_found_from_a_mark() {
        let text = format!("ä{}\n\n{}ö", "xü".repeat(5000), "y".repeat(9000));
        let source = Source::new("a", text.as_str());
        for offset in (0..=text.len()).filter(|offset| text.is_char_boundary(*offset)).step_by(7) {
            assert_eq!(source.line_column(u32::try_from(offset).unwrap()), counted(&text, offset), "{offset}");
        }
        let lines: Vec<(u32, usize)> = source.lines(1, 9).map(|(line, text)| (line, text.chars().count())).collect();
        assert_eq!(lines, [(1, 10_001), (2, 0), (3, 9001)]);
    }

    #[test]
    fn offsets_out_of_range_or_inside_a_character_are_held_back() {
        let source = Source::new("a", "ö");
        assert_eq!(source.line_column(1), (1, 1));
        assert_eq!(source.line_column(99), (1, 2));
    }
}
