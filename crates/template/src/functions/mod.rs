//! The functions that templates call: Go's own, sprig's and Helm's.

mod builtin;
mod dates;
mod dicts;
mod encoding;
mod flow;
mod lists;
mod math;
mod paths;
mod random;
mod regex;
pub mod semver;

pub(crate) use encoding::to_value;
mod strings;
mod urls;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::datum::{Datum, Map};
use crate::error::Error;

/// Why a function gives nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It says what is wrong.
    Message(String),
    /// The template refuses, by `fail` or `required`.
    Refused(String),
    /// A template that it ran failed.
    Inner(Box<Error>),
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::Message(message.to_owned())
    }
}

pub(crate) type Outcome = Result<Datum, Failure>;

type Function = fn(&[Datum]) -> Outcome;

type Table = &'static [(&'static str, Function)];

static FUNCTIONS: LazyLock<HashMap<&'static str, Function>> = LazyLock::new(|| {
    let tables: [Table; 13] = [
        builtin::TABLE,
        dates::TABLE,
        dicts::TABLE,
        encoding::TABLE,
        flow::TABLE,
        lists::TABLE,
        math::TABLE,
        paths::TABLE,
        random::TABLE,
        regex::TABLE,
        semver::TABLE,
        strings::TABLE,
        urls::TABLE,
    ];
    tables.into_iter().flatten().copied().collect()
});

/// Whether there is a function of this name.
pub(crate) fn is_known(name: &str) -> bool {
    matches!(name, "and" | "or" | "include" | "tpl") || FUNCTIONS.contains_key(name)
}

pub(crate) fn call(name: &str, arguments: &[Datum]) -> Outcome {
    match FUNCTIONS.get(name) {
        Some(function) => function(arguments),
        None => Err(format!("function {name:?} not defined").into()),
    }
}

/// As many arguments as a function takes.
pub(crate) fn exactly<const N: usize>(arguments: &[Datum]) -> Result<&[Datum; N], Failure> {
    arguments.try_into().map_err(|_| format!("wrong number of args: want {N} got {}", arguments.len()).into())
}

/// The first arguments, and the rest.
pub(crate) fn at_least<const N: usize>(arguments: &[Datum]) -> Result<(&[Datum; N], &[Datum]), Failure> {
    arguments
        .split_first_chunk()
        .ok_or_else(|| format!("wrong number of args: want at least {N} got {}", arguments.len()).into())
}

fn wrong(expected: &str, value: &Datum) -> Failure {
    if value.is_nil() {
        return format!("invalid value; expected {expected}").into();
    }
    format!("wrong type for value; expected {expected}; got {}", value.type_name()).into()
}

pub(crate) fn string(value: &Datum) -> Result<&str, Failure> {
    value.as_text().ok_or_else(|| wrong("string", value))
}

pub(crate) fn map(value: &Datum) -> Result<&Map, Failure> {
    value.as_map().ok_or_else(|| wrong("map[string]interface {}", value))
}

/// A list; where Go would panic over another kind, the error says so.
pub(crate) fn list<'d>(value: &'d Datum, what: &str) -> Result<&'d [Datum], Failure> {
    value.as_list().ok_or_else(|| format!("Cannot {what} on type {}", value.kind_name()).into())
}

/// A whole number; Go takes a text or a float for none.
pub(crate) fn int(value: &Datum) -> Result<i64, Failure> {
    match value {
        Datum::Int(int) | Datum::Int64(int) => Ok(*int),
        other => Err(wrong("int", other)),
    }
}

/// A length or a count: whole and within bounds.
pub(crate) fn size(value: &Datum) -> Result<usize, Failure> {
    /// More than this is taken for a mistake.
    const MAX_SIZE: usize = 1 << 20;
    usize::try_from(int(value)?)
        .ok()
        .filter(|size| *size <= MAX_SIZE)
        .ok_or_else(|| "the number is negative or too large".into())
}

/// A value's text, as sprig makes one of anything.
pub(crate) fn text(value: &Datum) -> String {
    crate::print::plain(value)
}

/// The texts of a list, or the value itself as the only one; nil is left out.
pub(crate) fn texts(value: &Datum) -> Vec<String> {
    match value {
        Datum::List(list) => list.iter().filter(|element| !element.is_nil()).map(text).collect(),
        nil if nil.is_nil() => Vec::new(),
        other => vec![text(other)],
    }
}
