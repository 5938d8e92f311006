//! The thread that makes entries durable.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::disk::Disk;
use crate::entry::{Body, ClockSetBack, Submission};
use crate::error::{AppendError, LedgerError};
use crate::leaf::{Prepared, identity};
use crate::ledger::{Receipt, Shared};
use crate::merkle::leaf_hash;
use crate::pending::{frame, segment_path};
use crate::queue::{Batch, Item, Work};
use crate::reader::{LedgerEntry, Reader};
use crate::sequences::{Sequences, Undo};

/// An entry waits at most so long for a checkpoint, while there is nothing else to do.
const PATIENCE: Duration = Duration::from_secs(1);
/// A segment of so many bytes is closed.
const MAX_SEGMENT: usize = 16 << 20;
/// A clock that is further behind is said to have been set back.
const CLOCK_SLACK: jiff::SignedDuration = jiff::SignedDuration::from_secs(2);
/// What is remembered of the sequences between two runs, so that not all entries must be read.
const CACHE: &str = "sequences.json";

#[derive(Debug)]
pub(crate) struct Writer {
    disk: Disk,
    clock: fn() -> Timestamp,
    /// The place of the next entry.
    next: u64,
    sequences: Sequences,
    /// When the newest entry was recorded.
    newest: Timestamp,
    /// The clock was found behind, and that is recorded.
    behind: bool,
    segment: Option<Segment>,
    /// The newest entries: those that cannot be read from tiles yet.
    unsealed: VecDeque<Known>,
    /// Why nothing can be written any more.
    stopped: Option<String>,
}

/// The segment that is being written.
#[derive(Debug)]
struct Segment {
    first: u64,
    file: File,
    bytes: usize,
    opened: Instant,
}

/// [`Sequences`] of a ledger at a size.
#[derive(Serialize, Deserialize)]
struct Cache {
    size: u64,
    /// The hash of the last entry, to know the ledger by.
    last: Digest,
    newest: Timestamp,
    sequences: Sequences,
}

/// What is remembered of an entry, to know it by when it is sent again.
#[derive(Debug, Clone, Copy)]
struct Known {
    identity: Digest,
    leaf: Digest,
}

/// A group that is about to be committed.
#[derive(Default)]
struct Group {
    leaves: Vec<Vec<u8>>,
    known: Vec<Known>,
    undo: Vec<Undo>,
}

impl Group {
    fn push(&mut self, prepared: &Prepared, recorded: Timestamp) -> Digest {
        let bytes = prepared.record(recorded);
        let leaf = leaf_hash(&bytes);
        self.leaves.push(bytes);
        self.known.push(Known { identity: prepared.identity, leaf });
        leaf
    }
}

impl Writer {
    /// Takes up where the ledger ends; everything in it is under a checkpoint.
    pub(crate) fn open(disk: &Disk, clock: fn() -> Timestamp) -> Result<Self, LedgerError> {
        let reader = Reader::of(disk.folder());
        let size = reader.published()?;
        let cache = read_cache(disk, &reader, size);
        let (start, newest, sequences) = match cache {
            Some(cache) => (cache.size, cache.newest, cache.sequences),
            None => (0, Timestamp::MIN, Sequences::default()),
        };
        let mut writer = Self {
            disk: disk.clone(),
            clock,
            next: size,
            sequences,
            newest,
            behind: false,
            segment: None,
            unsealed: VecDeque::new(),
            stopped: None,
        };
        for entry in reader.entries(start..size) {
            let LedgerEntry { index, entry, .. } = entry?;
            writer.newest = entry.recorded;
            if let Some(number) = &entry.submission.gate {
                writer.sequences.insert(number, index);
            }
        }
        Ok(writer)
    }

