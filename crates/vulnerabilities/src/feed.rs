//! Published advisories, read from what their publishers give out.

mod alpine;
mod debian;
mod detect;
mod documents;
mod osv;
mod redhat;
mod rustsec;
mod trivy;

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use probity_crypto::Sha256;
use serde::{Deserialize, Serialize};

use crate::advisory::Advisory;
pub use detect::{Input, Kind, ParseKindError, inputs};

/// A form in which advisories are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feed {
    /// Files of the OSV schema, JSON or YAML, in a folder (also a git checkout), a zip archive, or one file.
    Osv,
    /// The `RustSec` database: Markdown with a TOML head, in a folder or a zip archive.
    RustSec,
    /// The security tracker of Debian, as one JSON document.
    Debian,
    /// The security databases of Alpine, Wolfi and Chainguard, a JSON document a release and repository.
    Alpine,
    /// Red Hat's advisories and VEX documents, CSAF 2.0, in a folder or a zip archive.
    RedHat,
    /// The file `trivy.db` of Trivy's database.
    TrivyDb,
}

/// What was read of one input, and what was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// The name that its advisories carry.
    pub name: String,
    /// In which form; empty before it is read.
    pub feed: String,
    /// Advisories that were taken.
    pub advisories: u64,
    /// Advisories that their publisher has taken back; they match nothing.
    pub withdrawn: u64,
    /// Spans of commits, which say nothing without the commits.
    pub git_ranges: u64,
    /// Advisories of ecosystems whose order of versions is not known here.
    pub unknown_ecosystem: u64,
    /// Texts that are none of this form, with the first few reasons.
    pub unreadable: u64,
    /// The first of those, with what was wrong.
    pub problems: Vec<String>,
    /// When the newest advisory was changed, as RFC 3339 writes it; empty when its publisher does not say.
    pub newest: String,
    /// When the input was had: of a git checkout when it was last fetched, of files when the newest was written.
    pub retrieved: String,
    /// SHA-256 of all that was read, in hexadecimal digits.
    pub digest: String,
}

/// An input that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The file or folder, or something in it.
    #[error("cannot read {path}: {error}", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A damaged archive.
    #[error("{path} is no zip archive: {error}", path = path.display())]
    Archive {
        /// Which.
        path: PathBuf,
        /// Why.
        error: zip::result::ZipError,
    },
    /// More than is read.
    #[error("{path} has more than {limit} {what}", path = path.display())]
    TooMuch {
        /// Which.
        path: PathBuf,
        /// How many are read.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// Nothing tells what it is.
    #[error("cannot tell what {path} is: {reason}", path = path.display())]
    Unknown {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It was read, and is nothing of this form.
    #[error("{path} has no advisories of the form {feed}: {reason}", path = path.display())]
    Nothing {
        /// Which.
        path: PathBuf,
        /// The form that was looked for.
        feed: Feed,
        /// Of the first text that is none.
        reason: String,
    },
}

/// How many reasons for unreadable texts are kept.
const MAX_PROBLEMS: usize = 5;

/// What reading one text leads to.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) advisories: Vec<Advisory>,
    pub(crate) withdrawn: u64,
    pub(crate) git_ranges: u64,
    pub(crate) unknown_ecosystem: u64,
    /// Parts of a text that could not be read.
    pub(crate) unreadable: u64,
}

/// Reads every advisory of an input.
pub(crate) fn read(
    feed: Feed,
    name: &str,
    path: &Path,
    take: &mut dyn FnMut(Advisory),
) -> Result<SourceStatus, FeedError> {
    let mut status = SourceStatus {
        name: name.to_owned(),
        feed: feed.to_string(),
        retrieved: retrieved(path),
        ..SourceStatus::default()
    };
    if feed == Feed::TrivyDb {
        let file = TrivyDb::find(path)?;
        status.count(trivy::read(file.path())?, name, take);
        status.digest = documents::digest(file.path())?;
        return Ok(status);
    }
    let mut digest = Sha256::new();
    documents::each(path, &|document| feed.reads(document), &mut |document, text| {
        for part in [document.as_bytes(), &text.len().to_le_bytes(), text] {
            digest.update(part);
        }
        match feed.parse(document, text) {
            Ok(reading) => status.count(reading, name, take),
            Err(problem) => status.problem(document, &problem),
        }
        true
    })?;
    status.digest = hexadecimal(&digest.finalize());
    let nothing = status.advisories == 0 && status.withdrawn == 0 && status.git_ranges == 0;
    if nothing {
        let reason = status.problems.first().cloned().unwrap_or_else(|| "there is no such file".to_owned());
        return Err(FeedError::Nothing { path: path.to_owned(), feed, reason });
    }
    Ok(status)
}

