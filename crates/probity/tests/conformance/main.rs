//! Verdicts compared with those of other tools on their own test data.
//!
//! The data lies in the folder that `PROBITY_CORPUS` names, by default `../shared/conformance` beside the workspace. The
//! figures are checked in as `conformance.toml`: a run that differs, up or down, fails and prints the figures it found.
//! Differences that are meant are listed with their reason in `data/differences.tsv`; each must still be one.
//! `PROBITY_CONFORMANCE_LIST` may name a file to write every case to, with what did not come out as it says.

mod checkov;
mod judged;
mod listed;
mod trivy;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use judged::Compared;
use listed::Listed;

/// A case that was tried.
struct Case {
    suite: String,
    name: String,
    compared: Compared,
}

/// How many came out as another tool says, of how many, and how many are listed as different on purpose.
#[derive(Default)]
struct Figure {
    passed: usize,
    total: usize,
    listed: usize,
}

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

/// Figures by suite: by whole case, and for fixtures also by resource.
fn figures(cases: &[Case], listed: &Listed<'_>) -> BTreeMap<String, Figure> {
    let mut figures = BTreeMap::<String, Figure>::new();
    for case in cases {
        let differences = &case.compared.differences;
        let known = listed.count(case);
        let figure = figures.entry(case.suite.clone()).or_default();
        figure.total += 1;
        figure.passed += usize::from(differences.is_empty());
        figure.listed += usize::from(known > 0 && known == differences.len());
        if case.suite.starts_with("checkov-fixtures-") {
            let figure = figures.entry(format!("{}-resources", case.suite)).or_default();
            figure.total += case.compared.total;
            figure.passed += case.compared.right;
            figure.listed += known;
        }
    }
    figures
}

impl Figure {
    fn shown(&self, suite: &str) -> String {
        let listed = if self.listed > 0 { format!("listed = {}\n", self.listed) } else { String::new() };
        format!("[{suite}]\npassed = {}\ntotal = {}\n{listed}", self.passed, self.total)
    }

    /// What came out right in percent, with one digit behind the point, rounded down.
    fn percent(&self) -> String {
        let tenths = self.passed * 1000 / self.total.max(1);
        format!("{}.{} %", tenths / 10, tenths % 10)
    }
}

/// Sections of ours in the checked-in file; other tests have sections of their own there.
fn checked_in() -> String {
    let file = std::fs::read_to_string(workspace().join("conformance.toml")).unwrap_or_default();
    let sections = file.split("\n[").map(|section| section.trim_start_matches('['));
    let ours = sections.filter(|section| section.starts_with("checkov-") || section.starts_with("trivy-"));
    let shown: Vec<String> = ours.map(|section| format!("[{}\n", section.trim_end())).collect();
    shown.join("\n")
}

fn write_list(path: &Path, cases: &[Case]) {
    let mut text = String::new();
    for Case { suite, name, compared } in cases {
        let differences: Vec<String> =
            compared.differences.iter().map(|(resource, what)| format!("{resource}: {what}")).collect();
        let _ = writeln!(text, "{suite}\t{name}\t{}", differences.join("; "));
    }
    std::fs::write(path, text).unwrap();
}

#[test]
fn figures_are_those_checked_in() {
    let Some(corpus) = corpus() else { return };
    let root = corpus.join("checkov");
    let cases: Vec<Case> = checkov::fixtures(&root)
        .into_iter()
        .chain(checkov::inline(&root))
        .chain(checkov::operators(&root))
        .chain(trivy::examples(&corpus.join("trivy/examples")))
        .collect();
    if let Some(path) = std::env::var_os("PROBITY_CONFORMANCE_LIST") {
        write_list(Path::new(&path), &cases);
    }
    let listed = Listed::read();
    let figures = figures(&cases, &listed);
    for (suite, figure) in &figures {
        println!("{suite}: {} of {} ({})", figure.passed, figure.total, figure.percent());
    }
    let stale = listed.stale(&cases);
    assert!(stale.is_empty(), "listed as different, and not so:\n{}", stale.join("\n"));
    let shown: Vec<String> = figures.iter().map(|(suite, figure)| figure.shown(suite)).collect();
    let shown = shown.join("\n");
    assert_eq!(checked_in(), shown, "conformance.toml does not say what was found:\n{shown}");
}
