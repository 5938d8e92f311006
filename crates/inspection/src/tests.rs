mod bill;

use std::collections::BTreeMap;
use std::fs;

use jiff::civil::Date;
use probity_model::{Value, json};
use probity_subject_image::{
    Base, BaseMatch, Config, Digest, Image, Os, Package, PackageKind, Platform, SourcePackage,
};
use probity_vulnerabilities::{Builder, Database, Feed, ScanReport, Vex};

use crate::{Inspection, Vulnerabilities};

const TODAY: Date = Date::constant(2026, 11, 27);

/// Advisories of the libraries that the image below has.
const ADVISORIES: [&str; 4] = [
    r#"{"id":"DEBIAN-CVE-2026-1","upstream":["CVE-2026-1"],"modified":"2026-11-20T00:00:00Z","affected":[{"package":{"ecosystem":"Debian:12","name":"openssl"},
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3.0.15-1"}]}]}],
        "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}"#,
    r#"{"id":"DEBIAN-CVE-2026-2","upstream":["CVE-2026-2"],"modified":"2026-11-20T00:00:00Z","affected":[{"package":{"ecosystem":"Debian:12","name":"openssl"},
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3.0.16-1"}]}]}],
        "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:L/AC:H/PR:N/UI:N/S:U/C:L/I:N/A:N"}]}"#,
    r#"{"id":"GHSA-aaaa-bbbb-cccc","aliases":["CVE-2026-3"],"modified":"2026-11-20T00:00:00Z","affected":[{"package":{"ecosystem":"PyPI","name":"flask"},
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3.0.1"}]}]}],
        "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}]}"#,
    r#"{"id":"GO-2026-1","aliases":["CVE-2026-4"],"modified":"2026-11-20T00:00:00Z","affected":[{"package":{"ecosystem":"Go","name":"stdlib"},
        "ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.25.1"}]}]}]}"#,
];

fn database(folder: &std::path::Path) -> Database {
    let osv = folder.join("osv");
    fs::create_dir(&osv).unwrap();
    for (at, text) in ADVISORIES.iter().enumerate() {
        fs::write(osv.join(format!("{at}.json")), text).unwrap();
    }
    let mut builder = Builder::new();
    builder.add(Feed::Osv, "osv", &osv).unwrap();
    builder.write(&folder.join("db")).unwrap();
    Database::open(&folder.join("db")).unwrap()
}

fn package(kind: PackageKind, name: &str, version: &str, layer: usize) -> Package {
    Package {
        kind,
        group: None,
        name: name.into(),
        version: version.into(),
        purl: format!("pkg:{kind}/{name}@{version}?arch=amd64"),
        source: None,
        architecture: None,
        licenses: Vec::new(),
        declared: false,
        layer,
        evidence: String::new(),
        files: Vec::new(),
        owner: None,
    }
}

/// A Debian of one layer with an application of another on it.
fn image() -> Image {
    let source = SourcePackage { name: "openssl".into(), version: "3.0.9-1".into() };
    let flask = package(PackageKind::Pypi, "flask", "3.0.0", 1);
    let release = |date: &str, layer: &[u8], packages: &[&str]| Base {
        name: "debian:12".to_owned(),
        layers: vec![Digest::sha256(layer)],
        digest: None,
        date: date.parse().unwrap(),
        packages: packages.iter().map(|&purl| purl.to_owned()).collect(),
    };
    let newer = ["pkg:deb/debian/libssl3@3.0.15-1?distro=debian-12&upstream=openssl"];
    Image {
        reference: Some("Registry.Example.com/clinic/portal:1.2".parse().unwrap()),
        digest: Some(Digest::sha256(b"manifest")),
        index: None,
        id: Digest::sha256(b"config"),
        media_type: String::new(),
        annotations: BTreeMap::default(),
        platform: Platform::default(),
        platforms: Vec::new(),
        config: Config::default(),
        layers: Vec::new(),
        os: Some(Os { id: "debian".into(), version: Some("12".into()), ..Os::default() }),
        packages: vec![
            Package { source: Some(source), ..package(PackageKind::Deb, "libssl3", "3.0.9-1", 0) },
            flask.clone(),
            package(PackageKind::Golang, "stdlib", "go1.25.0", 1),
            // Named by a lock file, brought by the distribution, of no ecosystem with advisories.
            Package { declared: true, ..flask.clone() },
            Package { owner: Some("pkg:deb/debian/python3-flask@1".to_owned()), ..flask },
            package(PackageKind::Npm, "left-pad", "1.0.0", 1),
        ],
        base: Some(BaseMatch {
            base: release("2026-09-01", b"old", &[]),
            newer: Some(release("2026-11-01", b"new", &newer)),
        }),
        files: 0,
        setuid: Vec::new(),
        special: Vec::new(),
        problems: Vec::new(),
    }
}

fn inspected() -> Inspection {
    let folder = tempfile::tempdir().unwrap();
    let image = image();
    let vulnerabilities = Vulnerabilities::look_up(&image, &database(folder.path())).unwrap();
    Inspection { vulnerabilities: Some(vulnerabilities), ..Inspection::new(image) }
}

fn at<'v>(document: &'v Value, path: &[&str]) -> &'v Value {
    document.at(path).unwrap_or_else(|| panic!("{path:?} is not in {document:?}"))
}

