//! Examples of policies: files that are read as a scan reads them, and judged by the policy that they belong to.
//!
//! They stand in two places. A policy of the catalog form has them in itself, under `examples` of a binding. Of a policy in any
//! language, in `policies/name.rego` say, they are the files and folders of `policies/.examples/name` whose names begin with
//! `pass`, `fail` or `unknown`. The folder is hidden, so that nobody scans what is wrong on purpose.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use probity_catalog::Format;
use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{
    CONTAINER_IMAGE, Decision, Gate, Location, Outcome, ResourceGraph, Source, Sources, Stage, Stages, Subject,
    WHOLE_PLAN,
};
use probity_policy_conftest::Options as RegoOptions;
use probity_policy_core::{Facts, Policy, PolicySet, TypeSelector};
use probity_policy_test::{Case, Outcome as Held, Suite};
use probity_secrets::subject::TYPE_PREFIX;
use probity_subject_iac::{ReadOptions, read_paths};
use regex::Regex;

use super::check::is_ignored;
use super::{Own, collect_files, compile, entries, is_rego, read_documents, root};
use crate::scanning::decide;
use crate::{documents, input, secrets, today};

/// Where examples stand beside a policy.
pub(crate) const FOLDER: &str = ".examples";

/// Runs the examples of the policies at paths; only those whose full name, `file/example` or `id/pass 1`, has a match are told.
pub(crate) fn run(paths: &[PathBuf], ignore: &[String], only: Option<&Regex>) -> Vec<Suite> {
    let mut files = Vec::new();
    for path in paths {
        // What cannot be read has been told of by others who look for tests.
        let _ = collect_files(path, &mut files, 0);
    }
    files.retain(|path| !is_ignored(path, ignore) && !path.components().any(|part| part.as_os_str() == FOLDER));
    files.sort();
    files.dedup();
    let modules: Vec<PathBuf> = files.iter().filter(|path| is_rego(path)).cloned().collect();
    let suites = files.iter().map(|path| {
        let started = Instant::now();
        let mut cases = inner(path);
        cases.extend(beside(path, &modules));
        let share = started.elapsed() / u32::try_from(cases.len()).unwrap_or(u32::MAX).max(1);
        for case in &mut cases {
            case.duration = share;
        }
        cases.retain(|case| only.is_none_or(|only| only.is_match(&case.name)));
        Suite { name: shown(path).display().to_string(), language: "examples", cases }
    });
    suites.filter(|suite| !suite.cases.is_empty()).collect()
}

fn shown(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

/// What an example shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// Something is judged, and nothing fails.
    Pass,
    /// Something fails.
    Fail,
    /// Something cannot be decided, and nothing fails.
    Unknown,
}

impl Shows {
    /// By the name of a file or folder.
    fn of(name: &str) -> Option<Self> {
        let known = [("pass", Self::Pass), ("fail", Self::Fail), ("unknown", Self::Unknown)];
        known.into_iter().find(|(word, _)| name.starts_with(word)).map(|(_, shows)| shows)
    }
}

/// The examples beside the policies of a file.
fn beside(path: &Path, modules: &[PathBuf]) -> Vec<Case> {
    let (Some(folder), Some(stem)) = (path.parent(), path.file_stem()) else { return Vec::new() };
    let folder = folder.join(FOLDER).join(stem);
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        if let Some(shows) = entry.file_name().to_str().and_then(Shows::of) {
            found.insert(entry.path(), shows);
        }
    }
    if found.is_empty() {
        return Vec::new();
    }
    let name = |example: &Path| {
        let example = example.strip_prefix(&folder).unwrap_or(example);
        format!("{}/{}", stem.to_string_lossy(), example.display())
    };
    let judge = match Judge::of_file(path, modules) {
        Ok(judge) => judge,
        Err(error) => return vec![case(stem.to_string_lossy().into_owned(), top(path), Err(format!("{error:#}")))],
    };
    found.iter().map(|(example, shows)| case(name(example), top(example), judge.example(example, *shows))).collect()
}

/// The examples that policies of a file have in themselves.
fn inner(path: &Path) -> Vec<Case> {
    let sources = Sources::default();
    if is_rego(path) {
        return Vec::new();
    }
    let Ok(text) = input::read_text(path) else { return Vec::new() };
    let Ok(documents) = read_documents(path, &text, &sources) else { return Vec::new() };
    let policies = documents.iter().map(root).filter(|root| root.value.get("policies").is_some());
    let examples: Vec<Inner<'_>> = policies.flat_map(|root| entries(root)).flat_map(of_policy).collect();
    if examples.is_empty() {
        return Vec::new();
    }
    let judge = match Judge::of_file(path, &[]) {
        Ok(judge) => judge,
        Err(error) => return vec![case(shown(path).display().to_string(), top(path), Err(format!("{error:#}")))],
    };
    let told = |example: &Inner<'_>| {
        let place = example.node.span.and_then(|span| sources.locate(span)).unwrap_or_else(|| top(path));
        case(example.name.clone(), place, judge.inner(example))
    };
    examples.iter().map(told).collect()
}

