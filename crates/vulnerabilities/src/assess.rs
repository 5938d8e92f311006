//! What a package has of what is published.

use std::collections::BTreeSet;
use std::fmt;

use probity_model::Severity;
use serde::{Deserialize, Serialize};

use crate::advisory::{Details, Record, Status};
use crate::database::{Database, DatabaseError};
use crate::ecosystem::Ecosystem;
use crate::exploitation::Exploitation;
use crate::matching::{Match, matches};
use crate::severity::{Rating, strongest};
use crate::version::Version;
use crate::vex::{Verdict, VexStatus};

/// A package as an inventory has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Where it is from, with the release of a distribution; `None` when that is not known.
    pub ecosystem: Option<Ecosystem>,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The source package that it was built from, which is what advisories of most distributions name.
    pub source: Option<SourcePackage>,
    /// Its package URL.
    pub purl: Option<String>,
}

/// What a package was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePackage {
    /// Its name.
    pub name: String,
    /// Its version, when it has another than the package.
    pub version: Option<String>,
}

/// What is known of the vulnerabilities of a package.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Assessment {
    /// It was looked up; it has these, or none.
    Assessed(Vec<Finding>),
    /// Nothing is known, which does not mean that it has none.
    NotAssessed(NotAssessed),
}

/// Why nothing is known of a package.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum NotAssessed {
    /// It is of no ecosystem that is known here.
    NoEcosystem,
    /// The database has no advisories of the ecosystem, or of the release of the distribution.
    NotCovered {
        /// Which.
        ecosystem: Ecosystem,
    },
    /// It has no version.
    NoVersion,
    /// Its version is none of its ecosystem.
    Version {
        /// What is wrong with it.
        problem: String,
    },
}

/// A vulnerability that a package has, or may have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Its name: a CVE where it has one, else one of GitHub's, else its publisher's.
    pub id: String,
    /// Its other names, in their order.
    pub aliases: Vec<String>,
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its package URL.
    pub purl: Option<String>,
    /// How bad it is; `None` when nobody says.
    pub severity: Option<Severity>,
    /// The CVSS score that the severity comes from.
    pub score: Option<f64>,
    /// What was said of how bad it is.
    pub ratings: Vec<Rating>,
    /// Versions that mend it, the nearest first; of the source package where the advisory names that.
    pub fixed: Vec<String>,
    /// What the publisher says.
    pub status: Status,
    /// Set when it is not known whether the version is affected: why.
    pub undecided: Option<String>,
    /// When it is no vulnerability: `unmaintained`, `unsound`, `notice`.
    pub informational: Option<String>,
    /// In a few words.
    pub summary: String,
    /// When it was first published; empty when it is not said.
    pub published: String,
    /// Who says so, and under which name.
    pub sources: Vec<Source>,
    /// What is known of its exploitation.
    pub exploitation: Option<Exploitation>,
    /// What others say of it in this package or product.
    pub vex: Option<Verdict>,
}

impl Finding {
    /// Whether it is to be dealt with: neither its publisher nor a VEX statement says that it is not there, or not any more.
    pub fn is_open(&self) -> bool {
        let settled = |verdict: &Verdict| matches!(verdict.status, VexStatus::NotAffected | VexStatus::Fixed);
        self.status != Status::NotAffected && !self.vex.as_ref().is_some_and(settled)
    }
}

/// An advisory that a finding comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// The source of the database.
    pub name: String,
    /// The advisory.
    pub advisory: String,
    /// Where more is to be read.
    pub reference: Option<String>,
}

/// Looks a package up.
///
/// # Errors
/// When the database cannot be read or is damaged.
pub fn assess(database: &Database, package: &Package) -> Result<Assessment, DatabaseError> {
    let not_assessed = |why| Ok(Assessment::NotAssessed(why));
    let Some((ecosystem, scheme)) = package.ecosystem.as_ref().and_then(|it| Some((it, it.scheme()?))) else {
        return not_assessed(NotAssessed::NoEcosystem);
    };
    if !database.covers(ecosystem) {
        return not_assessed(NotAssessed::NotCovered { ecosystem: ecosystem.clone() });
    }
    if package.version.trim().is_empty() {
        return not_assessed(NotAssessed::NoVersion);
    }
    let mut found = Vec::new();
    for (name, text) in package.looked_up() {
        let version = match scheme.parse(text) {
            Ok(version) => version,
            Err(error) => return not_assessed(NotAssessed::Version { problem: error.to_string() }),
        };
        for record in database.lookup(ecosystem, name)? {
            if let Some(hit) = Hit::new(database, scheme_match(ecosystem, &record, text, &version), record)? {
                found.push(hit);
            }
        }
    }
    let findings = merged(found).into_iter().map(|hits| finding(database, package, hits));
    let mut findings = findings.collect::<Result<Vec<Finding>, DatabaseError>>()?;
    findings.sort_by(|left, right| left.id.cmp(&right.id));
    Ok(Assessment::Assessed(findings))
}

fn scheme_match(ecosystem: &Ecosystem, record: &Record, text: &str, version: &Version) -> Match {
    ecosystem.scheme().map_or(Match::Unaffected, |scheme| matches(scheme, record, text, version))
}

