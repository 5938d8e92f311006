//! The functions that are part of the language, by family.

// All functions are called the same way, those that always succeed, too.
#![allow(clippy::unnecessary_wraps)]

mod args;
mod aws;
mod collections;
mod conftest;
mod crypto;
mod encoding;
mod fast;
mod float64;
mod glob;
mod gofmt;
mod graphql;
mod json;
mod jwt;
mod keys;
mod misc;
mod module;
mod net;
mod numbers;
mod regex;
mod schema;
mod semver;
mod sprintf;
mod strings;
mod table;
mod template;
mod time;
mod trivy;
mod types;
mod units;
mod uri;
mod uuid;
mod x509;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

pub(crate) use args::expandable;
use probity_model::Span;
use probity_model::value::Value;

pub(crate) use encoding::unescape_query;
pub use glob::glob_matches;
pub use jwt::verify_signature;
pub(crate) use schema::check_schema;

pub(crate) use fast::{Fast, fast};

use crate::error::Code;
use crate::host::Host;
use crate::observe::Observer;
use crate::types::{Function, signature};

/// Why a function gives no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is none, and nothing is wrong.
    Undefined,
    /// An operand is of the wrong type.
    Type(String),
    /// It can do nothing with an operand.
    Value(String),
    /// Evaluation must end.
    Halt(Code, String),
}

impl Failure {
    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self::Value(message.into())
    }
}

pub(crate) type Outcome = Result<Value, Failure>;

/// A function's implementation. It is called with as many operands as it takes.
pub(crate) type Run = fn(&mut Context<'_>, &[Value]) -> Outcome;

/// What functions may use and keep within one query.
pub(crate) struct Context<'h> {
    host: &'h dyn Host,
    observer: Option<&'h dyn Observer>,
    /// Where the expression stands that is being evaluated; known when it is observed, and to functions of other tools.
    pub(crate) at: Option<Span>,
    now: Option<Result<i64, String>>,
    /// What is kept by functions that give the same answer all through a query.
    kept: HashMap<(&'static str, Value), Value>,
}

impl<'h> Context<'h> {
    pub(crate) fn new(host: &'h dyn Host, observer: Option<&'h dyn Observer>) -> Self {
        Self { host, observer, at: None, now: None, kept: HashMap::new() }
    }

    /// The time, the same all through a query.
    pub(crate) fn now_ns(&mut self) -> Result<i64, Failure> {
        let now = self.now.get_or_insert_with(|| self.host.now_ns());
        now.clone().map_err(Failure::Value)
    }

    /// The answer that was given before to the same question, or else a new one.
    pub(crate) fn once(&mut self, name: &'static str, key: &Value, make: impl FnOnce(&dyn Host) -> Outcome) -> Outcome {
        if let Some(known) = self.kept.get(&(name, key.clone())) {
            return Ok(known.clone());
        }
        let value = make(self.host)?;
        self.kept.insert((name, key.clone()), value.clone());
        Ok(value)
    }
}

/// One function.
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    /// What it takes and gives, as error messages write it.
    signature: &'static str,
    /// The same, read when it is first asked for.
    declared: OnceLock<Arc<Function>>,
    arity: usize,
    pub(crate) deprecated: bool,
    /// Whether it may have many results.
    pub(crate) relation: bool,
    /// Whether it takes any number of operands.
    pub(crate) variadic: bool,
    /// Whether it has no result.
    pub(crate) void: bool,
    /// Whether another tool adds it to the language.
    pub(crate) extension: bool,
    pub(crate) run: Run,
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Builtin {
    /// How many operands it takes.
    pub(crate) fn arity(&self) -> usize {
        self.arity
    }

    /// What it takes and gives, as it is written down.
    #[cfg(test)]
    pub(crate) fn signature(&self) -> &'static str {
        self.signature
    }

    /// The types of what it takes and gives.
    pub(crate) fn declared(&self) -> &Arc<Function> {
        self.declared.get_or_init(|| Arc::new(signature::read(self.signature)))
    }
}

static BY_NAME: LazyLock<HashMap<&'static str, &'static Builtin>> =
    LazyLock::new(|| table::ALL.iter().chain(&table::EXTENSIONS).map(|builtin| (builtin.name, builtin)).collect());

/// All functions.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = &'static Builtin> {
    table::ALL.iter().chain(&table::EXTENSIONS)
}

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    BY_NAME.get(name).copied()
}

/// Whether the language has a function of that name.
pub(crate) fn is_builtin(name: &str) -> bool {
    find(name).is_some_and(|builtin| !builtin.extension)
}

/// A value as it is written in a policy.
pub(crate) fn term_text(value: &Value) -> String {
    sprintf::text(value)
}

/// Functions that the evaluator deals with itself.
fn internal(_: &mut Context<'_>, _: &[Value]) -> Outcome {
    Err(Failure::value("not to be called"))
}
