//! The database of advisories: one file, opened in milliseconds, in which a package is found by one read.
//!
//! Three tables stand one after the other: records by ecosystem and package, what advisories say by their names, and what is
//! known of exploitation by CVE. A table is cut into pages of some kilobytes, each compressed; the index has the first key of
//! every page and is read when the file is opened. The same inputs give the same file.

mod build;
mod difference;
mod table;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use build::{Builder, part_prefix};
pub use difference::Difference;

use crate::advisory::{Details, Record};
use crate::ecosystem::Ecosystem;
use crate::exploitation::Exploitation;
use crate::feed::{SourceStatus, hexadecimal};
use table::{Reader, Table};

/// The version of the file's form that is written and read.
pub const FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"PROBVULN";
/// Magic, format, two places with lengths, digest.
const HEADER: usize = 8 + 4 + 4 * 8 + 32;
/// The most that an index or a status may take, in bytes.
const MAX_PART: u64 = 256 << 20;

/// An opened database.
#[derive(Debug)]
pub struct Database {
    reader: Reader,
    packages: Table,
    advisories: Table,
    exploitation: Table,
    status: DatabaseStatus,
}

/// What a database was built from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseStatus {
    /// How fresh it is, as RFC 3339 writes it: the date of the source of advisories that is the oldest ([`SourceStatus::date`]).
    pub date: String,
    /// SHA-256 of its content, in hexadecimal digits. Not part of the content.
    #[serde(default)]
    pub digest: String,
    /// Its inputs.
    pub sources: Vec<SourceStatus>,
    /// Ecosystems with the releases of distributions, as OSV names them.
    pub ecosystems: BTreeMap<String, Coverage>,
    /// Vulnerabilities with a probability of exploitation (EPSS).
    pub with_epss: u64,
    /// Vulnerabilities that are known to be exploited (CISA's catalog).
    pub known_exploited: u64,
}

/// How much is known of an ecosystem.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Packages with an advisory.
    pub packages: u64,
    /// Records of advisories in packages.
    pub records: u64,
}

/// A database that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file cannot be read or written.
    #[error("cannot use the vulnerability database {path}: {error}", path = path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is a file of something else, or damaged.
    #[error("{path} is no vulnerability database, or it is damaged: {reason}; build it anew", path = path.display())]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It was written by another version of this program.
    #[error("{path} has form {found} of the vulnerability database, and this program reads form {FORMAT}: build it anew", path = path.display())]
    Format {
        /// Where.
        path: PathBuf,
        /// Its form.
        found: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct Index {
    packages: Table,
    advisories: Table,
    exploitation: Table,
}

impl Database {
    /// Opens a file. Its index is read and checked, its pages when they are asked for.
    ///
    /// # Errors
    /// When it cannot be read, is no database of this form, or is cut off.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let file = File::open(path).map_err(|error| DatabaseError::File { path: path.to_owned(), error })?;
        let reader = Reader::new(file, path)?;
        let header = Header::read(&reader)?;
        let (index, status) = (reader.part(header.index)?, reader.part(header.status)?);
        let index = reader.decompressed(&index, MAX_PART)?;
        let index: Index = postcard::from_bytes(&index).map_err(|error| reader.damaged(error.to_string()))?;
        let status: DatabaseStatus =
            serde_json::from_slice(&status).map_err(|error| reader.damaged(error.to_string()))?;
        let Index { packages, advisories, exploitation } = index;
        Ok(Self {
            reader,
            packages,
            advisories,
            exploitation,
            status: DatabaseStatus { digest: header.digest, ..status },
        })
    }

    /// What it was built from.
    pub fn status(&self) -> &DatabaseStatus {
        &self.status
    }

    /// Whether it has advisories of an ecosystem, of a distribution those of the release.
    pub fn covers(&self, ecosystem: &Ecosystem) -> bool {
        self.status.ecosystems.contains_key(ecosystem.as_str())
    }

    /// The records of a package, in no order that means something.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn lookup(&self, ecosystem: &Ecosystem, name: &str) -> Result<Vec<Record>, DatabaseError> {
        let key = package_key(ecosystem, &ecosystem.normalize(name));
        Ok(self.reader.get(&self.packages, &key)?.unwrap_or_default())
    }

    /// What the advisory of a record says.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn details(&self, record: &Record) -> Result<Option<Details>, DatabaseError> {
        self.reader.get(&self.advisories, &details_key(&record.source, &record.advisory))
    }

    /// What is known of the exploitation of a CVE.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn exploitation(&self, cve: &str) -> Result<Option<Exploitation>, DatabaseError> {
        self.reader.get(&self.exploitation, cve)
    }

    #[cfg(test)]
    fn packages_pages(&self) -> usize {
        self.packages.pages()
    }

    /// Reads the whole file and compares it with its digest.
    ///
    /// # Errors
    /// When it cannot be read, or is not as it was written.
    pub fn verify(&self) -> Result<(), DatabaseError> {
        let found = self.reader.digest(HEADER as u64)?;
        if found != self.status.digest {
            return Err(self.reader.damaged(format!("its digest is {found}, not {}", self.status.digest)));
        }
        Ok(())
    }
}

fn package_key(ecosystem: &Ecosystem, name: &str) -> String {
    format!("{ecosystem}\n{name}")
}

fn details_key(source: &str, advisory: &str) -> String {
    format!("{advisory}\n{source}")
}

/// A place in the file: where it begins, and how long it is.
type Place = (u64, u64);

struct Header {
    index: Place,
    status: Place,
    digest: String,
}

impl Header {
    fn read(reader: &Reader) -> Result<Self, DatabaseError> {
        let bytes = reader.part((0, HEADER as u64))?;
        if &bytes[..8] != MAGIC {
            return Err(reader.damaged("it does not begin as one"));
        }
        let found = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        if found != FORMAT {
            return Err(DatabaseError::Format { path: reader.path().to_owned(), found });
        }
        let number = |at: usize| bytes[at..at + 8].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let (index, status) = ((number(12), number(20)), (number(28), number(36)));
        Ok(Self { index, status, digest: hexadecimal(&bytes[44..HEADER]) })
    }

    fn written(index: Place, status: Place, digest: &[u8]) -> Vec<u8> {
        let places = [index.0, index.1, status.0, status.1];
        let places: Vec<u8> = places.iter().flat_map(|place| place.to_le_bytes()).collect();
        [MAGIC.as_slice(), &FORMAT.to_le_bytes(), &places, digest].concat()
    }
}

#[cfg(test)]
mod tests;
