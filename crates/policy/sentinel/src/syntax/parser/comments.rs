//! What comments say about what stands below them.

use super::Parser;
use crate::syntax::token::At;

impl Parser<'_> {
    /// The comment right above this place, without its signs.
    pub(super) fn comment_above(&self, at: At) -> Option<String> {
        let mut below = at.start as usize;
        let mut lines = Vec::new();
        for comment in self.comments.iter().rev().skip_while(|comment| comment.end > at.start) {
            let between = &self.text[comment.range().end..below];
            let own_line = self.text[..comment.range().start].trim_end_matches([' ', '\t']).ends_with('\n');
            let first = self.text[..comment.range().start].trim().is_empty();
            if !between.trim().is_empty() || between.matches('\n').count() > 1 || !(own_line || first) {
                break;
            }
            lines.push(plain(&self.text[comment.range()]));
            below = comment.range().start;
        }
        lines.reverse();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// The comment that the file begins with.
    pub(super) fn description(&self) -> Option<String> {
        let first = self.tokens.first().map_or(0, |token| token.at.start);
        let mut lines: Vec<String> = Vec::new();
        let mut end = 0;
        for comment in self.comments.iter().take_while(|comment| comment.start < first) {
            let gap = self.text[end..comment.range().start].matches('\n').count();
            if !lines.is_empty() && gap > 1 {
                break;
            }
            lines.push(plain(&self.text[comment.range()]));
            end = comment.range().end;
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

/// What a comment says, without its signs.
fn plain(comment: &str) -> String {
    let block = comment.strip_prefix("/*").and_then(|inner| inner.strip_suffix("*/"));
    match block {
        Some(inner) => {
            let lines: Vec<&str> = inner.lines().map(|line| line.trim().trim_start_matches('*').trim()).collect();
            lines.join("\n").trim().to_owned()
        }
        None => comment.trim_start_matches(['#', '/']).trim().to_owned(),
    }
}
