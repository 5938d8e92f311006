mod bill;
mod policies;

use std::collections::BTreeMap;
use std::fs;

use jiff::civil::Date;
use probity_model::{Value, Waived, Waiver, json};
use probity_subject_image::{
    Base, BaseMatch, Config, Digest, Image, Os, OwnedFile, Package, PackageKind, Platform, SourcePackage, Step,
    TextFile,
};
use probity_vulnerabilities::{Builder, Database, Feed, ScanReport, Vex};

use crate::{Inspection, Registries, Requirements, Vulnerabilities};

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
        texts: Vec::new(),
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

fn waiver(id: &str, package: Option<&str>, subject: &str) -> Waiver {
    Waiver {
        of: Waived::Vulnerability { id: id.into(), package: package.map(Into::into) },
        subject: subject.into(),
        reason: "the fix is tested".to_owned(),
        requested_by: "ann@example.com".to_owned(),
        approved_by: "bob@example.com".to_owned(),
        expires: TODAY,
        span: None,
    }
}

#[test]
fn a_waiver_closes_the_vulnerabilities_it_names_in_the_images_it_names() {
    let portal = "registry.example.com/clinic/portal";
    for (waiver, closed) in [
        (waiver("CVE-2026-1", None, portal), &["CVE-2026-1"][..]),
        (waiver("CVE-2026-3", None, portal), &["CVE-2026-3"]),
        (waiver("GHSA-*", None, "*/portal"), &["CVE-2026-3"]),
        (waiver("CVE-2026-*", Some("libssl3"), portal), &["CVE-2026-1", "CVE-2026-2"]),
        (waiver("*", Some("pkg:pypi/flask"), "*"), &["CVE-2026-3"]),
        (waiver("*", Some("pkg:pypi/fl"), "*"), &[]),
        (waiver("CVE-2026-1", None, "registry.example.com/clinic"), &[]),
        (waiver("CVE-2026-1", None, "registry.example.com/clinic/portal:1.2"), &[]),
        (waiver("CVE-2026", None, portal), &[]),
        (Waiver { expires: TODAY.yesterday().unwrap(), ..waiver("CVE-2026-1", None, portal) }, &[]),
        (Waiver { of: Waived::Policies("CVE-2026-1".into()), ..waiver("", None, portal) }, &[]),
    ] {
        let mut inspection = inspected();
        inspection.waive(std::slice::from_ref(&waiver), TODAY);
        let document = inspection.document(TODAY);
        let found = at(&document, &["vulnerabilities", "found"]).as_array().unwrap();
        let shut = found.iter().filter(|found| found.get("open") == Some(&Value::from(false)));
        let ids: Vec<&str> = shut.map(|found| found.get("id").and_then(Value::as_str).unwrap()).collect();
        assert_eq!(ids, closed, "{} for {}", waiver.of, waiver.subject);
        let waived = i64::try_from(closed.len()).unwrap();
        assert_eq!(*at(&document, &["vulnerabilities", "waived"]), Value::from(waived));
    }
}

#[test]
fn a_waiver_says_who_accepted_what_and_until_when() {
    let mut inspection = inspected();
    inspection.waive(&[waiver("CVE-2026-1", None, "*")], TODAY);
    let document = inspection.document(TODAY);
    let first = &at(&document, &["vulnerabilities", "found"]).as_array().unwrap().as_slice()[0];
    let expected = br#"{"reason":"the fix is tested","requested_by":"ann@example.com","approved_by":"bob@example.com",
        "expires":"2026-11-27"}"#;
    assert_eq!(first.get("waiver"), Some(&json::read(expected).unwrap()));
    assert_eq!(*at(&document, &["vulnerabilities", "counts", "critical"]), Value::from(0));
}

#[test]
fn a_waiver_for_the_image_that_covers_nothing_is_told() {
    let waivers = [
        waiver("CVE-2026-1", None, "*"),
        waiver("CVE-2020-1", None, "*"),
        waiver("CVE-2020-2", None, "registry.example.com/other"),
    ];
    let unused: Vec<String> = inspected().waive(&waivers, TODAY).iter().map(|waiver| waiver.of.to_string()).collect();
    assert_eq!(unused, ["CVE-2020-1"]);
    // Nobody looked: nothing can be said.
    assert!(Inspection::new(image()).waive(&waivers, TODAY).is_empty());
}

