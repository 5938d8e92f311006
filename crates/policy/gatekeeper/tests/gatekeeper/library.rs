//! The suites of Gatekeeper's library.
//!
//! They lie in the folder `gatekeeper` of what `PROBITY_CORPUS` names, by default `../shared/conformance` beside the
//! workspace. The figures are those of `conformance.toml`.

use std::path::{Path, PathBuf};

use probity_policy_gatekeeper::suite::{self, Filter, Outcome, SuiteReport};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The folder of the suites, when it is on this machine.
fn folder() -> Option<PathBuf> {
    let corpus =
        std::env::var_os("PROBITY_CORPUS").map_or_else(|| workspace().join("../shared/conformance"), PathBuf::from);
    let folder = corpus.join("gatekeeper");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "the suites are not at {}", folder.display());
    eprintln!("skipped: the suites are not at {}", folder.display());
    None
}

fn suites(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            suites(&path, found);
        } else if path.file_name().is_some_and(|name| name == "suite.yaml") {
            found.push(path);
        }
    }
}

/// What of a report is not as the suite says, a line each.
fn failures(report: &SuiteReport) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |name: &str, outcome: &Outcome| {
        if let Outcome::Failed(reason) = outcome {
            lines.push(format!("{} {name}: {reason}", report.path.display()));
        }
    };
    add("", &report.outcome);
    for test in &report.tests {
        add(&test.name, &test.outcome);
        for case in &test.cases {
            add(&format!("{}//{}", test.name, case.name), &case.outcome);
        }
    }
    lines
}

/// Passed and total suites, cases run, and what failed.
fn run_all(folder: &Path) -> (usize, usize, usize, Vec<String>) {
    let mut paths = Vec::new();
    suites(folder, &mut paths);
    let (mut passed, mut cases, mut lines) = (0, 0, Vec::new());
    for path in &paths {
        match suite::run(path, &Filter::All) {
            Ok(report) => {
                let failed = failures(&report);
                passed += usize::from(failed.is_empty());
                cases += report.tests.iter().map(|test| test.cases.len()).sum::<usize>();
                lines.extend(failed);
            }
            Err(error) => lines.push(error.to_string()),
        }
    }
    (passed, paths.len(), cases, lines)
}

#[test]
fn figures_are_those_checked_in() {
    let Some(folder) = folder() else { return };
    let (passed, total, cases, lines) = run_all(&folder);
    eprintln!("{passed} of {total} suites, {cases} cases");
    let section = format!("[gatekeeper-suites]\npassed = {passed}\ntotal = {total}\n");
    let file = std::fs::read_to_string(workspace().join("conformance.toml")).unwrap_or_default();
    let failed = lines.join("\n");
    assert!(file.contains(&section), "conformance.toml does not say what was found:\n{section}{failed}");
}

/// All suites of a checkout of Gatekeeper's library that `PROBITY_GATEKEEPER_LIBRARY` names.
#[test]
#[ignore = "the library is not part of the conformance data"]
fn the_whole_library_passes() {
    let folder = std::env::var_os("PROBITY_GATEKEEPER_LIBRARY").expect("PROBITY_GATEKEEPER_LIBRARY names a checkout");
    let (passed, total, cases, lines) = run_all(Path::new(&folder));
    eprintln!("{passed} of {total} suites, {cases} cases");
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}