impl Package {
    /// The names it is looked up by, each with its version. Distributions name either the source or what is built from it.
    fn looked_up(&self) -> Vec<(&str, &str)> {
        let mut names = Vec::new();
        if let Some(source) = &self.source {
            names.push((source.name.as_str(), source.version.as_deref().unwrap_or(&self.version)));
        }
        if names.first().is_none_or(|(name, _)| *name != self.name) {
            names.push((&self.name, &self.version));
        }
        names
    }
}

/// A record that is about the package.
struct Hit {
    record: Record,
    details: Details,
    fixed: Vec<String>,
    undecided: Option<String>,
    /// All names of the vulnerability.
    names: BTreeSet<String>,
}

impl Hit {
    fn new(database: &Database, found: Match, record: Record) -> Result<Option<Self>, DatabaseError> {
        let (fixed, undecided) = match found {
            Match::Unaffected => return Ok(None),
            Match::Affected { fixed } => (fixed, None),
            Match::Undecided { reason } => (Vec::new(), Some(reason)),
        };
        let unknown = || Details { id: record.advisory.clone(), source: record.source.clone(), ..Details::default() };
        let details = database.details(&record)?.unwrap_or_else(unknown);
        let mut names: BTreeSet<String> = details.aliases.iter().cloned().collect();
        names.insert(details.id.clone());
        // An advisory about one vulnerability of another's is about the same one.
        if let [only] = details.upstream.as_slice() {
            names.insert(only.clone());
        }
        Ok(Some(Self { record, details, fixed, undecided, names }))
    }
}

/// One group of hits for each vulnerability: those that share a name.
fn merged(hits: Vec<Hit>) -> Vec<Vec<Hit>> {
    let mut groups: Vec<(BTreeSet<String>, Vec<Hit>)> = Vec::new();
    for hit in hits {
        let mut names = hit.names.clone();
        let mut members = vec![hit];
        let (same, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(known, _)| !known.is_disjoint(&names));
        groups = apart;
        for (known, hits) in same {
            names.extend(known);
            members.extend(hits);
        }
        groups.push((names, members));
    }
    groups.into_iter().map(|(_, hits)| hits).collect()
}

fn finding(database: &Database, package: &Package, mut hits: Vec<Hit>) -> Result<Finding, DatabaseError> {
    // What is certain counts before what is not.
    hits.sort_by(|left, right| {
        (left.undecided.is_some(), &left.record.source, &left.record.advisory).cmp(&(
            right.undecided.is_some(),
            &right.record.source,
            &right.record.advisory,
        ))
    });
    let mut names: BTreeSet<String> = hits.iter().flat_map(|hit| hit.names.iter().cloned()).collect();
    let id = preferred(&names);
    names.remove(&id);
    let mut ratings: Vec<Rating> = hits.iter().flat_map(Hit::ratings).cloned().collect();
    let (severity, score) = hits.iter().map(|hit| strongest(hit.ratings())).max_by(by_severity).unwrap_or_default();
    ratings.sort();
    ratings.dedup();
    let exploitation = match names.iter().chain([&id]).find(|name| name.starts_with("CVE-")) {
        Some(cve) => database.exploitation(cve)?,
        None => None,
    };
    let first = &hits[0];
    Ok(Finding {
        package: package.name.clone(),
        version: package.version.clone(),
        purl: package.purl.clone(),
        severity,
        score,
        ratings,
        fixed: hits.iter().map(|hit| hit.fixed.clone()).find(|fixed| !fixed.is_empty()).unwrap_or_default(),
        status: first.record.status,
        undecided: first.undecided.clone(),
        informational: hits.iter().map(|hit| hit.details.informational.clone()).min().flatten(),
        summary: hits.iter().map(|hit| &hit.details.summary).find(|it| !it.is_empty()).cloned().unwrap_or_default(),
        published: hits
            .iter()
            .map(|hit| hit.details.published.clone())
            .filter(|it| !it.is_empty())
            .min()
            .unwrap_or_default(),
        sources: hits.iter().map(Hit::source).collect::<BTreeSet<_>>().into_iter().collect(),
        exploitation,
        vex: None,
        aliases: names.into_iter().collect(),
        id,
    })
}

impl Hit {
    /// What is said for this package alone counts before what is said of the vulnerability.
    fn ratings(&self) -> &[Rating] {
        if self.record.ratings.is_empty() { &self.details.ratings } else { &self.record.ratings }
    }

    fn source(&self) -> Source {
        Source {
            name: self.record.source.clone(),
            advisory: self.record.advisory.clone(),
            reference: self.details.reference.clone(),
        }
    }
}

type Judged = (Option<Severity>, Option<f64>);

fn by_severity(left: &Judged, right: &Judged) -> std::cmp::Ordering {
    left.0.cmp(&right.0).then_with(|| left.1.unwrap_or(0.0).total_cmp(&right.1.unwrap_or(0.0)))
}

/// The name that most people know a vulnerability by.
fn preferred(names: &BTreeSet<String>) -> String {
    let known = ["CVE-", "GHSA-"].iter().find_map(|prefix| names.iter().find(|name| name.starts_with(prefix)));
    known.or(names.first()).cloned().unwrap_or_default()
}

impl fmt::Display for NotAssessed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEcosystem => write!(formatter, "it is of no ecosystem whose advisories are known"),
            Self::NotCovered { ecosystem } => write!(formatter, "the database has no advisories of {ecosystem}"),
            Self::NoVersion => write!(formatter, "it has no version"),
            Self::Version { problem } => write!(formatter, "{problem}"),
        }
    }
}

#[cfg(test)]
mod labels;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod tests;