#[test]
fn what_nobody_configured_is_not_known_and_what_is_not_on_the_list_is_not_approved() {
    let document = |change: &dyn Fn(&mut Inspection)| {
        let mut inspection = Inspection::new(image());
        change(&mut inspection);
        inspection.document(TODAY)
    };
    let approved =
        |document: &Value| [at(document, &["registry_approved"]).clone(), at(document, &["base_approved"]).clone()];
    assert_eq!(approved(&document(&|_| {})), [Value::Null, Value::Null]);
    let held = |registry: &'static str, base_max_age| {
        let registries = Some(Registries::parse([registry]).unwrap());
        move |inspection: &mut Inspection| {
            inspection.requirements = Requirements { registries: registries.clone(), bases: true, base_max_age };
        }
    };
    let known = document(&held("registry.example.com/clinic", 30));
    assert_eq!(approved(&known), [true.into(), true.into()]);
    assert_eq!(*at(&known, &["base", "max_age_days"]), Value::from(30));
    let other = document(&|inspection| {
        held("evil.example", 30)(inspection);
        inspection.image.base = None;
    });
    assert_eq!(approved(&other), [false.into(), false.into()]);
    let unnamed = document(&|inspection| {
        held("evil.example", 30)(inspection);
        inspection.image.reference = None;
    });
    assert_eq!(approved(&unnamed)[0], Value::Null);
}

/// Made up, in the form of GitHub's tokens: the beginning is put before it, so that no scanner takes it for a real one.
fn token() -> String {
    ["gh", "p_", "bpdlN2CrJAQqCbPftU5et60sYwoOvo0Yyrxz"].concat()
}

fn secrets_of(change: impl FnOnce(&mut Image)) -> Vec<String> {
    let mut inspection = Inspection::new(image());
    change(&mut inspection.image);
    inspection.seek_secrets();
    let told = inspection.document(TODAY);
    let text = json::write(at(&told, &["secrets"]));
    assert!(!text.contains(&token()[4..]), "the secret itself is told: {text}");
    inspection.secrets.unwrap().into_iter().map(|found| format!("{} in {}", found.kind, found.place)).collect()
}

#[test]
fn secrets_are_found_where_a_build_leaves_them() {
    let step = |created_by: String| Step { created_by: Some(created_by), ..Step::default() };
    let found = secrets_of(|image| {
        image.config.env = vec![format!("GITHUB_TOKEN={}", token()), "PATH=/usr/bin".to_owned()];
        image.config.labels.insert("build.token".to_owned(), token());
        image.config.cmd = vec!["serve".to_owned(), "--token".to_owned(), token()];
        image.config.history = vec![
            step(format!("/bin/sh -c curl -H token={}", token())),
            step(format!("RUN |1 TOKEN={} /bin/sh -c make", token())),
        ];
        let file = |path: &str, layer, text: String| TextFile { path: path.to_owned(), layer, text };
        image.texts = vec![
            file("root/.netrc", 0, format!("machine github.com password {}", token())),
            file("app/.env", 1, format!("A=1\nTOKEN={}\n", token())),
            file("opt/flask/.env", 1, format!("TOKEN={}\n", token())),
        ];
        image.packages[0].files = vec![OwnedFile { path: "opt/flask/.env".into(), digest: None }];
    });
    assert_eq!(
        found,
        [
            "github-token in app/.env of layer 1",
            "github-token in command",
            "github-token in environment GITHUB_TOKEN",
            "github-token in history step 2",
            "github-token in label build.token",
        ]
    );
}

#[test]
fn what_common_images_say_of_themselves_is_no_secret() {
    let found = secrets_of(|image| {
        image.config.env = [
            "PATH=/usr/local/bin:/usr/bin",
            "GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
            "PYTHON_VERSION=3.12.4",
            "PYTHON_SHA256=f6d419a6d8743ab26700801b4908d26d97e8b986e14f95de31b32de2b0e79554",
            "NODE_VERSION=22.4.0",
            "YARN_VERSION=1.22.22",
            "JAVA_VERSION=jdk-21.0.3+9",
            "POSTGRES_PASSWORD_FILE=/run/secrets/password",
            "TOKEN_LIFETIME=3600",
        ]
        .map(str::to_owned)
        .to_vec();
        image.config.labels.insert("org.opencontainers.image.revision".to_owned(), "4f2a9c1e".repeat(5));
    });
    assert_eq!(found, Vec::<String>::new());
}
