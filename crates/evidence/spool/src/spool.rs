//! The folder of a spool.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use probity_evidence_ledger::{Body, Digest, GateNumber, Submission};
use probity_model::Gate;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::current::{Current, fits};
use crate::made::Made;
use crate::segment::{self, MAX_RECORD, Next, Reader, SEGMENT};

/// Bytes that a spool may take when nothing else is said: 1 GiB.
pub const DEFAULT_LIMIT: u64 = 1 << 30;

/// So many bytes of a segment are read again, at most, to come to where something waits.
const STEP: u64 = 64 << 10;

/// The disk needs no waking so soon after something was written.
const AWAKE: Duration = Duration::from_millis(5);

/// What goes wrong with a spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process has the spool.
    #[error("the spool {} is in use by {holder}; let it end, or give this gate a folder of its own", folder.display())]
    Held {
        /// The folder.
        folder: PathBuf,
        /// Who has it, as it says of itself.
        holder: String,
    },
    /// The folder belongs to another gate.
    #[error("the spool {} belongs to the gate {found}, not to {expected}; give each gate a folder of its own", folder.display())]
    OtherGate {
        /// The folder.
        folder: PathBuf,
        /// The gate it belongs to.
        found: String,
        /// The gate that asked.
        expected: String,
    },
    /// There is no spool in the folder.
    #[error("{} is no spool", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no more room within the bound.
    #[error(
        "the spool {} is full: {size} of {limit} bytes wait for the server; nothing was added. Deliver them, or raise the limit", folder.display()
    )]
    Full {
        /// The folder.
        folder: PathBuf,
        /// Bytes that it would have with what was to be added.
        size: u64,
        /// Bytes that it may have.
        limit: u64,
    },
    /// A submission is larger than a record may be.
    #[error("a submission of {size} bytes is larger than the {MAX_RECORD} that one may have")]
    TooLarge {
        /// Its bytes.
        size: usize,
    },
    /// Something in the folder is not what was written there.
    #[error("{}: {what}; nothing was changed. Keep the folder for inspection and start a new one under another gate name", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// More was acknowledged than there is.
    #[error("submission {through} cannot be acknowledged: the last is {last}")]
    NotAppended {
        /// What was to be acknowledged.
        through: u64,
        /// The last submission.
        last: u64,
    },
    /// An earlier write failed in a way that leaves it open what is on the disk.
    #[error("the spool {} could not be written earlier; open it again", folder.display())]
    Failed {
        /// The folder.
        folder: PathBuf,
    },
    /// The disk.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SpoolError {
    let path = path.to_owned();
    move |error| SpoolError::Io { path, error }
}

/// What the folder says of itself.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    version: u32,
    kind: Gate,
    name: SmolStr,
}

/// The queue of one gate. One process has it at a time; its threads may share it.
pub struct Spool {
    folder: PathBuf,
    about: About,
    limit: u64,
    state: Mutex<State>,
    /// Held while something is acknowledged or made beforehand; appends go on meanwhile.
    upkeep: Mutex<()>,
    _lock: Lock,
}

struct State {
    /// First numbers of the segments.
    segments: BTreeSet<u64>,
    /// The segment that is written to.
    current: Option<Current>,
    /// A segment made beforehand that has no name yet.
    spare: Option<Made>,
    /// Where the disk may be asked to keep to what is written, past any cache.
    is_direct: bool,
    /// Places in segments where an append begins, in order; of those that are acknowledged, the last is the first here.
    marks: VecDeque<Mark>,
    /// The number that comes next.
    next: u64,
    /// Everything up to here is with the server.
    acknowledged: u64,
    /// Bytes of segments and blobs.
    size: u64,
    failed: bool,
    /// When something was written last.
    written: Option<Instant>,
}

impl State {
    /// Whether an append of so many bytes goes where room was made for it.
    fn has_made_room(&self, bytes: usize) -> bool {
        match &self.current {
            Some(current) if current.takes(bytes) => current.is_made(),
            _ => self.spare.is_some() && fits(bytes),
        }
    }

