//! The thread that puts durable entries into tiles and signs checkpoints over them.

use std::collections::BTreeSet;
use std::fs;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::checkpoint::Checkpoint;
use crate::disk::Disk;
use crate::entry::{Body, KeyRotation};
use crate::error::LedgerError;
use crate::key::KeyFile;
use crate::leaf;
use crate::ledger::Shared;
use crate::note::Verifier;
use crate::pending::{read_segment, segment_path, segments};
use crate::reader::{CHECKPOINT, PUBLIC_KEY, Reader};
use crate::tile::Edge;

/// A checkpoint that could not be written is tried again after this.
const RETRY: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Sealer {
    disk: Disk,
    key: KeyFile,
    edge: Edge,
}

impl Sealer {
    /// Takes up the tree where the newest checkpoint left it; makes the first one of an empty ledger.
    pub(crate) fn open(disk: Disk, mut key: KeyFile) -> Result<Self, LedgerError> {
        let reader = Reader::of(disk.folder());
        let Some(checkpoint) = reader.checkpoint()? else {
            let sealer = Self { disk, key, edge: Edge::default() };
            sealer.check_new()?;
            sealer.publish(&Edge::default(), None)?;
            return Ok(sealer);
        };
        if !checkpoint.signed_by(key.verifier()) || checkpoint.origin != key.verifier().name() {
            match key.next()? {
                Some(next) if checkpoint.signed_by(next.verifier()) => key.take_up(next)?,
                _ => {
                    return Err(LedgerError::OtherKey {
                        folder: disk.folder().to_owned(),
                        signed: checkpoint.signers().join(", "),
                        given: key.verifier().name().to_owned(),
                    });
                }
            }
        }
        let edge = reader.edge(checkpoint.size)?;
        if edge.root() != checkpoint.root {
            let what = "the tiles do not lead to the root of the checkpoint";
            return Err(LedgerError::damaged(&disk.path("tile"), what));
        }
        let sealer = Self { disk, key, edge };
        sealer.write_public_key()?;
        Ok(sealer)
    }

    /// A ledger without a checkpoint must not have entries: then its checkpoint was taken away.
    fn check_new(&self) -> Result<(), LedgerError> {
        if self.disk.path("tile").exists() {
            let what = "the checkpoint is missing while there are tiles";
            return Err(LedgerError::damaged(&self.disk.path(CHECKPOINT), what));
        }
        Ok(())
    }

    pub(crate) fn size(&self) -> u64 {
        self.edge.size()
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        self.key.verifier()
    }

