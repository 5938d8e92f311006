//! Running the tests of a file.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use probity_model::{Sources, Value};

use super::apply::{Applied, Bench};
use super::files::{self, FileProblem};
use super::judge::{self, Outcomes, ResourceKey, Row};
use super::load::{self, BadPolicy, Loaded, Manifests};
use super::suite::{Expected, Test, is_test};
use crate::images::Images;
use crate::request::Operation;

/// What came out of a test.
#[derive(Debug, Clone)]
pub struct TestReport {
    /// Its file.
    pub path: PathBuf,
    /// Its name; may be empty.
    pub name: String,
    /// Why it could not be run at all.
    pub problem: Option<String>,
    /// What came of each entry of its results.
    pub results: Vec<ResultReport>,
}

/// What came of an entry of a test's results.
#[derive(Debug, Clone)]
pub struct ResultReport {
    /// The entry.
    pub expected: Expected,
    /// What was compared; none when the policy cannot be read.
    pub rows: Vec<Row>,
    /// Why it could not be judged.
    pub problem: Option<String>,
    /// How long it took; the time of applying the policies is with the first.
    pub duration: Duration,
}

impl ResultReport {
    /// Whether everything came out as it must.
    pub fn passed(&self) -> bool {
        self.problem.is_none()
            && !self.rows.is_empty()
            && self.rows.iter().all(|row| row.verdict != judge::Verdict::Fail)
    }
}

/// Runs the tests of a file: each of its documents is one.
///
/// # Errors
/// When the file cannot be read, or is no test.
pub fn run(path: &Path, sources: &Sources) -> Result<Vec<TestReport>, FileProblem> {
    run_asking(path, sources, None)
}

/// As [`run`], where these answer for registries.
///
/// # Errors
/// As [`run`].
pub fn run_asking(
    path: &Path,
    sources: &Sources,
    registries: Option<&Arc<dyn Images>>,
) -> Result<Vec<TestReport>, FileProblem> {
    let documents = files::documents(path, sources)?;
    if documents.is_empty() {
        return Err(FileProblem::new(path, "the file is empty"));
    }
    let mut reports = Vec::new();
    for document in documents.iter().filter(|document| is_test(&document.value)) {
        let test = Test::read(files::node(document)).map_err(|problem| FileProblem::of(path, &problem, sources))?;
        reports.push(run_test(&test, path, sources, registries));
    }
    if reports.is_empty() {
        return Err(FileProblem::new(path, "there is no document of kind Test (cli.kyverno.io/v1alpha1) in it"));
    }
    Ok(reports)
}

fn run_test(test: &Test, path: &Path, sources: &Sources, registries: Option<&Arc<dyn Images>>) -> TestReport {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut report = TestReport { path: path.to_owned(), name: test.name.clone(), problem: None, results: Vec::new() };
    let started = Instant::now();
    match load::load(test, folder, sources) {
        Ok(mut loaded) => {
            loaded.bench.world.registries = registries.cloned();
            let outcomes = outcomes(test, &loaded);
            let manifests = Manifests {
                folder: folder.to_owned(),
                scopes: &loaded.scopes,
                sources,
                read: RefCell::new(HashMap::new()),
            };
            let mut since = started;
            for expected in &test.results {
                let (rows, problem) = judged(expected, &outcomes, &loaded.bad, &manifests);
                let now = Instant::now();
                report.results.push(ResultReport { expected: expected.clone(), rows, problem, duration: now - since });
                since = now;
            }
        }
        Err(problem) => report.problem = Some(problem.to_string()),
    }
    report
}

/// What came out, by the operation that was asked for; none is the usual one.
type ByOperation = HashMap<Option<String>, Outcomes>;

fn outcomes(test: &Test, loaded: &Loaded) -> ByOperation {
    let asked: BTreeSet<Option<String>> =
        test.results.iter().map(|expected| expected.operation.clone()).chain([None]).collect();
    let mut all = ByOperation::new();
    for operation in asked {
        let mut outcomes = apply_all(&loaded.bench, &loaded.resources, operation.as_deref());
        for (name, document) in loaded.payloads.iter().filter(|_| operation.is_none()) {
            outcomes.triggers.insert(ResourceKey::named(name), loaded.bench.apply_to_json(document));
        }
        for (protocol, name, request) in loaded.requests.iter().filter(|_| operation.is_none()) {
            outcomes.triggers.insert(ResourceKey::named(name), loaded.bench.answer(*protocol, request));
        }
        all.insert(operation.clone(), outcomes);
    }
    // Objects that rules changed count for every operation.
    let targets: Vec<(ResourceKey, Applied, usize)> = all
        .values()
        .flat_map(|outcomes| outcomes.triggers.values().flatten())
        .flat_map(|applied| changed(applied, &loaded.targets))
        .collect();
    for outcomes in all.values_mut() {
        for (key, applied, position) in &targets {
            outcomes.targets.entry(key.clone()).or_default().push((applied.clone(), *position));
        }
    }
    all
}

fn apply_all(bench: &Bench, resources: &[Value], operation: Option<&str>) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let operation = operation.and_then(Operation::named);
    for resource in resources {
        outcomes.triggers.insert(ResourceKey::of(resource), bench.apply(resource, operation));
    }
    outcomes
}

/// The targets of a test that rules changed, each with the first rule that did.
fn changed(applied: &Applied, targets: &[Value]) -> Vec<(ResourceKey, Applied, usize)> {
    let mut all = Vec::new();
    for target in targets {
        let key = ResourceKey::of(target);
        let is_it = |rule: &crate::response::RuleResponse| {
            rule.target.as_ref().is_some_and(|changed| ResourceKey::of(&changed.object) == key)
        };
        if let Some(position) = applied.rules.iter().position(is_it) {
            all.push((key, applied.clone(), position));
        }
    }
    all
}

fn judged(
    expected: &Expected,
    outcomes: &ByOperation,
    bad: &[BadPolicy],
    manifests: &Manifests<'_>,
) -> (Vec<Row>, Option<String>) {
    let policy = expected.policy.rsplit('/').next().unwrap_or_default();
    if let Some(bad) = bad.iter().find(|bad| bad.name == policy) {
        return (Vec::new(), Some(bad.problem.clone()));
    }
    match outcomes.get(&expected.operation) {
        Some(outcomes) => (judge::rows(expected, outcomes, manifests), None),
        None => (Vec::new(), None),
    }
}
