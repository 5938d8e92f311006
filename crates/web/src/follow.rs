//! Keeping the index level with the ledger.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use probity_evidence_index::{Index, IndexError, Queries};
use probity_evidence_ledger::Reader;

/// How often the ledger is looked at.
const PAUSE: Duration = Duration::from_millis(300);

/// The thread that keeps the index level with the ledger.
pub(crate) struct Follower {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    index: Mutex<Index>,
    /// Entries that the index has.
    indexed: AtomicU64,
    /// Whether the last look at the ledger failed.
    failing: AtomicBool,
    stopped: Mutex<bool>,
    wake: Condvar,
}

impl Follower {
    /// Opens the index and starts to follow.
    pub(crate) fn start(file: &Path, reader: Reader) -> Result<Self, IndexError> {
        let index = Index::open(file)?;
        let shared = Arc::new(Shared {
            index: Mutex::new(index),
            indexed: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            stopped: Mutex::new(false),
            wake: Condvar::new(),
        });
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.run(&reader)
        });
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }
}