    /// Seals each segment that the writer has closed, until there will be no more.
    pub(crate) fn run(mut self, shared: &Shared, segments: &Receiver<u64>) {
        let mut waiting = Vec::new();
        let mut open = true;
        while open || !waiting.is_empty() {
            let patience = if waiting.is_empty() { Duration::from_hours(1) } else { RETRY };
            match segments.recv_timeout(patience) {
                Ok(first) => waiting.push(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
            while let Some(first) = waiting.first() {
                let sealed = self.seal(*first);
                let size = self.size();
                shared.change_progress(|progress| {
                    progress.published = size;
                    progress.failure = sealed.as_ref().err().map(ToString::to_string);
                });
                if sealed.is_err() {
                    break;
                }
                waiting.remove(0);
            }
            if !open {
                // The last attempt; what is left is sealed when the ledger is opened again.
                break;
            }
        }
    }

    /// Puts the entries of a segment under a checkpoint and removes the segment. Can be done again after a failure.
    pub(crate) fn seal(&mut self, first: u64) -> Result<(), LedgerError> {
        let segment = read_segment(self.disk.folder(), first)?;
        let size = self.edge.size();
        let known = usize::try_from(size.saturating_sub(first)).unwrap_or(usize::MAX);
        if first > size {
            let what = format!("the entries from {size} to {first} are missing");
            return Err(LedgerError::damaged(&self.disk.path(&segment_path(first)), what));
        }
        let new = segment.leaves.get(known..).unwrap_or_default();
        if !new.is_empty() {
            let mut edge = self.edge.clone();
            let mut full = Vec::new();
            for leaf in new {
                edge.push(leaf, &mut full);
            }
            let next = self.next_key(new)?;
            self.write_tree(&edge, &full)?;
            self.publish(&edge, next.as_ref())?;
            self.edge = edge;
            if let Some(next) = next {
                self.key.take_up(next)?;
                self.write_public_key()?;
            }
            for (path, _) in &full {
                self.disk.remove_folder(&format!("{path}.p"))?;
            }
        }
        self.disk.remove(&segment_path(first))
    }

    /// The key that follows, when one of the entries says so.
    fn next_key(&self, leaves: &[Vec<u8>]) -> Result<Option<KeyFile>, LedgerError> {
        let rotations = leaves.iter().filter(|leaf| memchr::memmem::find(leaf, b"\"kind\":\"key-rotation\"").is_some());
        let read = |leaf: &Vec<u8>| -> Option<KeyRotation> {
            match leaf::read::<()>(leaf, |_| Err(())).ok()?.ok()?.submission.body {
                Body::KeyRotation(rotation) => Some(rotation),
                _ => None,
            }
        };
        let Some(rotation) = rotations.rev().find_map(read) else { return Ok(None) };
        if rotation.new == self.verifier().to_string() {
            return Ok(None);
        }
        match self.key.next()? {
            Some(next) if next.verifier().to_string() == rotation.new => Ok(Some(next)),
            _ => Err(LedgerError::OtherKey {
                folder: self.disk.folder().to_owned(),
                signed: rotation.new,
                given: self.verifier().name().to_owned(),
            }),
        }
    }

    fn write_tree(&self, edge: &Edge, full: &[(String, Vec<u8>)]) -> Result<(), LedgerError> {
        // What a checkpoint stands for is read by others, and must outlast a loss of power: it is not written again.
        let partial = edge.partial_files(self.edge.size());
        let mut folders = BTreeSet::new();
        for (path, bytes) in full.iter().chain(&partial) {
            self.disk.write(path, bytes)?;
            folders.extend(path.rsplit_once('/').map(|(folder, _)| folder));
        }
        self.disk.sync_folders(folders)
    }

    fn publish(&self, edge: &Edge, next: Option<&KeyFile>) -> Result<(), LedgerError> {
        let checkpoint = match next {
            Some(next) => Checkpoint::sign(edge.size(), edge.root(), next.signer(), Some(self.key.signer())),
            None => Checkpoint::sign(edge.size(), edge.root(), self.key.signer(), None),
        };
        self.disk.replace(CHECKPOINT, checkpoint.note.as_bytes())?;
        if self.edge.size() == 0 {
            self.write_public_key()?;
        }
        Ok(())
    }

    fn write_public_key(&self) -> Result<(), LedgerError> {
        let text = format!("{}\n", self.verifier());
        if fs::read_to_string(self.disk.path(PUBLIC_KEY)).is_ok_and(|known| known == text) {
            return Ok(());
        }
        self.disk.replace(PUBLIC_KEY, text.as_bytes())
    }
}

/// Seals the segments that were left when the ledger was last open. A frame that was being written then is put aside.
pub(crate) fn recover(disk: &Disk, sealer: &mut Sealer) -> Result<(), LedgerError> {
    let firsts = segments(disk.folder())?;
    for (at, &first) in firsts.iter().enumerate() {
        let segment = read_segment(disk.folder(), first)?;
        let end = first + segment.leaves.len() as u64;
        let follows = firsts.get(at + 1);
        if segment.torn > 0 {
            if follows.is_some_and(|next| *next > end) {
                let what = format!("it is cut short after entry {end}");
                return Err(LedgerError::damaged(&disk.path(&segment_path(first)), what));
            }
            put_aside(disk, first, segment.whole)?;
        }
        sealer.seal(first)?;
    }
    Ok(())
}

/// Keeps a copy of the part of a frame that was being written; no one was told that its entries are kept.
fn put_aside(disk: &Disk, first: u64, whole: usize) -> Result<(), LedgerError> {
    let path = segment_path(first);
    let bytes = fs::read(disk.path(&path)).map_err(LedgerError::io("read", &disk.path(&path)))?;
    disk.replace(&format!("{path}.torn"), bytes.get(whole..).unwrap_or_default())
}
