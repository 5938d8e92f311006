//! What goes wrong when policies are read, compiled and evaluated.

use std::fmt;

use probity_model::{Location, Sources, Span};

/// Class of an error, with the codes that OPA gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The text is not Rego.
    Parse,
    /// The policy makes no sense as a whole.
    Compile,
    /// A rule conflicts with another, or a function is called with what it does not take.
    Type,
    /// A variable has no value when it is needed.
    UnsafeVar,
    /// A rule depends on itself.
    Recursion,
    /// A fault of the engine, or something it cannot do.
    EvalInternal,
    /// Two values for what can have one only.
    EvalConflict,
    /// A function was given a value of the wrong type.
    EvalType,
    /// A function was given a value it can do nothing with.
    EvalBuiltin,
    /// Evaluation went over its budget.
    EvalCancel,
    /// What `with` gives does not fit what is there.
    EvalWithMerge,
}

impl Code {
    /// The code as OPA writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "rego_parse_error",
            Self::Compile => "rego_compile_error",
            Self::Type => "rego_type_error",
            Self::UnsafeVar => "rego_unsafe_var_error",
            Self::Recursion => "rego_recursion_error",
            Self::EvalInternal => "eval_internal_error",
            Self::EvalConflict => "eval_conflict_error",
            Self::EvalType => "eval_type_error",
            Self::EvalBuiltin => "eval_builtin_error",
            Self::EvalCancel => "eval_cancel_error",
            Self::EvalWithMerge => "eval_with_merge_error",
        }
    }
}

/// One error: its class, what is wrong, where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Its class.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What is known of it, line by line.
    pub details: Vec<String>,
    /// Where, as a range of the text.
    pub span: Option<Span>,
    /// Where, as people read it; filled in when the error leaves the crate.
    pub location: Option<Location>,
}

impl Error {
    pub(crate) fn new(code: Code, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new(), span: span.into(), location: None }
    }

    /// The message and what is known of it, a line each.
    pub fn text(&self) -> String {
        let mut text = self.message.clone();
        for line in &self.details {
            text.push_str("\n\t");
            text.push_str(line);
        }
        text
    }

    pub(crate) fn located(mut self, sources: &Sources) -> Self {
        if self.location.is_none() {
            self.location = self.span.and_then(|span| sources.locate(span));
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            let path = location.path.as_os_str();
            if path.is_empty() {
                write!(f, "{}:{}: ", location.line, location.column)?;
            } else {
                write!(f, "{}:{}: ", path.display(), location.line)?;
            }
        }
        write!(f, "{}: {}", self.code.as_str(), self.text())
    }
}

impl std::error::Error for Error {}

/// All errors that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors(pub Vec<Error>);

impl Errors {
    pub(crate) fn located(self, sources: &Sources) -> Self {
        Self(self.0.into_iter().map(|error| error.located(sources)).collect())
    }
}

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0[..] {
            [] => f.write_str("no error"),
            [one] => write!(f, "1 error occurred: {one}"),
            many => {
                write!(f, "{} errors occurred:", many.len())?;
                many.iter().try_for_each(|error| write!(f, "\n{error}"))
            }
        }
    }
}

impl std::error::Error for Errors {}
