//! The files of a revision, written to a folder of their own: no checkout is touched.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::git::{Blob, Repository};

/// Largest file that is written, in bytes; larger ones are not scanned, unless they are plans.
const MAX_FILE: u64 = 64 << 20;
/// Largest plan.
const MAX_PLAN: u64 = 2 << 30;
/// Most bytes that are written together.
const MAX_TOTAL: u64 = 4 << 30;
/// Deepest folder that is copied.
const MAX_DEPTH: usize = 32;

/// Endings of files that a scan may want although they lie outside of what is scanned: modules, values, what names them.
const WANTED: &[&str] = &["tf", "tofu", "tfvars", "json", "yaml", "yml", "tpl", "tgz", "gitignore"];

/// Writes the files of a commit that a scan of `scanned`, paths from the top of the repository, may read.
pub(super) fn write(repository: &Repository, commit: &str, scanned: &[PathBuf], folder: &Path) -> Result<()> {
    // So that files of ignored names above a scanned folder count as they do in the work tree.
    fs::create_dir(folder.join(".git"))?;
    let mut writer = Writer { repository, folder, left: MAX_TOTAL };
    let mut parts = repository.files(commit)?;
    let mut known = Vec::new();
    for part in &mut parts {
        part.blobs.retain(|blob| is_wanted(blob, scanned));
        part.read(&mut |blob, content| writer.file(&blob.path, content))?;
        known.extend(part.blobs.iter().map(|blob| blob.path.clone()));
    }
    writer.installed(&known)
}

fn is_wanted(blob: &Blob, scanned: &[PathBuf]) -> bool {
    let ending = blob.path.extension().or(blob.path.file_name()).and_then(OsStr::to_str).unwrap_or_default();
    let most = if ending == "json" { MAX_PLAN } else { MAX_FILE };
    blob.size <= most
        && (scanned.iter().any(|path| blob.path.starts_with(path)) || WANTED.contains(&ending.trim_start_matches('.')))
}

struct Writer<'a> {
    repository: &'a Repository,
    folder: &'a Path,
    left: u64,
}

impl Writer<'_> {
    fn file(&mut self, path: &Path, content: &[u8]) -> Result<()> {
        self.left = self.left.checked_sub(content.len() as u64).with_context(|| {
            format!("the base is larger than {} GiB; name the folders that are to be scanned", MAX_TOTAL >> 30)
        })?;
        let path = self.folder.join(path);
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(self.folder))?;
            fs::write(&path, content)
        };
        write().with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Copies what commands have put beside the files and git does not know: modules that `terraform init` has installed, and
    /// dependencies of charts. They are not part of a change, so the base has them, too.
    fn installed(&mut self, known: &[PathBuf]) -> Result<()> {
        let (mut modules, mut charts) = (Vec::new(), Vec::new());
        for file in known {
            let folder = file.parent().unwrap_or(Path::new(""));
            match file.extension().and_then(OsStr::to_str) {
                Some("tf" | "tofu" | "json") => modules.push(folder.join(".terraform/modules")),
                Some("yaml") if file.file_name() == Some(OsStr::new("Chart.yaml")) => {
                    charts.push(folder.join("charts"));
                }
                _ => {}
            }
        }
        modules.sort();
        modules.dedup();
        for folder in modules.into_iter().filter(|folder| !self.folder.join(folder).exists()) {
            self.copy(&folder, 0)?;
        }
        let dependencies = charts.iter().flat_map(|folder| self.entries(folder)).collect::<Vec<_>>();
        let dependencies: Vec<PathBuf> =
            dependencies.into_iter().filter(|path| !self.folder.join(path).exists()).collect();
        for path in self.repository.ignored(&dependencies)? {
            self.copy(&path, 0)?;
        }
        Ok(())
    }

    /// What is in a folder of the work tree, by paths from its top.
    fn entries(&self, folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.repository.root().join(folder)).into_iter().flatten().flatten();
        entries.map(|entry| folder.join(entry.file_name())).collect()
    }

    fn copy(&mut self, path: &Path, depth: usize) -> Result<()> {
        let full = self.repository.root().join(path);
        // Links are not followed in a scan, either.
        let Ok(metadata) = fs::symlink_metadata(&full) else { return Ok(()) };
        if depth > MAX_DEPTH {
            bail!("{} lies deeper than {MAX_DEPTH} folders", full.display());
        }
        if metadata.is_dir() && path.file_name() != Some(OsStr::new(".git")) {
            return self.entries(path).iter().try_for_each(|entry| self.copy(entry, depth + 1));
        }
        if metadata.is_file() && metadata.len() <= MAX_FILE {
            let content = fs::read(&full).with_context(|| format!("{} cannot be read", full.display()))?;
            self.file(path, &content)?;
        }
        Ok(())
    }
}
