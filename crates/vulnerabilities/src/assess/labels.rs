//! How well matches agree with those that people have judged: `anchore/vulnerability-match-labels`, by ecosystem.
//!
//! A pair that is judged false may be a package that is there with a version that is affected, whose use is harmless in that
//! image: no advisory says so, and it is found. What is missed is outside of the spans of the advisories at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Assessment, Package, assess};
use crate::{Builder, Database, Ecosystem, Feed};

#[derive(Deserialize)]
struct Label {
    #[serde(rename = "label")]
    verdict: String,
    #[serde(default)]
    effective_cve: Option<String>,
    vulnerability_id: String,
    package: Named,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    version: String,
}

/// Right and wrong answers, of pairs judged true and false.
#[derive(Debug, Default)]
struct Tally {
    found: usize,
    missed: usize,
    wrongly_found: usize,
    rightly_left: usize,
    disagreements: Vec<String>,
}

fn labels(folder: &Path, into: &mut Vec<Label>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|it| it.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            labels(&path, into);
        } else if let Ok(label) = serde_json::from_slice(&fs::read(&path).expect("a label")) {
            into.push(label);
        }
    }
}

/// Labels do not say of which ecosystem a package is: it is one whose advisories name both the package and the vulnerability.
fn is_about(database: &Database, ecosystem: &Ecosystem, label: &Label) -> bool {
    let records = database.lookup(ecosystem, &label.package.name).expect("a page");
    records.iter().any(|record| {
        let details = database.details(record).expect("a page").expect("details");
        details.aliases.iter().chain([&details.id]).any(|name| label.names(name))
    })
}

impl Label {
    fn names(&self, name: &str) -> bool {
        self.vulnerability_id == name || self.effective_cve.as_deref() == Some(name)
    }
}

#[test]
fn judged_matches_are_agreed_with() {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let (Some(advisories), Some(judged)) = (folder("PROBITY_OSV"), folder("PROBITY_MATCH_LABELS")) else {
        println!("not tried: PROBITY_OSV and PROBITY_MATCH_LABELS name no folders of advisories and of labels");
        return;
    };
    let target = tempfile::tempdir().expect("a folder");
    let mut builder = Builder::new();
    for (name, feed) in [("pypi", Feed::Osv), ("go", Feed::Osv), ("rustsec", Feed::RustSec)] {
        builder.add(feed, name, &advisories.join(name)).expect("an input");
    }
    builder.write(&target.path().join("db")).expect("a file");
    let database = Database::open(&target.path().join("db")).expect("a database");
    let mut all = Vec::new();
    labels(&judged, &mut all);
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for label in all.iter().filter(|label| ["TP", "FP"].contains(&label.verdict.as_str())) {
        let Named { name, version } = &label.package;
        if !seen.insert((name, version, &label.vulnerability_id, &label.verdict)) {
            continue;
        }
        for family in ["PyPI", "Go", "crates.io"] {
            let ecosystem = Ecosystem::new(family);
            if !is_about(&database, &ecosystem, label) {
                continue;
            }
            let package = Package {
                ecosystem: Some(ecosystem),
                name: name.clone(),
                version: version.clone(),
                ..Package::default()
            };
            let Assessment::Assessed(findings) = assess(&database, &package).expect("an answer") else { continue };
            let found = findings.iter().any(|it| it.aliases.iter().chain([&it.id]).any(|name| label.names(name)));
            tallies.entry(family).or_default().count(label, found);
        }
    }
    assert!(!tallies.is_empty(), "no label is about a package of the database");
    for (family, tally) in &tallies {
        let Tally { found, missed, wrongly_found, rightly_left, disagreements } = tally;
        println!(
            "{family}: {found} of {} true ones found, {wrongly_found} of {} false ones",
            found + missed,
            wrongly_found + rightly_left
        );
        println!("{}", disagreements.join("\n"));
        assert!(found * 100 >= (found + missed) * 85, "{family} finds too few");
    }
}

impl Tally {
    fn count(&mut self, label: &Label, found: bool) {
        let counted = match (label.verdict.as_str(), found) {
            ("TP", true) => &mut self.found,
            ("TP", false) => &mut self.missed,
            (_, true) => &mut self.wrongly_found,
            (_, false) => &mut self.rightly_left,
        };
        *counted += 1;
        if (label.verdict == "TP") != found {
            let Named { name, version } = &label.package;
            self.disagreements.push(format!("  {} {name} {version} {}", label.verdict, label.vulnerability_id));
        }
    }
}
