//! Trivy's database (`aquasecurity/trivy-db`, schema 2): a file of `bbolt`, advisories by platform and package.
//!
//! Red Hat's own bucket is left out: it numbers its products by a table of repositories. Red Hat's CSAF documents say the same.

mod bolt;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{FeedError, Reading, rustsec};
use crate::advisory::{Advisory, Affected, Details, Event, Range, Record, Status};
use crate::ecosystem::Ecosystem;
use crate::feed::{nullable, osv};
use crate::severity::Rating;
use bolt::Bolt;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default, deserialize_with = "nullable")]
    fixed_version: String,
    #[serde(default, deserialize_with = "nullable")]
    affected_version: String,
    #[serde(default, deserialize_with = "nullable")]
    patched_versions: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    vulnerable_versions: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    unaffected_versions: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    severity: f64,
    #[serde(default, deserialize_with = "nullable")]
    status: f64,
    #[serde(rename = "VendorIDs", default, deserialize_with = "nullable")]
    vendor_ids: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability {
    #[serde(default, deserialize_with = "nullable")]
    title: String,
    #[serde(default, deserialize_with = "nullable")]
    severity: String,
    #[serde(rename = "CVSS", default, deserialize_with = "nullable")]
    cvss: BTreeMap<String, Vectors>,
    #[serde(default, deserialize_with = "nullable")]
    references: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    published_date: String,
    #[serde(default, deserialize_with = "nullable")]
    last_modified_date: String,
}

#[derive(Deserialize, Default)]
struct Vectors {
    #[serde(rename = "V2Vector", default, deserialize_with = "nullable")]
    second: String,
    #[serde(rename = "V3Vector", default, deserialize_with = "nullable")]
    third: String,
    #[serde(rename = "V40Vector", default, deserialize_with = "nullable")]
    fourth: String,
}

/// Reads the whole file.
pub(super) fn read(path: &Path) -> Result<Reading, FeedError> {
    let mut bolt = Bolt::open(path)?;
    let mut vulnerabilities: BTreeMap<String, Vulnerability> = BTreeMap::new();
    let mut entries: Vec<(Vec<String>, Vec<u8>)> = Vec::new();
    bolt.each(&mut |buckets, key, value| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match buckets {
            [only] if only.as_slice() == b"vulnerability" => {
                if let Ok(read) = serde_json::from_slice(value) {
                    vulnerabilities.insert(text(key), read);
                }
            }
            [platform, package] => entries.push((vec![text(platform), text(package), text(key)], value.to_vec())),
            _ => {}
        }
    })?;
    let mut reading = Reading::default();
    for (names, value) in entries {
        let [platform, package, id] = names.as_slice() else { continue };
        let Some(ecosystem) = ecosystem(platform) else {
            reading.unknown_ecosystem += 1;
            continue;
        };
        let Ok(entry) = serde_json::from_slice::<Entry>(&value) else {
            reading.unreadable += 1;
            continue;
        };
        reading.advisories.extend(advisory(&ecosystem, package, id, &entry, vulnerabilities.get(id)));
    }
    Ok(reading)
}

/// Trivy's platforms: `debian 12`, `alpine 3.18`, `npm::GitHub Security Advisory Npm`.
fn ecosystem(platform: &str) -> Option<Ecosystem> {
    if let Some((kind, _)) = platform.split_once("::") {
        let kind = match kind {
            "pip" => "pypi",
            "rubygems" => "gem",
            "go" => "golang",
            "erlang" => "hex",
            "conan" | "npm" | "maven" | "nuget" | "composer" | "cargo" | "pub" | "swift" | "cocoapods" | "bitnami" => {
                kind
            }
            _ => return None,
        };
        return Ecosystem::of_purl_type(kind);
    }
    let (name, version) = platform.rsplit_once(' ')?;
    let id = match name.to_lowercase().as_str() {
        "debian" => "debian",
        "ubuntu" => "ubuntu",
        "alpine" => "alpine",
        "alma" => "almalinux",
        "rocky" => "rocky",
        "amazon linux" => "amzn",
        "oracle linux" => "ol",
        "photon os" => "photon",
        "azure linux" => "azurelinux",
        "opensuse leap" => "opensuse-leap",
        "suse linux enterprise" => "sles",
        _ => return None,
    };
    Ecosystem::of_distribution(id, version)
}

