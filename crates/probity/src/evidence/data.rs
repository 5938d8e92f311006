//! The folder that a ledger, its index and its keys are in.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use probity_evidence_index::Index;
use probity_evidence_ledger::{KeyFile, Ledger, Reader};

/// The folder's name where none is given.
pub(crate) const FOLDER_NAME: &str = ".probity";

/// Where evidence is kept on this machine.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DataArgs {
    /// The folder of the ledger, its index and its keys. Default: the one that the nearest probity.yaml names, or
    /// .probity beside it.
    #[arg(long, value_name = "FOLDER", env = "PROBITY_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// The ledger's private key, made by `openssl genpkey -algorithm ed25519` or by Probity. Default: made in the folder
    /// on first use.
    #[arg(long, value_name = "FILE", env = "PROBITY_LEDGER_KEY")]
    pub(crate) ledger_key: Option<PathBuf>,
}

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    folder: PathBuf,
    key: PathBuf,
}

impl Data {
    /// The folder that the arguments name, or else the configuration near `start`.
    pub(crate) fn find(args: &DataArgs, configured: Option<PathBuf>) -> Self {
        let folder = args.data.clone().or(configured).unwrap_or_else(|| PathBuf::from(FOLDER_NAME));
        let key = args.ledger_key.clone().unwrap_or_else(|| folder.join("keys/ledger.key"));
        Self { folder, key }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn key_path(&self) -> &Path {
        &self.key
    }

    pub(crate) fn ledger_folder(&self) -> PathBuf {
        self.folder.join("ledger")
    }

    pub(crate) fn index_file(&self) -> PathBuf {
        self.folder.join("index.db")
    }

    /// Where it is kept which rights are used in clusters.
    pub(crate) fn usage_folder(&self) -> PathBuf {
        self.folder.join("usage")
    }

    pub(crate) fn spool_folder(&self) -> PathBuf {
        self.folder.join("spool")
    }

    pub(crate) fn tokens_file(&self) -> PathBuf {
        self.folder.join("tokens.json")
    }

    /// Makes the folder. What is in it is never committed by accident: it tells git to look away.
    pub(crate) fn create(&self) -> Result<()> {
        let unwritable = || format!("{} cannot be written", self.folder.display());
        fs::create_dir_all(&self.folder).with_context(unwritable)?;
        let ignore = self.folder.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").with_context(unwritable)?;
        }
        Ok(())
    }

    /// The key; made on first use, and said then.
    pub(crate) fn key(&self) -> Result<KeyFile> {
        let first = !self.key.exists();
        let key = KeyFile::load_or_create(&self.key)?;
        if first {
            eprintln!("note: made the ledger's key {}; its public part is {}", self.key.display(), key.verifier());
        }
        Ok(key)
    }

    /// The key that is there already.
    pub(crate) fn existing_key(&self) -> Result<KeyFile> {
        Ok(KeyFile::load(&self.key)?)
    }

    /// The ledger, for writing.
    pub(crate) fn open_ledger(&self) -> Result<Ledger> {
        self.create()?;
        Ok(Ledger::open(&self.ledger_folder(), self.key()?)?)
    }

    /// The ledger, for reading.
    pub(crate) fn reader(&self) -> Result<Reader> {
        Reader::open(&self.ledger_folder()).with_context(|| {
            format!(
                "{}: no evidence is kept there yet; record some with `probity scan --record`",
                self.folder.display()
            )
        })
    }

    /// The index, following the ledger as far as that has got.
    pub(crate) fn index(&self) -> Result<Index> {
        let reader = self.reader()?;
        let mut index = Index::open(&self.index_file())?;
        index.follow(&reader)?;
        Ok(index)
    }
}
