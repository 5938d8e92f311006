//! How well matches agree with those that people have judged: `anchore/vulnerability-match-labels`, by ecosystem.
//!
//! People judged what a scanner said of an image, with all that is in it; here there is only a name and a version. Where that
//! makes a difference, or where the advisories at hand say something else than those of the time, it is listed with the reason,
//! and nothing else may differ.

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

const OWNED: &str = "the package is one of the distribution, which has mended it under a version of its own: the inspection of an image leaves out what a distribution's package owns";
const UNREACHABLE: &str = "the version is affected, and the code that is cannot be reached from other modules";
const NARROWER: &str = "the advisory at hand is about other versions";

/// Pairs that are answered otherwise: the verdict of the label, the package, its version, the vulnerability where it is one of
/// several, and why.
const EXPLAINED: [(&str, &str, &str, &str, &str); 10] = [
    ("FP", "github.com/containerd/containerd", "v1.3.4", "", UNREACHABLE),
    ("FP", "github.com/docker/docker", "v20.10.18+incompatible", "", UNREACHABLE),
    ("FP", "github.com/opencontainers/runc", "v0.1.1", "", UNREACHABLE),
    ("FP", "PyYAML", "3.10", "", OWNED),
    ("FP", "urllib3", "1.24.2", "", OWNED),
    ("FP", "mercurial", "4.8.2", "CVE-2019-3902", OWNED),
    (
        "FP",
        "mercurial",
        "2.14",
        "",
        "what is in the image is a plugin of Jenkins of that name, not the package of PyPI",
    ),
    // Its range begins at 1.0.1-0.20211012131345.
    ("TP", "github.com/opencontainers/runc", "v0.1.1", "", NARROWER),
    // Django's own statement is about 2.2 and later; 1.11 had no support any more.
    ("TP", "Django", "1.11.29", "", NARROWER),
    // PYSEC-2021-855 ends at 1.10.0; the entry of NVD, by which it was judged, ends at 1.22.
    ("TP", "numpy", "1.21.2", "", NARROWER),
];

/// Right and wrong answers, of pairs judged true and false.
#[derive(Debug, Default)]
struct Tally {
    found: usize,
    missed: usize,
    wrongly_found: usize,
    rightly_left: usize,
    unexplained: Vec<String>,
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
        let Tally { found, missed, wrongly_found, rightly_left, unexplained } = tally;
        println!(
            "{family}: {found} of {} true ones found, {wrongly_found} of {} false ones",
            found + missed,
            wrongly_found + rightly_left
        );
        assert!(unexplained.is_empty(), "{family}: nobody knows why:\n{}", unexplained.join("\n"));
        assert!(found * 100 >= (found + missed) * 85, "{family} finds too few");
    }
    assert!(tallies.values().map(|tally| tally.found).sum::<usize>() >= 104, "there are fewer labels than there were");
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
        let Named { name, version } = &label.package;
        let explained = EXPLAINED.iter().any(|(verdict, package, at, id, _)| {
            let is_pair = label.verdict == *verdict && name == package && version == at;
            is_pair && (id.is_empty() || label.names(id))
        });
        if (label.verdict == "TP") != found && !explained {
            self.unexplained.push(format!("  {} {name} {version} {}", label.verdict, label.vulnerability_id));
        }
    }
}
