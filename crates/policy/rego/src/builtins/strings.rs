//! Strings.

use probity_model::value::Value;

use super::args::{
    all_expandable, array, bad, count, elements, int, object, string, strings, wrong_element, wrong_type,
};
use super::{Context, Failure, Outcome, sprintf};

/// Longest text that a function makes, in bytes.
pub(super) const MAX_TEXT: usize = 64 << 20;

fn bounded(text: String) -> Outcome {
    if text.len() > MAX_TEXT {
        return Err(Failure::value("the text would be too long"));
    }
    Ok(text.into())
}

pub(super) fn concat(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let separator = string(args, 0)?;
    let (Value::Array(_) | Value::Set(_)) = &args[1] else { return Err(wrong_type(2, &args[1], &["set", "array"])) };
    let parts = strings(args, 1)?;
    let length = parts.iter().map(|part| part.len()).sum::<usize>() + separator.len() * parts.len();
    if length > MAX_TEXT {
        return Err(Failure::value("the text would be too long"));
    }
    Ok(parts.join(separator).into())
}

pub(super) fn contains(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(string(args, 0)?.contains(string(args, 1)?).into())
}

pub(super) fn startswith(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(string(args, 0)?.starts_with(string(args, 1)?).into())
}

pub(super) fn endswith(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(string(args, 0)?.ends_with(string(args, 1)?).into())
}

pub(super) fn lower(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    if string(args, 0)?.is_ascii() {
        return Ok(string(args, 0)?.to_ascii_lowercase().into());
    }
    // Character by character: a final sigma is one like any other.
    Ok(string(args, 0)?.chars().flat_map(lower_one).collect::<String>().into())
}

fn lower_one(character: char) -> impl Iterator<Item = char> {
    let mut lower = character.to_lowercase();
    // What would become several characters stays one.
    let first = if lower.len() == 1 {
        lower.next()
    } else if character == 'İ' {
        Some('i')
    } else {
        None
    };
    std::iter::once(first.unwrap_or(character))
}

pub(super) fn upper(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    if string(args, 0)?.is_ascii() {
        return Ok(string(args, 0)?.to_ascii_uppercase().into());
    }
    let one = |character: char| {
        let mut upper = character.to_uppercase();
        if upper.len() == 1 { upper.next().unwrap_or(character) } else { character }
    };
    Ok(string(args, 0)?.chars().map(one).collect::<String>().into())
}

pub(super) fn split(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(Value::array(parts(string(args, 0)?, string(args, 1)?).into_iter().map(Value::from)))
}

/// The parts between separators; an empty separator parts characters.
fn parts<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    if separator.is_empty() {
        return text.char_indices().map(|(at, character)| &text[at..at + character.len_utf8()]).collect();
    }
    text.split(separator).collect()
}

pub(super) fn split_n(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (text, separator, limit) = (string(args, 0)?, string(args, 1)?, int(args, 2)?);
    let parts = parts(text, separator);
    let wanted = usize::try_from(limit.unsigned_abs()).unwrap_or(usize::MAX);
    let kept =
        if limit >= 0 { &parts[..parts.len().min(wanted)] } else { &parts[parts.len().saturating_sub(wanted)..] };
    Ok(Value::array(kept.iter().map(|part| Value::from(*part))))
}

pub(super) fn replace(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (text, old, new) = (string(args, 0)?, string(args, 1)?, string(args, 2)?);
    if new.len() > old.len() && text.matches(old).count().saturating_mul(new.len()) > MAX_TEXT {
        return Err(Failure::value("the text would be too long"));
    }
    bounded(text.replace(old, new))
}

pub(super) fn replace_n(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let patterns = object(args, 0)?;
    let text = string(args, 1)?;
    let mut pairs = Vec::new();
    for (key, value) in patterns.iter() {
        if key.as_other().is_some() {
            return Err(bad(1, "non-string key found in pattern object"));
        }
        let new = value.as_str().ok_or_else(|| bad(1, "non-string value found in pattern object"))?;
        pairs.push((key.as_str(), new));
    }
    let firsts: std::collections::HashSet<u8> = pairs.iter().filter_map(|(old, _)| old.bytes().next()).collect();
    let empty = pairs.iter().any(|(old, _)| old.is_empty());
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let mut empty_done = false;
    loop {
        let rest = &text[at..];
        let may_fit = empty || rest.bytes().next().is_some_and(|first| firsts.contains(&first));
        // The first that fits in the order of the keys; an empty one once between two characters.
        let fits = |old: &str| rest.starts_with(old) && !(old.is_empty() && empty_done);
        let found = pairs.iter().find(|(old, _)| may_fit && fits(old));
        if out.len() + found.map_or(0, |(_, new)| new.len()) > MAX_TEXT {
            return Err(Failure::value("the text would be too long"));
        }
        if let Some((old, new)) = found {
            out.push_str(new);
            at += old.len();
            empty_done = old.is_empty();
            continue;
        }
        let Some(character) = text[at..].chars().next() else { break };
        out.push(character);
        at += character.len_utf8();
        empty_done = false;
    }
    bounded(out)
}

