//! Semantic versions (semver.org 2.0.0).

use std::cmp::Ordering;

use probity_model::value::Value;

use super::args::string;
use super::{Context, Failure, Outcome};

struct Version<'t> {
    numbers: [i64; 3],
    pre_release: &'t str,
}

fn is_identifiers(text: &str) -> bool {
    text.split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn parse(text: &str) -> Option<Version<'_>> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, metadata) = text.split_once('+').map_or((text, None), |(text, metadata)| (text, Some(metadata)));
    if metadata.is_some_and(|metadata| !is_identifiers(metadata)) {
        return None;
    }
    let (text, pre_release) = text.split_once('-').map_or((text, None), |(text, pre)| (text, Some(pre)));
    if let Some(pre_release) = pre_release {
        let padded = |part: &str| part.len() > 1 && part.starts_with('0') && is_number(part);
        if !is_identifiers(pre_release) || pre_release.split('.').any(padded) {
            return None;
        }
    }
    let mut numbers = [0; 3];
    let mut parts = text.split('.');
    for number in &mut numbers {
        let part = parts.next()?;
        if !is_number(part) || part.len() > 1 && part.starts_with('0') {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(Version { numbers, pre_release: pre_release.unwrap_or_default() })
}

fn compare_pre_release(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => match (is_number(left), is_number(right)) {
                (true, true) => left.len().cmp(&right.len()).then_with(|| left.cmp(right)),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => left.cmp(right),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

pub(super) fn compare(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let version = |index: usize| {
        let text = string(args, index)?;
        parse(text).ok_or_else(|| {
            let shown = super::sprintf::text(&args[index]);
            Failure::value(format!("operand {}: string {shown} is not a valid SemVer", index + 1))
        })
    };
    string(args, 0)?;
    string(args, 1)?;
    let (left, right) = (version(0)?, version(1)?);
    let order = left.numbers.cmp(&right.numbers).then_with(|| compare_pre_release(left.pre_release, right.pre_release));
    Ok(match order {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
    .into())
}

pub(super) fn is_valid(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(args[0].as_str().is_some_and(|text| parse(text).is_some()).into())
}
