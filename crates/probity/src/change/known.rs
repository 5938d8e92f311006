//! Which findings were there before a change.
//!
//! Lines move, so they tell nothing. What stays is the policy, the file, the resource and, when a policy finds several things
//! on one resource, what it says. A file may have been renamed, and a resource may have moved to another file of its folder.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use probity_model::{Decision, Finding, Outcome, PolicyId};

/// Turns paths as they are shown into paths from the top of a work tree.
pub(super) struct Places {
    root: PathBuf,
    current: PathBuf,
    /// By paths as they are shown.
    known: HashMap<PathBuf, String>,
}

impl Places {
    /// For the work tree at `root`; both folders as the system names them.
    pub(super) fn new(root: &Path, current: &Path) -> Self {
        Self { root: root.to_owned(), current: current.to_owned(), known: HashMap::new() }
    }

    fn of(&mut self, shown: &Path) -> &str {
        if !self.known.contains_key(shown) {
            let full = self.current.join(shown);
            // What lies within an archive is no file.
            let full = full.canonicalize().unwrap_or_else(|_| without_dots(&full));
            let place = full.strip_prefix(&self.root).unwrap_or(&full);
            self.known.insert(shown.to_owned(), place.display().to_string().replace('\\', "/"));
        }
        &self.known[shown]
    }
}

fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// What tells a finding from others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Fingerprint {
    policy: PolicyId,
    /// From the top of the work tree.
    path: String,
    /// What is called by its file has the path here, too.
    address: String,
    outcome: Outcome,
    message: String,
}

impl Fingerprint {
    fn of(decision: &Decision, finding: &Finding, places: &mut Places) -> Self {
        let shown = decision.subject.location.as_ref().map(|location| location.path.as_path());
        let path = shown.map(|path| places.of(path).to_owned()).unwrap_or_default();
        let written = shown.map(|path| path.display().to_string()).filter(|path| !path.is_empty());
        let address = match written {
            Some(written) => decision.subject.address.replace(&written, &path),
            None => decision.subject.address.to_string(),
        };
        Self {
            policy: finding.policy.clone(),
            path,
            address,
            outcome: finding.outcome,
            message: finding.message.clone(),
        }
    }

    fn renamed(mut self, renames: &HashMap<String, String>) -> Self {
        if let Some(now) = renames.get(&self.path) {
            self.address = self.address.replace(&self.path, now);
            self.path.clone_from(now);
        }
        self
    }

    fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// Whether a finding is one that a change can introduce.
fn counts(finding: &Finding) -> bool {
    matches!(finding.outcome, Outcome::Fail | Outcome::Error)
}

/// The fingerprints of what was found.
pub(super) fn fingerprints(
    decisions: &[Decision],
    places: &mut Places,
    renames: &HashMap<String, String>,
) -> Vec<Fingerprint> {
    let findings = decisions
        .iter()
        .flat_map(|decision| decision.findings.iter().map(move |finding| (decision, finding)))
        .filter(|(_, finding)| counts(finding));
    findings.map(|(decision, finding)| Fingerprint::of(decision, finding, places).renamed(renames)).collect()
}

/// What two findings have in common that are one.
type Key = fn(&Fingerprint) -> (&PolicyId, &str, &str, Outcome, &str);

/// The positions, by decision and finding, of what was there before. One of before stands for one of now.
pub(super) fn still_there(
    decisions: &[Decision],
    before: Vec<Fingerprint>,
    places: &mut Places,
) -> Vec<(usize, usize)> {
    let mut open: Vec<((usize, usize), Fingerprint)> = Vec::new();
    for (at, decision) in decisions.iter().enumerate() {
        for (of, finding) in decision.findings.iter().enumerate().filter(|(_, finding)| counts(finding)) {
            open.push(((at, of), Fingerprint::of(decision, finding, places)));
        }
    }
    let mut found = Vec::new();
    let mut left = before;
    // From what is the same to what is nearly the same.
    let keys: [Key; 3] = [
        |print| (&print.policy, &print.path, &print.address, print.outcome, &print.message),
        |print| (&print.policy, &print.path, &print.address, print.outcome, ""),
        |print| (&print.policy, print.folder(), &print.address, print.outcome, ""),
    ];
    for key in keys {
        let mut by_key: HashMap<_, Vec<usize>> = HashMap::new();
        for (position, print) in left.iter().enumerate() {
            by_key.entry(key(print)).or_default().push(position);
        }
        let mut taken = vec![false; left.len()];
        let mut is_known = Vec::with_capacity(open.len());
        for (place, print) in &open {
            let same = by_key.get_mut(&key(print)).and_then(Vec::pop);
            is_known.push(same.is_some());
            if let Some(position) = same {
                taken[position] = true;
                found.push(*place);
            }
        }
        keep(&mut open, &is_known);
        keep(&mut left, &taken);
    }
    found
}

/// Keeps what is not taken.
fn keep<T>(all: &mut Vec<T>, taken: &[bool]) {
    let mut taken = taken.iter();
    all.retain(|_| taken.next() == Some(&false));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(path: &str, address: &str, message: &str) -> Fingerprint {
        let (policy, outcome) = (PolicyId::from("P-1"), Outcome::Fail);
        Fingerprint { policy, path: path.to_owned(), address: address.to_owned(), outcome, message: message.to_owned() }
    }

    #[test]
    fn what_is_called_by_its_file_moves_with_it() {
        let renames = HashMap::from([("a/Dockerfile".to_owned(), "b/Dockerfile".to_owned())]);
        let moved = print("a/Dockerfile", "a/Dockerfile", "m").renamed(&renames);
        assert_eq!(moved, print("b/Dockerfile", "b/Dockerfile", "m"));
    }

    #[test]
    fn paths_are_those_of_the_work_tree() {
        let mut places = Places::new(Path::new("/repo"), Path::new("/repo/envs/prod"));
        for (shown, expected) in
            [("main.tf", "envs/prod/main.tf"), ("../../modules/a/main.tf", "modules/a/main.tf"), ("/repo/x.tf", "x.tf")]
        {
            assert_eq!(places.of(Path::new(shown)), expected, "{shown}");
        }
    }
}