/// An example within a policy.
struct Inner<'a> {
    name: String,
    policy: &'a str,
    format: Format,
    shows: Shows,
    node: Node<'a>,
}

/// The examples of a policy. What is not of the form is told when the file is read as policies.
fn of_policy(policy: Node<'_>) -> Vec<Inner<'_>> {
    let mut found = Vec::new();
    let Ok(fields) = policy.mapping() else { return found };
    let Some(id) = fields.optional("id").and_then(|id| id.string().ok()) else { return found };
    let bindings = fields.optional("bindings").and_then(|bindings| bindings.list().ok()).unwrap_or_default();
    let mut numbers = BTreeMap::new();
    for binding in bindings.into_iter().filter_map(|binding| binding.mapping().ok()) {
        let types = binding.optional("types").and_then(|types| types.list_or_one().ok()).unwrap_or_default();
        let first = types.first().and_then(|first| first.string().ok());
        let Some(examples) = binding.optional("examples").and_then(|examples| examples.mapping().ok()) else {
            continue;
        };
        for (key, list) in examples.entries() {
            let Some(shows) = Shows::of(key.as_str()) else { continue };
            for node in list.list().unwrap_or_default() {
                let number: &mut usize = numbers.entry(key.as_str()).or_default();
                *number += 1;
                let name = format!("{id}/{} {number}", key.as_str());
                let format = match first {
                    Some(first) => Format::of_type(first),
                    None if binding.optional("secret").is_some() => Format::Text,
                    None => Format::Terraform,
                };
                found.push(Inner { name, policy: id, format, shows, node });
            }
        }
    }
    found
}

/// The name of a file of this format.
pub(crate) fn file_name(format: Format) -> &'static str {
    match format {
        Format::Terraform => "example.tf",
        Format::CloudFormation => "template.yaml",
        Format::Kubernetes => "example.yaml",
        Format::Dockerfile => "Dockerfile",
        Format::GitHubActions => "workflow.yaml",
        Format::Text => "example.txt",
        Format::Image => "image.yaml",
    }
}

/// Policies that examples are judged by.
struct Judge {
    policies: Vec<Arc<dyn Policy>>,
    judges_documents: bool,
}

impl Judge {
    /// The policies of a file; a Rego module may use the others.
    fn of_file(path: &Path, modules: &[PathBuf]) -> Result<Self> {
        let sources = Arc::new(Sources::default());
        let mut texts = Vec::new();
        let others = modules.iter().filter(|other| is_rego(path) && *other != path);
        for file in std::iter::once(path).chain(others.map(PathBuf::as_path)) {
            texts.push(Source::new(file, input::read_text(file)?));
        }
        let own = compile(texts, RegoOptions::default(), &sources, &[])?;
        if let Some((path, problem)) = own.problems.first() {
            anyhow::bail!("{}", problem.display(&sources, path));
        }
        let is_here = |policy: &&Arc<dyn Policy>| {
            let span = own.places.get(&policy.metadata().id);
            let source = span.and_then(|span| sources.get(span.source));
            source.is_none_or(|source| source.path == path)
        };
        let policies: Vec<Arc<dyn Policy>> = own.policies.iter().filter(is_here).cloned().collect();
        let Own { judges_documents, .. } = own;
        if policies.is_empty() {
            anyhow::bail!("{}: there is no policy in the file that judges something", path.display());
        }
        Ok(Self { policies, judges_documents })
    }

    fn inner(&self, example: &Inner<'_>) -> Result<(), String> {
        let text = example.node.string().map_err(|problem| problem.to_string())?;
        let alone = self.policies.iter().filter(|policy| policy.metadata().id.as_str() == example.policy);
        let alone = Self { policies: alone.cloned().collect(), ..*self };
        if example.format == Format::Image {
            let (decisions, problems) = alone.decide_image(text).map_err(|error| format!("{error:#}"))?;
            return alone.told(&decisions, &problems, example.shows);
        }
        let folder = tempfile::tempdir().map_err(|error| format!("no folder for the example: {error}"))?;
        let file = folder.path().join(file_name(example.format));
        std::fs::write(&file, text).map_err(|error| format!("the example cannot be written: {error}"))?;
        let told = alone.example(&file, example.shows);
        // The place is that of the example; where its file was for a moment tells nobody anything.
        told.map_err(|message| message.replace(&format!("{}/", folder.path().display()), ""))
    }

    fn example(&self, path: &Path, shows: Shows) -> Result<(), String> {
        let (decisions, problems) = self.decide(path).map_err(|error| format!("{error:#}"))?;
        self.told(&decisions, &problems, shows)
    }

