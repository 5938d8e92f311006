//! Which of an image's packages have published vulnerabilities, where each comes from, and what would mend it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use probity_model::Severity;
use probity_subject_image::{Base, Image, PackageKind};
use probity_vulnerabilities::{
    Assessment, Database, DatabaseError, Finding, NotAssessed, Package as Known, ScanReport, Vex, assess,
};

use crate::packages;
use crate::waivers::Accepted;

/// What is known of the vulnerabilities of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Vulnerabilities {
    /// The scanner: `probity`, or the one whose report was taken.
    pub scanner: String,
    /// Its version, when it is known.
    pub scanner_version: Option<String>,
    /// When the newest advisory of its database was changed, or the database was made; RFC 3339.
    pub database_date: Option<String>,
    /// The SHA-256 of the database in hexadecimal.
    pub database_digest: Option<String>,
    /// Packages that were looked up.
    pub assessed: usize,
    /// What could not be looked up.
    pub gaps: Vec<Gap>,
    /// What was found, the worst first.
    pub found: Vec<Found>,
}

/// Packages of which nothing is known, which does not mean that they have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The ecosystem, or the type of the packages when it is of none.
    pub ecosystem: String,
    /// Why.
    pub reason: String,
    /// How many packages.
    pub packages: usize,
}

/// A vulnerability of a package of the image.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What is published of it.
    pub finding: Finding,
    /// Where it is; `None` when a report names a package that the inventory does not have.
    pub place: Option<FoundIn>,
    /// The newer release of the base that does not have it.
    pub base_update: Option<BaseUpdate>,
    /// That it was accepted for a time ([`Inspection::waive`](crate::Inspection::waive)).
    pub waiver: Option<Accepted>,
}

/// The package of a vulnerability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundIn {
    /// Its position in [`Image::packages`].
    pub package: usize,
    /// What kind of package it is.
    pub kind: PackageKind,
    /// The layer that it came with, from 0.
    pub layer: usize,
    /// Whether that layer is of the base.
    pub from_base: bool,
}

/// A release of the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUpdate {
    /// Its name, `debian:12-slim`.
    pub name: String,
    /// Its digest, when the list of bases has it.
    pub digest: Option<String>,
    /// The day on which it was released.
    pub date: Date,
    /// The version in which it has the package; `None` when it does not have it at all.
    pub version: Option<String>,
}

/// How many there are, by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Critical ones.
    pub critical: usize,
    /// High ones.
    pub high: usize,
    /// Medium ones.
    pub medium: usize,
    /// Low ones, and those that are said to be negligible.
    pub low: usize,
    /// Those of which nobody says how bad they are.
    pub unknown: usize,
}

impl Vulnerabilities {
    /// Looks the image's packages up.
    ///
    /// # Errors
    /// When the database cannot be read or is damaged.
    pub fn look_up(image: &Image, database: &Database) -> Result<Self, DatabaseError> {
        let status = database.status();
        let mut result = Self {
            scanner: "probity".to_owned(),
            scanner_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            database_date: Some(status.date.clone()).filter(|date| !date.is_empty()),
            database_digest: Some(status.digest.clone()),
            assessed: 0,
            gaps: Vec::new(),
            found: Vec::new(),
        };
        let newer = NewerBase::of(image);
        let mut gaps: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (at, known) in packages::assessed(image) {
            match assess(database, &known)? {
                Assessment::Assessed(findings) => {
                    result.assessed += 1;
                    let place = place(image, at);
                    for finding in findings.into_iter().filter(|finding| finding.informational.is_none()) {
                        let base_update = match &newer {
                            Some(newer) if place.from_base => newer.mends(database, &known, &finding)?,
                            _ => None,
                        };
                        result.found.push(Found { finding, place: Some(place), base_update, waiver: None });
                    }
                }
                Assessment::NotAssessed(why) => *gaps.entry(gap(&known, &why, place(image, at).kind)).or_default() += 1,
            }
        }
        result.gaps =
            gaps.into_iter().map(|((ecosystem, reason), packages)| Gap { ecosystem, reason, packages }).collect();
        result.sort();
        Ok(result)
    }

    /// Takes what another scanner found in the image.
    pub fn of_report(image: &Image, report: ScanReport) -> Self {
        let by_url: BTreeMap<&str, usize> =
            image.packages.iter().enumerate().map(|(at, package)| (bare(&package.purl), at)).collect();
        let by_name: BTreeMap<(&str, &str), usize> = image
            .packages
            .iter()
            .enumerate()
            .map(|(at, package)| ((package.name.as_str(), package.version.as_str()), at))
            .collect();
        let find = |finding: &Finding| {
            let by_url = finding.purl.as_deref().and_then(|purl| by_url.get(bare(purl)));
            by_url.or_else(|| by_name.get(&(finding.package.as_str(), finding.version.as_str()))).copied()
        };
        let found = report.findings.into_iter().map(|finding| {
            let place = find(&finding).map(|at| place(image, at));
            Found { finding, place, base_update: None, waiver: None }
        });
        let mut result = Self {
            scanner: report.scanner,
            scanner_version: report.version,
            database_date: report.database,
            database_digest: None,
            assessed: image.packages.len(),
            gaps: Vec::new(),
            found: found.collect(),
        };
        if report.end_of_life {
            let ecosystem = report.distribution.unwrap_or_default();
            let reason = "it gets no updates any more: what is not found in it says little".to_owned();
            result.gaps.push(Gap { ecosystem, reason, packages: image.packages.len() });
        }
        result.sort();
        result
    }

