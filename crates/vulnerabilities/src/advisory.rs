//! What is published of a vulnerability: which packages it is in, and what is said of it.

use serde::{Deserialize, Serialize};

use crate::ecosystem::Ecosystem;
use crate::severity::Rating;

/// An advisory of one source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Advisory {
    /// What it says, whichever package it is about.
    pub details: Details,
    /// Whom it is about.
    pub affected: Vec<Affected>,
}

/// What an advisory says of its vulnerability.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Its name: `GHSA-…`, `PYSEC-…`, `CVE-…`, `DSA-…`.
    pub id: String,
    /// Who published it, as the database was told: `osv`, `debian`, `alpine`.
    pub source: String,
    /// Other names of the same vulnerability.
    pub aliases: Vec<String>,
    /// The vulnerabilities of others that a distribution's advisory is about; unlike aliases, there may be many.
    pub upstream: Vec<String>,
    /// In a few words.
    pub summary: String,
    /// How bad it is said to be.
    pub ratings: Vec<Rating>,
    /// When it was published, as RFC 3339 writes it; empty when it is not said.
    pub published: String,
    /// When it was last changed, likewise.
    pub modified: String,
    /// When it is no vulnerability: `unmaintained`, `unsound`, `notice`.
    pub informational: Option<String>,
    /// Where more is to be read.
    pub reference: Option<String>,
}

/// One package that an advisory is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Affected {
    /// Where it is published.
    pub ecosystem: Ecosystem,
    /// Its name there; in a distribution that of the source package.
    pub name: String,
    /// Which of its versions, and what is done about it.
    pub record: Record,
}

/// Which versions of a package an advisory is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The advisory's name.
    pub advisory: String,
    /// Who published it: two sources may use one name.
    pub source: String,
    /// Spans of versions.
    pub ranges: Vec<Range>,
    /// Single versions, besides those in the spans.
    pub versions: Vec<String>,
    /// What the publisher does about it.
    pub status: Status,
    /// Ratings for this package alone.
    pub ratings: Vec<Rating>,
}

/// A span of versions, as OSV describes it: what happened at which version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Whether versions are semantic ones, whatever the ecosystem.
    pub semver: bool,
    /// In any order.
    pub events: Vec<Event>,
}

/// What happened at a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The vulnerability came in; `0` is before all versions.
    Introduced(String),
    /// It was mended.
    Fixed(String),
    /// This was the last version to have it.
    LastAffected(String),
    /// Nothing is said of this version and later ones; `*` is behind all.
    Limit(String),
}

/// What a publisher says of a vulnerability in one of its packages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Versions in the spans have it.
    #[default]
    Affected,
    /// They have it, and it is not worth an advisory of its own (Debian's no-dsa and postponed, Red Hat's fix deferred).
    Deferred,
    /// They have it, and it will not be mended (Debian's ignored, Red Hat's will not fix).
    WillNotFix,
    /// They have it, and the release gets no updates any more.
    EndOfLife,
    /// Whether they have it is being looked into.
    UnderInvestigation,
    /// They do not have it, though it may look so.
    NotAffected,
}

impl Status {
    /// Its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Affected => "affected",
            Self::Deferred => "deferred",
            Self::WillNotFix => "will_not_fix",
            Self::EndOfLife => "end_of_life",
            Self::UnderInvestigation => "under_investigation",
            Self::NotAffected => "not_affected",
        }
    }
}
