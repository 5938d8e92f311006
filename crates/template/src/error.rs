//! What goes wrong in a template, and where.

use std::fmt;
use std::rc::Rc;

/// Why a template gives nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// It cannot be parsed.
    Parse,
    /// The template itself refuses: `fail`, or `required` for a value that is not there.
    Refused,
    /// It went over a bound.
    Bound,
    /// Anything else that fails while it runs.
    Execution,
}

/// What goes wrong in a template, and where. Prints as Go does: `template: name:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// Why.
    pub kind: ErrorKind,
    /// In words.
    pub message: String,
    /// The name of the text it stands in.
    pub text: Rc<str>,
    /// Its number; a text that was given to `tpl` has none.
    pub id: Option<u32>,
    /// Byte offset in that text.
    pub offset: usize,
    /// Line in that text, from 1.
    pub line: usize,
    /// Column in that text, in bytes, from 0 as Go counts.
    pub column: usize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ErrorKind::Parse => write!(f, "template: {}:{}: {}", self.text, self.line, self.message),
            _ => write!(f, "template: {}:{}:{}: {}", self.text, self.line, self.column, self.message),
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>, source: &crate::ast::Source, offset: usize) -> Self {
        let before = &source.text[..offset.min(source.text.len())];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            kind,
            message: message.into(),
            text: Rc::clone(&source.name),
            id: source.id,
            offset,
            line: 1 + before.matches('\n').count(),
            column: before.len() - line_start,
        }
    }
}
