//! What can be wrong with an expression, and with a search.

/// A text that is no `JMESPath` expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SyntaxError: {message}")]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Where, in bytes from the beginning of the expression.
    pub offset: usize,
}

/// Why a search has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// An object has no such key. Most operators take it as null; whoever evaluates may too.
    #[error("Unknown key \"{0}\" in path")]
    NotFound(String),
    /// What a function does not take, or could not do.
    #[error("{0}")]
    Function(String),
    /// It would take too long or become too large.
    #[error("the expression was given up: {0}")]
    Bound(&'static str),
    /// The root could not give what was asked for.
    #[error("{0}")]
    Root(String),
}

impl SearchError {
    /// Whether a key was not found, which is not an error everywhere.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }
}