    /// Commits what comes until the queue is closed; closed segments go to the sealer.
    pub(crate) fn run(mut self, shared: &Shared, sealer: &Sender<u64>) {
        loop {
            let deadline = self.segment.as_ref().map(|segment| segment.opened + PATIENCE);
            match shared.queue.take(deadline) {
                Work::Commit(batches) => {
                    self.commit(shared, batches);
                    let full = |segment: &Segment| segment.bytes >= MAX_SEGMENT || segment.opened.elapsed() >= PATIENCE;
                    if self.segment.as_ref().is_some_and(full) {
                        self.close_segment(sealer);
                    }
                }
                Work::Seal | Work::Idle => self.close_segment(sealer),
                Work::Closed => break,
            }
        }
        self.close_segment(sealer);
        self.write_cache();
    }

    fn close_segment(&mut self, sealer: &Sender<u64>) {
        if let Some(segment) = self.segment.take_if(|segment| segment.bytes > 0) {
            // The sealer is only gone when it panicked; the segment is sealed when the ledger is opened again.
            let _ = sealer.send(segment.first);
        }
    }

    fn commit(&mut self, shared: &Shared, batches: Vec<Batch>) {
        let published = shared.progress().published;
        let unsealed = usize::try_from(self.next - published).unwrap_or(usize::MAX);
        self.unsealed.drain(..self.unsealed.len().saturating_sub(unsealed));
        let clock = (self.clock)();
        let now = clock.round(Unit::Microsecond).unwrap_or(clock);
        let mut group = Group::default();
        self.note_clock(now, &mut group);
        let recorded = self.newest.max(now);
        let mut answers = Vec::new();
        for Batch { items, reply } in batches {
            answers.push((self.stage(&items, recorded, &mut group), reply));
        }
        let written = self.write(&group, recorded);
        if written.is_ok() {
            shared.change_progress(|progress| progress.appended = self.next);
        }
        for (answer, reply) in answers {
            let answer = match &written {
                Ok(()) => answer,
                Err(error) => answer.and(Err(AppendError::Failed(error.clone()))),
            };
            // Who asked may have given up.
            let _ = reply.send(answer);
        }
    }

    /// Records once that the clock is behind.
    fn note_clock(&mut self, now: Timestamp, group: &mut Group) {
        let behind = self.newest.duration_since(now) > CLOCK_SLACK;
        if behind && !self.behind {
            let body = Body::ClockSetBack(ClockSetBack { clock: now, newest: self.newest });
            let submission = Submission { time: now, gate: None, body };
            let nothing_elsewhere = |_: &[u8]| Err(AppendError::TooLarge { size: 0 });
            if let Ok(prepared) = Prepared::new(&submission, nothing_elsewhere) {
                group.push(&prepared, self.newest);
            }
        }
        self.behind = behind;
    }

    /// Gives each submission of a batch its place, or none of them.
    fn stage(&mut self, items: &[Item], recorded: Timestamp, group: &mut Group) -> Result<Vec<Receipt>, AppendError> {
        let (leaves, undo) = (group.leaves.len(), group.undo.len());
        let mut receipts = Vec::with_capacity(items.len());
        for item in items {
            match self.stage_one(item, recorded, group) {
                Ok(receipt) => receipts.push(receipt),
                Err(error) => {
                    group.undo.drain(undo..).rev().for_each(|step| self.sequences.undo(&step));
                    group.leaves.truncate(leaves);
                    group.known.truncate(leaves);
                    return Err(error);
                }
            }
        }
        Ok(receipts)
    }

    fn stage_one(&mut self, item: &Item, recorded: Timestamp, group: &mut Group) -> Result<Receipt, AppendError> {
        let index = self.next + group.leaves.len() as u64;
        if let Some(number) = &item.number {
            if let Some(known) = self.sequences.find(number) {
                return self.repeated(item, known, group);
            }
            group.undo.push(self.sequences.insert(number, index));
        }
        Ok(Receipt { index, leaf: group.push(&item.prepared, recorded), repeated: false })
    }

    /// The receipt of a submission whose number is known: it must be the same one.
    fn repeated(&self, item: &Item, index: u64, group: &Group) -> Result<Receipt, AppendError> {
        let known = self.known(index, group).map_err(|error| AppendError::Failed(error.to_string()))?;
        if known.identity == item.prepared.identity {
            return Ok(Receipt { index, leaf: known.leaf, repeated: true });
        }
        let number = item.number.as_ref();
        Err(AppendError::Conflict {
            gate: number.map(|number| number.name.clone()).unwrap_or_default(),
            sequence: number.map_or(0, |number| number.sequence),
            index,
        })
    }

