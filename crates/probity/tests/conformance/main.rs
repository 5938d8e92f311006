//! Verdicts compared with those of other tools on their own test data.
//!
//! The data lies in the folder that `PROBITY_CORPUS` names, by default `../shared/conformance` beside the workspace. The
//! figures are checked in as `conformance.toml`: a run that differs, up or down, fails and prints the figures it found.
//! `PROBITY_CONFORMANCE_LIST` may name a file to write every case to, with what did not come out as it says.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{Gate, Outcome, Sources, Stage, Stages, SubjectKind};
use probity_policy_core::{Facts, Policy, PolicySet};
use probity_subject_iac::{ReadOptions, read_paths};
use rayon::prelude::*;
use serde_json::Value;

type Figures = BTreeMap<String, (usize, usize)>;

/// The workspace that the test is run for, which need not be where it was built.
fn workspace() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    package.as_deref().unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR"))).join("../..")
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

/// The policies of the catalog, from its files.
static CATALOG: LazyLock<Vec<Arc<dyn Policy>>> = LazyLock::new(|| {
    let folders = std::fs::read_dir(workspace().join("crates/catalog/policies")).unwrap();
    folders.flat_map(|folder| policies_of(&folder.unwrap().path())).collect()
});

/// The policies of the catalog that go by an identifier.
fn called(id: &str) -> Vec<Arc<dyn Policy>> {
    CATALOG.iter().filter(|policy| policy.metadata().is_called(id)).cloned().collect()
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
            "module" => subject.address.rsplit_once("module.").map_or("", |(_, name)| name).to_owned(),
            // Data sources are named without `data.`.
            _ => without_keys(&subject.address.replace('/', ".").replacen(
                "data.",
                "",
                usize::from(subject.resource_type.starts_with("data.")),
            )),
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
            None => without_keys(name.strip_prefix("data.").unwrap_or(name)),
        })
        .collect()
}

/// What did not come out as a case says: resources that it names, and others that failed when it names all.
fn differences(case: &Value, judged: &Judged) -> Vec<String> {
    let (pass, fail) = (names(case, "pass"), names(case, "fail"));
    if pass.is_empty() && fail.is_empty() {
        let count =
            |field: &str| case["counts"][field].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
        let counts = [("failed", judged.failed), ("passed", judged.passed)].into_iter();
        return counts
            .filter(|(field, found)| count(field) != *found)
            .map(|(field, found)| format!("{found} {field} instead of {}", count(field)))
            .collect();
    }
    let named = pass.iter().map(|name| (name, Outcome::Pass)).chain(fail.iter().map(|name| (name, Outcome::Fail)));
    let mut differences: Vec<String> = named
        .filter(|(name, outcome)| judged.by_name.get(*name) != Some(outcome))
        .map(|(name, outcome)| format!("{name} not {outcome}"))
        .collect();
    if case["exact"] != false {
        let expected: HashSet<&String> = fail.iter().collect();
        let failed = judged.by_name.iter().filter(|(_, outcome)| **outcome == Outcome::Fail);
        differences
            .extend(failed.filter(|(name, _)| !expected.contains(name)).map(|(name, _)| format!("{name} fails")));
    }
    differences
}

fn result(suite: String, name: String, known: bool, case: &Value, judge: impl FnOnce() -> Judged) -> Case {
    let differences = if known { differences(case, &judge()) } else { vec!["no such policy".to_owned()] };
    Case { suite, name, differences }
}

/// A case that was tried.
struct Case {
    suite: String,
    name: String,
    differences: Vec<String>,
}

fn fixtures(root: &Path) -> Vec<Case> {
    cases(&root.join("fixtures.json"))
        .par_iter()
        .filter(|case| {
            ["terraform", "cloudformation", "kubernetes", "dockerfile"].contains(&case["framework"].as_str().unwrap())
        })
        .flat_map_iter(|case| {
            let framework = case["framework"].as_str().unwrap();
            let path = root.join(case["fixture"].as_str().unwrap());
            let builtin = called(case["id"].as_str().unwrap());
            let name = format!("{} {}", case["id"].as_str().unwrap(), case["fixture"].as_str().unwrap());
            let suite = format!("checkov-fixtures-{framework}");
            let mut results = vec![result(suite, name.clone(), !builtin.is_empty(), case, || judge(&path, builtin))];
            if let Some(policy) = case["policy"].as_str() {
                let own = policies_of(&root.join(policy));
                let suite = format!("checkov-policies-{framework}");
                results.push(result(suite, name, !own.is_empty(), case, || judge(&path, own)));
            }
            results
        })
        .collect()
}

/// The first resource type of each of Checkov's Terraform checks.
fn types(root: &Path) -> HashMap<String, String> {
    let rows = std::fs::read_to_string(root.join("checks.tsv")).unwrap();
    rows.lines()
        .filter_map(|row| {
            let columns: Vec<&str> = row.split('\t').collect();
            let first = columns.get(3)?.split([' ', ',', ';', '|']).next()?.trim_matches('"');
            (columns[1] == "terraform").then(|| (columns[0].to_owned(), first.to_owned()))
        })
        .collect()
}

/// A resource as Checkov keeps it, in which every value is in a list of its own, as it is written.
fn unwrapped(value: &Value) -> Value {
    match value {
        Value::Array(list) => match list.as_slice() {
            [one] if !one.is_object() => unwrapped(one),
            many => many.iter().map(unwrapped).collect(),
        },
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), unwrapped(value))).collect(),
        other => other.clone(),
    }
}

