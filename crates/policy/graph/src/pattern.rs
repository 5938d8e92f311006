use std::sync::OnceLock;

use fancy_regex::{Regex, RegexBuilder};
use probity_model::{Problem, Span, node::Node};

/// How often a pattern may go back before it is given up.
const MAX_BACKTRACKS: usize = 100_000;

/// A regular expression that a text must begin with, as Python's `match` reads it. It is compiled when it is first asked:
/// that takes longer than most of what it judges.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
    span: Option<Span>,
    compiled: OnceLock<Result<Regex, String>>,
}

impl Pattern {
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        Ok(Self { text: node.text()?, span: node.span, compiled: OnceLock::new() })
    }

    /// Compiles it.
    ///
    /// # Errors
    /// When it is no regular expression.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let problem = |error: &String| Problem::new(format!("not a regular expression: {error}"), self.span);
        self.compiled().map(|_| ()).map_err(problem)
    }

    /// Whether a text begins so; `None` when that takes too long to tell.
    pub(crate) fn matches(&self, text: &str) -> Option<bool> {
        self.compiled().ok()?.is_match(text).ok()
    }

    fn compiled(&self) -> Result<&Regex, &String> {
        let compile = || {
            RegexBuilder::new(&format!("^(?:{})", self.text))
                .backtrack_limit(MAX_BACKTRACKS)
                .build()
                .map_err(|error| error.to_string())
        };
        self.compiled.get_or_init(compile).as_ref()
    }
}
