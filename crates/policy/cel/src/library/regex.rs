//! Regular expressions, compiled once when they are constants.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use crate::environment::Builder;
use crate::function::Implementation;
use crate::program::traversal;
use crate::{Error, Overload, Type, Value};

/// Largest compiled expression, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// Compiles an expression in RE2's syntax.
pub(super) fn compile(pattern: &str) -> Result<Regex, Error> {
    let error = |error: regex::Error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Error::Other(format!("error parsing regexp: {reason}: `{pattern}`").into())
    };
    RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build().map_err(error)
}

/// What a function of a text (the first argument), a regular expression (the second) and others does.
pub(super) type OnRegex = fn(&Regex, &[Value]) -> Result<Value, Error>;

/// Compiles the expression when it is called.
pub(super) fn with_regex(
    id: &'static str,
    member: bool,
    params: impl Into<Vec<Type>>,
    result: Type,
    run: OnRegex,
) -> Overload {
    let each = move |_: &crate::Evaluation<'_>, args: &[Value]| match args.get(1) {
        Some(Value::String(pattern)) => run(&compile(pattern)?, args),
        _ => Err(Error::NoSuchOverload),
    };
    if member { Overload::member(id, params, result, each) } else { Overload::global(id, params, result, each) }
}

/// The implementation for an expression that is a constant.
pub(super) fn precompiled(constants: &[Option<&Value>], run: OnRegex) -> Option<Result<Implementation, Error>> {
    let pattern = constants.get(1).copied().flatten()?.as_str()?;
    let implementation = |regex: Regex| -> Implementation { Arc::new(move |_, args| run(&regex, args)) };
    Some(compile(pattern).map(implementation))
}

/// The cost of a search: the length of the text times that of the expression.
pub(super) fn search_cost(args: &[Value], _: &Value) -> u64 {
    traversal(1 + args[0].size()) * args[1].size().div_ceil(4)
}

fn is_match(regex: &Regex, args: &[Value]) -> Result<Value, Error> {
    args[0].as_str().map(|text| Value::Bool(regex.is_match(text))).ok_or(Error::NoSuchOverload)
}

pub(super) fn matches(builder: &mut Builder) {
    let overload = |id, member| {
        with_regex(id, member, [Type::String, Type::String], Type::Bool, is_match)
            .with_cost(search_cost)
            .specialized(|constants| precompiled(constants, is_match))
    };
    builder.function("matches", overload("matches", false)).function("matches", overload("matches_string", true));
}
