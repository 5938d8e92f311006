//! Tasks that were taken and not ended, on disk: a server that stops in between takes them up again.
//!
//! A file has the token of its task, so only the server's user may read it; it is gone when the task has ended.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use probity_crypto::Sha256;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::payload::Task;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// Why tasks cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("{}: run tasks cannot be kept there: {error}", path.display())]
pub struct JournalError {
    path: PathBuf,
    error: io::Error,
}

/// A task that is to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// When it came.
    pub(crate) received: Timestamp,
    /// How often it was begun.
    pub(crate) attempts: u32,
    pub(crate) task: Task,
}

/// A folder of tasks.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
}

impl Journal {
    /// Makes the folder if need be.
    pub(crate) fn open(folder: &Path) -> Result<Self, JournalError> {
        let journal = Self { folder: folder.to_owned() };
        let wrong = |error| JournalError { path: folder.to_owned(), error };
        fs::create_dir_all(folder).map_err(wrong)?;
        for_owner_only(folder).map_err(wrong)?;
        Ok(journal)
    }

    /// Keeps a task. It is on disk when this returns.
    pub(crate) fn keep(&self, entry: &Entry) -> Result<(), JournalError> {
        let path = self.path(&entry.task.task_result_id);
        let write = || -> io::Result<()> {
            // Readable for its owner only, as all temporary files.
            let mut file = NamedTempFile::with_prefix_in(".task-", &self.folder)?;
            file.write_all(&serde_json::to_vec(entry)?)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|error| JournalError { path: self.folder.clone(), error })
    }

    /// Forgets a task.
    pub(crate) fn remove(&self, task_result_id: &str) -> Result<(), JournalError> {
        let path = self.path(task_result_id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(JournalError { path, error }),
            _ => Ok(()),
        }
    }

    /// What was kept and not forgotten, the oldest first, and files that are no tasks, with what is wrong with them.
    pub(crate) fn waiting(&self) -> Result<(Vec<Entry>, Vec<String>), JournalError> {
        let wrong = |error| JournalError { path: self.folder.clone(), error };
        let (mut entries, mut problems) = (Vec::new(), Vec::new());
        for file in fs::read_dir(&self.folder).map_err(wrong)? {
            let path = file.map_err(wrong)?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match read(&path) {
                Ok(entry) => entries.push(entry),
                Err(error) => problems.push(format!("{}: {error}", path.display())),
            }
        }
        entries.sort_by_key(|entry| entry.received);
        Ok((entries, problems))
    }

    /// Whatever the platform calls a task, its file has a plain name.
    fn path(&self, task_result_id: &str) -> PathBuf {
        let digest = Sha256::digest(task_result_id.as_bytes());
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{name}.json"))
    }
}

fn read(path: &Path) -> io::Result<Entry> {
    let file = File::open(path)?;
    Ok(serde_json::from_reader(io::BufReader::new(io::Read::take(file, MAX_FILE)))?)
}

#[cfg(unix)]
fn for_owner_only(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn for_owner_only(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(id: &str, received: &str) -> Entry {
        let task = json!({
            "payload_version": 1, "stage": "post_plan", "access_token": "tok-secret", "organization_name": "acme",
            "workspace_name": "portal", "run_id": "run-1", "task_result_id": id,
            "task_result_callback_url": "https://app.terraform.io/callback"
        });
        Entry { received: received.parse().unwrap(), attempts: 1, task: serde_json::from_value(task).unwrap() }
    }

    #[test]
    fn tasks_are_found_again_until_they_are_forgotten() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("tasks");
        let journal = Journal::open(&folder).unwrap();
        for (id, received) in [("b", "2026-01-02T00:00:00Z"), ("../a", "2026-01-01T00:00:00Z")] {
            journal.keep(&entry(id, received)).unwrap();
            journal.keep(&entry(id, received)).unwrap();
        }
        fs::write(folder.join("broken.json"), "{").unwrap();
        let (entries, problems) = Journal::open(&folder).unwrap().waiting().unwrap();
        let ids: Vec<&str> = entries.iter().map(|entry| entry.task.task_result_id.as_str()).collect();
        assert_eq!(ids, ["../a", "b"]);
        assert_eq!(problems.len(), 1, "{problems:?}");
        journal.remove("../a").unwrap();
        journal.remove("../a").unwrap();
        assert_eq!(journal.waiting().unwrap().0.len(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn nobody_else_reads_the_tokens() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("tasks");
        Journal::open(&folder).unwrap().keep(&entry("a", "2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        for file in fs::read_dir(&folder).unwrap() {
            assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
