//! The one that writes.

use std::path::{Path, PathBuf};

use probity_evidence_ledger::{Digest, Entry};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use crate::batch::{Batch, signed};
use crate::error::IndexError;
use crate::policies::{self, Blobs};
use crate::queries::Queries;
use crate::schema::{self, Opened, wrap};
use crate::words::Words;

/// The index, open to be written to.
#[derive(Debug)]
pub struct Index {
    file: PathBuf,
    connection: Connection,
    words: Words,
    opened: Opened,
}

impl Index {
    /// Opens the index, or makes an empty one. One of another version is made anew; a damaged file, and one that is no
    /// index, is renamed and an index made in its place: [`Index::opened`] says so.
    ///
    /// # Errors
    /// When the file cannot be opened, or cannot be renamed.
    pub fn open(file: &Path) -> Result<Self, IndexError> {
        let (connection, opened) = schema::open(file)?;
        Ok(Self { file: file.to_owned(), connection, words: Words::default(), opened })
    }

    /// What was found when it was opened.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Where it is.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The index of the entry that comes next.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next(&self) -> Result<u64, IndexError> {
        next(&self.connection).map_err(|source| wrap(&self.file, source))
    }

    /// Questions to this index, on a connection of their own.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn queries(&self) -> Result<Queries, IndexError> {
        Queries::open(&self.file)
    }

    /// Takes entries, each with its index and leaf hash, in their order and all or none. Entries that were taken before are
    /// passed over. `blob` gives the bytes that a digest names, for the sets of policies; a set it does not have is asked
    /// for again at the next call.
    ///
    /// # Errors
    /// When an entry is left out, or the file cannot be written.
    pub fn apply(
        &mut self,
        entries: impl IntoIterator<Item = (u64, Digest, Entry)>,
        mut blob: impl FnMut(&Digest) -> Option<Vec<u8>>,
    ) -> Result<(), IndexError> {
        let done = write(&mut self.connection, &mut self.words, entries, &mut blob);
        if done.is_err() {
            // Numbers given in a transaction that did not end are not in the file.
            self.words = Words::default();
        }
        match done {
            Ok(()) => Ok(()),
            Err(Failure::Database(source)) => Err(wrap(&self.file, source)),
            Err(Failure::OutOfOrder { expected, given }) => Err(IndexError::OutOfOrder { expected, given }),
        }
    }

    /// The size and root of the ledger when it was last followed.
    pub(crate) fn followed(&self) -> Result<Option<(u64, Digest)>, IndexError> {
        let read = || -> rusqlite::Result<Option<(u64, Digest)>> {
            let mut select = self.connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
            let size: Option<i64> = select.query_row(["size"], |row| row.get(0)).optional()?;
            let root: Option<[u8; 32]> = select.query_row(["root"], |row| row.get(0)).optional()?;
            Ok(size.map(i64::cast_unsigned).zip(root.map(Digest)))
        };
        read().map_err(|source| wrap(&self.file, source))
    }

    /// Notes the root of the ledger at a size up to which it was followed.
    pub(crate) fn set_followed(&self, size: u64, root: &Digest) -> Result<(), IndexError> {
        self.connection
            .execute("INSERT OR REPLACE INTO meta VALUES ('size', ?1), ('root', ?2)", (signed(size), &root.0[..]))
            .map(drop)
            .map_err(|source| wrap(&self.file, source))
    }

    /// Puts the file aside and begins anew.
    pub(crate) fn begin_anew(&mut self, reason: String) -> Result<(), IndexError> {
        // The file is not renamed under an open connection.
        self.connection =
            Connection::open_in_memory().map_err(|source| IndexError::Database { file: self.file.clone(), source })?;
        let aside = schema::set_aside(&self.file)?;
        *self = Self::open(&self.file)?;
        self.opened = Opened::SetAside { reason, aside };
        Ok(())
    }
}

enum Failure {
    Database(rusqlite::Error),
    OutOfOrder { expected: u64, given: u64 },
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

fn write(
    connection: &mut Connection,
    words: &mut Words,
    entries: impl IntoIterator<Item = (u64, Digest, Entry)>,
    blobs: &mut Blobs<'_>,
) -> Result<(), Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut expected = next(&transaction)?;
    policies::read_missing(&transaction, words, blobs)?;
    let mut batch = Batch::new(&transaction, words, blobs);
    for (index, leaf, entry) in entries {
        if index < expected {
            continue;
        }
        if index > expected {
            return Err(Failure::OutOfOrder { expected, given: index });
        }
        batch.add(index, &leaf, &entry)?;
        expected += 1;
    }
    batch.finish()?;
    transaction
        .prepare_cached("INSERT OR REPLACE INTO meta(name, value) VALUES ('next', ?1)")?
        .execute([signed(expected)])?;
    Ok(transaction.commit()?)
}

/// The index of the entry that comes next.
pub(crate) fn next(connection: &Connection) -> rusqlite::Result<u64> {
    let next: Option<i64> = connection
        .prepare_cached("SELECT value FROM meta WHERE name = 'next'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(next.unwrap_or(0).cast_unsigned())
}
