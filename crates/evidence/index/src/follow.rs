//! Following a ledger.

use std::error::Error;
use std::ops::Range;

use probity_evidence_ledger::{Digest, Entry, Reader};

use crate::error::IndexError;
use crate::index::Index;
use crate::schema::Opened;

/// Entries that are taken in one transaction.
const BATCH: u64 = 10_000;

type LedgerResult<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What the index needs of a ledger.
pub trait LedgerSource {
    /// How many entries are under the newest checkpoint.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    fn size(&self) -> LedgerResult<u64>;

    /// The root of the tree over the first `size` entries.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    fn root(&self, size: u64) -> LedgerResult<Digest>;

    /// Published entries with their indexes and leaf hashes, in order.
    fn entries(&self, range: Range<u64>) -> impl Iterator<Item = LedgerResult<(u64, Digest, Entry)>>;

    /// The bytes that a digest names; none when the ledger does not have them.
    fn blob(&self, digest: &Digest) -> Option<Vec<u8>>;
}

/// How far a ledger was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Entries that were taken.
    pub taken: u64,
    /// Entries that the index has now, from the first.
    pub entries: u64,
    /// Why the index was made anew, when it was found to be damaged.
    pub made_anew: Option<Opened>,
}

impl Index {
    /// Takes what the ledger has published since. A file that is found to be damaged is renamed, and the index made anew.
    ///
    /// # Errors
    /// When the ledger is another one, or has fewer entries than were indexed; when it cannot be read, or the index cannot
    /// be written. What was taken until then stays.
    pub fn follow(&mut self, ledger: &impl LedgerSource) -> Result<Followed, IndexError> {
        match self.take(ledger) {
            Err(IndexError::Damaged { what, .. }) => {
                self.begin_anew(what)?;
                let followed = self.take(ledger)?;
                Ok(Followed { made_anew: Some(self.opened().clone()), ..followed })
            }
            other => other,
        }
    }

    fn take(&mut self, ledger: &impl LedgerSource) -> Result<Followed, IndexError> {
        // In this order: another process may follow the same ledger, and what it took was published before.
        let first = self.next()?;
        let size = ledger.size().map_err(IndexError::Ledger)?;
        self.check(ledger, first, size)?;
        let mut next = first;
        while next < size {
            let mut failed = None;
            let entries = ledger.entries(next..size.min(next + BATCH)).map_while(|entry| match entry {
                Ok(entry) => Some(entry),
                Err(error) => {
                    failed = Some(error);
                    None
                }
            });
            self.apply(entries, |digest| ledger.blob(digest))?;
            if let Some(error) = failed {
                return Err(IndexError::Ledger(error));
            }
            let now = self.next()?;
            if now == next {
                return Err(IndexError::Ledger(format!("it gives no entry {next} of {size}").into()));
            }
            next = now;
        }
        self.set_followed(next, &ledger.root(next).map_err(IndexError::Ledger)?)?;
        Ok(Followed { taken: next.saturating_sub(first), entries: next, made_anew: None })
    }

    /// Whether the ledger is the one that was followed: it has at least as many entries, and the same root over those.
    fn check(&self, ledger: &impl LedgerSource, indexed: u64, size: u64) -> Result<(), IndexError> {
        if indexed > size {
            return Err(IndexError::RolledBack { file: self.file().to_owned(), ledger: size, indexed });
        }
        let Some((followed, root)) = self.followed()? else { return Ok(()) };
        if ledger.root(followed).map_err(IndexError::Ledger)? != root {
            return Err(IndexError::AnotherLedger { file: self.file().to_owned(), entries: followed });
        }
        Ok(())
    }
}

impl LedgerSource for Reader {
    fn size(&self) -> LedgerResult<u64> {
        Ok(self.published()?)
    }

    fn root(&self, size: u64) -> LedgerResult<Digest> {
        Ok(Reader::root(self, size)?)
    }

    fn entries(&self, range: Range<u64>) -> impl Iterator<Item = LedgerResult<(u64, Digest, Entry)>> {
        Reader::entries(self, range)
            .map(|entry| entry.map(|entry| (entry.index, entry.leaf, entry.entry)).map_err(Into::into))
    }

    fn blob(&self, digest: &Digest) -> Option<Vec<u8>> {
        Reader::blob(self, digest).ok()
    }
}
