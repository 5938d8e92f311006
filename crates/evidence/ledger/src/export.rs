//! Copying a ledger for somebody who is to verify it.

use std::fs;
use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::error::LedgerError;
use crate::reader::{CHECKPOINT, PUBLIC_KEY, Reader};
use crate::tile::{LEVELS, WIDTH, bundle_path, tile_path, width_in};

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Entries under the checkpoint.
    pub entries: u64,
    /// Documents that entries refer to.
    pub documents: u64,
    /// The public key, in the form of its file.
    pub public_key: String,
}

impl Reader {
    /// Copies everything that the newest checkpoint stands for into a new folder; no private key is among it. The ledger
    /// may grow meanwhile.
    ///
    /// # Errors
    /// When the folder has something in it, or a file cannot be copied.
    pub fn export(&self, folder: &Path) -> Result<Exported, LedgerError> {
        let failed = |error| LedgerError::io("written", folder)(error);
        fs::create_dir_all(folder).map_err(failed)?;
        if fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(failed(std::io::Error::other("it has something in it; name a new folder")));
        }
        let checkpoint = self.checkpoint()?.ok_or_else(|| LedgerError::Empty { folder: self.folder().to_owned() })?;
        self.export_tree(&checkpoint, folder)?;
        let documents = self.export_documents(checkpoint.size, folder)?;
        let public_key = String::from_utf8_lossy(&self.file(PUBLIC_KEY)?).into_owned();
        write(folder, PUBLIC_KEY, public_key.as_bytes())?;
        write(folder, CHECKPOINT, checkpoint.note.as_bytes())?;
        Ok(Exported { entries: checkpoint.size, documents, public_key })
    }

    fn export_tree(&self, checkpoint: &Checkpoint, folder: &Path) -> Result<(), LedgerError> {
        let size = checkpoint.size;
        for index in 0..size.div_ceil(WIDTH) {
            let width = width_in(size, 0, index);
            write(folder, &bundle_path(index, width), &self.bundle(index, size)?.1)?;
        }
        for level in 0..LEVELS {
            let hashes = size.checked_shr(8 * level).unwrap_or(0);
            for index in 0..hashes.div_ceil(WIDTH) {
                let bytes = crate::tile::tile_bytes(&self.tile(level, index, size)?);
                write(folder, &tile_path(level, index, width_in(size, level, index)), &bytes)?;
            }
        }
        Ok(())
    }

    fn export_documents(&self, size: u64, folder: &Path) -> Result<u64, LedgerError> {
        let mut digests = std::collections::BTreeSet::new();
        for entry in self.entries(0..size) {
            let entry = entry?;
            digests.extend(entry.entry.submission.body.documents());
            digests.extend(crate::leaf::body_digest(&entry.bytes));
        }
        for digest in &digests {
            let path = crate::blob::blob_path(digest);
            let bytes =
                fs::read(self.folder().join(&path)).map_err(LedgerError::io("read", &self.folder().join(&path)))?;
            write(folder, &path, &bytes)?;
        }
        Ok(digests.len() as u64)
    }
}

fn write(folder: &Path, relative: &str, bytes: &[u8]) -> Result<(), LedgerError> {
    let path = folder.join(relative);
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent).and_then(|()| fs::write(&path, bytes)).map_err(LedgerError::io("written", &path))
}
