//! Whether Trivy finds the same where it is given the same advisories: in a database that its own library has made of the
//! same records (`xtask/peers/trivy-db`), at every version that a record names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Assessment, Package, assess};
use crate::{Builder, Database, Ecosystem, Feed, Finding, ScanReport};

/// Shares of pairs of a package and a vulnerability that both must find, in per mille.
const LEAST: usize = 990;

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|it| it.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

/// The packages of the records at all versions that the records name, by package URL.
fn packages(records: &Path) -> BTreeMap<String, Package> {
    let mut paths = Vec::new();
    files(records, &mut paths);
    let mut packages = BTreeMap::new();
    for path in paths {
        let record: Value = serde_json::from_slice(&fs::read(&path).expect("a file")).expect("a record");
        for affected in record["affected"].as_array().into_iter().flatten() {
            let (ecosystem, name) = (&affected["package"]["ecosystem"], &affected["package"]["name"]);
            let (Some(ecosystem), Some(name)) = (ecosystem.as_str(), name.as_str()) else { continue };
            for version in versions(affected) {
                let Some((purl, version)) = named(ecosystem, name, &version) else { continue };
                let package = Package {
                    ecosystem: Some(Ecosystem::new(ecosystem)),
                    name: name.to_owned(),
                    version,
                    purl: Some(purl.clone()),
                    ..Package::default()
                };
                packages.insert(purl, package);
            }
        }
    }
    packages
}

/// Where ranges begin and end, and the first, middle and last of the listed ones.
fn versions(affected: &Value) -> BTreeSet<String> {
    let ranges = affected["ranges"].as_array().into_iter().flatten().filter(|range| range["type"] != "GIT");
    let events = ranges.flat_map(|range| range["events"].as_array().into_iter().flatten());
    let events = events.flat_map(|event| event.as_object().into_iter().flat_map(|event| event.values()));
    let listed: Vec<&Value> = affected["versions"].as_array().into_iter().flatten().collect();
    let some =
        [0, listed.len() / 2, listed.len().saturating_sub(1)].into_iter().filter_map(|at| listed.get(at).copied());
    let all = events.chain(some).filter_map(|version| version.as_str().map(str::to_owned));
    all.filter(|version| version != "0").collect()
}

/// The package URL, and the version as an inventory has it.
fn named(ecosystem: &str, name: &str, version: &str) -> Option<(String, String)> {
    if !version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
        return None;
    }
    match ecosystem {
        "PyPI" => Some((format!("pkg:pypi/{}@{version}", name.to_lowercase().replace('_', "-")), version.to_owned())),
        // The toolchain is no module, and has no path.
        "Go" if name.contains('/') => Some((format!("pkg:golang/{name}@v{version}"), format!("v{version}"))),
        "Go" if name == "stdlib" => Some((format!("pkg:golang/stdlib@v{version}"), format!("v{version}"))),
        _ => None,
    }
}

fn bill(packages: &BTreeMap<String, Package>) -> Value {
    let component = |(purl, package): (&String, &Package)| json!({ "type": "library", "bom-ref": purl, "purl": purl, "name": package.name, "version": package.version });
    let components: Vec<Value> = packages.iter().map(component).collect();
    json!({ "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components })
}

fn database(feed: Feed, path: &Path, to: &Path) -> Database {
    let mut builder = Builder::new();
    builder.add(feed, "osv", path).expect("an input");
    builder.write(to).expect("a file");
    Database::open(to).expect("a database")
}

fn names(finding: &Finding) -> impl Iterator<Item = &String> {
    finding.aliases.iter().chain([&finding.id])
}

/// Compares package by package: how many vulnerabilities both find, and which only one does.
fn compare(database: &Database, packages: &BTreeMap<String, Package>, theirs: &[Finding]) -> (usize, Vec<String>) {
    let mut by_package: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in theirs {
        by_package.entry(finding.purl.as_deref().unwrap_or_default()).or_default().push(finding);
    }
    let (mut both, mut apart) = (0, Vec::new());
    for (purl, package) in packages {
        let ours = match assess(database, package).expect("an answer") {
            Assessment::Assessed(findings) => findings,
            Assessment::NotAssessed(_) => Vec::new(),
        };
        let theirs = by_package.remove(purl.as_str()).unwrap_or_default();
        let same = |one: &Finding, other: &Finding| names(one).any(|name| names(other).any(|it| it == name));
        for finding in &ours {
            if theirs.iter().any(|it| same(finding, it)) {
                both += 1;
            } else {
                apart.push(format!("only ours   {purl} {} {:?}", finding.id, finding.undecided));
            }
        }
        for finding in theirs.iter().filter(|it| !ours.iter().any(|own| same(own, it))) {
            apart.push(format!("only theirs {purl} {}", finding.id));
        }
    }
    (both, apart)
}

#[test]
fn trivy_finds_the_same_with_the_same_advisories() {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let (Some(trivy), Some(cache), Some(records)) =
        (named("PROBITY_TRIVY"), named("PROBITY_TRIVY_CACHE"), named("PROBITY_TRIVY_RECORDS"))
    else {
        println!(
            "not tried: PROBITY_TRIVY, PROBITY_TRIVY_CACHE and PROBITY_TRIVY_RECORDS name no program, no database, no records"
        );
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let packages = packages(&records);
    let sbom = folder.path().join("sbom.json");
    fs::write(&sbom, bill(&packages).to_string()).expect("a file");
    let arguments =
        "sbom --quiet --format json --skip-db-update --skip-java-db-update --skip-version-check --offline-scan";
    let output = Command::new(trivy)
        .args(arguments.split(' '))
        .arg("--cache-dir")
        .arg(&cache)
        .arg(&sbom)
        .output()
        .expect("a program");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs = ScanReport::read(&output.stdout).expect("a report").findings;
    assert!(theirs.len() > packages.len() / 4, "{} findings of {} packages", theirs.len(), packages.len());
    let sources =
        [("the same records", Feed::Osv, records), ("its own database", Feed::TrivyDb, cache.join("db/trivy.db"))];
    for (what, feed, path) in sources {
        let database = database(feed, &path, &folder.path().join("db"));
        let started = Instant::now();
        let (both, apart) = compare(&database, &packages, &theirs);
        let time = started.elapsed();
        println!(
            "from {what}: {both} found by both, {} by one, of {} packages in {time:?}",
            apart.len(),
            packages.len()
        );
        println!("{}", apart.join("\n"));
        assert!(both * 1000 >= (both + apart.len()) * LEAST, "they find other things");
    }
}
