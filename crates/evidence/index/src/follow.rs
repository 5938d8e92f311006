//! Following a ledger.

use std::error::Error;
use std::ops::Range;

use probity_evidence_ledger::{Digest, Entry};

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
        let size = ledger.size().map_err(IndexError::Ledger)?;
        self.check(size, |entry| leaf(ledger, entry))?;
        let first = self.next()?;
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
        Ok(Followed { taken: next.saturating_sub(first), entries: next, made_anew: None })
    }
}

fn leaf(ledger: &impl LedgerSource, entry: u64) -> Result<Digest, IndexError> {
    match ledger.entries(entry..entry + 1).next() {
        Some(Ok((_, leaf, _))) => Ok(leaf),
        Some(Err(error)) => Err(IndexError::Ledger(error)),
        None => Err(IndexError::Ledger(format!("it gives no entry {entry}").into())),
    }
}
