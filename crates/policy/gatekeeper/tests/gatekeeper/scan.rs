//! Constraints as policies of a whole set over objects read together, compared with `gator test` on the samples of
//! Gatekeeper's library.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiff::civil::date;
use probity_model::node::Node;
use probity_model::yaml::{self, Dialect, Document};
use probity_model::{
    Gate, Labels, Outcome, ResourceGraph, SmolStr, SourceId, Stage, Stages, Subject, SubjectKind, Value, json,
};
use probity_policy_core::{Facts, Policy, PolicySet};

/// A violation: constraint, object, message.
type Violations = BTreeSet<(String, String, String)>;

fn text<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    value.at(path).and_then(Value::as_str).unwrap_or_default()
}

fn name(object: &Value) -> String {
    [text(object, &["kind"]), text(object, &["metadata", "namespace"]), text(object, &["metadata", "name"])].join("/")
}

fn subject(document: &Value) -> Subject {
    Subject {
        kind: SubjectKind::Kubernetes,
        resource_type: SmolStr::from(text(document, &["kind"])),
        address: SmolStr::from(name(document)),
        document: document.clone(),
        span: None,
        header: None,
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
        sensitive: None,
    }
}

/// Everything that a set of the policies among the documents finds wrong with the others.
fn ours(documents: &[Document]) -> Violations {
    let nodes: Vec<Node<'_>> = documents.iter().map(|document| Node::root(&document.value, document.span)).collect();
    let policies = probity_policy_gatekeeper::read(&nodes).unwrap_or_else(|problems| panic!("{problems:?}"));
    let policies = policies.into_iter().map(|policy| Arc::new(policy) as Arc<dyn Policy>);
    let set = PolicySet::builder(Gate::Ci, Stages::all(Stage::Enforce)).policies(policies).build().unwrap();
    let graph = ResourceGraph::new(documents.iter().map(|document| subject(&document.value)).collect(), []);
    let facts = Facts::of_files(&graph, date(2026, 8, 1));
    let rulings = set.rule(&facts);
    let mut violations = Violations::new();
    for (index, subject) in graph.iter() {
        for finding in set.evaluate(subject, index, &facts, &rulings).findings {
            if finding.outcome != Outcome::Pass {
                violations.insert((finding.policy.to_string(), subject.address.to_string(), finding.message));
            }
        }
    }
    violations
}

fn theirs(files: &[PathBuf]) -> Result<Violations, String> {
    let gator = std::env::var_os("PROBITY_GATOR").expect("PROBITY_GATOR names the program gator");
    let mut command = Command::new(gator);
    command.args(["test", "-o", "json"]);
    for file in files {
        command.arg("-f").arg(file);
    }
    let output = command.output().unwrap();
    let found = json::read(&output.stdout).map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let results = found.as_array().map(probity_model::value::Array::as_slice).unwrap_or_default();
    Ok(results
        .iter()
        .map(|result| {
            let constraint = [text(result, &["constraint", "kind"]), text(result, &["constraint", "metadata", "name"])];
            let object = result.get("violatingObject").map(name).unwrap_or_default();
            (constraint.join("/"), object, text(result, &["msg"]).to_owned())
        })
        .collect())
}

fn documents(files: &[PathBuf]) -> Vec<Document> {
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        yaml::read(&text, SourceId(0), Dialect::Kubernetes).unwrap()
    };
    files.iter().flat_map(read).collect()
}

/// Folders of samples with the files to be read together: the template, a constraint and all samples that are no requests.
fn samples(folder: &Path, template: Option<&Path>, found: &mut Vec<Vec<PathBuf>>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let own = folder.join("template.yaml");
    let template = if own.is_file() { Some(own.as_path()) } else { template };
    if folder.join("constraint.yaml").is_file() {
        let is_yaml = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "yaml");
        let other = ["kind: AdmissionReview", "constraints.gatekeeper.sh"];
        let is_sample = |path: &&PathBuf| {
            let text = std::fs::read_to_string(path).unwrap();
            path.ends_with("constraint.yaml") || !other.iter().any(|other| text.contains(other))
        };
        let files = entries.iter().filter(is_yaml).filter(is_sample).cloned();
        found.push(template.map(Path::to_owned).into_iter().chain(files).collect());
    }
    for path in entries.iter().filter(|path| path.is_dir()) {
        samples(path, template, found);
    }
}

#[test]
#[ignore = "needs gator and the library"]
fn a_set_of_policies_finds_what_gator_finds() {
    let library = std::env::var_os("PROBITY_GATEKEEPER_LIBRARY").expect("PROBITY_GATEKEEPER_LIBRARY names a checkout");
    let mut folders = Vec::new();
    samples(Path::new(&library), None, &mut folders);
    let (mut violations, mut differences) = (0, String::new());
    for files in &folders {
        let mut theirs = theirs(files).unwrap_or_else(|error| panic!("{files:?}: {error}"));
        let mut ours = ours(&documents(files));
        let by_namespace = files.iter().any(|file| {
            file.ends_with("constraint.yaml") && std::fs::read_to_string(file).unwrap().contains("amespaces:")
        });
        if by_namespace {
            // What names no namespace is in one without a name for `gator test`, in none for all others.
            theirs.retain(|(_, object, _)| !object.contains("//"));
            ours.retain(|(_, object, _)| !object.contains("//"));
        }
        violations += theirs.len();
        for (who, some, others) in [("gator", &theirs, &ours), ("ours", &ours, &theirs)] {
            for one in some.difference(others) {
                let _ = writeln!(differences, "{}\n  only {who}: {one:?}", files[1].display());
            }
        }
    }
    eprintln!("{} folders, {violations} violations", folders.len());
    assert!(differences.is_empty(), "{differences}");
}