    /// Remembers where an append begins, unless that of one shortly before is remembered.
    fn mark(&mut self, mark: Mark) {
        let is_near = |last: &Mark| last.segment == mark.segment && mark.at - last.at < STEP;
        if !self.marks.back().is_some_and(is_near) {
            self.marks.push_back(mark);
        }
    }
}

/// Where an append begins.
#[derive(Clone, Copy)]
struct Mark {
    /// The number of its first submission.
    number: u64,
    /// The segment, by its first number.
    segment: u64,
    at: u64,
}

impl Spool {
    /// Opens the spool of a gate, making the folder when it is not there.
    ///
    /// What a crash cut off at the end of the last segment, which was never said to be durable, is dropped.
    ///
    /// # Errors
    /// When another process has it, when it belongs to another gate, when it was damaged, and when the disk fails.
    pub fn open(folder: &Path, kind: Gate, name: &str) -> Result<Self, SpoolError> {
        Self::open_with_limit(folder, kind, name, DEFAULT_LIMIT)
    }

    /// Opens a spool that is there, for the gate that it belongs to.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when there is no spool.
    pub fn reopen(folder: &Path) -> Result<Self, SpoolError> {
        let About { kind, name, .. } =
            read_about(folder)?.ok_or_else(|| SpoolError::Missing { folder: folder.to_owned() })?;
        Self::open(folder, kind, &name)
    }

    /// As [`open`](Self::open), with the bytes that it may take on the disk.
    pub fn open_with_limit(folder: &Path, kind: Gate, name: &str, limit: u64) -> Result<Self, SpoolError> {
        for folder in [folder, &folder.join("segments"), &folder.join("blobs")] {
            fs::create_dir_all(folder).map_err(at(folder))?;
        }
        let lock = lock(folder)?;
        let about = About { version: 1, kind, name: name.into() };
        check_gate(folder, &about)?;
        let acknowledged = read_acknowledged(folder)?;
        let (segments, last) = recover(folder, acknowledged)?;
        let size = size_of(&folder.join("segments"))? + size_of(&folder.join("blobs"))?;
        sync_folder(folder)?;
        let next = last.max(acknowledged) + 1;
        let state = State {
            segments,
            current: None,
            spare: None,
            is_direct: true,
            marks: VecDeque::new(),
            next,
            acknowledged,
            size,
            failed: false,
            written: None,
        };
        Ok(Self {
            folder: folder.to_owned(),
            about,
            limit,
            state: Mutex::new(state),
            upkeep: Mutex::new(()),
            _lock: lock,
        })
    }

    /// Appends what happened, each with its time, with the documents it refers to. They are numbered in order; the numbers are given
    /// back when everything is durable.
    ///
    /// # Errors
    /// When there is no room, within the limit or on the disk: then nothing was added and no number was used.
    pub fn append(&self, entries: Vec<(Timestamp, Body)>, blobs: &[&[u8]]) -> Result<Range<u64>, SpoolError> {
        let mut state = self.state();
        if state.failed {
            return Err(SpoolError::Failed { folder: self.folder.clone() });
        }
        let first = state.next;
        if entries.is_empty() {
            return Ok(first..first);
        }
        let mut bytes = Vec::new();
        let mut next = first;
        for (time, body) in entries {
            let gate = GateNumber { kind: self.about.kind, name: self.about.name.clone(), sequence: next };
            let submission = Submission { time, gate: Some(gate), body };
            let record = serde_json::to_vec(&submission).map_err(|error| self.damaged(error.to_string()))?;
            if record.len() > MAX_RECORD {
                return Err(SpoolError::TooLarge { size: record.len() });
            }
            segment::frame(&record, &mut bytes);
            next += 1;
        }
        let blobs = self.new_blobs(blobs)?;
        let grows = if state.has_made_room(bytes.len()) { 0 } else { bytes.len() as u64 };
        let added = grows + blobs.values().map(|bytes| bytes.len() as u64).sum::<u64>();
        if state.size + added > self.limit {
            return Err(SpoolError::Full { folder: self.folder.clone(), size: state.size + added, limit: self.limit });
        }
        for (path, bytes) in &blobs {
            write_whole(path, bytes)?;
            state.size += bytes.len() as u64;
        }
        if !blobs.is_empty() {
            sync_folder(&self.folder.join("blobs"))?;
        }
        self.write(&mut state, first, &bytes)?;
        state.size += grows;
        state.next = next;
        Ok(first..next)
    }