/// The resource of a case as a file: its name and its text.
fn written(case: &Value, types: &HashMap<String, String>) -> Option<(&'static str, String)> {
    if let Some(hcl) = case["hcl"].as_str() {
        return Some(("main.tf", hcl.to_owned()));
    }
    if case["framework"] == "cloudformation" {
        return Some(("template.json", serde_json::json!({"Resources": {"Case": case["conf"]}}).to_string()));
    }
    let resource_type = types.get(case["id"].as_str()?).filter(|_| case["framework"] == "terraform")?;
    let resource = serde_json::json!({"resource": {resource_type: {"case": unwrapped(&case["conf"])}}});
    Some(("main.tf.json", resource.to_string()))
}

fn inline(root: &Path) -> Vec<Case> {
    let types = types(root);
    cases(&root.join("inline.json"))
        .iter()
        .map(|case| {
            let builtin = called(case["id"].as_str().unwrap());
            let name = format!("{} {}", case["id"].as_str().unwrap(), case);
            let differences = match written(case, &types) {
                _ if builtin.is_empty() => vec!["no such policy".to_owned()],
                None => vec!["not a resource that is known".to_owned()],
                Some((file, text)) => {
                    let folder = tempfile::tempdir().unwrap();
                    std::fs::write(folder.path().join(file), text).unwrap();
                    let judged = judge(folder.path(), builtin);
                    let right = !judged.by_name.is_empty() && (judged.failed > 0) == (case["result"] == "FAILED");
                    if right { Vec::new() } else { vec![format!("{} failed, {} passed", judged.failed, judged.passed)] }
                }
            };
            Case { suite: "checkov-inline".to_owned(), name, differences }
        })
        .collect()
}

fn operators(root: &Path) -> Vec<Case> {
    cases(&root.join("operators.json"))
        .par_iter()
        .map(|case| {
            let id = case["id"].as_str().unwrap();
            let mut policies = policies_of(&root.join(case["policies"].as_str().unwrap()));
            policies.retain(|policy| policy.metadata().id.as_str() == id);
            let path = root.join(case["fixture"].as_str().unwrap());
            let name = format!("{id} {} {}", case["policies"].as_str().unwrap(), case["fixture"].as_str().unwrap());
            result("checkov-operators".to_owned(), name, !policies.is_empty(), case, || judge(&path, policies))
        })
        .collect()
}

/// Trivy's examples: which of its checks each file shows.
const TRIVY_EXAMPLES: &str = include_str!("data/trivy-examples.tsv");

/// The forms that Trivy's examples are written in, each with the file to write one to.
const FORMS: [(&str, &str); 4] = [
    ("terraform", "main.tf"),
    ("cloudformation", "template.yaml"),
    ("kubernetes", "object.yaml"),
    ("dockerfile", "Dockerfile"),
];

fn trivy(root: &Path) -> Vec<Case> {
    TRIVY_EXAMPLES
        .par_lines()
        .filter_map(|line| line.split_once('\t'))
        .flat_map_iter(|(file, id)| trivy_file(&root.join(file), file, id))
        .collect()
}

fn trivy_file(path: &Path, file: &str, id: &str) -> Vec<Case> {
    let sources = Sources::default();
    let text = std::fs::read_to_string(path).unwrap();
    let source = sources.add(path, text.clone());
    let documents = yaml::read(&text, source, Dialect::Core).unwrap();
    let policies = called(id);
    let mut cases = Vec::new();
    for (form, name) in FORMS {
        for (kind, fails) in [("good", false), ("bad", true)] {
            let examples = documents[0].value.get(form).and_then(|form| form.get(kind));
            for (number, example) in examples.and_then(|list| list.as_array()).into_iter().flatten().enumerate() {
                let text = example.as_str().unwrap();
                let differences = trivy_example(name, text, &policies, fails);
                cases.push(Case {
                    suite: format!("trivy-examples-{form}"),
                    name: format!("{id} {file} {kind} {number}"),
                    differences,
                });
            }
        }
    }
    cases
}

fn trivy_example(name: &str, text: &str, policies: &[Arc<dyn Policy>], fails: bool) -> Vec<String> {
    if policies.is_empty() {
        return vec!["no such policy".to_owned()];
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    let judged = judge(folder.path(), policies.to_vec());
    let right = (judged.failed > 0) == fails;
    if right { Vec::new() } else { vec![format!("{} failed, {} passed", judged.failed, judged.passed)] }
}

#[test]
fn figures_are_those_checked_in() {
    let Some(corpus) = corpus() else { return };
    let root = corpus.join("checkov");
    let mut found = Figures::new();
    let cases: Vec<Case> = fixtures(&root)
        .into_iter()
        .chain(inline(&root))
        .chain(operators(&root))
        .chain(trivy(&corpus.join("trivy/examples")))
        .collect();
    for case in &cases {
        let (passed, total) = found.entry(case.suite.clone()).or_default();
        *passed += usize::from(case.differences.is_empty());
        *total += 1;
    }
    if let Some(path) = std::env::var_os("PROBITY_CONFORMANCE_LIST") {
        let line = |case: &Case| format!("{}\t{}\t{}\n", case.suite, case.name, case.differences.join(", "));
        std::fs::write(path, cases.iter().map(line).collect::<String>()).unwrap();
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
        .filter(|section| section.starts_with("checkov-") || section.starts_with("trivy-"))
        .map(|section| format!("[{}\n", section.trim_end()))
        .collect();
    assert_eq!(known.join("\n"), shown, "conformance.toml does not say what was found:\n{shown}");
}
