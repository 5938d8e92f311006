//! Tests of Sentinel policies, `test/<policy>/*.hcl` and `*.json`, as `sentinel test` runs them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use probity_model::{Location, Sources};
use probity_policy_rego::glob_matches;
use probity_policy_sentinel::testing::{self, Judgement, Runner};
use probity_policy_sentinel::{Host, Trace};
use regex::Regex;

use crate::results::{Case, Outcome, Suite};

/// The cases at paths, but for those of which a file or folder has a name that matches `ignore`. A path may also be a policy,
/// which means its own cases.
pub fn find(paths: &[PathBuf], ignore: &[String]) -> Vec<testing::Case> {
    let mut cases = Vec::new();
    for path in paths {
        let folder = if path.is_dir() { Some(path.as_path()) } else { path.parent() };
        // A bare name is a file of the current folder.
        let folder = folder.filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        // What cannot be read has been told of by others who look for tests.
        let found = testing::find(folder).unwrap_or_default();
        cases.extend(found.into_iter().filter(|case| path.is_dir() || case.policy.file_name() == path.file_name()));
    }
    cases.retain(|case| !is_ignored(&case.file, ignore) && !is_ignored(&case.policy, ignore));
    cases.sort();
    cases.dedup();
    cases
}

fn is_ignored(path: &Path, ignore: &[String]) -> bool {
    let names = || path.components().map(|part| part.as_os_str().to_string_lossy());
    ignore.iter().any(|pattern| names().any(|name| glob_matches(pattern, &['/'], &name).unwrap_or(false)))
}

/// Runs cases; only those whose full name, `policy/case`, has a match are told. A policy and its cases are a suite.
pub fn run(cases: &[testing::Case], only: Option<&Regex>, host: &dyn Host) -> Vec<Suite> {
    let sources = Sources::default();
    let mut runner = Runner::new(&sources, host);
    let suites = cases.chunk_by(|one, next| one.policy == next.policy);
    suites.filter_map(|cases| suite_of(cases, only, &mut runner)).collect()
}

fn suite_of(cases: &[testing::Case], only: Option<&Regex>, runner: &mut Runner<'_>) -> Option<Suite> {
    let policy = &cases.first()?.policy;
    let named = cases.iter().map(|case| (name(case), case));
    let asked = named.filter(|(name, _)| only.is_none_or(|only| only.is_match(name)));
    let cases: Vec<Case> = asked.map(|(name, case)| run_case(name, case, runner)).collect();
    let shown = policy.strip_prefix(".").unwrap_or(policy);
    (!cases.is_empty()).then(|| Suite { name: shown.display().to_string(), language: "sentinel", cases })
}

fn name(case: &testing::Case) -> String {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let file = case.file.file_name().unwrap_or_default().to_string_lossy();
    format!("{}/{file}", stem(&case.policy))
}

fn run_case(name: String, case: &testing::Case, runner: &mut Runner<'_>) -> Case {
    let started = Instant::now();
    let judgement = runner.run(case);
    let told = told(judgement);
    Case { name, location: Some(top(&case.file)), duration: started.elapsed(), ..told }
}

fn told(judgement: Judgement) -> Case {
    let case = |outcome, message: Option<String>| Case {
        name: String::new(),
        outcome,
        duration: Duration::ZERO,
        location: None,
        message,
        failure: None,
        trace: String::new(),
        output: String::new(),
    };
    match judgement {
        Judgement::Pass => case(Outcome::Pass, None),
        Judgement::Error(message) => case(Outcome::Error, Some(message)),
        Judgement::Fail(mismatches, trace) => {
            let lines: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
            let output = prints(&trace);
            Case { trace: rules(*trace), output, ..case(Outcome::Fail, Some(lines.join("\n"))) }
        }
    }
}

fn prints(trace: &Trace) -> String {
    trace.prints.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    })
}

/// The trace without what was printed, which is told by itself.
fn rules(trace: Trace) -> String {
    Trace { prints: Vec::new(), description: None, ..trace }.to_string()
}

fn top(path: &Path) -> Location {
    let path = path.strip_prefix(".").unwrap_or(path).to_owned();
    Location { path, line: 1, column: 1, end_line: 1, end_column: 1 }
}
