//! Expressions of `JMESPath` as policies write them.

use std::sync::Arc;

use probity_model::{SmolStr, Value};
use probity_policy_jmespath::{Evaluation, Expression, Root, SearchError};

/// An expression, parsed.
#[derive(Debug, Clone)]
pub struct Query {
    text: SmolStr,
    expression: Arc<Expression>,
}

/// An expression gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// Why, in the words that Kyverno has for it.
    pub message: String,
    /// Whether it is for want of a key.
    pub is_not_found: bool,
    /// Whether the expression itself failed, rather than an entry that it asks for.
    pub(crate) is_own: bool,
}

impl QueryError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_not_found: false, is_own: false }
    }

    /// The same error, as it is told of what variables ask for.
    pub(crate) fn of_context(self) -> Self {
        if !self.is_own {
            return self;
        }
        Self { message: format!("JMESPath query failed: {}", self.message), is_own: false, ..self }
    }
}

impl From<SearchError> for QueryError {
    fn from(error: SearchError) -> Self {
        let is_own = !matches!(error, SearchError::Root(_));
        Self { is_not_found: error.is_not_found(), message: error.to_string(), is_own }
    }
}

impl Query {
    /// Parses an expression.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(QueryError::new("invalid query (nil)"));
        }
        let expression =
            Expression::parse(text).map_err(|error| QueryError::new(format!("incorrect query {text}: {error}")))?;
        Ok(Self { text: text.into(), expression: Arc::new(expression) })
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it gives.
    ///
    /// # Errors
    /// When a key is missing where one is needed, or a function is called with what it does not take.
    pub fn search(&self, root: &dyn Root, evaluation: &Evaluation<'_>) -> Result<Value, QueryError> {
        Ok(self.expression.search(root, evaluation)?)
    }
}
