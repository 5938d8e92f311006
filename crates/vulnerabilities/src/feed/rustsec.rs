//! The `RustSec` database: Markdown whose first block is TOML (the form of `rustsec/advisory-db`, version 4).

use semver::{BuildMetadata, Comparator, Op, Prerelease, Version, VersionReq};
use toml_edit::{Document, Item};

use super::{Reading, osv};
use crate::advisory::{Advisory, Affected, Details, Event, Range, Record};
use crate::ecosystem::Ecosystem;
use crate::severity::Rating;

pub(super) fn parse(text: &[u8]) -> Result<Reading, String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let (head, body) = text
        .trim_start()
        .strip_prefix("```toml")
        .and_then(|rest| rest.split_once("\n```"))
        .ok_or("it does not start with a block of TOML")?;
    let head: Document<String> = head.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
    let advisory = head.get("advisory").ok_or("it has no [advisory]")?;
    if advisory.get("withdrawn").is_some() {
        return Ok(Reading { withdrawn: 1, ..Reading::default() });
    }
    let word = |name: &str| advisory.get(name).and_then(Item::as_str).map(str::to_owned);
    let id = word("id").ok_or("its advisory has no id")?;
    let package = word("package").ok_or("its advisory has no package")?;
    let date = word("date").unwrap_or_default();
    let details = Details {
        id: id.clone(),
        aliases: [words(advisory.get("aliases")), words(advisory.get("references"))]
            .concat()
            .into_iter()
            .filter(|alias| alias.starts_with("CVE-") || alias.starts_with("GHSA-"))
            .collect(),
        summary: osv::first_line(body.trim_start_matches(['\n', '`', '#', ' '])),
        ratings: word("cvss").map(Rating::Cvss).into_iter().collect(),
        published: date.clone(),
        modified: date,
        informational: word("informational"),
        reference: word("url"),
        ..Details::default()
    };
    let versions = head.get("versions");
    let safe =
        |name: &str| versions.and_then(|versions| versions.get(name)).map_or_else(Vec::new, |it| words(Some(it)));
    let range = Range { semver: true, events: events(&[safe("patched"), safe("unaffected")].concat())? };
    let record = Record { advisory: id, ranges: vec![range], ..Record::default() };
    let affected = Affected { ecosystem: Ecosystem::new("crates.io"), name: package, record };
    Ok(Reading { advisories: vec![Advisory { details, affected: vec![affected] }], ..Reading::default() })
}

fn words(item: Option<&Item>) -> Vec<String> {
    let words = item.and_then(Item::as_array).into_iter().flatten();
    words.filter_map(|word| word.as_str()).map(str::to_owned).collect()
}

/// Where what is affected begins and ends: between the spans that are not.
pub(super) fn events(safe: &[String]) -> Result<Vec<Event>, String> {
    let mut spans = Vec::new();
    for requirement in safe {
        let read: VersionReq = requirement.parse().map_err(|error| format!("{requirement:?}: {error}"))?;
        spans.push(span(&read).ok_or_else(|| format!("{requirement:?} is no span of versions"))?);
    }
    spans.sort_by(|left, right| left.0.cmp(&right.0));
    let mut events = Vec::new();
    // `None` when there is nothing behind the last span.
    let mut affected_from = Some(None);
    for (from, to) in spans {
        let Some(start) = &affected_from else { break };
        if from.as_ref() > start.as_ref() {
            events.push(introduced(start.as_ref()));
            events.extend(from.as_ref().map(|from| Event::Fixed(from.to_string())));
        }
        affected_from = match (to, affected_from) {
            (None, _) => None,
            (Some(to), Some(Some(before))) if before > to => Some(Some(before)),
            (Some(to), _) => Some(Some(to)),
        };
    }
    events.extend(affected_from.map(|start| introduced(start.as_ref())));
    Ok(events)
}

fn introduced(version: Option<&Version>) -> Event {
    Event::Introduced(version.map_or_else(|| "0".to_owned(), Version::to_string))
}

/// The versions that meet a requirement: from one on (`None` from the first), up to and without another (`None` to the last).
fn span(requirement: &VersionReq) -> Option<(Option<Version>, Option<Version>)> {
    let (mut from, mut to): (Option<Version>, Option<Version>) = (None, None);
    for comparator in &requirement.comparators {
        let version = lowest(comparator);
        match comparator.op {
            Op::GreaterEq => from = Some(version),
            Op::Greater => from = Some(next(&version)),
            Op::Less => to = Some(version),
            Op::LessEq => to = Some(next(&version)),
            Op::Exact => (from, to) = (Some(version.clone()), Some(next(&version))),
            Op::Caret => (from, to) = (Some(version.clone()), Some(caret(comparator))),
            Op::Tilde | Op::Wildcard => (from, to) = (Some(version), Some(tilde(comparator))),
            _ => return None,
        }
    }
    Some((from, to))
}

fn lowest(comparator: &Comparator) -> Version {
    Version {
        major: comparator.major,
        minor: comparator.minor.unwrap_or(0),
        patch: comparator.patch.unwrap_or(0),
        pre: comparator.pre.clone(),
        build: BuildMetadata::EMPTY,
    }
}

/// The version right behind one.
fn next(version: &Version) -> Version {
    let mut next = version.clone();
    if version.pre.is_empty() {
        next.patch = version.patch.saturating_add(1);
    }
    let pre = if version.pre.is_empty() { "0".to_owned() } else { format!("{}.0", version.pre) };
    next.pre = Prerelease::new(&pre).unwrap_or_default();
    next
}

fn first_of(major: u64, minor: u64, patch: u64) -> Version {
    Version { pre: Prerelease::new("0").unwrap_or_default(), ..Version::new(major, minor, patch) }
}

fn caret(comparator: &Comparator) -> Version {
    match (comparator.major, comparator.minor, comparator.patch) {
        (0, Some(0), Some(patch)) => first_of(0, 0, patch.saturating_add(1)),
        (0, Some(minor), _) => first_of(0, minor.saturating_add(1), 0),
        (major, ..) => first_of(major.saturating_add(1), 0, 0),
    }
}

fn tilde(comparator: &Comparator) -> Version {
    match comparator.minor {
        Some(minor) => first_of(comparator.major, minor.saturating_add(1), 0),
        None => first_of(comparator.major.saturating_add(1), 0, 0),
    }
}
