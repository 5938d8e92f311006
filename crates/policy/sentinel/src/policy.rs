//! A file of the language, read.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use probity_model::{Location, Problem, Source, SourceId, Sources, Span};

use crate::syntax::ast::{File, Statement, StatementKind};
use crate::syntax::format::format;
use crate::syntax::lexer::lex;
use crate::syntax::parser::parse;

/// A policy or a module: one file, read and ready to be evaluated any number of times, by any number of threads.
#[derive(Clone)]
pub struct Policy(Arc<Inner>);

struct Inner {
    id: SourceId,
    source: Arc<Source>,
    file: File,
}

impl Policy {
    /// Reads the text with this number.
    ///
    /// # Errors
    /// With every problem found, in the order of their places.
    pub fn parse(sources: &Sources, id: SourceId) -> Result<Self, Problems> {
        let Some(source) = sources.get(id) else {
            return Err(Problems(vec![Problem::new("there is no text with this number", None)]));
        };
        let file = parse(&source.text, id).map_err(Problems)?;
        Ok(Self(Arc::new(Inner { id, source, file })))
    }

    /// The text well-formed, as `sentinel fmt` writes it: the same tokens and comments on the same lines, with tabs for
    /// indentation and the values of maps under each other. Formatting it again changes nothing.
    pub fn formatted(&self) -> String {
        let lexed = lex(&self.0.source.text, self.0.id);
        format(&self.0.source.text, &lexed.tokens, &lexed.comments)
    }

    /// Names of what it imports, in order.
    pub fn imports(&self) -> impl Iterator<Item = &str> {
        self.0.file.imports.iter().map(|import| import.path.as_str())
    }

    /// Names of its parameters, and whether each must be given, as those without a default must.
    pub fn params(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.file.params.iter().map(|param| (param.name.name.as_str(), param.default.is_none()))
    }

    /// Whether it has a `main`, as a policy must and a module need not.
    pub fn has_main(&self) -> bool {
        let is_main =
            |statement: &Statement| matches!(&statement.kind, StatementKind::Assign(name, _, _) if name.name == "main");
        self.0.file.statements.iter().any(is_main)
    }

    /// The comment that the file begins with.
    pub fn description(&self) -> Option<&str> {
        self.0.file.description.as_deref()
    }

    /// The path it was read from.
    pub fn path(&self) -> &Path {
        &self.0.source.path
    }

    /// The number of its text.
    pub fn source_id(&self) -> SourceId {
        self.0.id
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.0.source.text
    }

    pub(crate) fn file(&self) -> &File {
        &self.0.file
    }

    /// Lines and columns of a place in it.
    pub(crate) fn location(&self, span: Span) -> Location {
        let (line, column) = self.0.source.line_column(span.start);
        let (end_line, end_column) = self.0.source.line_column(span.end.max(span.start));
        Location { path: self.0.source.path.clone(), line, column, end_line, end_column }
    }

    /// What stands at a place, in one line.
    pub(crate) fn excerpt(&self, span: Span) -> String {
        /// Longest excerpt, in characters.
        const MAX: usize = 160;
        let text = self.0.source.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = words.char_indices().nth(MAX) {
            words.truncate(end);
            words.push('…');
        }
        words
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Policy").field(&self.0.source.path).finish()
    }
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
