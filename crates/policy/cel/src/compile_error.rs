//! What is wrong with an expression, in the form that cel-go and so Kubernetes tells it.

use std::fmt;
use std::sync::Arc;

/// One thing wrong with an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// What is wrong.
    pub message: String,
    /// Byte offset in the expression.
    pub offset: usize,
}

/// Everything wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    source: Arc<str>,
    issues: Vec<Issue>,
}

impl CompileError {
    pub(crate) fn new(source: &str, mut issues: Vec<Issue>) -> Self {
        issues.sort_by_key(|issue| issue.offset);
        issues.dedup();
        Self { source: source.into(), issues }
    }

    /// What is wrong, in the order of the places.
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// The expression.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What is wrong on one line: each issue with its line and column, and the expression.
    pub fn in_one_line(&self) -> String {
        let shown = self.issues.iter().map(|issue| {
            let (line, column, _) = self.locate(issue.offset);
            let message = issue.message.replace('\n', " ");
            format!("{message} at {line}:{}", column + 1)
        });
        let words: Vec<&str> = self.source.split_whitespace().collect();
        format!("{} in `{}`", shown.collect::<Vec<_>>().join("; "), words.join(" "))
    }

    /// Line from 1 and column from 0 in characters, and the text of the line.
    fn locate(&self, offset: usize) -> (usize, usize, &str) {
        let mut offset = offset.min(self.source.len());
        while !self.source.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.source[..offset];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = self.source[start..].split('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, self.source[start..offset].chars().count(), line)
    }
}

impl fmt::Display for CompileError {
    /// Each issue as `ERROR: <input>:1:5: message`, the line and a caret below the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, issue) in self.issues.iter().enumerate() {
            let (line, column, text) = self.locate(issue.offset);
            let separator = if index > 0 { "\n" } else { "" };
            write!(f, "{separator}ERROR: <input>:{line}:{}: {}", column + 1, issue.message)?;
            write!(f, "\n | {}\n | {}^", text.replace('\t', " "), ".".repeat(column))?;
        }
        Ok(())
    }
}

impl std::error::Error for CompileError {}
