//! A sorted table in pages, and reading at places of a file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use probity_crypto::Sha256;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{DatabaseError, MAX_PART, Place};
use crate::feed::hexadecimal;

/// How large a page may grow before the next begins, in bytes, before it is compressed.
const PAGE: usize = 32 << 10;
/// How many pages are kept decompressed.
const MAX_KEPT: usize = 256;
/// High enough for a file that is built once and read often.
const LEVEL: i32 = 12;

/// The pages of a table, in the order of their keys.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Table(Vec<Page>);

#[derive(Debug, Serialize, Deserialize)]
struct Page {
    first: String,
    place: Place,
}

#[cfg(test)]
impl Table {
    pub(super) fn pages(&self) -> usize {
        self.0.len()
    }
}

/// An entry of a page: its key, and its value as it was written.
type Entry<'p> = (&'p str, &'p [u8]);

/// Writes pages one after the other.
pub(super) struct Pages<'w> {
    write: &'w mut dyn FnMut(&[u8]) -> std::io::Result<Place>,
    table: Table,
    entries: Vec<(String, Vec<u8>)>,
    size: usize,
}

impl<'w> Pages<'w> {
    /// `write` puts bytes at the end of the file and says where they are.
    pub(super) fn new(write: &'w mut dyn FnMut(&[u8]) -> std::io::Result<Place>) -> Self {
        Self { write, table: Table::default(), entries: Vec::new(), size: 0 }
    }

    /// Adds an entry, whose key is behind all that were added before.
    pub(super) fn add(&mut self, key: String, value: Vec<u8>) -> std::io::Result<()> {
        self.size += key.len() + value.len();
        self.entries.push((key, value));
        if self.size >= PAGE { self.flush() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> std::io::Result<Table> {
        self.flush()?;
        Ok(self.table)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.size = 0;
        let entries = std::mem::take(&mut self.entries);
        let Some((first, _)) = entries.first() else { return Ok(()) };
        let bytes = postcard::to_allocvec(&entries).map_err(std::io::Error::other)?;
        let place = (self.write)(&compressed(&bytes)?)?;
        self.table.0.push(Page { first: first.clone(), place });
        Ok(())
    }
}

pub(super) fn compressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::bulk::compress(bytes, LEVEL)
}

/// Reads parts of a file, from several threads at once.
#[derive(Debug)]
pub(super) struct Reader {
    file: Mutex<File>,
    path: PathBuf,
    length: u64,
    kept: Mutex<HashMap<u64, Arc<Vec<u8>>>>,
}

impl Reader {
    pub(super) fn new(file: File, path: &Path) -> Result<Self, DatabaseError> {
        let length = file.metadata().map_err(|error| DatabaseError::File { path: path.to_owned(), error })?.len();
        Ok(Self { file: Mutex::new(file), path: path.to_owned(), length, kept: Mutex::default() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn damaged(&self, reason: impl Into<String>) -> DatabaseError {
        DatabaseError::Damaged { path: self.path.clone(), reason: reason.into() }
    }

    /// The bytes at a place.
    pub(super) fn part(&self, (start, length): Place) -> Result<Vec<u8>, DatabaseError> {
        let within = length <= MAX_PART && start.checked_add(length).is_some_and(|end| end <= self.length);
        let Some(size) = usize::try_from(length).ok().filter(|_| within) else {
            return Err(self.damaged("it is cut off"));
        };
        let mut bytes = vec![0; size];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|error| DatabaseError::File { path: self.path.clone(), error })?;
        Ok(bytes)
    }

    /// What was compressed, of at most so many bytes.
    pub(super) fn decompressed(&self, bytes: &[u8], limit: u64) -> Result<Vec<u8>, DatabaseError> {
        let size = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten().filter(|size| *size <= limit);
        let size =
            size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| self.damaged("a page has no size"))?;
        zstd::bulk::decompress(bytes, size).map_err(|error| self.damaged(error.to_string()))
    }

    /// The value of a key.
    pub(super) fn get<T: DeserializeOwned>(&self, table: &Table, key: &str) -> Result<Option<T>, DatabaseError> {
        let behind = table.0.partition_point(|page| page.first.as_str() <= key);
        let Some(page) = behind.checked_sub(1).and_then(|at| table.0.get(at)) else { return Ok(None) };
        let bytes = self.page(page.place)?;
        let damaged = |error: postcard::Error| self.damaged(error.to_string());
        let entries: Vec<Entry> = postcard::from_bytes(&bytes).map_err(damaged)?;
        let Ok(at) = entries.binary_search_by(|(entry, _)| (*entry).cmp(key)) else { return Ok(None) };
        postcard::from_bytes(entries[at].1).map(Some).map_err(damaged)
    }

    /// Visits every entry, in the order of the keys.
    pub(super) fn each(&self, table: &Table, visit: &mut dyn FnMut(&str, &[u8])) -> Result<(), DatabaseError> {
        for page in &table.0 {
            let bytes = self.decompressed(&self.part(page.place)?, MAX_PART)?;
            let entries: Vec<Entry> = postcard::from_bytes(&bytes).map_err(|error| self.damaged(error.to_string()))?;
            for (key, value) in entries {
                visit(key, value);
            }
        }
        Ok(())
    }

    fn page(&self, place: Place) -> Result<Arc<Vec<u8>>, DatabaseError> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = kept().get(&place.0) {
            return Ok(Arc::clone(page));
        }
        let page = Arc::new(self.decompressed(&self.part(place)?, MAX_PART)?);
        let mut kept = kept();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(place.0, Arc::clone(&page));
        Ok(page)
    }

    /// SHA-256 of all behind a place.
    pub(super) fn digest(&self, from: u64) -> Result<String, DatabaseError> {
        let mut digest = Sha256::new();
        let mut start = from;
        while start < self.length {
            let length = (self.length - start).min(1 << 20);
            digest.update(self.part((start, length))?);
            start += length;
        }
        Ok(hexadecimal(&digest.finalize()))
    }
}