/// The day and time that an input was had.
pub(crate) fn retrieved(path: &Path) -> String {
    let time = documents::retrieved(path).and_then(|time| Timestamp::try_from(time).ok());
    // Nobody asks for parts of a second.
    time.and_then(|time| Timestamp::from_second(time.as_second()).ok())
        .map_or_else(String::new, |time| time.to_string())
}

/// Where Trivy's file is.
enum TrivyDb {
    There(PathBuf),
    /// Taken out of the archive that it is published in.
    Unpacked(tempfile::NamedTempFile),
}

impl TrivyDb {
    /// The file itself, Trivy's cache, or an archive.
    fn find(path: &Path) -> Result<Self, FeedError> {
        let within = ["trivy.db", "db/trivy.db"].map(|name| path.join(name)).into_iter().find(|file| file.is_file());
        if let Some(file) = within {
            return Ok(Self::There(file));
        }
        let unpacked = if documents::is_tar(path)? { documents::member(path, "trivy.db")? } else { None };
        Ok(unpacked.map_or_else(|| Self::There(path.to_owned()), Self::Unpacked))
    }

    fn path(&self) -> &Path {
        match self {
            Self::There(path) => path,
            Self::Unpacked(file) => file.path(),
        }
    }
}

impl SourceStatus {
    /// How recent it is: when its newest advisory was changed, or when it was had, whichever is later.
    pub fn date(&self) -> &str {
        if self.newest > self.retrieved { &self.newest } else { &self.retrieved }
    }

    fn count(&mut self, reading: Reading, name: &str, take: &mut dyn FnMut(Advisory)) {
        self.withdrawn += reading.withdrawn;
        self.git_ranges += reading.git_ranges;
        self.unknown_ecosystem += reading.unknown_ecosystem;
        self.unreadable += reading.unreadable;
        let now = Timestamp::now().to_string();
        for mut advisory in reading.advisories {
            name.clone_into(&mut advisory.details.source);
            // A date in the future is a mistake, and would make the database look fresh until then.
            if advisory.details.modified > self.newest && advisory.details.modified <= now {
                self.newest.clone_from(&advisory.details.modified);
            }
            self.advisories += 1;
            take(advisory);
        }
    }

    fn problem(&mut self, document: &str, problem: &str) {
        self.unreadable += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(format!("{document}: {problem}"));
        }
    }
}

impl Feed {
    /// Whether a file of this name is one of the form's.
    fn reads(self, name: &str) -> bool {
        let has = |extensions: &[&str]| extensions.iter().any(|extension| name.ends_with(extension));
        match self {
            Self::Osv => has(&[".json", ".yaml", ".yml"]),
            Self::RustSec => has(&[".md"]) && name.contains("RUSTSEC-"),
            Self::Debian | Self::Alpine | Self::RedHat => has(&[".json"]),
            Self::TrivyDb => false,
        }
    }

    fn parse(self, name: &str, text: &[u8]) -> Result<Reading, String> {
        match self {
            Self::Osv => osv::parse(name, text),
            Self::RustSec => rustsec::parse(text),
            Self::Debian => debian::parse(text),
            Self::Alpine => alpine::parse(text),
            Self::RedHat => redhat::parse(text),
            Self::TrivyDb => Err("it is read as a whole".to_owned()),
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Osv => "osv",
            Self::RustSec => "rustsec",
            Self::Debian => "debian",
            Self::Alpine => "alpine",
            Self::RedHat => "red-hat",
            Self::TrivyDb => "trivy-db",
        })
    }
}

pub(crate) use osv::nullable;

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
