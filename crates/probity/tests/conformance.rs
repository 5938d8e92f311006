//! Verdicts compared with those of other tools on their own test data.
//!
//! The data lies in the folder that `PROBITY_CORPUS` names, by default `../shared/conformance` beside the workspace. The
//! figures are checked in as `conformance.toml`: a run that differs, up or down, fails and prints the figures it found.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{Gate, Outcome, Sources, Stage, Stages, SubjectKind};
use probity_policy_core::{Facts, Policy, PolicySet};
use probity_subject_iac::{ReadOptions, read_paths};
use rayon::prelude::*;
use serde_json::Value;

type Figures = BTreeMap<String, (usize, usize)>;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn corpus() -> Option<PathBuf> {
    let path =
        std::env::var_os("PROBITY_CORPUS").map_or_else(|| workspace().join("../shared/conformance"), PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "the conformance data is not at {}", path.display());
    eprintln!("skipped: the conformance data is not at {}", path.display());
    None
}

fn cases(file: &Path) -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// The policies of the catalog that go by an identifier.
fn called(id: &str) -> Vec<Arc<dyn Policy>> {
    probity_catalog::policies().into_iter().filter(|policy| policy.metadata().is_called(id)).collect()
}

/// Policies of a file, or of all files in a folder.
fn policies_of(path: &Path) -> Vec<Arc<dyn Policy>> {
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
struct Judged {
    /// For each resource, by its name in the form of the data: passed, or failed at least once.
    by_name: HashMap<String, Outcome>,
    passed: usize,
    failed: usize,
}

fn judge(path: &Path, policies: Vec<Arc<dyn Policy>>) -> Judged {
    let sources = Sources::default();
    let set = PolicySet::builder(Gate::Ci, Stages::all(Stage::Enforce)).policies(policies).build().unwrap();
    let Ok(tree) = read_paths(&[path.to_owned()], &sources, &ReadOptions::default(), &|_| {}) else {
        return Judged::default();
    };
    let facts = Facts { graph: &tree.graph, today: jiff::civil::date(2026, 1, 1) };
    let rulings = set.rule(&facts);
    let mut judged = Judged::default();
    for (index, subject) in tree.graph.iter() {
        let decision = set.evaluate(subject, index, &facts, &rulings);
        let name = match subject.resource_type.as_str() {
            "dockerfile" => subject.address.strip_prefix(&*path.to_string_lossy()).unwrap_or_default().to_owned(),
            // Objects without a namespace are named as if they were in the default one.
            _ if subject.kind == SubjectKind::Kubernetes && subject.address.matches('/').count() == 1 => {
                subject.address.replace('/', ".default.")
            }
            _ => without_keys(&subject.address.replace('/', ".")),
        };
        let has = |outcome| decision.findings.iter().any(|finding| finding.outcome == outcome);
        if has(Outcome::Fail) {
            judged.failed += 1;
            judged.by_name.insert(name, Outcome::Fail);
        } else if has(Outcome::Pass) {
            judged.passed += 1;
            judged.by_name.entry(name).or_insert(Outcome::Pass);
        }
    }
    judged
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

fn names(case: &Value, field: &str) -> Vec<String> {
    let list = case[field].as_array().into_iter().flatten();
    list.filter_map(Value::as_str)
        .map(|name| match name.split_once("/Dockerfile.") {
            // Dockerfiles are named with the instruction that was found.
            Some((folder, _)) => format!("{folder}/Dockerfile"),
            None => without_keys(name),
        })
        .collect()
}

/// Whether all resources named by a case came out as it says, and no other failed when it names all.
fn agrees(case: &Value, judged: &Judged) -> bool {
    let (pass, fail) = (names(case, "pass"), names(case, "fail"));
    let came = |name: &String, outcome| judged.by_name.get(name) == Some(&outcome);
    if pass.is_empty() && fail.is_empty() {
        let count = |field: &str| case["counts"][field].as_u64().and_then(|count| usize::try_from(count).ok());
        return count("failed") == Some(judged.failed) && count("passed") == Some(judged.passed);
    }
    let expected: HashSet<&String> = fail.iter().collect();
    pass.iter().all(|name| came(name, Outcome::Pass))
        && fail.iter().all(|name| came(name, Outcome::Fail))
        && (case["exact"] == false
            || judged.by_name.iter().all(|(name, outcome)| *outcome != Outcome::Fail || expected.contains(name)))
}

fn fixtures(root: &Path) -> Vec<(String, bool)> {
    cases(&root.join("fixtures.json"))
        .par_iter()
        .filter(|case| ["terraform", "kubernetes", "dockerfile"].contains(&case["framework"].as_str().unwrap()))
        .flat_map_iter(|case| {
            let framework = case["framework"].as_str().unwrap();
            let path = root.join(case["fixture"].as_str().unwrap());
            let builtin = called(case["id"].as_str().unwrap());
            let mut results = vec![(
                format!("checkov-fixtures-{framework}"),
                !builtin.is_empty() && agrees(case, &judge(&path, builtin)),
            )];
            if let Some(policy) = case["policy"].as_str() {
                let own = policies_of(&root.join(policy));
                results.push((
                    format!("checkov-policies-{framework}"),
                    !own.is_empty() && agrees(case, &judge(&path, own)),
                ));
            }
            results
        })
        .collect()
}

fn inline(root: &Path) -> Vec<(String, bool)> {
    cases(&root.join("inline.json"))
        .iter()
        .filter_map(|case| {
            let builtin = called(case["id"].as_str()?);
            let Some(hcl) = case["hcl"].as_str() else { return Some(("checkov-inline".to_owned(), false)) };
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("main.tf"), hcl).unwrap();
            let judged = judge(folder.path(), builtin.clone());
            let right = !judged.by_name.is_empty() && (judged.failed > 0) == (case["result"] == "FAILED");
            Some(("checkov-inline".to_owned(), !builtin.is_empty() && right))
        })
        .collect()
}

fn operators(root: &Path) -> Vec<(String, bool)> {
    cases(&root.join("operators.json"))
        .par_iter()
        .map(|case| {
            let id = case["id"].as_str().unwrap();
            let mut policies = policies_of(&root.join(case["policies"].as_str().unwrap()));
            policies.retain(|policy| policy.metadata().id.as_str() == id);
            let path = root.join(case["fixture"].as_str().unwrap());
            ("checkov-operators".to_owned(), !policies.is_empty() && agrees(case, &judge(&path, policies)))
        })
        .collect()
}

#[test]
fn figures_are_those_checked_in() {
    let Some(corpus) = corpus() else { return };
    let root = corpus.join("checkov");
    let mut found = Figures::new();
    for (suite, right) in fixtures(&root).into_iter().chain(inline(&root)).chain(operators(&root)) {
        let (passed, total) = found.entry(suite).or_default();
        *passed += usize::from(right);
        *total += 1;
    }
    let shown: Vec<String> = found
        .iter()
        .map(|(suite, (passed, total))| format!("[{suite}]\npassed = {passed}\ntotal = {total}\n"))
        .collect();
    let shown = shown.join("\n");
    let file = std::fs::read_to_string(workspace().join("conformance.toml")).unwrap_or_default();
    // Other tests have sections of their own in that file.
    let known: Vec<&str> = file.split("\n[").map(|section| section.trim_start_matches('[')).collect();
    let known: Vec<String> = known
        .iter()
        .filter(|section| section.starts_with("checkov-"))
        .map(|section| format!("[{}\n", section.trim_end()))
        .collect();
    assert_eq!(known.join("\n"), shown, "conformance.toml does not say what was found:\n{shown}");
}
