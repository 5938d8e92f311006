//! Regular expressions of RE2's syntax.

use std::rc::Rc;

use probity_model::value::Value;
use regex::Regex;

use super::args::{int, string};
use super::{Context, Failure, Outcome};

/// The compiled expression, kept for the next time.
pub(super) fn compiled(pattern: &str) -> Result<Rc<Regex>, Failure> {
    probity_go::regex::compiled(pattern).map_err(Failure::value)
}

pub(super) fn is_valid(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(args[0].as_str().is_some_and(|pattern| probity_go::regex::compile(pattern).is_ok()).into())
}

pub(super) fn matches(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (pattern, text) = (string(args, 0)?, string(args, 1)?);
    Ok(compiled(pattern)?.is_match(text).into())
}

pub(super) fn split(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (pattern, text) = (string(args, 0)?, string(args, 1)?);
    let regex = compiled(pattern)?;
    // The empty expression takes even the empty text apart.
    if text.is_empty() {
        return Ok(Value::array((!pattern.is_empty()).then(|| text.into())));
    }
    let (mut parts, mut begin, mut end) = (Vec::new(), 0, 0);
    for found in regex.find_iter(text) {
        end = found.start();
        if found.end() != 0 {
            parts.push(Value::from(&text[begin..end]));
        }
        begin = found.end();
    }
    if end != text.len() {
        parts.push(Value::from(&text[begin..]));
    }
    Ok(Value::array(parts))
}

/// How many matches are asked for; `None` for all.
fn limit(args: &[Value]) -> Result<Option<usize>, Failure> {
    Ok(usize::try_from(int(args, 2)?).ok())
}

pub(super) fn find_n(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (pattern, text, limit) = (string(args, 0)?, string(args, 1)?, limit(args)?);
    let regex = compiled(pattern)?;
    let found = regex.find_iter(text).take(limit.unwrap_or(usize::MAX));
    Ok(Value::array(found.map(|found| Value::from(found.as_str()))))
}

pub(super) fn find_all_submatches(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (pattern, text, limit) = (string(args, 0)?, string(args, 1)?, limit(args)?);
    let regex = compiled(pattern)?;
    let found = regex.captures_iter(text).take(limit.unwrap_or(usize::MAX));
    Ok(Value::array(
        found.map(|groups| {
            Value::array(groups.iter().map(|group| Value::from(group.map_or("", |group| group.as_str()))))
        }),
    ))
}

pub(super) fn replace(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (text, pattern, value) = (string(args, 0)?, string(args, 1)?, string(args, 2)?);
    Ok(compiled(pattern)?.replace_all(text, value).into_owned().into())
}

pub(super) fn template_match(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (template, text) = (string(args, 0)?, string(args, 1)?);
    let delimiter = |index: usize, name: &str| {
        let delimiter = string(args, index)?;
        match delimiter.as_bytes() {
            [one] => Ok(*one),
            _ => Err(Failure::value(format!(
                "{name} delimiter has to be exactly one character long but is {} long",
                delimiter.len()
            ))),
        }
    };
    let pattern = from_template(template, delimiter(2, "start")?, delimiter(3, "end")?)?;
    Ok(compiled(&pattern)?.is_match(text).into())
}

/// Between the delimiters stand expressions, outside of them texts.
fn from_template(template: &str, start: u8, end: u8) -> Result<String, Failure> {
    let unbalanced = || Failure::value(format!("unbalanced braces in {}", super::sprintf::text(&template.into())));
    let (mut level, mut from, mut done) = (0_usize, 0, 0);
    let mut out = String::from("^");
    for (at, byte) in template.bytes().enumerate() {
        if byte == start {
            level += 1;
            if level == 1 {
                from = at;
            }
        } else if byte == end {
            level = level.checked_sub(1).ok_or_else(unbalanced)?;
            if level == 0 {
                let inner = template.get(from + 1..at).ok_or_else(unbalanced)?;
                compiled(&format!("^{inner}$"))?;
                out.push_str(&regex::escape(template.get(done..from).ok_or_else(unbalanced)?));
                out.push_str(&format!("({inner})"));
                done = at + 1;
            }
        }
    }
    if level != 0 {
        return Err(unbalanced());
    }
    out.push_str(&regex::escape(template.get(done..).ok_or_else(unbalanced)?));
    out.push('$');
    Ok(out)
}

/// One part of a simple glob: which characters, and how often.
#[derive(Clone)]
struct Part {
    /// Ranges of characters; `None` for any.
    ranges: Option<Vec<(char, char)>>,
    repeat: Repeat,
}

#[derive(Clone, Copy, PartialEq)]
enum Repeat {
    Once,
    Some,
    Any,
}

impl Part {
    fn meets(&self, other: &Self) -> bool {
        match (&self.ranges, &other.ranges) {
            (None, _) | (_, None) => true,
            (Some(mine), Some(others)) => {
                mine.iter().any(|mine| others.iter().any(|other| mine.0 <= other.1 && other.0 <= mine.1))
            }
        }
    }
}

/// Longest simple glob, in parts.
const MAX_PARTS: usize = 4096;