    fn damaged(&self, what: String) -> SpoolError {
        SpoolError::Corrupt { path: self.folder.clone(), what }
    }

    /// Compressed documents that are not there yet, with the files they go to.
    fn new_blobs(&self, blobs: &[&[u8]]) -> Result<BTreeMap<PathBuf, Vec<u8>>, SpoolError> {
        let mut new = BTreeMap::new();
        for blob in blobs {
            let path = self.blob_path(&Digest::of(blob));
            if !path.exists() && !new.contains_key(&path) {
                let bytes = zstd::bulk::compress(blob, 3).map_err(at(&path))?;
                new.insert(path, bytes);
            }
        }
        Ok(new)
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.folder.join("blobs").join(format!("{}.zst", digest.hex()))
    }

    /// Makes the file that the next append goes to, when there is none, and one that takes over when that is full, so that
    /// appends do not wait for that.
    ///
    /// # Errors
    /// When the disk fails or is full; appends may have room all the same.
    pub fn prepare(&self) -> Result<(), SpoolError> {
        let spare = self.make_spare();
        let mut state = self.state();
        let next = state.next;
        if state.spare.is_some() && !state.current.as_ref().is_some_and(Current::is_made) {
            state.current = None;
        }
        spare.and(self.make_room(&mut state, next, 0))
    }

