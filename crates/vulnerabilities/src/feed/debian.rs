//! The security tracker of Debian: `security-tracker.debian.org/tracker/data/json`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Reading, osv};
use crate::advisory::{Advisory, Affected, Details, Event, Range, Record, Status};
use crate::ecosystem::Ecosystem;
use crate::severity::Rating;

/// Vulnerabilities by source package and name.
type Tracker = BTreeMap<String, BTreeMap<String, Entry>>;

#[derive(Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "osv::nullable")]
    description: String,
    #[serde(default, deserialize_with = "osv::nullable")]
    releases: BTreeMap<String, Release>,
}

#[derive(Deserialize)]
struct Release {
    status: String,
    #[serde(default, deserialize_with = "osv::nullable")]
    fixed_version: String,
    #[serde(default, deserialize_with = "osv::nullable")]
    urgency: String,
    nodsa: Option<String>,
    nodsa_reason: Option<String>,
}

/// What Debian calls its releases.
const RELEASES: [(&str, &str); 12] = [
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
    ("sid", "sid"),
    ("experimental", "experimental"),
    ("squeeze", "6"),
];

pub(super) fn parse(text: &[u8]) -> Result<Reading, String> {
    let tracker: Tracker = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let mut reading = Reading::default();
    for (package, entries) in tracker {
        for (id, Entry { description, releases }) in entries {
            let affected: Vec<Affected> =
                releases.iter().filter_map(|(name, release)| affected(&package, &id, name, release)).collect();
            if affected.is_empty() {
                continue;
            }
            let details = Details {
                reference: Some(format!("https://security-tracker.debian.org/tracker/{id}")),
                summary: osv::first_line(&description),
                id,
                ..Details::default()
            };
            reading.advisories.push(Advisory { details, affected });
        }
    }
    Ok(reading)
}

fn affected(package: &str, id: &str, name: &str, release: &Release) -> Option<Affected> {
    let number = RELEASES.iter().find(|(codename, _)| *codename == name).map(|(_, number)| *number)?;
    let fixed = match (release.status.as_str(), release.fixed_version.as_str()) {
        // It was never in this release.
        ("resolved", "0" | "") => return None,
        ("resolved", version) => Some(Event::Fixed(version.to_owned())),
        _ => None,
    };
    let status = if fixed.is_some() { Status::Affected } else { status(release) };
    let events = [Event::Introduced("0".to_owned())].into_iter().chain(fixed).collect();
    let record = Record {
        advisory: id.to_owned(),
        ranges: vec![Range { semver: false, events }],
        status,
        ratings: Some(release.urgency.trim_end_matches('*').to_owned())
            .filter(|urgency| crate::severity::of_word(urgency).is_some())
            .map(Rating::Word)
            .into_iter()
            .collect(),
        ..Record::default()
    };
    Some(Affected { ecosystem: Ecosystem::new(&format!("Debian:{number}")), name: package.to_owned(), record })
}

/// What is done about what has no fixed version.
fn status(release: &Release) -> Status {
    match (release.status.as_str(), release.nodsa_reason.as_deref(), release.urgency.as_str()) {
        (_, _, "end-of-life") => Status::EndOfLife,
        ("undetermined", ..) => Status::UnderInvestigation,
        (_, Some("ignored"), _) => Status::WillNotFix,
        (_, Some("postponed"), _) => Status::Deferred,
        _ if release.nodsa.is_some() => Status::Deferred,
        _ => Status::Affected,
    }
}
