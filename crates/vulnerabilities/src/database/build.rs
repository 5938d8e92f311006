//! Putting a database together.

use std::collections::BTreeMap;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use probity_crypto::Sha256;
use serde::Serialize;
use tempfile::NamedTempFile;

use super::table::{Pages, Table, compressed};
use super::{Coverage, DatabaseError, DatabaseStatus, HEADER, Header, Index, Place, details_key, package_key};
use crate::advisory::{Advisory, Affected};
use crate::exploitation::{self, Exploitation, ExploitationError};
use crate::feed::{self, Feed, FeedError, SourceStatus};

/// Gathers advisories, and writes them as a database.
#[derive(Default)]
pub struct Builder<'p> {
    /// Told now and then how many advisories were taken.
    progress: Option<Box<dyn FnMut(u64) + 'p>>,
    taken: u64,
    sources: Vec<SourceStatus>,
    /// Records as they are written, by package.
    packages: BTreeMap<String, Vec<Vec<u8>>>,
    advisories: BTreeMap<String, Vec<u8>>,
    exploitation: BTreeMap<String, Exploitation>,
    ecosystems: BTreeMap<String, Coverage>,
}

impl<'p> Builder<'p> {
    /// One without advisories.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that tells how many advisories it has taken, while it reads.
    pub fn with_progress(progress: impl FnMut(u64) + 'p) -> Self {
        Self { progress: Some(Box::new(progress)), ..Self::default() }
    }

    /// Adds the advisories of an input under a name, which findings will give as their source.
    ///
    /// # Errors
    /// When the input cannot be read, or has no advisory of this form. Single texts that are none are counted and passed over.
    pub fn add(&mut self, feed: Feed, name: &str, path: &Path) -> Result<&SourceStatus, FeedError> {
        let status = feed::read(feed, name, path, &mut |advisory| self.take(advisory))?;
        self.sources.push(status);
        Ok(&self.sources[self.sources.len() - 1])
    }

    /// Adds probabilities of exploitation: EPSS's list, CSV with or without gzip.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn add_epss(&mut self, path: &Path) -> Result<&SourceStatus, ExploitationError> {
        let status = exploitation::read_epss(path, &mut self.exploitation)?;
        self.sources.push(status);
        Ok(&self.sources[self.sources.len() - 1])
    }

    /// Adds the vulnerabilities that are known to be exploited: CISA's catalog as JSON.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn add_known_exploited(&mut self, path: &Path) -> Result<&SourceStatus, ExploitationError> {
        let status = exploitation::read_known_exploited(path, &mut self.exploitation)?;
        self.sources.push(status);
        Ok(&self.sources[self.sources.len() - 1])
    }

    fn take(&mut self, advisory: Advisory) {
        const EACH: u64 = 256;
        self.taken += 1;
        if let Some(progress) = self.progress.as_mut().filter(|_| self.taken.is_multiple_of(EACH)) {
            progress(self.taken);
        }
        let Advisory { details, affected } = advisory;
        self.advisories.insert(details_key(&details.source, &details.id), encoded(&details));
        for Affected { ecosystem, name, mut record } in affected {
            details.source.clone_into(&mut record.source);
            let records = self.packages.entry(package_key(&ecosystem, &name)).or_default();
            let coverage = self.ecosystems.entry(ecosystem.to_string()).or_default();
            coverage.packages += u64::from(records.is_empty());
            coverage.records += 1;
            records.push(encoded(&record));
        }
    }

    /// Writes the file, and puts it in the place of one that is there: whoever has that one open goes on reading it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(mut self, path: &Path) -> Result<DatabaseStatus, DatabaseError> {
        self.sources.sort_by(|left, right| {
            (&left.name, &left.feed, &left.digest).cmp(&(&right.name, &right.feed, &right.digest))
        });
        let failed = |error| DatabaseError::File { path: path.to_owned(), error };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(&part_prefix()).tempfile_in(folder).map_err(failed)?;
        let status = self.write_to(&mut file).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(status)
    }

    fn write_to(self, file: &mut NamedTempFile) -> std::io::Result<DatabaseStatus> {
        file.write_all(&[0; HEADER])?;
        let mut end = HEADER as u64;
        let mut digest = Sha256::new();
        let mut write = |bytes: &[u8]| {
            file.write_all(bytes)?;
            digest.update(bytes);
            let place: Place = (end, bytes.len() as u64);
            end += place.1;
            Ok(place)
        };
        let with_epss = self.exploitation.values().filter(|it| it.epss.is_some()).count() as u64;
        let known_exploited = self.exploitation.values().filter(|it| it.known.is_some()).count() as u64;
        let packages = self.packages.into_iter().map(|(key, records)| (key, joined(records)));
        let index = Index {
            packages: table(&mut write, packages)?,
            advisories: table(&mut write, self.advisories)?,
            exploitation: table(&mut write, self.exploitation.into_iter().map(|(key, it)| (key, encoded(&it))))?,
        };
        let of_advisories = self.sources.iter().filter(|source| !["epss", "known-exploited"].contains(&&*source.feed));
        let date = of_advisories.map(|source| source.date().to_owned()).min().unwrap_or_default();
        let digest_is_apart = String::new();
        let mut status = DatabaseStatus {
            date,
            digest: digest_is_apart,
            sources: self.sources,
            ecosystems: self.ecosystems,
            with_epss,
            known_exploited,
        };
        let index = write(&compressed(&encoded(&index))?)?;
        let status_place = write(&serde_json::to_vec(&status)?)?;
        let digest = digest.finalize();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&Header::written(index, status_place, &digest))?;
        file.flush()?;
        status.digest = feed::hexadecimal(&digest);
        Ok(status)
    }
}

/// How the name of a file begins that this process has not finished writing: one that is interrupted takes them away.
pub fn part_prefix() -> String {
    format!(".probity-{}-", std::process::id())
}

fn table(
    write: &mut dyn FnMut(&[u8]) -> std::io::Result<Place>,
    entries: impl IntoIterator<Item = (String, Vec<u8>)>,
) -> std::io::Result<Table> {
    let mut pages = Pages::new(write);
    for (key, value) in entries {
        pages.add(key, value)?;
    }
    pages.finish()
}

/// Records that were written one by one, as a list of them is written; equal ones are one.
fn joined(mut records: Vec<Vec<u8>>) -> Vec<u8> {
    records.sort_unstable();
    records.dedup();
    let mut list = encoded(&records.len());
    list.extend(records.into_iter().flatten());
    list
}

/// # Panics
/// Never: what is written here has no value that cannot be.
fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("our own types can be written")
}
