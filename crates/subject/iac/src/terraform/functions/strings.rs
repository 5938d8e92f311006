//! Texts. What is counted are characters as readers see them (Unicode Standard Annex 29, extended grapheme clusters).

use probity_model::Value;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{count, int, list, regex, within_elements, within_string};
use crate::terraform::eval::{EvalError, Evaluated, to_text};

/// The function of this name.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("lower", [a]) => to_text(a).map(|a| cased(&a, char::to_lowercase).into()),
        ("upper", [a]) => to_text(a).map(|a| cased(&a, char::to_uppercase).into()),
        ("title", [a]) => to_text(a).map(|a| title(&a).into()),
        ("trimspace", [a]) => to_text(a).map(|a| a.trim().into()),
        ("chomp", [a]) => to_text(a).map(|a| a.trim_end_matches(['\n', '\r']).into()),
        ("trim", [a, set]) => two(a, set).map(|(a, set)| a.trim_matches(|c| set.contains(c)).into()),
        ("trimprefix", [a, b]) => two(a, b).map(|(a, b)| a.strip_prefix(&b).unwrap_or(&a).into()),
        ("trimsuffix", [a, b]) => two(a, b).map(|(a, b)| a.strip_suffix(&b).unwrap_or(&a).into()),
        ("startswith", [a, b]) => two(a, b).map(|(a, b)| a.starts_with(&b).into()),
        ("endswith", [a, b]) => two(a, b).map(|(a, b)| a.ends_with(&b).into()),
        ("strcontains", [a, b]) => two(a, b).map(|(a, b)| a.contains(&b).into()),
        ("strrev", [a]) => to_text(a).map(|a| a.graphemes(true).rev().collect::<String>().into()),
        ("split", [separator, a]) => two(separator, a).and_then(|(separator, a)| split(&separator, &a)),
        ("join", [separator, rest @ ..]) => join(separator, rest),
        ("replace", [a, from, to]) => replace(a, from, to),
        ("substr", [a, start, length]) => substr(a, start, length),
        ("length", [Value::String(text)]) => Ok(count(text.graphemes(true).count())),
        ("indent", [spaces, a]) => int(spaces).and_then(|spaces| {
            let pad = " ".repeat(usize::try_from(spaces.clamp(0, 1_000)).unwrap_or(0));
            replace_text(&to_text(a)?, "\n", &format!("\n{pad}"))
        }),
        _ => return None,
    })
}

fn two(a: &Value, b: &Value) -> Result<(String, String), EvalError> {
    Ok((to_text(a)?, to_text(b)?))
}

/// Characters whose other case is several, such as `ß`, stay.
fn cased<I: Iterator<Item = char>>(text: &str, other: impl Fn(char) -> I) -> String {
    let one = |character: char| {
        let mut made = other(character);
        made.next().filter(|_| made.next().is_none()).unwrap_or(character)
    };
    text.chars().map(one).collect()
}

/// Letters that follow none, and no digit and no underscore.
fn title(text: &str) -> String {
    let mut start = true;
    text.chars()
        .map(|character| {
            let shown = if start { character.to_uppercase().next().unwrap_or(character) } else { character };
            start = match character {
                '_' => false,
                ascii if ascii.is_ascii() => !ascii.is_ascii_alphanumeric(),
                other => other.is_whitespace(),
            };
            shown
        })
        .collect()
}

fn join(separator: &Value, lists: &[Value]) -> Evaluated {
    let separator = to_text(separator)?;
    let (mut parts, mut bytes) = (Vec::new(), 0);
    for one in lists {
        for element in list(one)? {
            if let Value::Unknown(_) = element {
                return Ok(element);
            }
            let part = to_text(&element)?;
            bytes += part.len() + separator.len();
            within_string(bytes)?;
            parts.push(part);
        }
    }
    Ok(parts.join(&separator).into())
}

fn replace(text: &Value, from: &Value, to: &Value) -> Evaluated {
    let (text, from, to) = (to_text(text)?, to_text(from)?, to_text(to)?);
    if from.len() > 1 && from.starts_with('/') && from.ends_with('/') {
        return regex::replace(&text, &from[1..from.len() - 1], &to);
    }
    replace_text(&text, &from, &to)
}

fn replace_text(text: &str, from: &str, to: &str) -> Evaluated {
    within_string(text.len().saturating_add(text.matches(from).count().saturating_mul(to.len())))?;
    Ok(text.replace(from, to).into())
}

/// An empty separator cuts between all characters.
fn split(separator: &str, text: &str) -> Evaluated {
    within_elements(text.matches(separator).count())?;
    if separator.is_empty() {
        return Ok(Value::array(text.chars().map(|character| Value::from(character.to_string()))));
    }
    Ok(Value::array(text.split(separator).map(Value::from)))
}

/// A negative start counts from the end, a negative length is all that follows.
fn substr(text: &Value, start: &Value, length: &Value) -> Evaluated {
    let (text, start, length) = (to_text(text)?, int(start)?, int(length)?);
    let characters: Vec<&str> = text.graphemes(true).collect();
    let all = i64::try_from(characters.len()).unwrap_or(i64::MAX);
    let start = if start < 0 { all.saturating_add(start).max(0) } else { start.min(all) };
    let end = if length < 0 { all } else { start.saturating_add(length).min(all) };
    let range = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
    Ok(characters[range].concat().into())
}
