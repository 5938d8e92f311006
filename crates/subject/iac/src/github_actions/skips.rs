//! What a file asks to be skipped, in comments.
//!
//! A comment belongs to the innermost part that it stands in or right above, and counts for that part and all within it:
//! above a step for the step, among a job's own fields for the job and its steps, elsewhere for the whole file.

use std::ops::Range;

use probity_model::{InlineSkip, Problem, SourceId, Span};

use crate::skip;

/// The comments of a file that ask for a skip.
pub(super) struct Comments<'t> {
    text: &'t str,
    found: Vec<(usize, InlineSkip)>,
    pub(super) problems: Vec<Problem>,
}

impl<'t> Comments<'t> {
    pub(super) fn of(text: &'t str, source: SourceId) -> Self {
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if let Some(comment) = line.find('#') {
                let span = Span::new(source, at + comment..at + line.len());
                for asked in skip::parse_comment(&line[comment..], span) {
                    match asked {
                        Ok(skip) => found.push((at + comment, skip)),
                        Err(problem) => problems.push(problem),
                    }
                }
            }
            at += line.len();
        }
        Self { text, found, problems }
    }

    /// Takes the skips that stand in a part or right above it.
    pub(super) fn take(&mut self, span: Span) -> Vec<InlineSkip> {
        let range = self.with_comments_above(span);
        let (taken, left) = std::mem::take(&mut self.found).into_iter().partition(|(at, _)| range.contains(at));
        self.found = left;
        let taken: Vec<(usize, InlineSkip)> = taken;
        taken.into_iter().map(|(_, skip)| skip).collect()
    }

    /// Takes all that are left.
    pub(super) fn rest(&mut self) -> Vec<InlineSkip> {
        std::mem::take(&mut self.found).into_iter().map(|(_, skip)| skip).collect()
    }

    /// The lines of a part, with the comment lines directly above it.
    fn with_comments_above(&self, span: Span) -> Range<usize> {
        let start = (span.start as usize).min(self.text.len());
        let mut first = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        while first > 0 {
            let above = self.text[..first - 1].rfind('\n').map_or(0, |at| at + 1);
            if !self.text[above..first].trim_start().starts_with('#') {
                break;
            }
            first = above;
        }
        // A comment behind the last value belongs to it as well.
        let end = (span.end as usize).min(self.text.len());
        let end = self.text[end..].find('\n').map_or(self.text.len(), |at| end + at);
        first..end
    }
}
