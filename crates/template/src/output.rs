//! What a template gives, and where it comes from.

/// Where a part of the output comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where the part begins in the output; it ends where the next begins.
    pub at: usize,
    /// The number of the text it comes from.
    pub text: u32,
    /// The bytes of that text that made it.
    pub start: usize,
    /// One past the last of them.
    pub end: usize,
    /// Whether it is a copy of those bytes, and not what an action gave.
    pub is_copy: bool,
}

/// What a template gave.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// The text.
    pub text: String,
    /// Where its parts come from, in order. Parts whose origin is not known have none.
    pub segments: Vec<Segment>,
}

impl Output {
    /// The text and the bytes of it that this range of the output comes from.
    pub fn origin(&self, range: std::ops::Range<usize>) -> Option<(u32, std::ops::Range<usize>)> {
        let first = self.segment(range.start)?;
        let start = if first.is_copy { (first.start + range.start - first.at).min(first.end) } else { first.start };
        let last = self.segment(range.end.saturating_sub(1).max(range.start))?;
        if last.text != first.text {
            return Some((first.text, start..first.end.max(start)));
        }
        let end = if last.is_copy { (last.start + range.end.saturating_sub(last.at)).min(last.end) } else { last.end };
        Some((first.text, start..end.max(start)))
    }

    fn segment(&self, at: usize) -> Option<Segment> {
        let position = self.segments.partition_point(|segment| segment.at <= at);
        self.segments.get(position.checked_sub(1)?).copied()
    }
}