    /// Makes a segment beforehand, where the file system has such and there is room within the bound.
    fn make_spare(&self) -> Result<(), SpoolError> {
        let _one = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let state = self.state();
            if !state.is_direct || state.spare.is_some() || state.size + SEGMENT > self.limit {
                return Ok(());
            }
        }
        let path = spare_path(&self.folder);
        let made = Made::new(&path);
        if made.is_err() {
            // A rest of it would only take room.
            let _ = fs::remove_file(&path);
        }
        let mut state = self.state();
        match made {
            Ok(made) => {
                state.spare = Some(made);
                state.size += SEGMENT;
                Ok(())
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
                state.is_direct = false;
                Ok(())
            }
            Err(error) => Err(SpoolError::Io { path, error }),
        }
    }

    /// Says that something will be appended soon, so that the disk is awake by then. It does not wait for anything.
    pub fn expect(&self) {
        if let Ok(mut state) = self.state.try_lock()
            && state.written.is_none_or(|written| written.elapsed() > AWAKE)
            && let Some(spare) = &mut state.spare
        {
            spare.wake();
        }
    }

    /// Starts a segment at this number, unless the current one takes so many bytes.
    fn make_room(&self, state: &mut State, first: u64, bytes: usize) -> Result<(), SpoolError> {
        if state.current.as_ref().is_some_and(|current| current.takes(bytes)) {
            return Ok(());
        }
        let path = segment_path(&self.folder, first);
        let current = match state.spare.take_if(|_| fits(bytes)) {
            Some(made) => {
                fs::rename(spare_path(&self.folder), &path).map_err(at(&path))?;
                Current::made(first, path, made)
            }
            None => Current::new(first, &path).map_err(at(&path))?,
        };
        sync_folder(&self.folder.join("segments"))?;
        state.segments.insert(first);
        state.current = Some(current);
        Ok(())
    }

    /// Writes to the current segment, and makes it durable.
    fn write(&self, state: &mut State, first: u64, bytes: &[u8]) -> Result<(), SpoolError> {
        self.make_room(state, first, bytes.len())?;
        let Some(current) = &mut state.current else { return Ok(()) };
        let mark = Mark { number: first, segment: current.first, at: current.length };
        if let Err(error) = current.append(bytes) {
            // What was written of it must not come back as if it had been kept.
            let (path, cut) = (current.path.clone(), current.cut());
            state.failed = cut.is_err();
            state.current = None;
            return Err(SpoolError::Io { path, error });
        }
        state.written = Some(Instant::now());
        state.mark(mark);
        Ok(())
    }

    /// What the server does not have yet, in order.
    pub fn pending(&self) -> Pending {
        self.pending_in(&self.state())
    }

    fn pending_in(&self, state: &State) -> Pending {
        let wanted = state.acknowledged + 1;
        let mark = state.marks.iter().rfind(|mark| mark.number <= wanted && state.segments.contains(&mark.segment));
        // Of the segments that start at or before the first pending one only the last matters.
        let begin = mark.map(|mark| mark.segment).or_else(|| state.segments.range(..=wanted).next_back().copied());
        let segments = state.segments.range(begin.unwrap_or(0)..).map(|first| {
            let at = mark.filter(|mark| mark.segment == *first).map_or(0, |mark| mark.at);
            (segment_path(&self.folder, *first), at)
        });
        let segments = segments.collect::<Vec<_>>().into_iter();
        Pending { segments, current: None, after: state.acknowledged, until: state.next }
    }

    /// The number of the newest submission; 0 when there is none.
    pub fn last(&self) -> u64 {
        self.state().next - 1
    }

    /// How many submissions the server does not have yet.
    pub fn waiting(&self) -> u64 {
        let state = self.state();
        state.next - 1 - state.acknowledged
    }

    /// Takes note that the server has everything up to this number, and lets go of it.
    ///
    /// # Errors
    /// When there is no such submission, and when the disk fails.
    pub fn acknowledge(&self, through: u64) -> Result<(), SpoolError> {
        let _one = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        let (acknowledged, last) = {
            let state = self.state();
            (state.acknowledged, state.next - 1)
        };
        if through > last {
            return Err(SpoolError::NotAppended { through, last });
        }
        if through <= acknowledged {
            return Ok(());
        }
        let path = self.folder.join("acknowledged");
        write_whole(&path, through.to_string().as_bytes())?;
        sync_folder(&self.folder)?;
        let mut state = self.state();
        state.acknowledged = through;
        while state.marks.get(1).is_some_and(|mark| mark.number <= through + 1) {
            state.marks.pop_front();
        }
        self.drop_acknowledged(&mut state)
    }

    /// Removes segments that the server has as a whole, and documents that nothing left refers to.
    fn drop_acknowledged(&self, state: &mut State) -> Result<(), SpoolError> {
        let empty = state.acknowledged + 1 == state.next;
        let starts: Vec<u64> = state.segments.iter().copied().collect();
        let mut dropped = false;
        for (position, first) in starts.iter().enumerate() {
            let end = starts.get(position + 1).copied().unwrap_or(if empty { state.next } else { u64::MAX });
            if end > state.acknowledged + 1 {
                break;
            }
            if position + 1 == starts.len() {
                if state.current.as_ref().is_some_and(Current::is_made) {
                    break;
                }
                state.current = None;
            }
            let path = segment_path(&self.folder, *first);
            fs::remove_file(&path).map_err(at(&path))?;
            state.segments.remove(first);
            dropped = true;
        }
        if dropped {
            self.drop_blobs(state)?;
            state.size = size_of(&self.folder.join("segments"))? + size_of(&self.folder.join("blobs"))?;
        }
        Ok(())
    }

    fn drop_blobs(&self, state: &State) -> Result<(), SpoolError> {
        let mut needed = BTreeSet::new();
        for submission in self.pending_in(state) {
            needed.extend(submission?.body.documents().into_iter().map(|digest| self.blob_path(&digest)));
        }
        for entry in fs::read_dir(self.folder.join("blobs")).map_err(at(&self.folder))? {
            let path = entry.map_err(at(&self.folder))?.path();
            if !needed.contains(&path) {
                fs::remove_file(&path).map_err(at(&path))?;
            }
        }
        Ok(())
    }

    /// A document, compressed with zstd, when it is here.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, SpoolError> {
        let path = self.blob_path(digest);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SpoolError::Io { path, error }),
        }
    }

    /// The gate's name.
    pub fn gate_name(&self) -> &str {
        &self.about.name
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What was made beforehand is given back; to leave it does no harm.
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.spare.take().is_some() {
            let _ = fs::remove_file(spare_path(&self.folder));
        }
        if let Some(current) = state.current.take_if(|current| current.is_made()) {
            let _ = if state.acknowledged + 1 == state.next { fs::remove_file(&current.path) } else { current.cut() };
        }
    }
}

