//! Finds test cases in folders.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 32;

/// A test case: a policy and the file that says what it is evaluated with and what is expected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    /// The policy.
    pub policy: PathBuf,
    /// The case.
    pub file: PathBuf,
}

/// The cases below a folder, in order. Links to folders are not followed.
///
/// # Errors
/// When a folder cannot be read.
pub fn find(folder: &Path) -> io::Result<Vec<Case>> {
    let mut cases = BTreeSet::new();
    walk(folder, 0, &mut cases)?;
    Ok(cases.into_iter().collect())
}

fn walk(folder: &Path, depth: usize, cases: &mut BTreeSet<Case>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() || depth >= MAX_DEPTH {
            continue;
        }
        if entry.file_name() == "test" {
            of_test_folder(folder, &entry.path(), cases)?;
        }
        walk(&entry.path(), depth + 1, cases)?;
    }
    Ok(())
}

/// The cases in `test` for the policies beside it.
fn of_test_folder(beside: &Path, test: &Path, cases: &mut BTreeSet<Case>) -> io::Result<()> {
    for entry in std::fs::read_dir(test)? {
        let entry = entry?;
        let policy = beside.join(entry.file_name()).with_added_extension("sentinel");
        if !entry.file_type()?.is_dir() || !policy.is_file() {
            continue;
        }
        for file in std::fs::read_dir(entry.path())? {
            let file = file?.path();
            let is_case = file.extension().is_some_and(|extension| extension == "hcl" || extension == "json");
            if is_case && file.is_file() {
                cases.insert(Case { policy: policy.clone(), file });
            }
        }
    }
    Ok(())
}
