//! Regular expressions.

use probity_go::regex as go_regex;

use super::{Failure, Outcome, Table, exactly, int, string};
use crate::datum::Datum;

pub(super) const TABLE: Table = &[
    ("mustRegexFind", find),
    ("mustRegexFindAll", find_all),
    ("mustRegexMatch", |args| matches(args, true)),
    ("mustRegexReplaceAll", |args| replace(args, true)),
    ("mustRegexReplaceAllLiteral", |args| replace(args, false)),
    ("mustRegexSplit", split),
    ("regexFind", find),
    ("regexFindAll", find_all),
    ("regexMatch", |args| matches(args, false)),
    ("regexQuoteMeta", |args| {
        let [text] = exactly(args)?;
        let escaped = |c: char| if "\\.+*?()|[]{}^$".contains(c) { format!("\\{c}") } else { c.to_string() };
        Ok(string(text)?.chars().map(escaped).collect::<String>().into())
    }),
    ("regexReplaceAll", |args| replace(args, true)),
    ("regexReplaceAllLiteral", |args| replace(args, false)),
    ("regexSplit", split),
];

fn matches(args: &[Datum], must: bool) -> Outcome {
    let [pattern, text] = exactly(args)?;
    match go_regex::compiled(string(pattern)?) {
        Ok(regex) => Ok(regex.is_match(string(text)?).into()),
        Err(_) if !must => Ok(false.into()),
        Err(error) => Err(error.into()),
    }
}

fn find(args: &[Datum]) -> Outcome {
    let [pattern, text] = exactly(args)?;
    let regex = go_regex::compiled(string(pattern)?)?;
    Ok(regex.find(string(text)?).map_or("", |found| found.as_str()).into())
}

fn count(value: &Datum) -> Result<usize, Failure> {
    Ok(usize::try_from(int(value)?).unwrap_or(usize::MAX))
}

fn find_all(args: &[Datum]) -> Outcome {
    let [pattern, text, most] = exactly(args)?;
    let regex = go_regex::compiled(string(pattern)?)?;
    let found = regex.find_iter(string(text)?).take(count(most)?);
    Ok(Datum::List(found.map(|found| Datum::from(found.as_str())).collect()))
}

fn replace(args: &[Datum], expands: bool) -> Outcome {
    let [pattern, text, replacement] = exactly(args)?;
    let regex = go_regex::compiled(string(pattern)?)?;
    let (text, replacement) = (string(text)?, string(replacement)?);
    // Both write `$1` and `${name}`, and `$1x` means the group `1x` to both.
    let replaced = if expands {
        regex.replace_all(text, replacement)
    } else {
        regex.replace_all(text, ::regex::NoExpand(replacement))
    };
    Ok(Datum::text(replaced))
}

fn split(args: &[Datum]) -> Outcome {
    let [pattern, text, most] = exactly(args)?;
    let regex = go_regex::compiled(string(pattern)?)?;
    let (text, most) = (string(text)?, count(most)?);
    if most == 0 {
        return Ok(Datum::list(Vec::new()));
    }
    let mut parts: Vec<Datum> = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in regex.find_iter(text) {
        if parts.len() + 1 >= most {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(text[begin..end].into());
        }
        begin = found.end();
    }
    if end != text.len() {
        parts.push(text[begin..].into());
    }
    Ok(Datum::list(parts))
}
