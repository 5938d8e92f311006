//! What comments in and above a block ask to be skipped.

use probity_model::{InlineSkip, Problem, SourceId, Span};

use crate::skip;

/// What comments inside a block, and in the lines right above it, ask to be skipped.
pub(super) fn of(text: &str, range: &std::ops::Range<usize>, source: SourceId) -> (Vec<InlineSkip>, Vec<Problem>) {
    let start = comment_start(text, range.start);
    let (mut skips, mut problems) = (Vec::new(), Vec::new());
    let region = &text[start..range.end];
    if !region.contains(":skip=") && !region.contains(":ignore:") {
        return (skips, problems);
    }
    let mut offset = start;
    for line in region.split_inclusive('\n') {
        let comment = [line.find('#'), line.find("//"), line.find("/*")].into_iter().flatten().min();
        // A line inside `/* */` has no mark of its own.
        let at = comment.unwrap_or(0);
        let span = Span::new(source, offset + at..offset + line.trim_end().len().max(at));
        for found in skip::parse_comment(&line[at..], span) {
            match found {
                Ok(skip) => skips.push(skip),
                Err(problem) => problems.push(problem),
            }
        }
        offset += line.len();
    }
    (skips, problems)
}

/// The start of the comment lines that stand right above this offset.
fn comment_start(text: &str, block: usize) -> usize {
    let mut start = text[..block].rfind('\n').map_or(0, |at| at + 1);
    while start > 0 {
        let above = text[..start - 1].rfind('\n').map_or(0, |at| at + 1);
        let line = text[above..start].trim_start();
        if !line.starts_with('#') && !line.starts_with("//") {
            break;
        }
        start = above;
    }
    start
}
