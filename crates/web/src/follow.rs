//! Keeping the index level with the ledger.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use probity_evidence_index::{Index, IndexError, Queries};
use probity_evidence_ledger::Reader;

/// How often the ledger is looked at.
const PAUSE: Duration = Duration::from_millis(250);

/// How long to wait after it could not be followed.
const REST: Duration = Duration::from_secs(5);

/// The thread that keeps the index level with the ledger.
pub(crate) struct Follower {
    file: PathBuf,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    /// Entries that the index has.
    indexed: AtomicU64,
    /// How often the index was made anew; what was opened before is of no use then.
    generation: AtomicU64,
    /// Whether the last look at the ledger failed.
    failing: AtomicBool,
    stopped: Mutex<bool>,
    wake: Condvar,
}

/// How much later than the others this thread gets the processor (`nice`): who waits for an answer goes before the index.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

#[cfg(target_os = "linux")]
fn give_way() {
    // Without it the index is as quick as the rest, which is no harm.
    let _ = rustix::process::setpriority_process(None, NICE);
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

impl Follower {
    /// Opens the index and starts to follow.
    pub(crate) fn start(file: &Path, reader: Reader) -> Result<Self, IndexError> {
        let index = Index::open(file)?;
        let shared = Arc::new(Shared::default());
        shared.indexed.store(index.next()?, Ordering::Relaxed);
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.run(index, &reader)
        });
        Ok(Self { file: file.to_owned(), shared, thread: Mutex::new(Some(thread)) })
    }

    /// A connection that only reads.
    pub(crate) fn queries(&self) -> Result<Queries, IndexError> {
        Queries::open(&self.file)
    }

    /// Entries that the index has.
    pub(crate) fn indexed(&self) -> u64 {
        self.shared.indexed.load(Ordering::Relaxed)
    }

    /// How often the index was made anew.
    pub(crate) fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    /// Whether the ledger cannot be followed now.
    pub(crate) fn failing(&self) -> bool {
        self.shared.failing.load(Ordering::Relaxed)
    }

    /// Ends the thread, when it has taken in what it is at.
    pub(crate) fn stop(&self) {
        *self.shared.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.wake.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, mut index: Index, reader: &Reader) {
        give_way();
        let mut pause = Duration::ZERO;
        while !self.stopped_within(pause) {
            pause = match index.follow(reader) {
                Ok(followed) => {
                    if let Some(anew) = followed.made_anew {
                        eprintln!("probity serve: the index was made anew: {anew:?}");
                        self.generation.fetch_add(1, Ordering::Release);
                    }
                    self.indexed.store(followed.entries, Ordering::Relaxed);
                    self.failing.store(false, Ordering::Relaxed);
                    PAUSE
                }
                Err(error) => {
                    if !self.failing.swap(true, Ordering::Relaxed) {
                        eprintln!("probity serve: the index does not follow the ledger: {error}");
                    }
                    REST
                }
            };
        }
    }

    /// Waits, and says whether the server stops.
    fn stopped_within(&self, pause: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.wake.wait_timeout_while(stopped, pause, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