    /// An entry that is about to be durable, durable, or under a checkpoint.
    fn known(&self, index: u64, group: &Group) -> Result<Known, LedgerError> {
        let unsealed = self.next - self.unsealed.len() as u64;
        let mut newest = self.unsealed.iter().chain(&group.known);
        let at = index.checked_sub(unsealed).and_then(|at| usize::try_from(at).ok());
        if let Some(known) = at.and_then(|at| newest.nth(at).copied()) {
            return Ok(known);
        }
        let leaf = Reader::of(self.disk.folder()).leaf(index)?;
        let identity =
            identity(&leaf).ok_or_else(|| LedgerError::damaged(self.disk.folder(), format!("entry {index}")))?;
        Ok(Known { identity, leaf: leaf_hash(&leaf) })
    }

    /// Writes a group; takes back what was staged when that fails.
    fn write(&mut self, group: &Group, recorded: Timestamp) -> Result<(), String> {
        if group.leaves.is_empty() {
            return Ok(());
        }
        let written = match &self.stopped {
            Some(why) => Err(LedgerError::Stopped(why.clone()).to_string()),
            None => self.write_frame(group),
        };
        if let Err(error) = written {
            group.undo.iter().rev().for_each(|step| self.sequences.undo(step));
            self.behind = false;
            return Err(error);
        }
        self.unsealed.extend(&group.known);
        self.next += group.leaves.len() as u64;
        self.newest = recorded;
        Ok(())
    }

    fn write_frame(&mut self, group: &Group) -> Result<(), String> {
        let mut segment = match self.segment.take() {
            Some(segment) => segment,
            None => self.open_segment().map_err(|error| error.to_string())?,
        };
        let frame = frame(self.next, group.leaves.iter().map(Vec::as_slice));
        let path = self.disk.path(&segment_path(segment.first));
        match self.disk.append(&mut segment.file, &frame) {
            Ok(()) => {
                segment.bytes += frame.len();
                self.segment = Some(segment);
                Ok(())
            }
            Err(error) => {
                let error = LedgerError::io("written", &path)(error).to_string();
                // What was acknowledged ends where the frame began; after a failed sync no one knows what is on disk.
                let whole = u64::try_from(segment.bytes).unwrap_or(u64::MAX);
                match segment.file.set_len(whole).and_then(|()| segment.file.sync_all()) {
                    Ok(()) => self.segment = Some(segment),
                    Err(_) => self.stopped = Some(error.clone()),
                }
                Err(error)
            }
        }
    }

    fn open_segment(&self) -> Result<Segment, LedgerError> {
        let file = self.disk.open_append(&segment_path(self.next))?;
        Ok(Segment { first: self.next, file, bytes: 0, opened: Instant::now() })
    }

    fn write_cache(&self) {
        let reader = Reader::of(self.disk.folder());
        let last = match self.next.checked_sub(1) {
            Some(last) if reader.published().is_ok_and(|size| size == self.next) => reader.leaf(last),
            _ => return,
        };
        let Ok(last) = last else { return };
        let cache =
            Cache { size: self.next, last: leaf_hash(&last), newest: self.newest, sequences: self.sequences.clone() };
        if let Ok(json) = serde_json::to_vec(&cache) {
            // Only a help for the next start, which reads the entries without it.
            let _ = self.disk.replace(CACHE, &json);
        }
    }
}

/// What was remembered, when it is of this ledger.
fn read_cache(disk: &Disk, reader: &Reader, size: u64) -> Option<Cache> {
    let cache: Cache = serde_json::from_slice(&fs::read(disk.path(CACHE)).ok()?).ok()?;
    let last = cache.size.checked_sub(1).filter(|last| *last < size)?;
    (leaf_hash(&reader.leaf(last).ok()?) == cache.last).then_some(cache)
}
