//! Every write of the ledger goes through here: what has returned is on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::LedgerError;

/// The folder of a ledger, for writing.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    folder: PathBuf,
    #[cfg(test)]
    pub(crate) faults: std::sync::Arc<faults::Faults>,
}

impl Disk {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            #[cfg(test)]
            faults: std::sync::Arc::default(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.join(relative)
    }

    /// Writes a file that nobody reads before something else that is written later names it.
    pub(crate) fn write(&self, relative: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        let path = self.path(relative);
        let write = || -> io::Result<()> {
            self.create_parent(&path)?;
            let mut file = File::create(&path)?;
            self.put(&mut file, bytes)?;
            file.sync_all()
        };
        write().map_err(LedgerError::io("written", &path))
    }

    /// Puts a file in the place of what is there, as a whole.
    pub(crate) fn replace(&self, relative: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        let path = self.path(relative);
        let part = self.path(&format!("{relative}.part"));
        let replace = || -> io::Result<()> {
            self.create_parent(&path)?;
            let mut file = File::create(&part)?;
            self.put(&mut file, bytes)?;
            file.sync_all()?;
            self.step()?;
            fs::rename(&part, &path)?;
            sync_parent(&path)
        };
        replace().map_err(LedgerError::io("written", &path))
    }

    /// Opens a file for appending; makes it when it is not there.
    pub(crate) fn open_append(&self, relative: &str) -> Result<File, LedgerError> {
        let path = self.path(relative);
        let open = || -> io::Result<File> {
            self.step()?;
            self.create_parent(&path)?;
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            sync_parent(&path)?;
            Ok(file)
        };
        open().map_err(LedgerError::io("written", &path))
    }

    /// Appends to a file and waits until it is on disk.
    pub(crate) fn append(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        self.put(file, bytes)?;
        self.step()?;
        file.sync_data()
    }

    /// Makes the names of new files in these folders last.
    pub(crate) fn sync_folders<'a>(&self, relatives: impl IntoIterator<Item = &'a str>) -> Result<(), LedgerError> {
        for relative in relatives {
            let path = self.path(relative);
            let sync = || -> io::Result<()> {
                self.step()?;
                File::open(&path)?.sync_all()
            };
            sync().map_err(LedgerError::io("written", &path))?;
        }
        Ok(())
    }

    /// Removes a file that is no longer needed.
    pub(crate) fn remove(&self, relative: &str) -> Result<(), LedgerError> {
        let path = self.path(relative);
        let remove = || self.step().and_then(|()| fs::remove_file(&path));
        remove().map_err(LedgerError::io("removed", &path))
    }

    /// Removes a folder that is no longer needed, if it is there.
    pub(crate) fn remove_folder(&self, relative: &str) -> Result<(), LedgerError> {
        let path = self.path(relative);
        match self.step().and_then(|()| fs::remove_dir_all(&path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LedgerError::io("removed", &path)(error)),
            _ => Ok(()),
        }
    }

    /// Makes the folders above a file, so that they last.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "tests count the steps of one disk"))]
    fn create_parent(&self, path: &Path) -> io::Result<()> {
        let Some(parent) = path.parent() else { return Ok(()) };
        if parent.is_dir() {
            return Ok(());
        }
        #[cfg(test)]
        self.step()?;
        let missing: Vec<&Path> = parent.ancestors().take_while(|folder| !folder.is_dir()).collect();
        fs::create_dir_all(parent)?;
        for folder in missing {
            sync_parent(folder)?;
        }
        Ok(())
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests let writes of one disk fail")]
    fn put(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests let the steps of one disk fail")]
    fn step(&self) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn put(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        match self.faults.step() {
            Ok(()) => file.write_all(bytes),
            Err(error) => {
                if self.faults.is_first() {
                    file.write_all(&bytes[..bytes.len() / 2])?;
                }
                Err(error)
            }
        }
    }

    #[cfg(test)]
    fn step(&self) -> io::Result<()> {
        self.faults.step()
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent != Path::new("") => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// The power goes at a given step; what was to be written then is half there, and nothing works after it.
#[cfg(test)]
pub(crate) mod faults {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Debug)]
    pub(crate) struct Faults {
        steps: AtomicUsize,
        fails_at: AtomicUsize,
    }

    impl Default for Faults {
        fn default() -> Self {
            Self { steps: AtomicUsize::new(0), fails_at: AtomicUsize::new(usize::MAX) }
        }
    }

    impl Faults {
        pub(crate) fn fail_at(&self, step: usize) {
            self.fails_at.store(self.steps.load(Ordering::SeqCst) + step, Ordering::SeqCst);
        }

        pub(crate) fn failed(&self) -> bool {
            self.steps.load(Ordering::SeqCst) > self.fails_at.load(Ordering::SeqCst)
        }

        pub(super) fn step(&self) -> io::Result<()> {
            let step = self.steps.fetch_add(1, Ordering::SeqCst);
            if step >= self.fails_at.load(Ordering::SeqCst) {
                Err(io::Error::other("the power is off"))
            } else {
                Ok(())
            }
        }

        pub(super) fn is_first(&self) -> bool {
            self.steps.load(Ordering::SeqCst) == self.fails_at.load(Ordering::SeqCst) + 1
        }
    }
}
