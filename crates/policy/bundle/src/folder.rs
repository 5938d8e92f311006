//! Files of a bundle that lies in a folder.

use std::fs;
use std::path::Path;

use crate::error::BundleError;
use crate::file::File;
use crate::limits::Limits;

/// The files below a folder, in the order of their names. Links are not followed.
pub(crate) fn files(root: &Path, limits: &Limits) -> Result<Vec<File>, BundleError> {
    let mut walk = Walk { limits, files: Vec::new(), bytes: 0 };
    walk.folder(root, "", 0)?;
    Ok(walk.files)
}

struct Walk<'l> {
    limits: &'l Limits,
    files: Vec<File>,
    bytes: u64,
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path, name: &str, depth: usize) -> Result<(), BundleError> {
        if depth > self.limits.depth {
            return Err(BundleError::TooMuch { what: "folders within one another", most: self.limits.depth as u64 });
        }
        let io = |error| BundleError::Io { path: path.to_owned(), error };
        let mut entries = fs::read_dir(path).map_err(io)?.collect::<Result<Vec<_>, _>>().map_err(io)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let kind = entry.file_type().map_err(io)?;
            let file_name = entry.file_name();
            let Some(part) = file_name.to_str() else {
                let shown = entry.path().display().to_string();
                return Err(BundleError::Name { name: shown, why: "the name is not UTF-8" });
            };
            let name = if name.is_empty() { part.to_owned() } else { format!("{name}/{part}") };
            if kind.is_dir() {
                self.folder(&entry.path(), &name, depth + 1)?;
            } else if kind.is_file() {
                self.file(&entry.path(), name)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: String) -> Result<(), BundleError> {
        if self.files.len() >= self.limits.files {
            return Err(BundleError::TooMuch { what: "files", most: self.limits.files as u64 });
        }
        let io = |error| BundleError::Io { path: path.to_owned(), error };
        self.bytes = self.bytes.saturating_add(fs::metadata(path).map_err(io)?.len());
        if self.bytes > self.limits.expanded {
            return Err(BundleError::TooMuch { what: "bytes", most: self.limits.expanded });
        }
        self.files.push(File { name, bytes: fs::read(path).map_err(io)? });
        Ok(())
    }
}
