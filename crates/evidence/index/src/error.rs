use std::path::PathBuf;

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The database says so.
    #[error("the index {file}: {source}", file = file.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// What it says.
        source: rusqlite::Error,
    },
    /// The file is damaged.
    #[error("the index {file} is damaged ({what}); it is made anew from the ledger the next time it is followed, or when it is deleted", file = file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What was found.
        what: String,
    },
    /// The file cannot be read, renamed or removed.
    #[error("the index {file}: {source}", file = file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no index, or it is of another version.
    #[error("there is no index {file} that this version of Probity can read; it is made when the ledger is followed", file = file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// The ledger has fewer entries than were already indexed.
    #[error(
        "the ledger has {ledger} entries, but {indexed} of it were indexed before: the ledger was rolled back or is a copy \
         from an earlier time. Find out why before you delete the index {file} to have it made anew", file = file.display()
    )]
    RolledBack {
        /// The index file.
        file: PathBuf,
        /// Entries of the ledger.
        ledger: u64,
        /// Entries that were indexed.
        indexed: u64,
    },
    /// The index was made of other entries.
    #[error(
        "the index {file} was made from another ledger: the first {entries} entries of this one are not those that were \
         indexed. If this is the right ledger, verify it, then delete the index to have it made anew", file = file.display()
    )]
    AnotherLedger {
        /// The index file.
        file: PathBuf,
        /// So many entries were indexed and are not the same.
        entries: u64,
    },
    /// Entries were given in the wrong order.
    #[error("entry {given} was given where entry {expected} comes next")]
    OutOfOrder {
        /// The entry that comes next.
        expected: u64,
        /// The entry that was given.
        given: u64,
    },
    /// The ledger cannot be read.
    #[error("the ledger cannot be read: {0}")]
    Ledger(Box<dyn std::error::Error + Send + Sync>),
}
