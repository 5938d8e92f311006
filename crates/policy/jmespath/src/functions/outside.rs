//! Kyverno's functions that need more than their arguments: chance, and the names of the network.

use std::net::IpAddr;

use probity_model::Value;
use regex_syntax::hir::{Class, Hir, HirKind};
use url::{Host, Url};

use super::{Arguments, bounded, error};
use crate::error::SearchError;

type Outcome = Result<Value, SearchError>;

/// How many times something is repeated at most that may be repeated without end.
const MAX_UNBOUNDED: u32 = 64;

/// Longest text, in bytes, that is made by chance.
const MAX_RANDOM: usize = 64 << 10;

/// A text that a regular expression matches.
pub(super) fn random(arguments: &Arguments<'_>) -> Outcome {
    let pattern = arguments.string(0)?;
    if pattern.is_empty() {
        return Err(error("no pattern provided"));
    }
    let parsed = regex_syntax::Parser::new().parse(pattern);
    let parsed = parsed.map_err(|problem| error(problem.to_string().lines().last().unwrap_or_default()))?;
    let mut text = String::new();
    make(arguments, &parsed, &mut text)?;
    bounded(text)
}

/// A number below `bound`, each about as likely.
fn below(arguments: &Arguments<'_>, bound: u32) -> Result<u32, SearchError> {
    arguments.interpreter.step()?;
    let mut bytes = [0; 8];
    arguments.interpreter.evaluation.host.random(&mut bytes).map_err(error)?;
    Ok(u32::try_from(u64::from_le_bytes(bytes) % u64::from(bound.max(1))).unwrap_or_default())
}

fn make(arguments: &Arguments<'_>, pattern: &Hir, out: &mut String) -> Result<(), SearchError> {
    if out.len() > MAX_RANDOM {
        return Err(SearchError::Bound("a text made by chance is too long"));
    }
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => Ok(()),
        HirKind::Literal(literal) => {
            out.push_str(&String::from_utf8_lossy(&literal.0));
            Ok(())
        }
        HirKind::Class(class) => {
            out.push(member(arguments, class)?);
            Ok(())
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min.saturating_add(MAX_UNBOUNDED));
            let more = below(arguments, (most - repetition.min).saturating_add(1))?;
            (0..repetition.min + more).try_for_each(|_| make(arguments, &repetition.sub, out))
        }
        HirKind::Capture(group) => make(arguments, &group.sub, out),
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| make(arguments, part, out)),
        HirKind::Alternation(parts) => {
            let chosen = below(arguments, u32::try_from(parts.len()).unwrap_or(u32::MAX))?;
            make(arguments, &parts[chosen as usize], out)
        }
    }
}

/// A character of a class; a printable one of ASCII when it has one.
fn member(arguments: &Arguments<'_>, class: &Class) -> Result<char, SearchError> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => {
            class.ranges().iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
        Class::Bytes(class) => class.ranges().iter().map(|range| (range.start().into(), range.end().into())).collect(),
    };
    let printable = ranges.iter().map(|(start, end)| ((*start).max(0x20), (*end).min(0x7e)));
    let printable: Vec<_> = printable.filter(|(start, end)| start <= end).collect();
    let ranges = if printable.is_empty() { ranges } else { printable };
    let count: u32 = ranges.iter().map(|(start, end)| end - start + 1).sum();
    let mut chosen = below(arguments, count)?;
    for (start, end) in ranges {
        if chosen <= end - start {
            return char::from_u32(start + chosen).ok_or_else(|| error("no character was found"));
        }
        chosen -= end - start + 1;
    }
    Err(error("a class of no characters"))
}

/// Whether a URL leads out of the machine and its private networks.
pub(super) fn is_external_url(arguments: &Arguments<'_>) -> Outcome {
    let text = arguments.string(0)?;
    let url = Url::parse(text).map_err(|problem| error(format!("parse {text:?}: {problem}")))?;
    let inside = match url.host() {
        Some(Host::Ipv4(address)) => is_inside(address.into()),
        Some(Host::Ipv6(address)) => is_inside(address.into()),
        Some(Host::Domain(name)) => name_is_inside(arguments, name)?,
        None => return Err(error("lookup : no such host")),
    };
    Ok((!inside).into())
}

fn name_is_inside(arguments: &Arguments<'_>, name: &str) -> Result<bool, SearchError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(is_inside(address));
    }
    let addresses = arguments.interpreter.evaluation.host.lookup(name).map_err(error)?;
    Ok(addresses.into_iter().any(is_inside))
}

/// Loopback, or private by RFC 1918 and RFC 4193.
fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}