/// Submissions that wait, read from the disk one by one.
pub struct Pending {
    /// Their files, and where in them what waits begins.
    segments: std::vec::IntoIter<(PathBuf, u64)>,
    current: Option<(Reader, PathBuf)>,
    after: u64,
    until: u64,
}

impl Iterator for Pending {
    type Item = Result<Submission, SpoolError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.after + 1 >= self.until {
                return None;
            }
            if self.current.is_none() {
                let (path, at) = self.segments.next()?;
                match Reader::open(&path, at) {
                    Ok(reader) => self.current = Some((reader, path)),
                    Err(error) => return Some(Err(SpoolError::Io { path, error })),
                }
            }
            let (reader, path) = self.current.as_mut()?;
            match reader.next() {
                Ok(Next::Record(record)) => match parse(&record, path) {
                    Ok(submission) if sequence(&submission) <= self.after => {}
                    Ok(submission) => {
                        self.after = sequence(&submission);
                        return Some(Ok(submission));
                    }
                    Err(error) => return Some(Err(error)),
                },
                Ok(Next::End { .. }) => self.current = None,
                Ok(Next::Broken { at }) => {
                    return Some(Err(SpoolError::Corrupt {
                        path: path.clone(),
                        what: format!("not a record at byte {at}"),
                    }));
                }
                Err(error) => return Some(Err(SpoolError::Io { path: path.clone(), error })),
            }
        }
    }
}

pub(crate) fn sequence(submission: &Submission) -> u64 {
    submission.gate.as_ref().map_or(0, |gate| gate.sequence)
}

fn parse(record: &[u8], path: &Path) -> Result<Submission, SpoolError> {
    serde_json::from_slice(record)
        .map_err(|error| SpoolError::Corrupt { path: path.to_owned(), what: format!("not a submission: {error}") })
}

fn segment_path(folder: &Path, first: u64) -> PathBuf {
    folder.join("segments").join(format!("{first:020}.log"))
}

fn spare_path(folder: &Path) -> PathBuf {
    folder.join("segments").join("spare")
}

/// Held for as long as the spool is open; the system lets go of it when the process ends, however it ends.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // A process that is being started has a copy of the file until it runs its program; letting go does not wait for that. The
        // system lets go anyway when this fails.
        let _ = self.0.unlock();
    }
}

fn lock(folder: &Path) -> Result<Lock, SpoolError> {
    let path = folder.join("lock");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The name is a help only; the lock is what counts.
            let _ = file.take(256).read_to_string(&mut holder);
            let holder = if holder.trim().is_empty() { "another process".to_owned() } else { holder.trim().to_owned() };
            return Err(SpoolError::Held { folder: folder.to_owned(), holder });
        }
        Err(TryLockError::Error(error)) => return Err(SpoolError::Io { path, error }),
    }
    let mut lock = Lock(file);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let holder = format!("process {} on {} since {}", std::process::id(), host.trim(), Timestamp::now());
    lock.0.set_len(0).and_then(|()| lock.0.write_all(holder.as_bytes())).map_err(at(&path))?;
    Ok(lock)
}

fn check_gate(folder: &Path, about: &About) -> Result<(), SpoolError> {
    match read_about(folder)? {
        Some(found) if found == *about => Ok(()),
        Some(found) => {
            let name = |about: &About| format!("{} ({:?})", about.name, about.kind);
            Err(SpoolError::OtherGate { folder: folder.to_owned(), found: name(&found), expected: name(about) })
        }
        None => {
            let path = folder.join("gate");
            let bytes = serde_json::to_vec(about)
                .map_err(|error| SpoolError::Corrupt { path: path.clone(), what: error.to_string() })?;
            write_whole(&path, &bytes)?;
            sync_folder(folder)
        }
    }
}

