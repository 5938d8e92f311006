//! What can go wrong with a ledger.

use std::io;
use std::path::{Path, PathBuf};

use smol_str::SmolStr;

/// Why a ledger cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file or folder cannot be read or written.
    #[error("{path} cannot be {doing}: {source}", path = .path.display())]
    Io {
        /// `read`, `written`, ...
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has the ledger open for writing.
    #[error("the ledger in {folder} is in use by {holder}; stop it, or send decisions to it", folder = .folder.display())]
    InUse {
        /// The ledger's folder.
        folder: PathBuf,
        /// Who holds it, as it wrote in the lock file.
        holder: String,
    },
    /// A file is not what it was when it was written.
    #[error("{path} is damaged: {what}; restore it from a copy", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A key cannot be used.
    #[error("{path}: {what}", path = .path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The checkpoint is signed by a key that is not the one given.
    #[error("the ledger in {folder} is signed by {signed}, not by the key that was given, {given}", folder = .folder.display())]
    OtherKey {
        /// The ledger's folder.
        folder: PathBuf,
        /// The names of the keys that signed.
        signed: String,
        /// The name of the key that was given.
        given: String,
    },
    /// There is no such entry under the checkpoint.
    #[error("there is no entry {index}; the ledger has {size}")]
    NoEntry {
        /// The entry asked for.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// There is no such document.
    #[error("the document {digest} is not in the ledger")]
    NoBlob {
        /// The document asked for.
        digest: crate::Digest,
    },
    /// There is no checkpoint yet.
    #[error("{folder} holds no ledger: it has no checkpoint", folder = .folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// A path that is not one of the ledger's files.
    #[error("`{path}` is not a file of a ledger")]
    NoFile {
        /// The path asked for.
        path: String,
    },
    /// An earlier write failed in a way that leaves the state of the disk unknown.
    #[error("the ledger stopped writing after a failure: {0}; open it anew")]
    Stopped(String),
}

impl LedgerError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}

/// Why submissions were not kept. Nothing of the call was, unless it was kept by an earlier call already.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// A gate used a number for something else before.
    #[error("the gate {gate} has sent something else under number {sequence} before (entry {index})")]
    Conflict {
        /// The gate.
        gate: SmolStr,
        /// The number.
        sequence: u64,
        /// The entry that has it.
        index: u64,
    },
    /// A submission is larger than a ledger takes.
    #[error("a submission of {size} bytes; the ledger takes {limit}", limit = crate::MAX_SUBMISSION)]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// A gate's number or name is not allowed.
    #[error("{0}")]
    Invalid(String),
    /// It could not be written.
    #[error("{0}")]
    Failed(String),
}
