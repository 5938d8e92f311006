//! Kyverno's tests, `kyverno-test.yaml`, as `kyverno test` runs them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use probity_model::{Location, Sources, Span};
use probity_policy_kyverno::images::Images;
use probity_policy_kyverno::testing::{self, ResultReport, Row, TestReport, Verdict};
use regex::Regex;

use crate::results::{Case, Outcome, Suite};
use crate::walk;

/// The name of every file with tests.
const FILE: &str = "kyverno-test.yaml";

/// The files with tests at paths. Files and folders whose names match `ignore` are left out; hidden folders are not, for
/// tests stand in `.kyverno-test` by custom.
pub fn find(paths: &[PathBuf], ignore: &[String]) -> Vec<PathBuf> {
    let is_test = |path: &Path| path.file_name().is_some_and(|name| name == FILE);
    walk::files(paths, ignore, walk::Hidden::Folders, &is_test)
}

/// Runs the tests of files; only cases whose full name, `test/policy/rule/resource`, has a match are told. Registries are
/// asked when something answers for them.
pub fn run(files: &[PathBuf], only: Option<&Regex>, registries: Option<&Arc<dyn Images>>) -> Vec<Suite> {
    let suites = files.iter().map(|path| suite_of(path, only, registries));
    suites.filter(|suite| !suite.cases.is_empty()).collect()
}

fn suite_of(path: &Path, only: Option<&Regex>, registries: Option<&Arc<dyn Images>>) -> Suite {
    let (started, sources) = (Instant::now(), Sources::default());
    let mut cases = match testing::run_asking(path, &sources, registries) {
        Ok(reports) => reports.iter().flat_map(|report| cases(report, &sources, started)).collect(),
        Err(problem) => vec![broken(&path.display().to_string(), &problem.place, path, started.elapsed())],
    };
    cases.retain(|case| only.is_none_or(|only| only.is_match(&case.name)));
    Suite { name: path.display().to_string(), language: "kyverno", cases }
}

fn cases(report: &TestReport, sources: &Sources, started: Instant) -> Vec<Case> {
    let name = if report.name.is_empty() { report.path.display().to_string() } else { report.name.clone() };
    if let Some(problem) = &report.problem {
        return vec![broken(&name, problem, &report.path, started.elapsed())];
    }
    report.results.iter().flat_map(|result| result_cases(result, &name, report, sources)).collect()
}

fn result_cases(result: &ResultReport, test: &str, report: &TestReport, sources: &Sources) -> Vec<Case> {
    let expected = &result.expected;
    let place = |span: Option<Span>| span.and_then(|span| sources.locate(span)).unwrap_or_else(|| top(&report.path));
    let location = Some(place(expected.span));
    let name = format!("{test}/{}", expected.policy);
    if let Some(problem) = &result.problem {
        return vec![Case { location, ..broken(&name, problem, &report.path, result.duration) }];
    }
    if result.rows.is_empty() {
        let name = if expected.rule.is_empty() { name } else { format!("{name}/{}", expected.rule) };
        let problem = "no resource was judged: the test names none that there is";
        return vec![Case { location, ..case(name, Outcome::Fail, problem.to_owned(), result.duration) }];
    }
    let share = result.duration / u32::try_from(result.rows.len()).unwrap_or(u32::MAX).max(1);
    let of = |row: &Row| {
        let rule = if row.rule.is_empty() { String::new() } else { format!("/{}", row.rule) };
        let (outcome, message) = match row.verdict {
            Verdict::Pass => (Outcome::Pass, String::new()),
            Verdict::Excluded => (Outcome::Skipped, row.message.clone()),
            Verdict::Fail => (Outcome::Fail, row.message.clone()),
        };
        Case { location: location.clone(), ..case(format!("{name}{rule}/{}", row.resource), outcome, message, share) }
    };
    result.rows.iter().map(of).collect()
}

fn broken(name: &str, problem: &str, path: &Path, duration: Duration) -> Case {
    Case { location: Some(top(path)), ..case(name.to_owned(), Outcome::Error, problem.to_owned(), duration) }
}

fn top(path: &Path) -> Location {
    Location { path: path.to_owned(), line: 1, column: 1, end_line: 1, end_column: 1 }
}

fn case(name: String, outcome: Outcome, message: String, duration: Duration) -> Case {
    Case {
        name,
        outcome,
        duration,
        location: None,
        message: Some(message).filter(|message| !message.is_empty()),
        failure: None,
        trace: String::new(),
        output: String::new(),
    }
}
