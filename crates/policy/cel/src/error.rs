//! What goes wrong when an expression is evaluated, worded as cel-go words it.

use std::borrow::Cow;
use std::sync::Arc;

use smol_str::SmolStr;

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A map has no such key, or an object no such field.
    #[error("no such key: {0}")]
    NoSuchKey(SmolStr),
    /// A name has no value.
    #[error("no such attribute(s): {0}")]
    NoSuchAttribute(SmolStr),
    /// No overload of the function or operator takes these values.
    #[error("no such overload")]
    NoSuchOverload,
    /// A list has no element at this position.
    #[error("index out of bounds: {0}")]
    IndexOutOfBounds(i64),
    /// The expression used more than it may.
    #[error("operation cancelled: actual cost limit exceeded")]
    CostLimit,
    /// The expression ran past its deadline.
    #[error("operation interrupted")]
    Interrupted,
    /// The document's value cannot be known yet.
    #[error("unknown value: {0}")]
    Unknown(Arc<str>),
    /// Anything else.
    #[error("{0}")]
    Other(Cow<'static, str>),
}

impl Error {
    /// An error with this message.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Other(message.into())
    }

    /// Whether the evaluation as a whole ends, so that `||` and `&&` do not absorb it.
    pub fn ends_evaluation(&self) -> bool {
        matches!(self, Self::CostLimit | Self::Interrupted)
    }
}
