//! Kyverno's functions of texts.

use probity_kubernetes::semver::{Range, Version};
use probity_model::Value;

use super::{Arguments, bounded, error, strings};
use crate::ast::Prepared;
use crate::error::SearchError;
use crate::text::MAX_TEXT;

type Outcome = Result<Value, SearchError>;

pub(super) fn compare(arguments: &Arguments<'_>) -> Outcome {
    Ok(i64::from(arguments.string(0)?.cmp(arguments.string(1)?) as i8).into())
}

pub(super) fn equal_fold(arguments: &Arguments<'_>) -> Outcome {
    let (left, right) = (arguments.string(0)?, arguments.string(1)?);
    Ok(left.chars().map(folded).eq(right.chars().map(folded)).into())
}

/// The letter that stands for all that differ in their case only.
fn folded(character: char) -> char {
    lower(one(character.to_uppercase()).unwrap_or(character))
}

pub(super) fn replace(arguments: &Arguments<'_>) -> Outcome {
    #[expect(clippy::cast_possible_truncation, reason = "Kyverno cuts off the fraction of the count")]
    let count = arguments.number(3)? as i64;
    replaced(arguments, usize::try_from(count).unwrap_or(usize::MAX))
}

pub(super) fn replace_all(arguments: &Arguments<'_>) -> Outcome {
    replaced(arguments, usize::MAX)
}

fn replaced(arguments: &Arguments<'_>, count: usize) -> Outcome {
    let (text, old, new) = (arguments.string(0)?, arguments.string(1)?, arguments.string(2)?);
    let found = text.matches(old).take(count).count();
    if text.len().saturating_add(found.saturating_mul(new.len())) > MAX_TEXT {
        return Err(SearchError::Bound("a text is too long"));
    }
    Ok(text.replacen(old, new, found).into())
}

/// In capitals. Go changes one letter to one letter, so that `ß` stays.
pub(super) fn to_upper(arguments: &Arguments<'_>) -> Outcome {
    let upper = |character: char| one(character.to_uppercase()).unwrap_or(character);
    bounded(arguments.string(0)?.chars().map(upper).collect())
}

pub(super) fn to_lower(arguments: &Arguments<'_>) -> Outcome {
    bounded(arguments.string(0)?.chars().map(lower).collect())
}

fn lower(character: char) -> char {
    one(character.to_lowercase()).unwrap_or(character)
}

/// The letter, when it is one only.
fn one(mut letters: impl Iterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.next().is_none())
}

pub(super) fn trim(arguments: &Arguments<'_>) -> Outcome {
    let characters = arguments.string(1)?;
    Ok(arguments.string(0)?.trim_matches(|character| characters.contains(character)).into())
}

pub(super) fn trim_prefix(arguments: &Arguments<'_>) -> Outcome {
    let text = arguments.string(0)?;
    Ok(text.strip_prefix(arguments.string(1)?).unwrap_or(text).into())
}

pub(super) fn split(arguments: &Arguments<'_>) -> Outcome {
    let (text, separator) = (arguments.string(0)?, arguments.string(1)?);
    if separator.is_empty() {
        return Ok(strings(text.chars().map(|character| character.to_string())));
    }
    Ok(strings(text.split(separator)))
}

/// The first so many characters.
pub(super) fn truncate(arguments: &Arguments<'_>) -> Outcome {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
    let length = arguments.number(1)?.max(0.0) as usize;
    Ok(arguments.string(0)?.chars().take(length).collect::<String>().into())
}

pub(super) fn to_boolean(arguments: &Arguments<'_>) -> Outcome {
    let text = arguments.string(0)?;
    match text.to_lowercase().as_str() {
        "true" => Ok(true.into()),
        "false" => Ok(false.into()),
        _ => Err(arguments.failed(&format!("lowercase argument must be 'true' or 'false' (provided: '{text}')"))),
    }
}

/// The shortest form of a path (Go, `filepath.Join`).
pub(super) fn path_canonicalize(arguments: &Arguments<'_>) -> Outcome {
    let path = arguments.string(0)?;
    if path.is_empty() {
        return Ok("".into());
    }
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    Ok(match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}").into(),
        (false, true) => ".".into(),
        (false, false) => joined.into(),
    })
}

pub(super) fn semver_compare(arguments: &Arguments<'_>) -> Outcome {
    // What is no version counts as 0.0.0 there.
    let version = arguments.string(0)?.parse::<Version>().or_else(|_| "0.0.0".parse());
    let version = version.map_err(|problem| error(problem.to_string()))?;
    if let Some(Prepared::Range(prepared)) = arguments.prepared {
        return prepared.as_ref().map(|range| range.contains(&version).into()).map_err(error);
    }
    let range = arguments.string(1)?.parse::<Range>().map_err(|problem| error(problem.to_string()))?;
    Ok(range.contains(&version).into())
}
