//! The Open Source Vulnerability schema (ossf.github.io/osv-schema).

use std::path::Path;

use probity_model::SourceId;
use probity_model::{json, yaml};
use serde::{Deserialize, Deserializer};

use super::Reading;
use crate::advisory::{Advisory, Affected, Details, Event, Range, Record, Status};
use crate::ecosystem::Ecosystem;
use crate::matching;
use crate::severity::Rating;

/// How much of a summary is kept, in letters.
pub(super) const MAX_SUMMARY: usize = 200;

#[derive(Deserialize)]
struct Document {
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    modified: String,
    #[serde(default, deserialize_with = "nullable")]
    published: String,
    withdrawn: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    aliases: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    upstream: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    summary: String,
    #[serde(default, deserialize_with = "nullable")]
    details: String,
    #[serde(default, deserialize_with = "nullable")]
    severity: Vec<Severity>,
    #[serde(default, deserialize_with = "nullable")]
    affected: Vec<Subject>,
    #[serde(default, deserialize_with = "nullable")]
    references: Vec<Reference>,
    #[serde(default, deserialize_with = "nullable")]
    database_specific: Specific,
}

#[derive(Deserialize)]
struct Severity {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(rename = "package")]
    name: Option<Name>,
    #[serde(default, deserialize_with = "nullable")]
    severity: Vec<Severity>,
    #[serde(default, deserialize_with = "nullable")]
    ranges: Vec<Span>,
    #[serde(default, deserialize_with = "nullable")]
    versions: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    ecosystem_specific: Specific,
    #[serde(default, deserialize_with = "nullable")]
    database_specific: Specific,
}

#[derive(Deserialize)]
struct Name {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Span {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "nullable")]
    events: Vec<Happening>,
}

#[derive(Deserialize)]
struct Happening {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "type", default)]
    kind: String,
    url: String,
}

/// Fields of single databases that say how bad it is, or that it is no vulnerability.
#[derive(Deserialize, Default)]
struct Specific {
    #[serde(default)]
    severity: serde_json::Value,
    #[serde(default)]
    urgency: serde_json::Value,
    #[serde(default)]
    informational: serde_json::Value,
}

/// Takes `null` for what is not there.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

pub(super) fn parse(name: &str, text: &[u8]) -> Result<Reading, String> {
    let extension = Path::new(name).extension().unwrap_or_default();
    if extension == "yaml" || extension == "yml" {
        return parse_yaml(text);
    }
    // Some dumps are lists of advisories.
    if text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        let documents: Vec<Document> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        return Ok(documents.into_iter().map(reading).fold(Reading::default(), Reading::and));
    }
    serde_json::from_slice(text).map(reading).map_err(|error| error.to_string())
}

fn parse_yaml(text: &[u8]) -> Result<Reading, String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let documents = yaml::read(text, SourceId(0), yaml::Dialect::Core).map_err(|(problem, _)| problem.message)?;
    let document = documents.first().ok_or("it is empty")?;
    serde_json::from_str(&json::write(&document.value)).map(reading).map_err(|error| error.to_string())
}

impl Reading {
    fn and(mut self, other: Self) -> Self {
        self.advisories.extend(other.advisories);
        self.withdrawn += other.withdrawn;
        self.git_ranges += other.git_ranges;
        self.unknown_ecosystem += other.unknown_ecosystem;
        self.unreadable += other.unreadable;
        self
    }
}

fn reading(document: Document) -> Reading {
    let mut reading = Reading::default();
    if document.withdrawn.is_some() {
        reading.withdrawn = 1;
        return reading;
    }
    let affected: Vec<Affected> =
        document.affected.iter().filter_map(|package| affected(&document, package, &mut reading)).collect();
    if !affected.is_empty() {
        reading.advisories.push(Advisory { details: details(document), affected });
    }
    reading
}

fn affected(document: &Document, package: &Subject, reading: &mut Reading) -> Option<Affected> {
    let (git, spans): (Vec<_>, Vec<_>) = package.ranges.iter().partition(|span| span.kind == "GIT");
    reading.git_ranges += git.len() as u64;
    let Name { ecosystem, name } = package.name.as_ref()?;
    let ecosystem = Ecosystem::new(ecosystem);
    let Some(scheme) = ecosystem.scheme() else {
        reading.unknown_ecosystem += 1;
        return None;
    };
    let ranges: Vec<Range> = spans.into_iter().map(range).filter(|range| !range.events.is_empty()).collect();
    if ranges.is_empty() && package.versions.is_empty() {
        return None;
    }
    let versions = matching::outside(scheme, &ranges, &package.versions);
    let record = Record {
        advisory: document.id.clone(),
        ranges,
        versions,
        status: Status::Affected,
        ratings: ratings(&package.severity, &[&package.ecosystem_specific, &package.database_specific]),
        ..Record::default()
    };
    Some(Affected { name: ecosystem.normalize(name), ecosystem, record })
}

fn range(span: &Span) -> Range {
    let events = span.events.iter().flat_map(|event| {
        let Happening { introduced, fixed, last_affected, limit } = event;
        [
            introduced.clone().map(Event::Introduced),
            fixed.clone().map(Event::Fixed),
            last_affected.clone().map(Event::LastAffected),
            limit.clone().map(Event::Limit),
        ]
    });
    Range { semver: span.kind == "SEMVER", events: events.flatten().collect() }
}

fn details(document: Document) -> Details {
    let summary = if document.summary.is_empty() { &document.details } else { &document.summary };
    let informational = document.affected.iter().find_map(|package| {
        package.database_specific.informational.as_str().or(package.ecosystem_specific.informational.as_str())
    });
    Details {
        summary: first_line(summary),
        ratings: ratings(&document.severity, &[&document.database_specific]),
        informational: informational.map(str::to_owned),
        reference: reference(&document.references),
        id: document.id,
        source: String::new(),
        aliases: document.aliases,
        upstream: document.upstream,
        published: date(document.published),
        modified: date(document.modified),
    }
}

fn ratings(severities: &[Severity], specific: &[&Specific]) -> Vec<Rating> {
    let given = severities.iter().map(|Severity { kind, score }| match kind.as_str() {
        "CVSS_V2" | "CVSS_V3" | "CVSS_V4" => Rating::Cvss(score.clone()),
        _ => Rating::Word(score.clone()),
    });
    let words = specific.iter().flat_map(|specific| [&specific.severity, &specific.urgency]);
    given.chain(words.filter_map(|word| word.as_str().map(|word| Rating::Word(word.to_owned())))).collect()
}

/// Go's database leaves its dates to be filled in: they are of the year 1.
fn date(text: String) -> String {
    if text.starts_with("0001-") { String::new() } else { text }
}

/// The advisory where one is named, else what comes first.
fn reference(references: &[Reference]) -> Option<String> {
    let advisory = references.iter().find(|reference| reference.kind == "ADVISORY");
    advisory.or(references.first()).map(|reference| reference.url.clone())
}

/// The first line of a text, cut off when it is long.
pub(super) fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if line.chars().count() <= MAX_SUMMARY {
        return line.to_owned();
    }
    line.chars().take(MAX_SUMMARY - 1).chain(['…']).collect()
}
