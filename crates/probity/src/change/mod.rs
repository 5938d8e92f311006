//! What a change introduced: the files of the revision that it started from are scanned too, and what was found in them is left
//! out.

mod git;
mod known;
mod tree;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use probity_model::{Decision, Outcome};
use tempfile::TempDir;

use self::git::Repository;
use self::known::{Fingerprint, Places};

/// The state that a change started from.
pub(crate) struct Base {
    /// As the user named it.
    pub(crate) name: String,
    commit: String,
    repository: Repository,
    folder: TempDir,
    /// The top of the base, as the system names it.
    top: PathBuf,
    /// The current folder, as the system names it.
    current: PathBuf,
}

/// What a change left as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// The revision as the user named it.
    pub(crate) base: String,
    /// The commit that the change started from.
    pub(crate) commit: String,
    /// By decision and finding.
    findings: Vec<(usize, usize)>,
    /// How many they are, those at one place taken as one.
    pub(crate) count: usize,
}

impl Base {
    /// Reads the files of a revision, as far as a scan of these paths may want them.
    pub(crate) fn read(revision: &str, paths: &[PathBuf]) -> Result<Self> {
        let current = std::env::current_dir().and_then(|folder| folder.canonicalize()).context("no current folder")?;
        let mut repository: Option<Repository> = None;
        let mut scanned = Vec::new();
        for path in paths {
            let full = path.canonicalize().with_context(|| format!("{} cannot be read", path.display()))?;
            let folder = if full.is_dir() { &full } else { full.parent().unwrap_or(&full) };
            let found = Repository::of(folder)?;
            let first = repository.get_or_insert(found);
            let Ok(inner) = full.strip_prefix(first.root()) else {
                bail!(
                    "{} lies in another repository than {}; scan them one after the other",
                    path.display(),
                    paths[0].display()
                );
            };
            scanned.push(inner.to_owned());
        }
        let repository = repository.context("nothing is to be scanned")?;
        let commit = repository.start_of_change(revision)?;
        let folder = tempfile::Builder::new().prefix("probity-base-").tempdir().context("no folder for the base")?;
        let top = folder.path().canonicalize()?;
        remove_when_interrupted(&top);
        tree::write(&repository, &commit, &scanned, &top)?;
        Ok(Self { name: revision.to_owned(), commit, repository, folder, top, current })
    }

    /// Where a path stands in the base; `None` when it is not there.
    pub(crate) fn path(&self, path: &Path) -> Option<PathBuf> {
        let full = self.current.join(path).canonicalize().ok()?;
        let there = self.top.join(full.strip_prefix(self.repository.root()).ok()?);
        let as_typed = path.is_relative() && self.inner().is_some();
        there.exists().then(|| if as_typed { path.to_owned() } else { there })
    }

    /// The same for a file of values, which may be none of the repository's: then it is the one that is there now.
    pub(crate) fn file(&self, path: &Path) -> PathBuf {
        self.path(path).unwrap_or_else(|| self.current.join(path))
    }

    /// The current folder within the repository.
    fn inner(&self) -> Option<&Path> {
        self.current.strip_prefix(self.repository.root()).ok()
    }

    /// Does something as if the base were checked out.
    pub(crate) fn visit<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some(inner) = self.inner() else { return work() };
        let folder = self.top.join(inner);
        std::fs::create_dir_all(&folder)?;
        let _back = Visit::to(&folder, &self.current)?;
        work()
    }

    /// What was found in the base. `decisions` are those of its files.
    pub(crate) fn found(&self, decisions: &[Decision]) -> Result<Found> {
        let current = self.inner().map_or_else(|| self.current.clone(), |inner| self.top.join(inner));
        let renames = self.repository.renames(&self.commit)?;
        Ok(Found(known::fingerprints(decisions, &mut Places::new(&self.top, &current), &renames)))
    }

    /// Turns what was found in the base, too, into skips.
    pub(crate) fn leave_out(self, found: Found, decisions: &mut [Decision]) -> Result<LeftOut> {
        let mut places = Places::new(self.repository.root(), &self.current);
        let findings = known::still_there(decisions, found.0, &mut places);
        let reason = format!("was there in {} ({}) already", self.name, short(&self.commit));
        for &(decision, finding) in &findings {
            let decision = &mut decisions[decision];
            decision.findings[finding].outcome = Outcome::Skipped;
            decision.findings[finding].reason = Some(reason.clone());
            decision.action = Decision::action_of(&decision.findings);
        }
        let places: HashSet<_> = findings
            .iter()
            .map(|&(decision, finding)| &decisions[decision].findings[finding])
            .map(|finding| (&finding.policy, &finding.location, &finding.message))
            .collect();
        let count = places.len();
        self.folder.close().context("the folder of the base cannot be removed")?;
        Ok(LeftOut { base: self.name, commit: self.commit, findings, count })
    }
}

/// What was found in the base.
pub(crate) struct Found(Vec<Fingerprint>);

impl LeftOut {
    /// The decisions without what was left out.
    pub(crate) fn rest(&self, decisions: &[Decision]) -> Vec<Decision> {
        let mut rest = decisions.to_vec();
        let mut findings = self.findings.clone();
        findings.sort_unstable();
        for (decision, finding) in findings.into_iter().rev() {
            rest[decision].findings.remove(finding);
        }
        rest
    }

    /// The commit, as short as people write it.
    pub(crate) fn short(&self) -> &str {
        short(&self.commit)
    }
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

/// Another current folder, until it goes out of scope.
struct Visit<'a> {
    back: &'a Path,
}

impl<'a> Visit<'a> {
    fn to(folder: &Path, back: &'a Path) -> Result<Self> {
        std::env::set_current_dir(folder).with_context(|| format!("{} cannot be entered", folder.display()))?;
        Ok(Self { back })
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if let Err(error) = std::env::set_current_dir(self.back) {
            eprintln!("note: {} cannot be entered again: {error}", self.back.display());
        }
    }
}

/// A process that is interrupted leaves nothing behind.
fn remove_when_interrupted(folder: &Path) {
    const INTERRUPTED: i32 = 130;
    const ATTEMPTS: usize = 10;
    let folder = folder.to_owned();
    // Without it a folder stays in the place for temporary ones.
    let _ = ctrlc::set_handler(move || {
        // Files may still be written to it.
        let _ = (0..ATTEMPTS).find(|_| std::fs::remove_dir_all(&folder).is_ok());
        std::process::exit(INTERRUPTED);
    });
}
