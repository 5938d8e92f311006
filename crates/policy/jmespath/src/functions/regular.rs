//! Kyverno's functions of patterns: regular expressions of RE2's syntax, and wildcards.

use probity_go::regex::compiled;
use probity_kubernetes::wildcard;
use probity_model::Value;
use regex::{NoExpand, Regex};

use super::{Arguments, bounded, error};
use crate::ast::Prepared;
use crate::error::SearchError;
use crate::text::MAX_TEXT;

type Outcome = Result<Value, SearchError>;

/// What is done with the expression in the first argument: the one that was made of it when it is written out, else one
/// made now.
fn with_expression<T>(
    arguments: &Arguments<'_>,
    then: impl FnOnce(&Regex) -> Result<T, SearchError>,
    failed: impl Fn(&str) -> SearchError,
) -> Result<T, SearchError> {
    match arguments.prepared {
        Some(Prepared::Regex(Ok(regex))) => then(regex),
        Some(Prepared::Regex(Err(problem))) => Err(failed(problem)),
        _ => then(&*compiled(arguments.string(0)?).map_err(|problem| failed(&problem))?),
    }
}

/// That nothing too long comes of it: each match is replaced by no more than all groups for each `$`.
fn check_growth(regex: &Regex, text: &str, replacement: &str) -> Result<(), SearchError> {
    let references = replacement.matches('$').count();
    let each = |matched: usize| replacement.len() + references * matched;
    let grown: usize = regex.find_iter(text).map(|found| each(found.len())).fold(0, usize::saturating_add);
    if grown > MAX_TEXT { Err(SearchError::Bound("a text is too long")) } else { Ok(()) }
}

pub(super) fn replace_all(arguments: &Arguments<'_>) -> Outcome {
    replaced(arguments, |regex, text, replacement| regex.replace_all(text, replacement).into_owned())
}

pub(super) fn replace_all_literal(arguments: &Arguments<'_>) -> Outcome {
    replaced(arguments, |regex, text, replacement| regex.replace_all(text, NoExpand(replacement)).into_owned())
}

fn replaced(arguments: &Arguments<'_>, replace: impl Fn(&Regex, &str, &str) -> String) -> Outcome {
    let (text, replacement) = (arguments.text(1)?, arguments.text(2)?);
    let replaced = |regex: &Regex| {
        check_growth(regex, &text, &replacement)?;
        bounded(replace(regex, &text, &replacement))
    };
    with_expression(arguments, replaced, |problem| arguments.failed(problem))
}

pub(super) fn matches(arguments: &Arguments<'_>) -> Outcome {
    let text = arguments.text(1)?;
    // Unlike that of the others, its message does not name the function.
    with_expression(arguments, |regex| Ok(regex.is_match(&text).into()), |problem| error(problem))
}

pub(super) fn pattern_match(arguments: &Arguments<'_>) -> Outcome {
    Ok(wildcard::matches(arguments.string(0)?, &arguments.text(1)?).into())
}
