use std::fs;
use std::path::Path;

use probity_model::Severity;

use super::{Assessment, Finding, NotAssessed, Package, SourcePackage, assess};
use crate::{Builder, Database, Ecosystem, Feed};

fn database(folder: &Path, advisories: &[(&str, &str)]) -> Database {
    let mut builder = Builder::new();
    for (at, (source, text)) in advisories.iter().enumerate() {
        let path = folder.join(format!("{at}.json"));
        fs::write(&path, text).expect("a file");
        builder.add(Feed::Osv, source, &path).expect("an advisory");
    }
    let epss = folder.join("epss.csv");
    fs::write(&epss, "#model_version:v1\ncve,epss,percentile\nCVE-2024-1,0.25,0.9\n").expect("a file");
    builder.add_epss(&epss).expect("a list");
    let known = folder.join("kev.json");
    let entry = r#"{"vulnerabilities": [{"cveID": "CVE-2024-1", "dateAdded": "2024-02-02", "dueDate": "2024-02-23", "knownRansomwareCampaignUse": "Known"}]}"#;
    fs::write(&known, entry).expect("a file");
    builder.add_known_exploited(&known).expect("a catalog");
    builder.write(&folder.join("db")).expect("a file");
    Database::open(&folder.join("db")).expect("a database")
}

fn package(ecosystem: &str, name: &str, version: &str) -> Package {
    Package {
        ecosystem: Some(Ecosystem::new(ecosystem)),
        name: name.to_owned(),
        version: version.to_owned(),
        ..Package::default()
    }
}

fn findings(database: &Database, package: &Package) -> Vec<Finding> {
    match assess(database, package).expect("an answer") {
        Assessment::Assessed(findings) => findings,
        Assessment::NotAssessed(why) => panic!("not assessed: {why}"),
    }
}

const GHSA: &str = r#"{"id": "GHSA-1", "modified": "2024-01-01T00:00:00Z", "published": "2024-01-01T00:00:00Z", "aliases": ["CVE-2024-1"],
    "summary": "It breaks", "database_specific": {"severity": "MODERATE"}, "references": [{"type": "ADVISORY", "url": "https://example.org/1"}],
    "affected": [{"package": {"ecosystem": "PyPI", "name": "thing"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2"}]}]}]}"#;
const PYSEC: &str = r#"{"id": "PYSEC-1", "modified": "2024-01-02T00:00:00Z", "aliases": ["CVE-2024-1", "GHSA-1"],
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
    "affected": [{"package": {"ecosystem": "PyPI", "name": "thing"}, "versions": ["1.1"]}]}"#;
const OTHER: &str = r#"{"id": "PYSEC-2", "modified": "2024-01-02T00:00:00Z",
    "affected": [{"package": {"ecosystem": "PyPI", "name": "thing"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "bad"}]}]}]}"#;
const DEBIAN: &str = r#"{"id": "DEBIAN-CVE-2024-1", "modified": "2024-01-02T00:00:00Z", "upstream": ["CVE-2024-1"],
    "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.9-1"}]}],
    "ecosystem_specific": {"urgency": "unimportant"}}]}"#;

#[test]
fn two_sources_of_one_vulnerability_are_one_finding() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(folder.path(), &[("github", GHSA), ("pypa", PYSEC)]);
    let [finding] = findings(&database, &package("PyPI", "Thing", "1.1")).try_into().expect("one finding");
    assert_eq!((finding.id.as_str(), finding.aliases), ("CVE-2024-1", vec!["GHSA-1".to_owned(), "PYSEC-1".to_owned()]));
    assert_eq!(
        (finding.severity, finding.score, finding.fixed),
        (Some(Severity::Critical), Some(9.8), vec!["1.2".to_owned()])
    );
    assert_eq!((finding.summary.as_str(), finding.sources.len()), ("It breaks", 2));
    let exploitation = finding.exploitation.expect("a probability");
    assert_eq!(exploitation.epss.map(|it| it.probability.to_string()), Some("0.25".to_owned()));
    assert!(exploitation.known.is_some_and(|known| known.ransomware && known.added == "2024-02-02"));
    assert_eq!(findings(&database, &package("PyPI", "thing", "1.2")), []);
    assert_eq!(findings(&database, &package("PyPI", "other", "1.0")), []);
}

#[test]
fn what_cannot_be_compared_is_undecided_and_not_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(folder.path(), &[("pypa", OTHER)]);
    let [finding] = findings(&database, &package("PyPI", "thing", "1.1")).try_into().expect("one finding");
    assert!(finding.undecided.is_some_and(|why| why.contains("bad")));
}

#[test]
fn a_package_of_a_distribution_is_found_by_its_source() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(folder.path(), &[("debian", DEBIAN)]);
    let mut libssl = package("Debian:12", "libssl3", "3.0.8-1+b2");
    libssl.source = Some(SourcePackage { name: "openssl".to_owned(), version: Some("3.0.8-1".to_owned()) });
    let [finding] = findings(&database, &libssl).try_into().expect("one finding");
    assert_eq!(
        (finding.id.as_str(), finding.package.as_str(), finding.severity),
        ("CVE-2024-1", "libssl3", Some(Severity::Info))
    );
    libssl.source = Some(SourcePackage { name: "openssl".to_owned(), version: Some("3.0.9-1".to_owned()) });
    assert_eq!(findings(&database, &libssl), []);
}

#[test]
fn what_is_not_known_is_not_zero() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(folder.path(), &[("pypa", PYSEC)]);
    let not_assessed = |package: &Package| match assess(&database, package).expect("an answer") {
        Assessment::NotAssessed(why) => why,
        Assessment::Assessed(findings) => panic!("assessed: {findings:?}"),
    };
    let npm = package("npm", "thing", "1.0.0");
    assert_eq!(not_assessed(&npm), NotAssessed::NotCovered { ecosystem: Ecosystem::new("npm") });
    assert_eq!(not_assessed(&package("Plan 9", "thing", "1")), NotAssessed::NoEcosystem);
    assert_eq!(not_assessed(&Package { ecosystem: None, ..npm }), NotAssessed::NoEcosystem);
    assert_eq!(not_assessed(&package("PyPI", "thing", " ")), NotAssessed::NoVersion);
    assert!(matches!(not_assessed(&package("PyPI", "thing", "unknown")), NotAssessed::Version { .. }));
}