    /// Notes what is said of the findings in this image; `products` are its names.
    pub fn apply(&mut self, vex: &Vex, products: &[&str]) {
        for found in &mut self.found {
            vex.apply(std::slice::from_mut(&mut found.finding), products);
        }
    }

    /// Whether every package was looked up.
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }

    /// Those that are to be dealt with.
    pub fn open(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(|found| found.is_open())
    }

    /// How many are to be dealt with.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.open().for_each(|found| counts.add(found.finding.severity));
        counts
    }

    fn sort(&mut self) {
        let key = |found: &Found| {
            let Finding { severity, id, package, version, .. } = &found.finding;
            (std::cmp::Reverse(*severity), id.clone(), package.clone(), version.clone())
        };
        self.found.sort_by_cached_key(key);
        self.found.dedup_by(|one, other| one.finding == other.finding && one.place == other.place);
    }
}

impl Found {
    /// Whether it is to be dealt with: nobody says that it is not there, and nobody accepted it.
    pub fn is_open(&self) -> bool {
        self.finding.is_open() && self.waiver.is_none()
    }
}

impl Counts {
    fn add(&mut self, severity: Option<Severity>) {
        let count = match severity {
            Some(Severity::Critical) => &mut self.critical,
            Some(Severity::High) => &mut self.high,
            Some(Severity::Medium) => &mut self.medium,
            Some(Severity::Low | Severity::Info) => &mut self.low,
            None => &mut self.unknown,
        };
        *count += 1;
    }

    /// All together.
    pub fn total(&self) -> usize {
        self.critical + self.high + self.medium + self.low + self.unknown
    }
}

fn place(image: &Image, at: usize) -> FoundIn {
    let package = &image.packages[at];
    let base_layers = image.base.as_ref().map_or(0, |found| found.base.layers.len());
    FoundIn { package: at, kind: package.kind, layer: package.layer, from_base: package.layer < base_layers }
}

fn gap(known: &Known, why: &NotAssessed, kind: PackageKind) -> (String, String) {
    let ecosystem = known.ecosystem.as_ref().map_or_else(|| kind.as_str().to_owned(), ToString::to_string);
    let reason = match why {
        NotAssessed::Version { .. } => format!("{} {}: {why}", known.name, known.version),
        _ => why.to_string(),
    };
    (ecosystem, reason)
}

/// A package URL without its qualifiers: tools differ in those.
fn bare(purl: &str) -> &str {
    purl.split(['?', '#']).next().unwrap_or(purl)
}

/// The packages of the newest release of the base, when it is newer and the list of bases has them.
struct NewerBase<'a> {
    base: &'a Base,
    packages: BTreeMap<String, Known>,
}

impl<'a> NewerBase<'a> {
    fn of(image: &'a Image) -> Option<Self> {
        let base = image.base.as_ref()?.newer.as_ref()?;
        if base.packages.is_empty() {
            return None;
        }
        let known = base.packages.iter().filter_map(|purl| Known::of_purl(purl));
        Some(Self { base, packages: known.map(|known| (named(&known), known)).collect() })
    }

    /// The release, when its package does not have the vulnerability.
    fn mends(
        &self,
        database: &Database,
        known: &Known,
        finding: &Finding,
    ) -> Result<Option<BaseUpdate>, DatabaseError> {
        let update = |version: Option<String>| BaseUpdate {
            name: self.base.name.clone(),
            digest: self.base.digest.as_ref().map(ToString::to_string),
            date: self.base.date,
            version,
        };
        let Some(package) = self.packages.get(&named(known)) else { return Ok(Some(update(None))) };
        let Assessment::Assessed(left) = assess(database, package)? else { return Ok(None) };
        let names: BTreeSet<&String> = finding.aliases.iter().chain([&finding.id]).collect();
        let has = left.iter().any(|it| names.contains(&it.id) || it.aliases.iter().any(|alias| names.contains(alias)));
        Ok((!has).then(|| update(Some(package.version.clone()))))
    }
}

/// What tells packages of one image apart but for their versions.
fn named(known: &Known) -> String {
    let ecosystem = known.ecosystem.as_ref().map_or_else(String::new, |it| it.family().to_owned());
    format!("{ecosystem}\n{}", known.name)
}
