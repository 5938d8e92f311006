//! Why a resource is not as a pattern says.

/// Why, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// In the words that Kyverno has for it.
    pub message: String,
    /// Where, such as `/spec/containers/0/image/`; empty when no place is to be told.
    pub path: String,
    /// The pattern does not apply, rather than that the resource fails it.
    pub is_skip: bool,
}

/// What kind of failure it is on its way up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value is not as said.
    Value,
    /// What must not be there is.
    Negation,
    /// A condition is not met.
    Condition,
    /// All of the elements, or the anchors, of something were skipped.
    Skipped,
}

/// A failure on its way up.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    pub(super) message: String,
    pub(super) path: String,
}

impl Failure {
    pub(super) fn new(kind: Kind, message: String, path: String) -> Self {
        Self { kind, message, path }
    }

    /// Whether it means that something does not apply.
    pub(super) fn is_skip(&self) -> bool {
        matches!(self.kind, Kind::Condition | Kind::Skipped)
    }

    /// The failures of several as one.
    pub(super) fn all(failures: &[Self], path: String) -> Self {
        let messages: Vec<&str> = failures.iter().map(|failure| failure.message.as_str()).collect();
        Self { kind: Kind::Skipped, message: messages.join("; "), path }
    }
}