fn simple_glob(text: &str) -> Result<Vec<Part>, Failure> {
    let wrong = |message: &str| Failure::value(format!("the glob {text:?} is not valid: {message}"));
    let mut characters = text.chars().peekable();
    let mut parts: Vec<Part> = Vec::new();
    while let Some(character) = characters.next() {
        let ranges = match character {
            '.' => None,
            '\\' => {
                let escaped = characters.next().ok_or_else(|| wrong("nothing is escaped"))?;
                Some(vec![(escaped, escaped)])
            }
            '[' => {
                let mut ranges = Vec::new();
                loop {
                    let mut low = characters.next().ok_or_else(|| wrong("a bracket is not closed"))?;
                    if low == ']' {
                        break;
                    }
                    if low == '\\' {
                        low = characters.next().ok_or_else(|| wrong("nothing is escaped"))?;
                    }
                    if characters.next_if_eq(&'-').is_some() {
                        let mut high = characters.next().ok_or_else(|| wrong("a range has no end"))?;
                        if high == '\\' {
                            high = characters.next().ok_or_else(|| wrong("nothing is escaped"))?;
                        }
                        if high < low {
                            return Err(wrong("a range is upside down"));
                        }
                        ranges.push((low, high));
                    } else {
                        ranges.push((low, low));
                    }
                }
                Some(ranges)
            }
            '*' | '+' => return Err(wrong("nothing is repeated")),
            ']' => {
                let behind = text.chars().count() - characters.count();
                return Err(Failure::value(format!(
                    "input:{text}, pos:{behind}, set-close ']' with no preceding '[': the input provided is invalid"
                )));
            }
            other => Some(vec![(other, other)]),
        };
        let repeat = match characters.peek() {
            Some('*') => Repeat::Any,
            Some('+') => Repeat::Some,
            _ => Repeat::Once,
        };
        if repeat != Repeat::Once {
            characters.next();
        }
        parts.push(Part { ranges, repeat });
    }
    if parts.len() > MAX_PARTS {
        return Err(wrong("it is too long"));
    }
    Ok(parts)
}

/// Whether there is a text that both globs match, as OPA's library finds it: an empty glob meets an empty one only.
pub(super) fn globs_match(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (left, right) = (simple_glob(string(args, 0)?)?, simple_glob(string(args, 1)?)?);
    let mut steps = 0;
    let Some((left, right)) = trimmed(&left, &right) else { return Ok(false.into()) };
    let found = meet(left, right, &mut steps);
    if steps > MAX_STEPS {
        return Err(Failure::value("the globs take too long to compare"));
    }
    Ok(found.into())
}

/// Most comparisons of parts of two globs.
const MAX_STEPS: u32 = 1_000_000;

/// Both without what is the same at their ends; `None` when that does not meet.
fn trimmed<'p>(left: &'p [Part], right: &'p [Part]) -> Option<(&'p [Part], &'p [Part])> {
    let plain = |a: &Part, b: &Part| a.repeat == Repeat::Once && b.repeat == Repeat::Once;
    let mut start = 0;
    while let (Some(a), Some(b)) = (left.get(start), right.get(start))
        && plain(a, b)
    {
        if !a.meets(b) {
            return None;
        }
        start += 1;
    }
    let start = start.saturating_sub(1);
    let (mut left_end, mut right_end) = (left.len(), right.len());
    while left_end > start && right_end > start && plain(&left[left_end - 1], &right[right_end - 1]) {
        if !left[left_end - 1].meets(&right[right_end - 1]) {
            return None;
        }
        (left_end, right_end) = (left_end - 1, right_end - 1);
    }
    if left_end < left.len() {
        (left_end, right_end) = (left_end + 1, right_end + 1);
    }
    Some((&left[start..left_end], &right[start..right_end]))
}

fn meet(left: &[Part], right: &[Part], steps: &mut u32) -> bool {
    for (at, (a, b)) in left.iter().zip(right).enumerate() {
        *steps += 1;
        if *steps > MAX_STEPS {
            return false;
        }
        let (repeated, other, how) = match (a.repeat, b.repeat) {
            (Repeat::Once, Repeat::Once) if a.meets(b) => continue,
            (Repeat::Once, Repeat::Once) => return false,
            (Repeat::Once, how) => (&right[at..], &left[at..], how),
            (how, _) => (&left[at..], &right[at..], how),
        };
        if how == Repeat::Any {
            return meet_any(repeated, other, steps);
        }
        return repeated[0].meets(&other[0])
            && (meet_any(repeated, &other[1..], steps)
                || other[0].repeat != Repeat::Once && meet(&repeated[1..], other, steps));
    }
    left.len() == right.len()
}

fn meet_any(repeated: &[Part], other: &[Part], steps: &mut u32) -> bool {
    let next = repeated.get(1);
    for (at, part) in other.iter().enumerate() {
        *steps += 1;
        if *steps > MAX_STEPS {
            return false;
        }
        if next.is_some_and(|next| part.meets(next)) && meet(&repeated[1..], &other[at..], steps) {
            return true;
        }
        if !part.meets(&repeated[0]) {
            return false;
        }
    }
    next.is_none()
}