fn advisory(
    ecosystem: &Ecosystem,
    package: &str,
    id: &str,
    entry: &Entry,
    about: Option<&Vulnerability>,
) -> Option<Advisory> {
    let ranges = ranges(ecosystem, entry)?;
    let own = severity(entry.severity).map(|word| Rating::Word(word.to_owned()));
    let record = Record {
        advisory: id.to_owned(),
        ranges,
        status: status(entry.status, !entry.fixed_version.is_empty()),
        ratings: own.into_iter().collect(),
        ..Record::default()
    };
    let affected = Affected { ecosystem: ecosystem.clone(), name: ecosystem.normalize(package), record };
    let nothing = Vulnerability::default();
    let about = about.unwrap_or(&nothing);
    let vectors = about.cvss.values().flat_map(|it| [&it.fourth, &it.third, &it.second]);
    let mut ratings: Vec<Rating> = vectors.filter(|it| !it.is_empty()).map(|it| Rating::Cvss(it.clone())).collect();
    ratings.extend(Some(about.severity.clone()).filter(|word| !word.is_empty()).map(Rating::Word));
    ratings.sort();
    ratings.dedup();
    let details = Details {
        id: id.to_owned(),
        aliases: entry.vendor_ids.iter().filter(|id| id.starts_with("GHSA-")).cloned().collect(),
        summary: osv::first_line(&about.title),
        ratings,
        published: about.published_date.clone(),
        modified: about.last_modified_date.clone(),
        reference: about.references.first().cloned(),
        ..Details::default()
    };
    Some(Advisory { details, affected: vec![affected] })
}

fn severity(number: f64) -> Option<&'static str> {
    const WORDS: [&str; 5] = ["unknown", "low", "medium", "high", "critical"];
    WORDS
        .iter()
        .enumerate()
        .skip(1)
        .find(|(at, _)| (number - f64::from(u8::try_from(*at).unwrap_or(0))).abs() < 0.5)
        .map(|(_, word)| *word)
}

/// Trivy numbers its statuses.
fn status(number: f64, fixed: bool) -> Status {
    match number {
        _ if fixed => Status::Affected,
        number if (number - 1.0).abs() < 0.5 => Status::NotAffected,
        number if (number - 4.0).abs() < 0.5 => Status::UnderInvestigation,
        number if (number - 5.0).abs() < 0.5 => Status::WillNotFix,
        number if (number - 6.0).abs() < 0.5 => Status::Deferred,
        number if (number - 7.0).abs() < 0.5 => Status::EndOfLife,
        _ => Status::Affected,
    }
}

/// `None` of an entry that says of no version that it is affected.
fn ranges(ecosystem: &Ecosystem, entry: &Entry) -> Option<Vec<Range>> {
    if !entry.vulnerable_versions.is_empty() {
        let spans = entry.vulnerable_versions.iter().flat_map(|text| text.split("||"));
        return spans.map(span).collect();
    }
    if !entry.patched_versions.is_empty() && ecosystem.as_str() == "crates.io" {
        let safe = [entry.patched_versions.clone(), entry.unaffected_versions.clone()].concat();
        return Some(vec![Range { semver: true, events: rustsec::events(&safe).ok()? }]);
    }
    if !entry.affected_version.is_empty() {
        return span(&entry.affected_version).map(|span| vec![span]);
    }
    if entry.fixed_version.is_empty() && !entry.patched_versions.is_empty() {
        return None;
    }
    let fixed = Some(entry.fixed_version.clone()).filter(|version| !version.is_empty()).map(Event::Fixed);
    let events = [Event::Introduced("0".to_owned())].into_iter().chain(fixed).collect();
    Some(vec![Range { semver: false, events }])
}

/// A span as Trivy writes it: `>=1.0, <1.2.3`.
fn span(text: &str) -> Option<Range> {
    let mut from = Event::Introduced("0".to_owned());
    let mut to = None;
    let spaced = text.replace(',', " ").replace("= ", "=").replace("< ", "<").replace("> ", ">");
    for word in spaced.split_whitespace() {
        let version = |sign: &str| word[sign.len()..].to_owned();
        match () {
            () if word.starts_with(">=") => from = Event::Introduced(version(">=")),
            () if word.starts_with("<=") => to = Some(Event::LastAffected(version("<="))),
            () if word.starts_with('<') => to = Some(Event::Fixed(version("<"))),
            // What is right behind a version cannot be said in every order.
            () if word.starts_with('>') => return None,
            () => {
                let only = word.trim_start_matches('=').to_owned();
                from = Event::Introduced(only.clone());
                to = Some(Event::LastAffected(only));
            }
        }
    }
    Some(Range { semver: false, events: [from].into_iter().chain(to).collect() })
}
