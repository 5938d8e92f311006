//! Where what is undefined comes from.

use std::fmt;
use std::sync::Arc;

use probity_model::Span;

use super::Text;

/// Where and why a value is undefined: kept however far it travels.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) span: Option<Span>,
    pub(crate) reason: Reason,
}

/// Why a value is undefined.
#[derive(Debug, Clone)]
pub(crate) enum Reason {
    /// `undefined` was written.
    Written,
    MissingKey(Text),
    OutOfRange {
        index: i64,
        length: usize,
    },
    /// What was looked into is `null`.
    OfNull,
    BadSlice,
    Conversion(&'static str),
    /// The types of both sides.
    NotComparable(&'static str, &'static str),
    /// What the document waits for.
    Unknown(Arc<str>),
    /// A module or import has no such member.
    MissingMember(Text),
    NothingFound,
    /// A function gives nothing.
    NoResult(&'static str),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written => write!(f, "`undefined` is written here"),
            Self::MissingKey(key) => write!(f, "there is no key {key:?}"),
            Self::OutOfRange { index, length } => write!(f, "index {index} is out of range of {length}"),
            Self::OfNull => write!(f, "what is looked into is null"),
            Self::BadSlice => write!(f, "the bounds of the slice are out of range"),
            Self::Conversion(to) => write!(f, "the value cannot be converted to {to}"),
            Self::NotComparable(a, b) => write!(f, "{a} and {b} have no order"),
            Self::Unknown(what) => write!(f, "not known yet: it waits for {what}"),
            Self::MissingMember(name) => write!(f, "the import has no member {name:?}"),
            Self::NothingFound => write!(f, "nothing was found"),
            Self::NoResult(function) => write!(f, "`{function}` gives no value"),
        }
    }
}
