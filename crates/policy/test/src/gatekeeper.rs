//! Gatekeeper's suites, as `gator verify` runs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use probity_model::Location;
use probity_policy_gatekeeper::suite::{self, CaseReport, Filter, SuiteReport, TestReport};
use regex::Regex;

use crate::results::{Case, Outcome, Suite};
use crate::walk;

/// Largest file that may be a suite, in bytes.
const MAX_SIZE: u64 = 4 << 20;

/// What every suite has in it.
const GROUP: &str = "test.gatekeeper.sh";

/// The files with suites at paths. Hidden files and folders are left out, and those whose names match.
pub fn find(paths: &[PathBuf], ignore: &[String]) -> Vec<PathBuf> {
    walk::files(paths, ignore, walk::Hidden::Nothing, &is_suite)
}

/// Whether a file is YAML and speaks of suites; whether it is one is found out when it is run.
fn is_suite(path: &Path) -> bool {
    let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    is_yaml
        && fs::metadata(path).is_ok_and(|meta| meta.len() <= MAX_SIZE)
        && fs::read_to_string(path).is_ok_and(|text| {
            text.contains(GROUP)
                && text.lines().any(|line| line.trim_end().ends_with("Suite") && line.starts_with("kind:"))
        })
}

/// Runs the suites of files; only cases whose full name, `suite/test/case`, has a match are told.
pub fn run(files: &[PathBuf], only: Option<&Regex>) -> Vec<Suite> {
    let suites = files.iter().map(|path| suite_of(path, only));
    suites.filter(|suite| !suite.cases.is_empty()).collect()
}

fn suite_of(path: &Path, only: Option<&Regex>) -> Suite {
    let started = Instant::now();
    let mut cases = match suite::run(path, &Filter::All) {
        Ok(report) => cases(&report),
        Err(error) => {
            let name = path.display().to_string();
            vec![Case { message: Some(error.to_string()), ..case(name, Outcome::Error, started.elapsed(), path) }]
        }
    };
    cases.retain(|case| only.is_none_or(|only| only.is_match(&case.name)));
    Suite { name: path.display().to_string(), language: "gatekeeper", cases }
}

fn cases(report: &SuiteReport) -> Vec<Case> {
    let name = if report.name.is_empty() { report.path.display().to_string() } else { report.name.clone() };
    if report.tests.is_empty() {
        return vec![outcome_of(&report.outcome, name, report.duration, &report.path)];
    }
    report.tests.iter().flat_map(|test| test_cases(test, &name, &report.path)).collect()
}

fn test_cases(test: &TestReport, suite: &str, path: &Path) -> Vec<Case> {
    let name = format!("{suite}/{}", test.name);
    if test.cases.is_empty() {
        return vec![outcome_of(&test.outcome, name, test.duration, path)];
    }
    let of = |case: &CaseReport| outcome_of(&case.outcome, format!("{name}/{}", case.name), case.duration, path);
    test.cases.iter().map(of).collect()
}

fn outcome_of(outcome: &suite::Outcome, name: String, duration: Duration, path: &Path) -> Case {
    match outcome {
        suite::Outcome::Passed => case(name, Outcome::Pass, duration, path),
        suite::Outcome::Skipped => case(name, Outcome::Skipped, duration, path),
        suite::Outcome::Failed(reason) => {
            Case { message: Some(reason.clone()), ..case(name, Outcome::Fail, duration, path) }
        }
    }
}

/// Suites do not say where in the file a case stands.
fn case(name: String, outcome: Outcome, duration: Duration, path: &Path) -> Case {
    let location = Location { path: path.to_owned(), line: 1, column: 1, end_line: 1, end_column: 1 };
    Case {
        name,
        outcome,
        duration,
        location: Some(location),
        message: None,
        failure: None,
        trace: String::new(),
        output: String::new(),
    }
}
