//! The one writer of a ledger.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;

use crate::blob;
use crate::checkpoint::Checkpoint;
use crate::digest::Digest;
use crate::disk::Disk;
use crate::entry::{Body, KeyRotation, Submission};
use crate::error::{AppendError, LedgerError};
use crate::key::KeyFile;
use crate::leaf::Prepared;
use crate::lock::Lock;
use crate::note::Verifier;
use crate::queue::{Batch, Item, Queue};
use crate::reader::Reader;
use crate::sealer::{Sealer, recover};
use crate::writer::Writer;

/// The longest name of a gate, in bytes.
const MAX_NAME: usize = 255;

/// A ledger that is open for appending. Shared between threads; what they append at the same time is committed together.
#[derive(Debug)]
pub struct Ledger {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    verifier: Mutex<Verifier>,
    _lock: Lock,
}

/// What the threads of a ledger have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) disk: Disk,
    pub(crate) queue: Queue,
    progress: Mutex<Progress>,
    sealed: Condvar,
}

/// How far a ledger is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// Entries that are durable.
    pub(crate) appended: u64,
    /// Entries that are under a checkpoint.
    pub(crate) published: u64,
    /// Why the last attempt to make a checkpoint failed.
    pub(crate) failure: Option<String>,
}

impl Shared {
    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change_progress(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress());
        self.sealed.notify_all();
    }
}

/// What is said of a submission that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Receipt {
    /// The entry's place.
    pub index: u64,
    /// The entry's hash in the tree.
    pub leaf: Digest,
    /// Whether it was kept before already.
    pub repeated: bool,
}

impl Ledger {
    /// Opens the ledger in a folder, or makes one there. Entries that were appended but not yet under a checkpoint when
    /// it was last open are put under one now.
    ///
    /// # Errors
    /// When another process has it open, a file is damaged, or the key is not the ledger's.
    pub fn open(folder: &Path, key: KeyFile) -> Result<Self, LedgerError> {
        Self::open_on(Disk::new(folder), key, Timestamp::now)
    }

    pub(crate) fn open_on(disk: Disk, key: KeyFile, clock: fn() -> Timestamp) -> Result<Self, LedgerError> {
        fs::create_dir_all(disk.folder()).map_err(LedgerError::io("made", disk.folder()))?;
        let lock = Lock::take(disk.folder())?;
        let mut sealer = Sealer::open(disk.clone(), key)?;
        recover(&disk, &mut sealer)?;
        let writer = Writer::open(&disk, clock)?;
        let size = sealer.size();
        let verifier = sealer.verifier().clone();
        let shared = Arc::new(Shared {
            disk,
            queue: Queue::default(),
            progress: Mutex::new(Progress { appended: size, published: size, failure: None }),
            sealed: Condvar::new(),
        });
        let (sender, receiver) = mpsc::channel();
        let (for_writer, for_sealer) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads = vec![
            std::thread::spawn(move || writer.run(&for_writer, &sender)),
            std::thread::spawn(move || sealer.run(&for_sealer, &receiver)),
        ];
        Ok(Self { shared, threads, verifier: Mutex::new(verifier), _lock: lock })
    }

