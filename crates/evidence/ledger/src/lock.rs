//! One writer at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use jiff::Timestamp;

use crate::error::LedgerError;

/// Held while the ledger is open for writing; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    /// Lets go at once: a process that is just being started from this one has the file open for a moment too.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

impl Lock {
    /// Takes the lock of a folder.
    ///
    /// # Errors
    /// Names the holder when another process has it.
    pub(crate) fn take(folder: &Path) -> Result<Self, LedgerError> {
        let path = folder.join("lock");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(LedgerError::io("written", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LedgerError::InUse { folder: folder.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(LedgerError::io("locked", &path)(error)),
        }
        let command = std::env::args().nth(1).filter(|word| !word.starts_with('-')).unwrap_or_default();
        let line = format!("process {} (probity {command}) since {:.0}\n", std::process::id(), Timestamp::now());
        let mut write = || -> std::io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(line.as_bytes())
        };
        write().map_err(LedgerError::io("written", &path))?;
        Ok(Self(file))
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(200).read_to_string(&mut text);
    match text.trim() {
        "" => "another process".to_owned(),
        _ if read.is_err() => "another process".to_owned(),
        holder => holder.to_owned(),
    }
}
