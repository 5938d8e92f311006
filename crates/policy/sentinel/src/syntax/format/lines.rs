//! Lines as they are written, with the values of maps under each other.

/// A line.
struct Line {
    indent: usize,
    /// Whether an empty line stands before it.
    blank: bool,
    text: String,
    /// Where the key of a map ends, with the number of the map.
    key: Option<(usize, usize)>,
    comment_last: bool,
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
            line.key = Some((line.text.len(), map));
        }
    }

    /// Puts the values of keys on consecutive lines of one map under each other.
    fn align(&mut self) {
        let mut start = 0;
        while start < self.0.len() {
            let Some((_, map)) = self.0[start].key else {
                start += 1;
                continue;
            };
            let same = |(index, line): (usize, &Line)| {
                line.key.is_some_and(|(_, other)| other == map) && (index == 0 || !line.blank)
            };
            let count = self.0[start..].iter().enumerate().take_while(|(index, line)| same((*index, line))).count();
            let section = &mut self.0[start..start + count];
            let width = |line: &Line| line.key.map_or(0, |(end, _)| line.text[..end].chars().count());
            let widest = section.iter().map(width).max().unwrap_or(0);
            for line in section {
                let padding = " ".repeat(widest - width(line));
                if let Some((end, _)) = line.key.filter(|(end, _)| *end < line.text.len()) {
                    line.text.insert_str(end, &padding);
                }
            }
            start += count.max(1);
        }
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
