//! The store: takes parts of logs, and gives what is known.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use probity_rbac::{EventError, Use};

use crate::UsageError;
use crate::files::{Journal, Kept, Place};
use crate::known::KnownUsage;

/// Clusters that are kept at most.
pub const MAX_CLUSTERS: usize = 256;

/// The longest name of a cluster, in bytes.
const MAX_NAME: usize = 100;

/// Bytes of a journal after which it is drawn into what is kept.
const LONG: u64 = 16 << 20;

/// What was not used for so long is forgotten: more than a year, so that what is done once a year is known.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(400 * 24);

/// Why a part of a log is not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// It is no part of an audit log.
    #[error(transparent)]
    Event(#[from] EventError),
    /// It cannot be kept; the same part may be taken later.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// There are too many clusters.
    #[error("{MAX_CLUSTERS} clusters are kept, and no more: is `{0}` the name of one?")]
    Clusters(String),
}

/// Whether a cluster may be called so: 1 to 100 bytes, no slash, nothing that does not print.
pub fn is_cluster_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && !name.contains('/') && !name.chars().any(char::is_control)
}

/// What was used in clusters, kept in a folder.
pub struct UsageStore {
    folder: PathBuf,
    clusters: Mutex<BTreeMap<String, Arc<Mutex<Open>>>>,
}

impl std::fmt::Debug for UsageStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UsageStore").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What is known of a cluster, and where it is kept.
struct Open {
    cluster: String,
    place: Place,
    generation: u64,
    known: KnownUsage,
    journal: Option<Journal>,
    /// Bytes of the journal that are whole.
    whole: u64,
}

impl UsageStore {
    /// The store in a folder, which is made when something is to be kept.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), clusters: Mutex::default() }
    }

    /// Takes a part of the audit log of a cluster: an event, or an `EventList` as the webhook of the API server sends it. What it
    /// says was used is on the disk when this returns. Gives how many events there were.
    ///
    /// # Errors
    /// When it is neither, or cannot be kept. Of a list in which some events are no events the others are kept.
    pub fn take(&self, cluster: &str, part: &[u8]) -> Result<u64, TakeError> {
        let mut used = Use::new();
        let read = used.add(part);
        let window = used.window();
        if window.first.is_none() {
            return Ok(read.map(|()| 0)?);
        }
        let open = self.open(cluster)?;
        let mut open = lock(&open);
        open.add(&used)?;
        if open.whole > LONG {
            open.save()?;
        }
        Ok(window.events)
    }

    /// Has what is known of a cluster looked at; none when nothing is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn look<T>(&self, cluster: &str, look: impl FnOnce(&KnownUsage) -> T) -> Result<Option<T>, UsageError> {
        let known = lock(&self.clusters).get(cluster).cloned();
        match known {
            Some(open) => Ok(Some(look(&lock(&open).known))),
            None => Ok(read(&self.folder, cluster)?.map(|known| look(&known))),
        }
    }

    /// Draws journals into what is kept.
    ///
    /// # Errors
    /// When that cannot be written; the journals are as good, and take longer to read.
    pub fn save(&self) -> Result<(), UsageError> {
        let clusters: Vec<_> = lock(&self.clusters).values().cloned().collect();
        clusters.iter().try_for_each(|open| lock(open).save())
    }

    fn open(&self, cluster: &str) -> Result<Arc<Mutex<Open>>, TakeError> {
        let mut clusters = lock(&self.clusters);
        if let Some(open) = clusters.get(cluster) {
            return Ok(Arc::clone(open));
        }
        if clusters.len() >= MAX_CLUSTERS {
            return Err(TakeError::Clusters(cluster.to_owned()));
        }
        let open = Arc::new(Mutex::new(Open::read(&self.folder, cluster)?));
        clusters.insert(cluster.to_owned(), Arc::clone(&open));
        Ok(open)
    }
}

impl Drop for UsageStore {
    fn drop(&mut self) {
        if let Err(error) = self.save() {
            eprintln!("probity: what rights were used stays in the journal: {error}");
        }
    }
}

impl Open {
    /// Opens what is kept to go on with it. What cannot be read is put aside, and use is known from now on.
    fn read(folder: &Path, cluster: &str) -> Result<Self, UsageError> {
        fs::create_dir_all(folder).map_err(|source| UsageError::Io { file: folder.to_owned(), source })?;
        let place = Place::new(folder, cluster);
        let (generation, known, whole) = match load(&place) {
            Ok(loaded) => loaded,
            Err((generation, error @ UsageError::Form { .. })) => {
                eprintln!("probity: what rights were used in {cluster} is known from now on: {error}");
                let io = |source| UsageError::Io { file: place.kept(), source };
                place.set_aside(generation).map_err(io)?;
                (0, KnownUsage::default(), 0)
            }
            Err((_, error)) => return Err(error),
        };
        Ok(Self { cluster: cluster.to_owned(), place, generation, known, journal: None, whole })
    }

    fn add(&mut self, part: &Use) -> Result<(), UsageError> {
        let journal = match &mut self.journal {
            Some(journal) => journal,
            none => none.insert(Journal::open(&self.place, self.generation, self.whole)?),
        };
        journal.append(part)?;
        self.whole = journal.bytes;
        self.known.add(part);
        Ok(())
    }

    fn save(&mut self) -> Result<(), UsageError> {
        if self.whole == 0 {
            return Ok(());
        }
        if let Some(last) = self.known.usage.window().last {
            let oldest = last.checked_sub(FORGOTTEN).unwrap_or(Timestamp::MIN);
            if self.known.usage.used().any(|used| used.last < oldest) {
                self.known = self.known.since(oldest);
            }
        }
        self.place.write(self.generation + 1, &self.cluster, &self.known)?;
        let old = self.place.journal(self.generation);
        (self.generation, self.journal, self.whole) = (self.generation + 1, None, 0);
        // It counts no more, whether it is there or not.
        let _ = fs::remove_file(old);
        Ok(())
    }
}

type Loaded = (u64, KnownUsage, u64);

/// What is kept, with what its journal adds; of an error, the number of the journal as far as that is known.
fn load(place: &Place) -> Result<Loaded, (Option<u64>, UsageError)> {
    let kept = place.read().map_err(|error| (None, error))?;
    let (generation, mut known) = match kept {
        Some(Kept { generation, known, .. }) => (generation, known),
        None => (0, KnownUsage::default()),
    };
    let whole = place.replay(generation, |part| known.add(part)).map_err(|error| (Some(generation), error))?;
    Ok((generation, known, whole.unwrap_or(0)))
}

/// What is known of a cluster, from a folder that another process may write to; none when nothing is.
///
/// # Errors
/// When it cannot be read.
pub fn read(folder: &Path, cluster: &str) -> Result<Option<KnownUsage>, UsageError> {
    let place = Place::new(folder, cluster);
    let mut seen = None;
    loop {
        let (generation, known, _) = load(&place).map_err(|(_, error)| error)?;
        // The journal may have been drawn in between the two: then the other file is a newer one.
        let now = place.read()?.map_or(0, |kept| kept.generation);
        if now == generation || seen == Some(now) {
            return Ok(known.usage.window().first.map(|_| known));
        }
        seen = Some(now);
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