    /// Keeps submissions, in order and without others between them. What has returned is on disk; it comes under a
    /// checkpoint about a second later, or with [`Ledger::publish`]. A submission that a gate sends again under the same
    /// number is kept once. Waits while too much is waiting already.
    ///
    /// # Errors
    /// When one of them cannot be kept; then none is.
    pub fn append(&self, submissions: &[Submission]) -> Result<Vec<Receipt>, AppendError> {
        let items = submissions.iter().map(|submission| self.prepare(submission)).collect::<Result<Vec<_>, _>>()?;
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, receipts) = mpsc::sync_channel(1);
        self.send(items, reply)?;
        receipts.recv().unwrap_or_else(|_| Err(AppendError::Failed("the ledger was closed".to_owned())))
    }

    fn send(&self, items: Vec<Item>, reply: SyncSender<Result<Vec<Receipt>, AppendError>>) -> Result<(), AppendError> {
        self.shared.queue.push(Batch { items, reply })
    }

    fn prepare(&self, submission: &Submission) -> Result<Item, AppendError> {
        if let Some(gate) = &submission.gate {
            if gate.sequence == 0 {
                return Err(AppendError::Invalid(format!(
                    "the gate {} sent number 0; numbers begin with 1",
                    gate.name
                )));
            }
            if gate.name.is_empty() || gate.name.len() > MAX_NAME || gate.name.chars().any(char::is_control) {
                let name = gate.name.escape_debug();
                return Err(AppendError::Invalid(format!("`{name}` cannot be a gate's name")));
            }
        }
        let keep = |body: &[u8]| self.put_blob(body).map_err(|error| AppendError::Failed(error.to_string()));
        Ok(Item { number: submission.gate.clone(), prepared: Prepared::new(submission, keep)? })
    }

    /// Keeps a document that entries refer to; it is on disk when this returns.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, LedgerError> {
        blob::put(&self.shared.disk, bytes)
    }

    /// Waits until everything appended so far is under a checkpoint, and gives it.
    ///
    /// # Errors
    /// When it cannot be written; the entries are kept all the same, and it is tried again.
    pub fn publish(&self) -> Result<Checkpoint, LedgerError> {
        let wanted = self.shared.progress().appended;
        let mut progress = self.shared.progress();
        progress.failure = None;
        while progress.published < wanted {
            if let Some(failure) = &progress.failure {
                return Err(LedgerError::Stopped(failure.clone()));
            }
            self.shared.queue.ask_for_checkpoint();
            let wait = self.shared.sealed.wait_timeout(progress, Duration::from_millis(100));
            progress = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(progress);
        let reader = self.reader();
        reader.checkpoint()?.ok_or_else(|| LedgerError::Empty { folder: reader.folder().to_owned() })
    }

    /// Entries that are durable, under a checkpoint or not.
    pub fn appended(&self) -> u64 {
        self.shared.progress().appended
    }

    /// Why the newest entries are not under a checkpoint yet, when writing it failed.
    pub fn failure(&self) -> Option<String> {
        self.shared.progress().failure.clone()
    }

    /// The key that signs checkpoints.
    pub fn verifier(&self) -> Verifier {
        self.verifier.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads what is under the newest checkpoint.
    pub fn reader(&self) -> Reader {
        Reader::of(self.shared.disk.folder())
    }

    /// Makes a new key and has the old one sign that it follows. `key` is the file that the ledger was opened with.
    ///
    /// # Errors
    /// When the new key cannot be written or the entry cannot be kept.
    pub fn rotate_key(&self, key: &Path) -> Result<Verifier, LedgerError> {
        let old = KeyFile::load(key)?;
        let next = old.make_next()?;
        let rotation = rotation(&old, next.verifier());
        let submission = Submission { time: Timestamp::now(), gate: None, body: Body::KeyRotation(rotation) };
        self.append(&[submission]).map_err(|error| LedgerError::Stopped(error.to_string()))?;
        self.publish()?;
        let new = next.verifier().clone();
        *self.verifier.lock().unwrap_or_else(PoisonError::into_inner) = new.clone();
        Ok(new)
    }
}

fn rotation(old: &KeyFile, new: &Verifier) -> KeyRotation {
    let (old_key, new) = (old.verifier().to_string(), new.to_string());
    let signature = BASE64.encode(old.signer().sign(KeyRotation::statement(&old_key, &new).as_bytes()));
    KeyRotation { old: old_key, new, signature }
}

impl KeyRotation {
    /// What the old key signs.
    pub fn statement(old: &str, new: &str) -> String {
        format!("probity key rotation v1\n{old}\n{new}\n")
    }

    /// The keys before and after, when the old one signed that the new one follows.
    pub fn verify(&self) -> Option<(Verifier, Verifier)> {
        let old: Verifier = self.old.parse().ok()?;
        let new: Verifier = self.new.parse().ok()?;
        let signature = BASE64.decode(&self.signature).ok()?;
        old.verifies(Self::statement(&self.old, &self.new).as_bytes(), &signature).then_some((old, new))
    }
}

impl Drop for Ledger {
    /// Commits what waits and puts it under a checkpoint.
    fn drop(&mut self) {
        self.shared.queue.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so; what it acknowledged is on disk.
            let _ = thread.join();
        }
    }
}
