//! Kyverno's functions of patterns: regular expressions of RE2's syntax, and wildcards.

use std::rc::Rc;

use probity_go::regex::compiled;
use probity_kubernetes::wildcard;
use probity_model::Value;
use regex::{NoExpand, Regex};

use super::{Arguments, bounded, error};
use crate::error::SearchError;
use crate::text::MAX_TEXT;

type Outcome = Result<Value, SearchError>;

fn expression(arguments: &Arguments<'_>) -> Result<Rc<Regex>, SearchError> {
    compiled(arguments.string(0)?).map_err(|problem| arguments.failed(&problem))
}

/// That nothing too long comes of it: each match is replaced by no more than all groups for each `$`.
fn check_growth(regex: &Regex, text: &str, replacement: &str) -> Result<(), SearchError> {
    let references = replacement.matches('$').count();
    let each = |matched: usize| replacement.len() + references * matched;
    let grown: usize = regex.find_iter(text).map(|found| each(found.len())).fold(0, usize::saturating_add);
    if grown > MAX_TEXT { Err(SearchError::Bound("a text is too long")) } else { Ok(()) }
}

pub(super) fn replace_all(arguments: &Arguments<'_>) -> Outcome {
    let (text, replacement) = (arguments.text(1)?, arguments.text(2)?);
    let regex = expression(arguments)?;
    check_growth(&regex, &text, &replacement)?;
    bounded(regex.replace_all(&text, replacement.as_str()).into_owned())
}

pub(super) fn replace_all_literal(arguments: &Arguments<'_>) -> Outcome {
    let (text, replacement) = (arguments.text(1)?, arguments.text(2)?);
    let regex = expression(arguments)?;
    check_growth(&regex, &text, &replacement)?;
    bounded(regex.replace_all(&text, NoExpand(&replacement)).into_owned())
}

pub(super) fn matches(arguments: &Arguments<'_>) -> Outcome {
    let text = arguments.text(1)?;
    let regex = compiled(arguments.string(0)?).map_err(error)?;
    Ok(regex.is_match(&text).into())
}

pub(super) fn pattern_match(arguments: &Arguments<'_>) -> Outcome {
    Ok(wildcard::matches(arguments.string(0)?, &arguments.text(1)?).into())
}
