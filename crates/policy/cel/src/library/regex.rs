//! Regular expressions, compiled once when they are constants.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use smol_str::SmolStr;

use crate::environment::Builder;
use crate::function::Implementation;
use crate::program::{MAX_ELEMENTS, check_text, traversal};
use crate::{Error, Overload, Type, Value};

use super::args::{error, int, text};

/// Largest compiled expression, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// Compiles an expression in RE2's syntax.
pub(super) fn compile(pattern: &str) -> Result<Regex, Error> {
    let error = |error: regex::Error| {
        let text = error.to_string();
        let reason = in_words_of_go(text.lines().last().unwrap_or_default().trim_start_matches("error: "));
        Error::Other(format!("error parsing regexp: {reason}: `{pattern}`").into())
    };
    RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build().map_err(error)
}

thread_local! {
    /// Expressions that are not constants, by their text: a loop asks for the same ones over and over.
    static COMPILED: RefCell<HashMap<SmolStr, Regex>> = RefCell::default();
}

/// How many expressions each thread keeps.
const MAX_KEPT: usize = 64;

fn compiled(pattern: &SmolStr) -> Result<Regex, Error> {
    COMPILED.with_borrow_mut(|known| {
        if let Some(regex) = known.get(pattern) {
            return Ok(regex.clone());
        }
        let regex = compile(pattern)?;
        if known.len() >= MAX_KEPT {
            known.clear();
        }
        known.insert(pattern.clone(), regex.clone());
        Ok(regex)
    })
}

/// What Go says of the usual mistakes.
fn in_words_of_go(reason: &str) -> &str {
    match reason {
        "unclosed group" => "missing closing )",
        "unopened group" => "unexpected )",
        "unclosed character class" => "missing closing ]",
        "repetition operator missing expression" => "missing argument to repetition operator",
        reason if reason.starts_with("look-around") || reason.starts_with("backreferences") => {
            "invalid or unsupported Perl syntax"
        }
        other => other,
    }
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
        Some(Value::String(pattern)) => run(&compiled(pattern)?, args),
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

/// `find` and `findAll` of Kubernetes.
pub fn find(builder: &mut Builder) {
    let texts = || Type::list(Type::String);
    let find = with_regex("string_find_string", true, [Type::String, Type::String], Type::String, first)
        .with_cost(search_cost)
        .specialized(|constants| precompiled(constants, first));
    let find_all = |id, params: Vec<Type>| {
        with_regex(id, true, params, texts(), all)
            .with_cost(search_cost)
            .specialized(|constants| precompiled(constants, all))
    };
    builder
        .function("find", find)
        .function("findAll", find_all("string_find_all_string", vec![Type::String, Type::String]))
        .function("findAll", find_all("string_find_all_string_int", vec![Type::String, Type::String, Type::Int]));
}

fn first(regex: &Regex, args: &[Value]) -> Result<Value, Error> {
    let text = text(args, 0)?;
    Ok(Value::from(regex.find(text).map_or("", |found| found.as_str())))
}

fn all(regex: &Regex, args: &[Value]) -> Result<Value, Error> {
    let limit = if args.len() > 2 { usize::try_from(int(args, 2)?).unwrap_or(usize::MAX) } else { usize::MAX };
    let found = regex.find_iter(text(args, 0)?).take(limit.min(MAX_ELEMENTS));
    Ok(Value::list(found.map(|found| Value::from(found.as_str()))))
}

/// `regex.extract`, `regex.extractAll` and `regex.replace` (cel-go's `ext/regex`).
pub fn regexes(builder: &mut Builder) {
    use Type::{Int, String};
    let cost = |args: &[Value], result: &Value| {
        1 + ((args[0].size() + 1).saturating_mul(args[1].size() + 1)).div_ceil(40) + result.size()
    };
    let overload =
        |id, params: Vec<Type>, result, run: OnRegex| with_regex(id, false, params, result, run).with_cost(cost);
    let extract_one = overload("regex_extract_string_string", vec![String, String], Type::optional(String), extract)
        .specialized(|constants| precompiled(constants, extract));
    let extract_many =
        overload("regex_extractAll_string_string", vec![String, String], Type::list(String), extract_all)
            .specialized(|constants| precompiled(constants, extract_all));
    let replacing =
        |id, params| overload(id, params, String, replace).specialized(|constants| precompiled(constants, replace));
    builder
        .function("regex.extract", extract_one)
        .function("regex.extractAll", extract_many)
        .function("regex.replace", replacing("regex_replace_string_string_string", vec![String, String, String]))
        .function(
            "regex.replace",
            replacing("regex_replace_string_string_string_int", vec![String, String, String, Int]),
        );
}

/// Whether the expression has a group, of which it may have one.
fn has_group(regex: &Regex) -> Result<bool, Error> {
    match regex.captures_len() - 1 {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(error(format!("regular expression has more than one capturing group: {:?}", regex.as_str()))),
    }
}

fn extract(regex: &Regex, args: &[Value]) -> Result<Value, Error> {
    let group = usize::from(has_group(regex)?);
    let Some(found) = regex.captures(text(args, 0)?) else { return Ok(Value::none()) };
    let found = found.get(group).map_or("", |found| found.as_str());
    Ok(if group == 1 && found.is_empty() { Value::none() } else { Value::some(Value::from(found)) })
}

fn extract_all(regex: &Regex, args: &[Value]) -> Result<Value, Error> {
    let group = usize::from(has_group(regex)?);
    let found = regex.captures_iter(text(args, 0)?).filter_map(|found| found.get(group)).take(MAX_ELEMENTS);
    let kept = found.map(|found| found.as_str()).filter(|found| group == 0 || !found.is_empty());
    Ok(Value::list(kept.map(Value::from)))
}

fn replace(regex: &Regex, args: &[Value]) -> Result<Value, Error> {
    let (whole, template) = (text(args, 0)?, text(args, 2)?);
    let limit = if args.len() > 3 { usize::try_from(int(args, 3)?).unwrap_or(usize::MAX) } else { usize::MAX };
    let (mut out, mut end) = (String::new(), 0);
    for found in regex.captures_iter(whole).take(limit) {
        let Some(all) = found.get(0) else { continue };
        out.push_str(&whole[end..all.start()]);
        fill(&mut out, template, &found)?;
        check_text(out.len())?;
        end = all.end();
    }
    out.push_str(&whole[end..]);
    Ok(Value::from(out))
}

/// Writes what replaces a match: `\1` stands for its first group.
fn fill(out: &mut String, template: &str, found: &regex::Captures<'_>) -> Result<(), Error> {
    let mut characters = template.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let invalid = |why: &str| error(format!("invalid replacement string: '{template}' \\ {why}"));
        match characters.next().ok_or_else(|| invalid("not allowed at end"))? {
            '\\' => out.push('\\'),
            digit => {
                let group = digit.to_digit(10).ok_or_else(|| invalid("must be followed by a digit or \\"))? as usize;
                let groups = found.len() - 1;
                if group > groups {
                    let message =
                        format!("replacement string references group {group} but regex has only {groups} group(s)");
                    return Err(error(message));
                }
                out.push_str(found.get(group).map_or("", |found| found.as_str()));
            }
        }
    }
    Ok(())
}