fn in_cutset(cutset: &str) -> impl Fn(char) -> bool {
    move |character| cutset.contains(character)
}

pub(super) fn trim(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(string(args, 0)?.trim_matches(in_cutset(string(args, 1)?)).into())
}

pub(super) fn trim_left(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(string(args, 0)?.trim_start_matches(in_cutset(string(args, 1)?)).into())
}

pub(super) fn trim_right(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(string(args, 0)?.trim_end_matches(in_cutset(string(args, 1)?)).into())
}

pub(super) fn trim_prefix(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (text, prefix) = (string(args, 0)?, string(args, 1)?);
    Ok(text.strip_prefix(prefix).unwrap_or(text).into())
}

pub(super) fn trim_suffix(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (text, suffix) = (string(args, 0)?, string(args, 1)?);
    Ok(text.strip_suffix(suffix).unwrap_or(text).into())
}

pub(super) fn trim_space(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(string(args, 0)?.trim().into())
}

pub(super) fn reverse(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(string(args, 0)?.chars().rev().collect::<String>().into())
}

pub(super) fn strings_count(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(count(string(args, 0)?.matches(string(args, 1)?).count()))
}

/// Positions count characters.
fn positions<'t>(text: &'t str, search: &'t str) -> Result<impl Iterator<Item = usize> + use<'t>, Failure> {
    if search.is_empty() {
        return Err(Failure::value("empty search character"));
    }
    let starts = text.char_indices().enumerate();
    Ok(starts.filter(move |(_, (at, _))| text[*at..].starts_with(search)).map(|(position, _)| position))
}

pub(super) fn indexof(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let found = positions(string(args, 0)?, string(args, 1)?)?.next();
    Ok(found.map_or(Value::from(-1), count))
}

pub(super) fn indexof_n(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(Value::array(positions(string(args, 0)?, string(args, 1)?)?.map(count)))
}

pub(super) fn substring(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (text, start, length) = (string(args, 0)?, int(args, 1)?, int(args, 2)?);
    let Ok(start) = usize::try_from(start) else { return Err(Failure::value("negative offset")) };
    let rest = text.char_indices().nth(start).map_or("", |(at, _)| &text[at..]);
    let Ok(length) = usize::try_from(length) else { return Ok(rest.into()) };
    let end = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
    Ok(rest[..end].into())
}

fn affix(args: &[Value], fits: fn(&str, &str) -> bool) -> Outcome {
    let list = |index: usize| -> Result<Vec<&str>, Failure> {
        match &args[index] {
            Value::String(text) => Ok(vec![text]),
            Value::Array(_) | Value::Set(_) => elements(args, index)?
                .iter()
                .map(|element| {
                    element.as_str().ok_or_else(|| wrong_element(index + 1, &args[index], element, &["string"]))
                })
                .collect(),
            other => Err(wrong_type(index + 1, other, &["string", "set", "array"])),
        }
    };
    let (texts, affixes) = (list(0)?, list(1)?);
    Ok(texts.iter().any(|text| affixes.iter().any(|affix| fits(text, affix))).into())
}

pub(super) fn any_prefix_match(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    affix(args, |text, prefix| text.starts_with(prefix))
}

pub(super) fn any_suffix_match(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    affix(args, |text, suffix| text.ends_with(suffix))
}

pub(super) fn sprintf(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    let format = string(args, 0)?;
    bounded(sprintf::format(format, array(args, 1)?.as_slice()))
}

/// The parts of a template string: constants, and sets of at most one value.
pub(super) fn template_string(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    let mut out = String::new();
    for part in array(args, 0)? {
        match part {
            Value::String(text) => out.push_str(text),
            Value::Set(set) => match set.as_slice() {
                [] => out.push_str("<undefined>"),
                [Value::String(text)] => out.push_str(text),
                [one] => out.push_str(&sprintf::text(one)),
                _ => {
                    let message = "template-strings must not produce multiple outputs".to_owned();
                    return Err(Failure::Halt(crate::error::Code::EvalConflict, message));
                }
            },
            other => out.push_str(&sprintf::text(other)),
        }
    }
    bounded(out)
}
