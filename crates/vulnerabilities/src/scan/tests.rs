use std::fs;
use std::path::PathBuf;

use probity_model::Severity;
use proptest::prelude::*;
use serde_json::json;

use super::{ScanError, ScanReport};
use crate::advisory::Status;

fn read(report: &serde_json::Value) -> ScanReport {
    ScanReport::read(report.to_string().as_bytes()).expect("a report")
}

#[test]
fn trivys_report_is_read() {
    let report = read(
        &json!({"SchemaVersion": 2, "Trivy": {"Version": "0.74.0"}, "CreatedAt": "2026-11-27T00:00:00Z", "ArtifactName": "image:1", "Metadata": {"OS": {"Family": "debian", "Name": "10.1", "EOSL": true}, "ImageID": "sha256:aa", "RepoDigests": ["image@sha256:bb"]},
        "Results": [{"Target": "image:1", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": [
            {"VulnerabilityID": "CVE-1", "VendorIDs": ["DSA-1", "GHSA-1"], "PkgName": "bash", "InstalledVersion": "5.0-4", "FixedVersion": "5.0-5, 5.1-1", "Status": "will_not_fix", "Severity": "LOW", "SeveritySource": "debian", "PkgIdentifier": {"PURL": "pkg:deb/debian/bash@5.0-4"},
             "CVSS": {"nvd": {"V2Vector": "AV:L/AC:L/Au:N/C:C/I:C/A:C", "V3Vector": "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"}}, "Title": "bash", "PrimaryURL": "https://example.org/1", "DataSource": {"ID": "debian"}}]},
            {"Target": "app", "Class": "lang-pkgs"}]}),
    );
    assert_eq!(
        (report.scanner.as_str(), report.version.as_deref(), report.end_of_life),
        ("trivy", Some("0.74.0"), true)
    );
    assert_eq!((report.distribution.as_deref(), report.digests.len()), (Some("debian 10.1"), 2));
    let [finding] = report.findings.as_slice() else { panic!("one finding") };
    assert_eq!((finding.severity, finding.score, finding.status), (Some(Severity::Low), Some(7.8), Status::WillNotFix));
    assert_eq!((finding.fixed.len(), finding.aliases.as_slice()), (2, ["GHSA-1".to_owned()].as_slice()));
}

#[test]
fn grypes_report_is_read() {
    let report = read(
        &json!({"matches": [{"vulnerability": {"id": "GHSA-1", "dataSource": "https://example.org/1", "namespace": "github:language:python", "severity": "Critical", "cvss": [{"vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}], "fix": {"versions": ["3.1.0"], "state": "fixed"},
            "epss": [{"cve": "CVE-1", "epss": 0.5, "percentile": 0.9}], "knownExploited": [{"dateAdded": "2026-01-01", "knownRansomwareCampaignUse": "Unknown"}]},
            "relatedVulnerabilities": [{"id": "CVE-1"}], "artifact": {"name": "flask", "version": "3.0.0", "purl": "pkg:pypi/flask@3.0.0"}}],
        "ignoredMatches": [{}], "source": {"type": "image", "target": {"userInput": "image:1", "imageID": "sha256:aa", "repoDigests": ["image@sha256:bb"]}}, "distro": {"name": "debian", "version": "12"},
        "descriptor": {"name": "grype", "version": "0.121.0", "timestamp": "2026-11-27T00:00:00Z", "db": {"status": {"built": "2026-11-26T00:00:00Z"}}}}),
    );
    assert_eq!(
        (report.scanner.as_str(), report.database.as_deref(), report.ignored),
        ("grype", Some("2026-11-26T00:00:00Z"), 1)
    );
    let [finding] = report.findings.as_slice() else { panic!("one finding") };
    assert_eq!((finding.id.as_str(), finding.aliases.as_slice()), ("CVE-1", ["GHSA-1".to_owned()].as_slice()));
    assert_eq!(
        (finding.severity, finding.score, finding.fixed.as_slice()),
        (Some(Severity::Critical), Some(9.8), ["3.1.0".to_owned()].as_slice())
    );
    assert!(finding.exploitation.as_ref().is_some_and(|it| it.known.is_some() && it.epss.is_some()));
}

#[test]
fn reports_of_others_are_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"SchemaVersion": 1}"#,
        r#"{"SchemaVersion": 2, "Results": 1}"#,
        r#"{"matches": [1], "descriptor": {}}"#,
    ] {
        assert!(matches!(ScanReport::read(text.as_bytes()), Err(ScanError::Form(_))), "{text}");
    }
}

/// Reports that Trivy checks in (`integration/testdata/*.json.golden`), in the folder that `PROBITY_TRIVY_REPORTS` names.
#[test]
fn public_reports_are_read() {
    let Some(folder) = std::env::var_os("PROBITY_TRIVY_REPORTS").map(PathBuf::from) else {
        println!("not tried: PROBITY_TRIVY_REPORTS names no folder of reports");
        return;
    };
    let (mut reports, mut findings) = (0, 0);
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = fs::read(&path).expect("a report");
        let report: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        if report["SchemaVersion"] != 2 {
            continue;
        }
        let lists = report["Results"].as_array().into_iter().flatten();
        let expected: usize = lists.map(|list| list["Vulnerabilities"].as_array().map_or(0, Vec::len)).sum();
        let read = ScanReport::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(read.findings.len(), expected, "{}", path.display());
        (reports, findings) = (reports + 1, findings + expected);
    }
    println!("{reports} reports, {findings} findings");
    assert!(findings > 0, "no findings");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in r#"(\{|\}|\[|\]|:|,|"(SchemaVersion|Results|Vulnerabilities|matches|descriptor|name|x)"|2){0,40}"#) {
        let _ = ScanReport::read(text.as_bytes());
    }
}