fn read_about(folder: &Path) -> Result<Option<About>, SpoolError> {
    let path = folder.join("gate");
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| SpoolError::Corrupt { path, what: error.to_string() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SpoolError::Io { path, error }),
    }
}

fn read_acknowledged(folder: &Path) -> Result<u64, SpoolError> {
    let path = folder.join("acknowledged");
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_| SpoolError::Corrupt { path, what: "not a number".to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(SpoolError::Io { path, error }),
    }
}

/// Reads every segment, cuts off what was not written to its end, and gives the segments and the last number.
fn recover(folder: &Path, acknowledged: u64) -> Result<(BTreeSet<u64>, u64), SpoolError> {
    let segments = folder.join("segments");
    let mut starts = BTreeSet::new();
    for entry in fs::read_dir(&segments).map_err(at(&segments))? {
        let path = entry.map_err(at(&segments))?.path();
        if path == spare_path(folder) {
            fs::remove_file(&path).map_err(at(&path))?;
            continue;
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        let first = stem.ok_or_else(|| SpoolError::Corrupt { path: path.clone(), what: "not a segment".to_owned() })?;
        starts.insert(first);
    }
    let mut last: Option<u64> = None;
    for first in starts.clone() {
        let path = segment_path(folder, first);
        // What is missing may be what the server has: a crash can keep a segment whose neighbours are removed.
        if last.is_none_or(|last| first != last + 1) && first > acknowledged + 1 {
            let what = format!("submissions are missing before {first}");
            return Err(SpoolError::Corrupt { path, what });
        }
        let is_last = starts.last() == Some(&first);
        let end = recover_segment(&path, first, is_last)?;
        if let Some(end) = end {
            last = Some(end);
        } else {
            fs::remove_file(&path).map_err(at(&path))?;
            starts.remove(&first);
        }
    }
    Ok((starts, last.unwrap_or(0)))
}

/// The last number of a segment; none when it holds nothing.
fn recover_segment(path: &Path, first: u64, is_last: bool) -> Result<Option<u64>, SpoolError> {
    let mut reader = Reader::open(path, 0).map_err(at(path))?;
    let broken = |at| SpoolError::Corrupt { path: path.to_owned(), what: format!("not a record at byte {at}") };
    let mut next = first;
    loop {
        match reader.next().map_err(at(path))? {
            Next::Record(record) => {
                let found = sequence(&parse(&record, path)?);
                if found != next {
                    let what = format!("submission {found} where {next} belongs");
                    return Err(SpoolError::Corrupt { path: path.to_owned(), what });
                }
                next += 1;
            }
            Next::End { at: end } => {
                if reader.continues(end).map_err(at(path))? {
                    return Err(broken(end));
                }
                break;
            }
            Next::Broken { at: end } => {
                if !is_last || reader.continues(end).map_err(at(path))? {
                    return Err(broken(end));
                }
                let file = OpenOptions::new().write(true).open(path).map_err(at(path))?;
                file.set_len(end).and_then(|()| file.sync_all()).map_err(at(path))?;
                break;
            }
        }
    }
    Ok((next > first).then(|| next - 1))
}

/// Writes a file so that it is there as a whole or not at all. The folder has to be made durable apart.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), SpoolError> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        // A rest of it would only take room.
        let _ = fs::remove_file(&temporary);
        SpoolError::Io { path: path.to_owned(), error }
    })
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<(), SpoolError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

/// Elsewhere a folder cannot be opened to be made durable; the file system does it.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on other systems")]
fn sync_folder(_: &Path) -> Result<(), SpoolError> {
    Ok(())
}

fn size_of(folder: &Path) -> Result<u64, SpoolError> {
    let mut size = 0;
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let entry = entry.map_err(at(folder))?;
        size += entry.metadata().map_err(at(&entry.path()))?.len();
    }
    Ok(size)
}