/// A line for each vulnerability: its name, package, severity, whether it is from the base, and the version of the newer base.
fn lines(document: &Value) -> Vec<String> {
    let found = at(document, &["vulnerabilities", "found"]).as_array().unwrap();
    let text = |value: &Value| value.as_str().map_or_else(|| format!("{value:?}"), str::to_owned);
    let line = |found: &Value| {
        let parts = [&["id"][..], &["package", "name"], &["severity"], &["from_base"], &["base_update"]];
        let parts = parts.map(|path| match at(found, path) {
            Value::Object(update) => text(update.get("version").unwrap()),
            other => text(other),
        });
        parts.join(" ")
    };
    found.iter().map(line).collect()
}

#[test]
fn each_vulnerability_is_the_bases_or_our_own_and_says_which_base_mends_it() {
    let document = inspected().document(TODAY);
    assert_eq!(
        lines(&document),
        [
            "CVE-2026-1 libssl3 critical true 3.0.15-1",
            "CVE-2026-3 flask high false null",
            "CVE-2026-2 libssl3 low true null",
            "CVE-2026-4 stdlib unknown false null",
        ]
    );
    let counts = at(&document, &["vulnerabilities", "counts"]);
    assert_eq!(*counts, json::read(br#"{"critical":1,"high":1,"medium":0,"low":1,"unknown":1}"#).unwrap());
}

#[test]
fn what_has_no_advisories_is_not_without_vulnerabilities() {
    let document = inspected().document(TODAY);
    assert_eq!(*at(&document, &["vulnerabilities", "complete"]), Value::from(false));
    let gaps = at(&document, &["vulnerabilities", "not_assessed"]).as_array().unwrap().as_slice();
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].get("ecosystem").and_then(Value::as_str), Some("npm"));
    assert_eq!(gaps[0].get("packages"), Some(&Value::from(1)));
}

#[test]
fn what_was_not_looked_into_is_null() {
    let document = Inspection::new(image()).document(TODAY);
    assert_eq!(document.get("vulnerabilities"), Some(&Value::Null));
}

#[test]
fn what_others_say_of_the_image_closes_a_finding_and_stays_with_it() {
    let mut inspection = inspected();
    let digest = Digest::sha256(b"manifest").to_string().replace(':', "%3A");
    for product in [
        format!("pkg:oci/portal@{digest}?repository_url=registry.example.com/clinic/portal"),
        format!("pkg:oci/portal@{digest}"),
        "registry.example.com/clinic/portal".to_owned(),
    ] {
        let vex = format!(
            r#"{{"@context":"https://openvex.dev/ns/v0.2.0","author":"ann@example.com","statements":[{{"vulnerability":{{"name":"CVE-2026-1"}},
            "products":[{{"@id":"{product}"}}],"status":"not_affected","justification":"vulnerable_code_not_present"}}]}}"#
        );
        let vex = Vex::read(vex.as_bytes()).unwrap();
        let names = inspection.products();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let known = inspection.vulnerabilities.as_mut().unwrap();
        known.apply(&vex, &names);
        assert_eq!((known.counts().critical, known.found.len()), (0, 4), "{product}");
        known.found.iter_mut().for_each(|found| found.finding.vex = None);
    }
}

#[test]
fn the_report_of_another_scanner_stands_for_a_lookup() {
    let report = r#"{"SchemaVersion":2,"ArtifactName":"portal","Results":[{"Target":"portal","Class":"os-pkgs","Type":"debian","Vulnerabilities":[
        {"VulnerabilityID":"CVE-2026-1","PkgName":"libssl3","InstalledVersion":"3.0.9-1","Severity":"CRITICAL",
         "PkgIdentifier":{"PURL":"pkg:deb/libssl3@3.0.9-1?distro=debian-12"}}]}]}"#;
    let image = image();
    let known = Vulnerabilities::of_report(&image, ScanReport::read(report.as_bytes()).unwrap());
    assert_eq!((known.scanner.as_str(), known.counts().critical), ("trivy", 1));
    assert!(known.found[0].place.is_some_and(|place| place.from_base));
}

#[test]
fn of_a_bill_of_materials_alone_only_the_packages_are_known() {
    let bill = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","name":"registry.example.com/clinic/portal",
        "bom-ref":"i","version":"sha256:DIGEST"}},"components":[
        {"type":"library","bom-ref":"a","name":"libssl3","version":"3.0.9-1","purl":"pkg:deb/debian/libssl3@3.0.9-1?distro=debian-12&upstream=openssl"},
        {"type":"library","bom-ref":"b","name":"flask","version":"3.0.0","purl":"pkg:pypi/flask@3.0.0"},
        {"type":"library","bom-ref":"c","name":"mystery","version":"1"}]}"#;
    let bill = bill.replace("DIGEST", Digest::sha256(b"manifest").hex());
    let mut inspection = Inspection::of_bill(&probity_sbom::read(bill.as_bytes()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    inspection.vulnerabilities = Some(Vulnerabilities::look_up(&inspection.image, &database(folder.path())).unwrap());
    let document = inspection.document(TODAY);
    let ids: Vec<String> =
        lines(&document).iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(ids, ["CVE-2026-1 libssl3", "CVE-2026-3 flask", "CVE-2026-2 libssl3"]);
    assert_eq!(*at(&document, &["digest"]), Value::from(Digest::sha256(b"manifest").to_string()));
    // Nothing is said of who runs it, and of one component nothing can be looked up.
    assert_eq!((document.get("config"), document.get("layers")), (Some(&Value::Null), Some(&Value::Null)));
    assert_eq!(at(&document, &["problems"]).as_array().map(|all| all.len()), Some(1));
}

#[test]
fn it_is_called_by_name_and_digest() {
    let inspection = Inspection::new(image());
    let digest = Digest::sha256(b"manifest");
    assert_eq!(inspection.address(), format!("{}@{digest}", image().reference.unwrap()));
}
