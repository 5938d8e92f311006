//! What policies of ours say of a case, by the names that the data has for resources.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{Gate, Outcome, Sources, Stage, Stages, Subject, SubjectKind, Value};
use probity_policy_core::{Facts, Policy, PolicySet};
use probity_subject_iac::{ReadOptions, read_paths};
use serde_json::Value as Json;

/// The policies of the catalog, from its files.
static CATALOG: LazyLock<Vec<Arc<dyn Policy>>> = LazyLock::new(|| {
    let folders = std::fs::read_dir(crate::workspace().join("crates/catalog/policies")).unwrap();
    folders.flat_map(|folder| policies_of(&folder.unwrap().path())).collect()
});

/// The policies of the catalog that go by an identifier.
pub(crate) fn called(id: &str) -> Vec<Arc<dyn Policy>> {
    CATALOG.iter().filter(|policy| policy.metadata().is_called(id)).cloned().collect()
}

/// Policies of a file, or of all files in a folder.
pub(crate) fn policies_of(path: &Path) -> Vec<Arc<dyn Policy>> {
    let files: Vec<PathBuf> = if path.is_dir() {
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
    } else {
        vec![path.to_owned()]
    };
    let yaml = |file: &&PathBuf| file.extension().is_some_and(|extension| extension == "yaml" || extension == "json");
    files
        .iter()
        .filter(yaml)
        .flat_map(|file| {
            let sources = Sources::default();
            let text = std::fs::read_to_string(file).unwrap();
            let id = sources.add(file, text.clone());
            let documents = yaml::read(&text, id, Dialect::Core).unwrap_or_default();
            documents
                .iter()
                .flat_map(|document| {
                    probity_policy_graph::read_file(Node::root(&document.value, document.span)).unwrap_or_default()
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What came out.
#[derive(Default)]
pub(crate) struct Judged {
    /// For each resource, by its name in the form of the data: passed, or failed at least once.
    by_name: HashMap<String, Outcome>,
    /// The same for what `count` and `for_each` make, taken together under the name without keys.
    together: HashMap<String, Outcome>,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

/// How many resources of a case came out as it says, of how many, and what did not: a resource, and how it came out.
#[derive(Default)]
pub(crate) struct Compared {
    pub(crate) right: usize,
    pub(crate) total: usize,
    pub(crate) differences: Vec<(String, String)>,
}

pub(crate) fn judge(path: &Path, policies: Vec<Arc<dyn Policy>>) -> Judged {
    let sources = Sources::default();
    let set = PolicySet::builder(Gate::Ci, Stages::all(Stage::Enforce)).policies(policies).build().unwrap();
    let Ok(tree) = read_paths(&[path.to_owned()], &sources, &ReadOptions::default(), &|_| {}) else {
        return Judged::default();
    };
    let facts = Facts::of_files(&tree.graph, jiff::civil::date(2026, 1, 1));
    let rulings = set.rule(&facts);
    let mut judged = Judged::default();
    for (index, subject) in tree.graph.iter() {
        let decision = set.evaluate(subject, index, &facts, &rulings);
        let has = |outcome| decision.findings.iter().any(|finding| finding.outcome == outcome);
        let outcome = match (has(Outcome::Fail), has(Outcome::Pass)) {
            (true, _) => Outcome::Fail,
            (false, true) => Outcome::Pass,
            (false, false) => continue,
        };
        judged.add(name(subject, path), outcome);
    }
    judged
}

impl Judged {
    fn add(&mut self, name: String, outcome: Outcome) {
        *(if outcome == Outcome::Fail { &mut self.failed } else { &mut self.passed }) += 1;
        for (map, name) in [(&mut self.together, without_keys(&name)), (&mut self.by_name, name)] {
            let known = map.entry(name).or_insert(outcome);
            if outcome == Outcome::Fail {
                *known = outcome;
            }
        }
    }

    fn outcome(&self, name: &str) -> Option<Outcome> {
        let together = || self.together.get(name);
        // How many instances there are may not be known: then one stands for them.
        let alone = || self.by_name.get(&without_keys(name));
        self.by_name.get(name).or_else(together).or_else(alone).copied()
    }

    /// Compares with what a case says: resources that it names, and others that failed when it names all.
    pub(crate) fn compare(&self, case: &Json) -> Compared {
        let (pass, fail) = (names(case, "pass"), names(case, "fail"));
        if pass.is_empty() && fail.is_empty() {
            return self.compare_counts(case);
        }
        let mut compared = Compared::default();
        let named = pass.iter().map(|name| (name, Outcome::Pass)).chain(fail.iter().map(|name| (name, Outcome::Fail)));
        for (name, outcome) in named {
            compared.total += 1;
            match self.outcome(name) {
                Some(found) if found == outcome => compared.right += 1,
                found => {
                    let found = found.map_or_else(|| "not judged".to_owned(), |found| format!("{found}"));
                    compared.differences.push((name.clone(), format!("{found}, not {outcome}")));
                }
            }
        }
        if case["exact"] != false {
            let known: HashSet<&String> = pass.iter().chain(&fail).collect();
            let failed = self.by_name.iter().filter(|(_, outcome)| **outcome == Outcome::Fail);
            for (name, _) in failed.filter(|(name, _)| !known.contains(name) && !known.contains(&without_keys(name))) {
                compared.total += 1;
                compared.differences.push((name.clone(), "fail, not judged".to_owned()));
            }
        }
        compared
    }

    /// Compares with a case that only says how many pass and fail.
    fn compare_counts(&self, case: &Json) -> Compared {
        let mut compared = Compared::default();
        for (field, found) in [("failed", self.failed), ("passed", self.passed)] {
            let expected = case["counts"][field].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
            compared.right += expected.min(found);
            compared.total += expected.max(found);
            if expected != found {
                compared.differences.push((format!("({field})"), format!("{found}, not {expected}")));
            }
        }
        compared
    }
}

/// What the data calls a subject.
fn name(subject: &Subject, root: &Path) -> String {
    let address = subject.address.as_str();
    match subject.resource_type.as_str() {
        "dockerfile" if root.is_file() => "/".to_owned() + &root.file_name().unwrap_or_default().to_string_lossy(),
        "dockerfile" => address.strip_prefix(&*root.to_string_lossy()).unwrap_or_default().to_owned(),
        // Objects without a namespace are named as if they were in the default one, those that belong to none as well.
        _ if subject.kind == SubjectKind::Kubernetes => {
            let name = address.rsplit('/').next().unwrap_or_default();
            let namespace = subject.document.at(&["metadata", "namespace"]).and_then(Value::as_str);
            [subject.resource_type.as_str(), namespace.unwrap_or("default"), name].join(".")
        }
        "module" => address.rsplit_once("module.").map_or("", |(_, name)| name).to_owned(),
        // Data sources are named without `data.`.
        kind if kind.starts_with("data.") => address.replacen("data.", "", 1),
        _ => address.replace('/', "."),
    }
}

fn without_keys(address: &str) -> String {
    let mut depth = 0;
    address
        .chars()
        .filter(|character| {
            depth += i32::from(*character == '[');
            let keep = depth == 0;
            depth -= i32::from(*character == ']');
            keep
        })
        .collect()
}

fn names(case: &Json, field: &str) -> Vec<String> {
    let mut names = Vec::new();
    for name in case[field].as_array().into_iter().flatten().filter_map(Json::as_str) {
        let name = match name.rsplit_once('.') {
            // Dockerfiles are named with the instruction that was found.
            Some((file, _)) if name.starts_with('/') => file,
            _ => name.strip_prefix("data.").unwrap_or(name),
        };
        // One file may be named for several of its instructions.
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}
