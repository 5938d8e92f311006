//! What ends an evaluation before its end.

use probity_model::Span;
use smol_str::SmolStr;

/// Most calls that an error names.
const MAX_FRAMES: usize = 16;

/// An error with its place, and the calls that led to it, the innermost first.
#[derive(Debug)]
pub(crate) struct Stop(Box<Inner>);

#[derive(Debug)]
struct Inner {
    message: String,
    span: Option<Span>,
    calls: Vec<(SmolStr, Span)>,
}

impl Stop {
    /// An error at a place.
    pub(crate) fn at(message: impl Into<String>, span: Span) -> Self {
        Self(Box::new(Inner { message: message.into(), span: Some(span), calls: Vec::new() }))
    }

    /// The message, its place and the calls.
    pub(crate) fn into_parts(self) -> (String, Option<Span>, Vec<(SmolStr, Span)>) {
        (self.0.message, self.0.span, self.0.calls)
    }

    /// The same error, at this place when it has none.
    pub(crate) fn or_at(mut self, span: Span) -> Self {
        self.0.span.get_or_insert(span);
        self
    }

    /// The same error, in a function that was called from here.
    pub(crate) fn called(mut self, function: SmolStr, from: Span) -> Self {
        if self.0.calls.len() < MAX_FRAMES {
            self.0.calls.push((function, from));
        }
        self
    }
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self(Box::new(Inner { message, span: None, calls: Vec::new() }))
    }
}

impl From<&str> for Stop {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}
