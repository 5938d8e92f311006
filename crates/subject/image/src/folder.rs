//! What is in a folder: a project with its lock files, or the root of a file system.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use crate::error::ImageError;
use crate::image::FileProblem;
use crate::inventory::{self, Extract, Os};
use crate::layer::{Change, Changes, Kind, Trouble};
use crate::limits::Limits;
use crate::package::Package;
use crate::tree::Tree;

/// Deepest folder that is read.
const MAX_DEPTH: usize = 256;

/// What was found in a folder.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// Its distribution, where it is the root of one.
    pub os: Option<Os>,
    /// Its packages, by kind, name and version; the evidence of each is a path from the folder.
    pub packages: Vec<Package>,
    /// Files that could not be looked into.
    pub problems: Vec<FileProblem>,
}

impl Contents {
    /// Reads a folder as a layer of an image is read. Links are not followed out of it, and folders of Git are left out.
    ///
    /// # Errors
    /// When it is no folder that can be read, or has more in it than `limits` allow.
    pub fn read(folder: &Path, limits: &Limits) -> Result<Self, ImageError> {
        let mut walk = Walk { limits, changes: Changes::default() };
        walk.folder(folder, "", MAX_DEPTH).map_err(|error| match error {
            Stop::Root(error) => ImageError::file(folder, error),
            Stop::TooMuch => ImageError::TooMuch {
                what: folder.display().to_string(),
                of: "entries",
                most: limits.entries,
                limit: "entries",
            },
        })?;
        let mut tree = Tree::default();
        tree.apply(0, &folder.display().to_string(), walk.changes)?;
        let inventory = inventory::collect(&tree);
        let problem =
            |(layer, trouble): (usize, Trouble)| FileProblem { path: trouble.path.into(), layer, what: trouble.what };
        Ok(Self {
            os: inventory.os,
            packages: inventory.packages,
            problems: inventory.troubles.into_iter().map(problem).collect(),
        })
    }
}

enum Stop {
    Root(std::io::Error),
    TooMuch,
}

struct Walk<'a> {
    limits: &'a Limits,
    changes: Changes,
}

impl Walk<'_> {
    /// Files before folders, each by name: the same folder is read the same way.
    fn folder(&mut self, folder: &Path, path: &str, depth: usize) -> Result<(), Stop> {
        let listed = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = match listed {
            Ok(entries) => entries,
            Err(error) if path.is_empty() => return Err(Stop::Root(error)),
            Err(error) => {
                self.trouble(path, error.to_string());
                return Ok(());
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if self.changes.entries.len() as u64 >= self.limits.entries {
                return Err(Stop::TooMuch);
            }
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let inner = if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") };
            if let Err(error) = self.entry(&entry, &inner, depth)? {
                self.trouble(&inner, error.to_string());
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &fs::DirEntry, path: &str, depth: usize) -> Result<std::io::Result<()>, Stop> {
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) => return Ok(Err(error)),
        };
        let (kind, extract) = if metadata.is_dir() {
            if path == ".git" || path.ends_with("/.git") {
                return Ok(Ok(()));
            }
            (Kind::Directory, None)
        } else if metadata.is_symlink() {
            match fs::read_link(entry.path()) {
                Ok(to) => (Kind::Symlink(to.to_string_lossy().into()), None),
                Err(error) => return Ok(Err(error)),
            }
        } else if metadata.is_file() {
            match self.look_into(&entry.path(), path, metadata.len()) {
                Ok(extract) => (Kind::File, extract),
                Err(error) => return Ok(Err(error)),
            }
        } else {
            (Kind::Special, None)
        };
        let is_folder = matches!(kind, Kind::Directory);
        let extract = extract.map(Arc::new);
        self.changes.entries.push(Change { path: path.into(), kind, size: metadata.len(), mode: 0, extract });
        if is_folder && depth == 0 {
            self.trouble(path, "it lies too deep, and was not read".to_owned());
        } else if is_folder {
            self.folder(&entry.path(), path, depth - 1)?;
        }
        Ok(Ok(()))
    }

    /// Reads a file when its name or its first bytes say that there may be something in it.
    fn look_into(&mut self, file: &Path, path: &str, size: u64) -> std::io::Result<Option<Extract>> {
        let named = inventory::interest(path);
        if named.is_none() && size <= inventory::HEAD as u64 {
            return Ok(None);
        }
        let mut from = File::open(file)?;
        let mut head = [0; inventory::HEAD];
        let (interest, mut content) = if let Some(interest) = named {
            (interest, Vec::new())
        } else {
            from.read_exact(&mut head)?;
            let Some(interest) = inventory::interest_in(head) else { return Ok(None) };
            (interest, head.to_vec())
        };
        // The file may grow meanwhile.
        from.take(self.limits.file.saturating_add(1)).read_to_end(&mut content)?;
        if content.len() as u64 > self.limits.file {
            let most = self.limits.file;
            self.trouble(path, format!("it has more bytes than the limit `file` of {most}, and was not looked into"));
            return Ok(None);
        }
        match inventory::extract(interest, path, content, self.limits) {
            Ok(extract) => Ok(extract),
            Err(what) => {
                self.trouble(path, what);
                Ok(None)
            }
        }
    }

    fn trouble(&mut self, path: &str, what: String) {
        self.changes.troubles.push(Trouble { path: path.into(), what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, path: &str, text: &str) {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    #[test]
    fn a_project_is_read_by_its_lock_files() {
        let folder = tempfile::tempdir().unwrap();
        let lock = r#"{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1.1.0","license":"MIT"}}}"#;
        write(folder.path(), "web/package-lock.json", lock);
        write(folder.path(), "Cargo.lock", "version = 4\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n");
        write(folder.path(), ".git/Cargo.lock", "version = 4\n[[package]]\nname = \"c\"\nversion = \"1.0.0\"\n");
        write(folder.path(), "broken/package-lock.json", "{");
        let found = Contents::read(folder.path(), &Limits::default()).unwrap();
        let purls: Vec<_> = found.packages.iter().map(|it| (it.purl.as_str(), it.evidence.as_str())).collect();
        assert_eq!(purls, [("pkg:npm/a@1.1.0", "web/package-lock.json"), ("pkg:cargo/b@1.0.0", "Cargo.lock")]);
        assert_eq!(found.problems[0].path, "broken/package-lock.json");
        let few = Limits { entries: 2, ..Limits::default() };
        assert!(matches!(Contents::read(folder.path(), &few), Err(ImageError::TooMuch { .. })));
        assert!(Contents::read(&folder.path().join("none"), &few).is_err());
    }
}
