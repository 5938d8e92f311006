//! The newest checkpoints that were verified on this machine.
//!
//! A ledger that is cut back as a whole, files and checkpoint together, is whole by itself: only who remembers a later
//! checkpoint can tell.

use std::fs;
use std::path::PathBuf;

use probity_evidence_ledger::{Checkpoint, Digest, Verifier};

use crate::files::write_file;

/// Remembers one checkpoint a trusted key.
pub(crate) struct Seen {
    folder: PathBuf,
}

impl Seen {
    /// The folder by the XDG base directory specification; none where the machine has no such place.
    pub(crate) fn open() -> Option<Self> {
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let state = state.or_else(|| std::env::home_dir().map(|home| home.join(".local/state")))?;
        Some(Self { folder: state.join("probity/checkpoints") })
    }

    /// The newest checkpoint that was seen of the ledger with this key.
    pub(crate) fn checkpoint(&self, key: &Verifier) -> Option<Checkpoint> {
        Checkpoint::parse(&fs::read_to_string(self.path(key)).ok()?).ok()
    }

    /// Remembers a checkpoint. What cannot be written is said and does no harm.
    pub(crate) fn remember(&self, key: &Verifier, checkpoint: &Checkpoint) {
        let written = fs::create_dir_all(&self.folder)
            .map_err(Into::into)
            .and_then(|()| write_file(&self.path(key), &checkpoint.note));
        if let Err(error) = written {
            eprintln!("note: the checkpoint is not remembered: {error:#}");
        }
    }

    fn path(&self, key: &Verifier) -> PathBuf {
        self.folder.join(&Digest::of(&key.public_key()).hex()[..32])
    }
}
