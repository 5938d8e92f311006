//! The security database of Alpine, Wolfi and Chainguard: `secdb.alpinelinux.org`, one file a release and repository.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Reading, osv};
use crate::advisory::{Advisory, Affected, Details, Event, Range, Record};
use crate::ecosystem::Ecosystem;

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    distroversion: String,
    #[serde(default)]
    urlprefix: String,
    packages: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    pkg: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default, deserialize_with = "osv::nullable")]
    secfixes: BTreeMap<String, Option<Vec<String>>>,
}

pub(super) fn parse(text: &[u8]) -> Result<Reading, String> {
    let document: Document = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let ecosystem = ecosystem(&document).ok_or("it says neither which release it is of, nor of whom")?;
    let mut reading = Reading::default();
    for Listed { pkg: Package { name, secfixes } } in document.packages {
        for (version, fixes) in secfixes {
            // It is told for those who look for it: the package never had it.
            if version == "0" {
                continue;
            }
            let advisories = fixes.into_iter().flatten().filter_map(|fix| advisory(&ecosystem, &name, &version, &fix));
            reading.advisories.extend(advisories);
        }
    }
    Ok(reading)
}

fn ecosystem(document: &Document) -> Option<Ecosystem> {
    match (document.distroversion.as_str(), document.urlprefix.as_str()) {
        ("", prefix) if prefix.contains("wolfi") => Some(Ecosystem::new("Wolfi")),
        ("", prefix) if prefix.contains("chainguard") => Some(Ecosystem::new("Chainguard")),
        ("", _) => None,
        ("edge" | "edge-main", _) => Some(Ecosystem::new("Alpine:edge")),
        (version, _) => Some(Ecosystem::new(&format!("Alpine:{version}"))),
    }
}

/// A line is a name, its other names, and sometimes a remark in brackets.
fn advisory(ecosystem: &Ecosystem, package: &str, version: &str, fix: &str) -> Option<Advisory> {
    let names = fix.split('(').next().unwrap_or_default();
    let mut names = names.split_whitespace().map(str::to_owned);
    let id = names.next()?;
    let events = vec![Event::Introduced("0".to_owned()), Event::Fixed(version.to_owned())];
    let record = Record { advisory: id.clone(), ranges: vec![Range { semver: false, events }], ..Record::default() };
    let details = Details { id, aliases: names.collect(), ..Details::default() };
    let affected = Affected { ecosystem: ecosystem.clone(), name: package.to_owned(), record };
    Some(Advisory { details, affected: vec![affected] })
}
