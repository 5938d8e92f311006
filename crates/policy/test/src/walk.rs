//! Finding files with tests.

use std::fs;
use std::path::{Path, PathBuf};

use probity_policy_rego::glob_matches;

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 32;

/// Which hidden files and folders are looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// None.
    Nothing,
    /// Folders, except those of version control.
    Folders,
}

/// The files at paths that are wanted, in order. Those whose names match a glob are left out.
pub(crate) fn files(
    paths: &[PathBuf],
    ignore: &[String],
    hidden: Hidden,
    is_wanted: &dyn Fn(&Path) -> bool,
) -> Vec<PathBuf> {
    let mut walk = Walk { ignore, hidden, is_wanted, files: Vec::new() };
    for path in paths {
        walk.visit(path, 0);
    }
    walk.files.sort();
    walk.files.dedup();
    walk.files
}

struct Walk<'w> {
    ignore: &'w [String],
    hidden: Hidden,
    is_wanted: &'w dyn Fn(&Path) -> bool,
    files: Vec<PathBuf>,
}

impl Walk<'_> {
    fn visit(&mut self, path: &Path, depth: usize) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if depth > MAX_DEPTH || depth > 0 && self.is_left_out(&name) {
            return;
        }
        if path.is_dir() {
            let link = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
            if depth == 0 || !link {
                let entries = fs::read_dir(path).into_iter().flatten().flatten();
                entries.for_each(|entry| self.visit(&entry.path(), depth + 1));
            }
        } else if (self.is_wanted)(path) {
            self.files.push(path.strip_prefix(".").unwrap_or(path).to_owned());
        }
    }

    fn is_left_out(&self, name: &str) -> bool {
        let is_hidden = match self.hidden {
            Hidden::Nothing => name.starts_with('.'),
            Hidden::Folders => name == ".git",
        };
        is_hidden || self.ignore.iter().any(|pattern| glob_matches(pattern, &['/'], name).unwrap_or(false))
    }
}
