//! Lines as they are written, with the values of maps under each other as gofmt has them.

/// Keys of maps up to this length stand in one column whatever their lengths.
const SHORT_KEY: usize = 20;

/// How many times longer or shorter than the one before a key that is not short may be in its column.
const RATIO: usize = 4;

/// A line.
struct Line {
    indent: usize,
    /// Whether an empty line stands before it.
    blank: bool,
    text: String,
    key: Option<Key>,
    comment_last: bool,
}

/// The key of a map that a line begins with.
#[derive(Clone, Copy)]
struct Key {
    /// Where it ends in the line, its colon included.
    end: usize,
    /// Number of its map.
    map: usize,
    /// Whether its value ends on the same line.
    single: bool,
}

#[derive(Default)]
pub(super) struct Lines(Vec<Line>);

impl Lines {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn begin(&mut self, indent: usize, blank: bool) {
        self.0.push(Line { indent, blank, text: String::new(), key: None, comment_last: false });
    }

    pub(super) fn push(&mut self, text: &str) {
        if let Some(line) = self.0.last_mut() {
            line.text.push_str(text);
        }
    }

    pub(super) fn push_item(&mut self, text: &str, comment: bool) {
        self.push(text);
        if let Some(line) = self.0.last_mut() {
            line.comment_last = comment;
        }
    }

    pub(super) fn ends_with_comment(&self) -> bool {
        self.0.last().is_some_and(|line| line.comment_last)
    }

    /// Indentation of the line that is written.
    pub(super) fn indent(&self) -> usize {
        self.0.last().map_or(0, |line| line.indent)
    }

    /// The key of a map ends here.
    pub(super) fn mark_key(&mut self, map: usize) {
        if let Some(line) = self.0.last_mut() {
            line.key = Some(Key { end: line.text.len(), map, single: false });
        }
    }

    /// The line ends; when an entry of this map does, too, it stood on one line.
    pub(super) fn end(&mut self, map: Option<usize>) {
        if let Some(line) = self.0.last_mut()
            && let Some(key) = &mut line.key
        {
            key.single = map == Some(key.map) && !line.text.contains('\n');
        }
    }

    /// Puts the values of keys on consecutive lines of one map under each other.
    fn align(&mut self) {
        let mut start = 0;
        while start < self.0.len() {
            let count = self.column(start);
            let column = &mut self.0[start..start + count];
            let widest = column.iter().filter_map(Line::key_width).max().unwrap_or(0);
            for line in column {
                if let (Some(key), Some(width)) = (line.key, line.key_width())
                    && key.end < line.text.len()
                {
                    line.text.insert_str(key.end, &" ".repeat(widest - width));
                }
            }
            start += count.max(1);
        }
    }

    /// How many lines from this one on have their values in one column.
    fn column(&self, start: usize) -> usize {
        let lines = &self.0[start..];
        if lines[0].key.is_none() {
            return 0;
        }
        1 + lines.windows(2).take_while(|pair| pair[1].goes_on(&pair[0])).count()
    }

    pub(super) fn finish(mut self) -> String {
        self.align();
        let mut text = String::new();
        for line in &self.0 {
            if line.blank {
                text.push('\n');
            }
            text.push_str(&"\t".repeat(line.indent));
            text.push_str(&line.text);
            text.push('\n');
        }
        text
    }
}

impl Line {
    /// How wide its key is, in characters, the colon included.
    fn key_width(&self) -> Option<usize> {
        Some(self.text[..self.key?.end].chars().count())
    }

    /// Whether its value stands in the column of the line before.
    fn goes_on(&self, before: &Self) -> bool {
        let (Some(key), Some(key_before)) = (self.key, before.key) else { return false };
        let sizes = (self.key_width(), before.key_width());
        let (Some(size), Some(size_before)) = (sizes.0.map(|width| width - 1), sizes.1.map(|width| width - 1)) else {
            return false;
        };
        let short = size <= SHORT_KEY && size_before <= SHORT_KEY;
        let alike = size * RATIO > size_before && size < size_before * RATIO;
        key.single && key_before.single && key.map == key_before.map && !self.blank && (short || alike)
    }
}
