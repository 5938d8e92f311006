//! The folder of a spool.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use probity_evidence_ledger::{Body, Digest, GateNumber, Submission};
use probity_model::Gate;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::segment::{self, MAX_RECORD, Next, Reader};

/// Bytes that a spool may take when nothing else is said: 1 GiB.
pub const DEFAULT_LIMIT: u64 = 1 << 30;

/// A segment is closed when it has this many bytes.
const SEGMENT: u64 = 4 << 20;

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
    /// Held while something is acknowledged; appends go on meanwhile.
    acknowledging: Mutex<()>,
    /// Held for as long as the spool is open; the system lets go of it when the process ends, however it ends.
    lock: File,
}

struct State {
    /// First numbers of the segments.
    segments: BTreeSet<u64>,
    /// The segment that is written to, and its length.
    current: Option<(File, PathBuf, u64)>,
    /// The number that comes next.
    next: u64,
    /// Everything up to here is with the server.
    acknowledged: u64,
    /// Bytes of segments and blobs.
    size: u64,
    failed: bool,
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
        let state = State { segments, current: None, next, acknowledged, size, failed: false };
        Ok(Self {
            folder: folder.to_owned(),
            about,
            limit,
            state: Mutex::new(state),
            acknowledging: Mutex::new(()),
            lock,
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
        let added = bytes.len() as u64 + blobs.values().map(|bytes| bytes.len() as u64).sum::<u64>();
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
        state.size += bytes.len() as u64;
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

    /// Makes the file that the next append goes to, when there is none, so that the append does not wait for that.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn prepare(&self) -> Result<(), SpoolError> {
        let mut state = self.state();
        let next = state.next;
        self.make_room(&mut state, next)
    }

    /// Starts a segment at this number, unless the current one takes more.
    fn make_room(&self, state: &mut State, first: u64) -> Result<(), SpoolError> {
        if state.current.as_ref().is_some_and(|(_, _, length)| *length < SEGMENT) {
            return Ok(());
        }
        let path = segment_path(&self.folder, first);
        // A file of this name can only be the rest of an append that failed.
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path).map_err(at(&path))?;
        sync_folder(&self.folder.join("segments"))?;
        state.segments.insert(first);
        state.current = Some((file, path, 0));
        Ok(())
    }

    /// Writes to the current segment, and makes it durable.
    fn write(&self, state: &mut State, first: u64, bytes: &[u8]) -> Result<(), SpoolError> {
        self.make_room(state, first)?;
        let Some((file, path, length)) = &mut state.current else { return Ok(()) };
        let written = file.write_all(bytes).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // What was written of it must not come back as if it had been kept.
            let undone = file
                .set_len(*length)
                .and_then(|()| file.seek(io::SeekFrom::Start(*length)))
                .and_then(|_| file.sync_all());
            state.failed = undone.is_err();
            return Err(SpoolError::Io { path: path.clone(), error });
        }
        *length += bytes.len() as u64;
        Ok(())
    }

    /// What the server does not have yet, in order.
    pub fn pending(&self) -> Pending {
        let state = self.state();
        let mut segments: Vec<u64> = state.segments.iter().copied().collect();
        // Of the segments that start at or before the first pending one only the last matters.
        let behind = segments.iter().rposition(|first| *first <= state.acknowledged + 1).unwrap_or(0);
        segments.drain(..behind);
        let segments = segments.into_iter().map(|first| segment_path(&self.folder, first)).collect::<Vec<_>>();
        Pending { segments: segments.into_iter(), current: None, after: state.acknowledged, until: state.next }
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
        let _one = self.acknowledging.lock().unwrap_or_else(PoisonError::into_inner);
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
        let segments: Vec<PathBuf> = state.segments.iter().map(|first| segment_path(&self.folder, *first)).collect();
        let left =
            Pending { segments: segments.into_iter(), current: None, after: state.acknowledged, until: state.next };
        for submission in left {
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
        // A process that is being started has a copy of the file until it runs its program; letting go does not wait for that. The
        // system lets go anyway when this fails.
        let _ = self.lock.unlock();
    }
}

/// Submissions that wait, read from the disk one by one.
pub struct Pending {
    segments: std::vec::IntoIter<PathBuf>,
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
                let path = self.segments.next()?;
                match Reader::open(&path) {
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
                Ok(Next::End) => self.current = None,
                Ok(Next::Broken { at, .. }) => {
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

fn lock(folder: &Path) -> Result<File, SpoolError> {
    let path = folder.join("lock");
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(at(&path))?;
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
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let holder = format!("process {} on {} since {}", std::process::id(), host.trim(), Timestamp::now());
    file.set_len(0).and_then(|()| file.write_all(holder.as_bytes())).map_err(at(&path))?;
    Ok(file)
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
    let mut reader = Reader::open(path).map_err(at(path))?;
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
            Next::End => break,
            Next::Broken { at: end, torn: true } if is_last => {
                let file = OpenOptions::new().write(true).open(path).map_err(at(path))?;
                file.set_len(end).and_then(|()| file.sync_all()).map_err(at(path))?;
                break;
            }
            Next::Broken { at, .. } => {
                return Err(SpoolError::Corrupt { path: path.to_owned(), what: format!("not a record at byte {at}") });
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