    /// Whether what was decided is what the example shows.
    fn told(&self, decisions: &[Decision], problems: &[String], shows: Shows) -> Result<(), String> {
        if let Some(problem) = problems.first() {
            return Err(format!("it cannot be read: {problem}"));
        }
        let findings = || decisions.iter().flat_map(|one| one.findings.iter().map(move |finding| (one, finding)));
        let of = |outcome: Outcome| findings().filter(move |(_, finding)| finding.outcome == outcome);
        let words = |(decision, finding): (&Decision, &probity_model::Finding), what: &str| {
            format!("{} {what}: {}", decision.subject.address, finding.message)
        };
        if let Some(found) = of(Outcome::Error).next() {
            return Err(words(found, "ends with an error"));
        }
        let (failed, open) = (of(Outcome::Fail).next(), of(Outcome::Unknown).next());
        match (shows, failed, open) {
            (Shows::Fail, Some(_), _) | (Shows::Unknown, None, Some(_)) => Ok(()),
            (Shows::Fail, None, _) => Err(format!("nothing fails here; judged: {}", judged(decisions))),
            (_, Some(found), _) => Err(words(found, "fails")),
            (Shows::Unknown, None, None) => {
                Err(format!("nothing is left undecided here; judged: {}", judged(decisions)))
            }
            (Shows::Pass, None, Some(found)) => Err(words(found, "cannot be decided")),
            (Shows::Pass, None, None) if self.seeks_secrets() || of(Outcome::Pass).next().is_some() => Ok(()),
            (Shows::Pass, None, None) => {
                Err("the policy judges nothing here: its types or kinds are others than those of the example"
                    .to_owned())
            }
        }
    }

    /// Whether what is judged is there only when it is found: a text without secrets is no subject.
    fn seeks_secrets(&self) -> bool {
        let mut types = self.policies.iter().flat_map(|policy| policy.types());
        types.all(|types| matches!(types, TypeSelector::Exact(name) if name.starts_with(TYPE_PREFIX)))
    }

    /// Judges what is known of an image, which is a document as it is.
    fn decide_image(&self, text: &str) -> Result<(Vec<Decision>, Vec<String>)> {
        let sources = Sources::default();
        let path = Path::new(file_name(Format::Image));
        let documents = match yaml::read(text, sources.add(path, text), Dialect::Core) {
            Ok(documents) => documents,
            Err((problem, _)) => return Ok((Vec::new(), vec![problem.display(&sources, path)])),
        };
        let subjects = documents
            .into_iter()
            .map(|document| Subject { span: Some(document.span), ..Subject::image(CONTAINER_IMAGE, document.value) });
        let graph = ResourceGraph::new(subjects.collect(), []);
        Ok((decide(&self.set()?, &graph, &sources), Vec::new()))
    }

    fn set(&self) -> Result<PolicySet> {
        let stages = Stages::all(Stage::Enforce);
        Ok(PolicySet::builder(Gate::Ci, stages).policies(self.policies.iter().cloned()).build()?)
    }

    fn decide(&self, path: &Path) -> Result<(Vec<Decision>, Vec<String>)> {
        let sources = Sources::default();
        let documents = self.judges_documents.then(Vec::new);
        let set = self.set()?;
        let whole_plans = set.types().any(|types| types.matches(WHOLE_PLAN));
        let options = ReadOptions { documents, whole_plans, texts: secrets::texts(&set), ..ReadOptions::default() };
        let mut tree = read_paths(&[path.to_owned()], &sources, &options, &|_| {})?;
        documents::add(&mut tree, None, false, &sources);
        secrets::add(&mut tree, &sources);
        let facts = Facts::of_files(&tree.graph, today());
        let rulings = set.rule(&facts);
        let decisions =
            tree.graph.iter().map(|(index, subject)| set.evaluate(subject, index, &facts, &rulings)).collect();
        let problems = tree.problems.iter().map(|(path, problem)| problem.display(&sources, path)).collect();
        Ok((decisions, problems))
    }
}

fn judged(decisions: &[Decision]) -> String {
    let judged = decisions.iter().filter(|decision| !decision.findings.is_empty());
    let names: Vec<&str> = judged.map(|decision| decision.subject.address.as_str()).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn top(path: &Path) -> Location {
    Location { path: shown(path).to_owned(), line: 1, column: 1, end_line: 1, end_column: 1 }
}

fn case(name: String, location: Location, told: Result<(), String>) -> Case {
    let outcome = if told.is_ok() { Held::Pass } else { Held::Fail };
    Case {
        name,
        outcome,
        duration: Duration::ZERO,
        location: Some(location),
        message: told.err(),
        failure: None,
        trace: String::new(),
        output: String::new(),
    }
}
