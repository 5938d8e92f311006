//! `probity image`: images are shown and judged.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::layout::{self, DEBIAN, FLASK};
use crate::support::{folder, probity, text};

/// Trivy's report of the image.
const REPORT: &str = r#"{"SchemaVersion": 2, "ArtifactName": "portal", "Metadata": {"RepoDigests": []}, "Results": [
  {"Target": "portal", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": [
    {"VulnerabilityID": "CVE-2026-1", "PkgName": "libssl3", "InstalledVersion": "3.0.9-1", "FixedVersion": "3.0.15-1",
     "Severity": "CRITICAL", "Title": "openssl: a flaw"}]},
  {"Target": "Python", "Class": "lang-pkgs", "Type": "python-pkg", "Vulnerabilities": [
    {"VulnerabilityID": "CVE-2026-3", "PkgName": "flask", "InstalledVersion": "3.0.0", "Severity": "HIGH"}]}]}"#;

const VEX: &str = r#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://clinic.example.com/vex/1", "author": "ann@example.com",
  "timestamp": "2026-11-21T00:00:00Z", "version": 1, "statements": [{"vulnerability": {"name": "CVE-2026-1"},
  "products": [{"@id": "DIGEST"}], "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"}]}"#;

/// The newest of two releases of the base.
const BASES: &str = "- {name: debian:12, date: 2026-09-01, layers: [\"LAYER\"]}\n- name: debian:12\n  date: 2026-11-01\n  \
                     layers: [\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"]\n";

/// A Debian with an application on it, and what others say of it.
pub(crate) fn portal() -> tempfile::TempDir {
    let folder = folder(&[("report.json", REPORT)]);
    let (digest, layers) = layout::write(&folder.path().join("portal"), &[&DEBIAN, &FLASK], "65534");
    std::fs::write(folder.path().join("vex.json"), VEX.replace("DIGEST", &digest)).unwrap();
    std::fs::write(folder.path().join("bases.yaml"), BASES.replace("LAYER", &layers[0])).unwrap();
    std::fs::write(folder.path().join("probity.yaml"), "version: 1\nimages:\n  bases: bases.yaml\n").unwrap();
    folder
}

fn inspected(folder: &Path, arguments: &[&str]) -> Value {
    let output = probity(folder, &[&["image", "inspect", "oci:portal", "--format", "json"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_image_is_shown_with_its_packages_and_the_base_that_it_stands_on() {
    let folder = portal();
    let document = inspected(folder.path(), &[]);
    let packages = document["packages"].as_array().unwrap();
    let shown: Vec<(&str, bool)> = packages
        .iter()
        .map(|package| (package["purl"].as_str().unwrap(), package["from_base"].as_bool().unwrap()))
        .collect();
    assert_eq!(
        shown,
        [
            ("pkg:deb/debian/libssl3@3.0.9-1?arch=amd64&distro=debian-12&upstream=openssl", true),
            ("pkg:pypi/flask@3.0.0", false)
        ]
    );
    assert_eq!(
        (&document["base"]["name"], &document["base"]["newer"]["date"]),
        (&"debian:12".into(), &"2026-11-01".into())
    );
    // Nobody looked.
    assert_eq!(document["vulnerabilities"], Value::Null);
}

#[test]
fn the_report_of_a_scanner_is_taken_and_what_is_said_of_it_counts() {
    let folder = portal();
    let document = inspected(folder.path(), &["--findings", "report.json"]);
    let known = &document["vulnerabilities"];
    assert_eq!(
        (&known["scanner"]["name"], &known["counts"]["critical"], &known["counts"]["high"]),
        (&"trivy".into(), &1.into(), &1.into())
    );
    assert_eq!(known["found"][0]["from_base"], true);
    let document = inspected(folder.path(), &["--findings", "report.json", "--vex", "vex.json"]);
    let known = &document["vulnerabilities"];
    assert_eq!(
        (&known["counts"]["critical"], &known["found"][0]["vex"]["status"]),
        (&0.into(), &"not_affected".into())
    );
}

#[test]
fn a_report_of_another_image_is_refused() {
    let folder = portal();
    let other =
        REPORT.replace("\"RepoDigests\": []", &format!("\"RepoDigests\": [\"other@sha256:{}\"]", "a".repeat(64)));
    std::fs::write(folder.path().join("report.json"), other).unwrap();
    let output = probity(folder.path(), &["image", "scan", "oci:portal", "--findings", "report.json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("which is another image than sha256:"), "{}", text(&output.stdout));
}

#[test]
fn a_scan_judges_by_policies_and_is_kept_as_evidence() {
    let folder = portal();
    let policy = "metadata:\n  id: no-flask\n  name: No Flask\n  severity: HIGH\n  category: GENERAL_SECURITY\ndefinition:\n  cond_type: attribute\n  \
                  resource_types: [container_image]\n  attribute: \"packages[?(@.name == 'flask')].version\"\n  operator: not_exists\n";
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    std::fs::write(folder.path().join("policies/flask.yaml"), policy).unwrap();
    let scan =
        ["image", "scan", "oci:portal", "--policy", "policies", "--check", "no-flask", "--record", "--data", "d"];
    let output = probity(folder.path(), &scan);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", text(&output.stderr));
    assert!(said.contains("no-flask") && said.contains("base            debian:12 of 2026-09-01"), "{said}");
    let shown = text(&probity(folder.path(), &["evidence", "show", "1", "--data", "d"]).stdout);
    for part in ["\"kind\": \"image\"", "\"action\": \"deny\"", "\"packages\": 2", "\"user\": \"65534\""] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let replay = probity(folder.path(), &["evidence", "replay", "0", "--data", "d"]);
    assert_eq!(replay.status.code(), Some(0), "{}{}", text(&replay.stdout), text(&replay.stderr));
}

#[test]
fn the_report_of_a_scan_is_signed_attached_and_recorded() {
    let folder = portal();
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_probity"));
        command.args(arguments).current_dir(folder.path()).env("COSIGN_PASSWORD", "sesame").output().unwrap()
    };
    assert!(run(&["key", "generate"]).status.success());
    let scan = ["image", "scan", "oci:portal", "--findings", "report.json", "--vex", "vex.json", "--soft-fail"];
    let signed = ["--report-key", "cosign.key", "--report-file", "signed.json", "--attach", "--record", "--data", "d"];
    let output = run(&[&scan[..], &signed].concat());
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let bundle: Value = serde_json::from_slice(&std::fs::read(folder.path().join("signed.json")).unwrap()).unwrap();
    let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    let statement: Value = serde_json::from_slice(&STANDARD.decode(payload).unwrap()).unwrap();
    let result = &statement["predicate"]["scanner"]["result"];
    assert_eq!(statement["predicateType"], "https://cosign.sigstore.dev/attestation/vuln/v1");
    assert_eq!((&result["counts"]["critical"], &result["counts"]["high"]), (&0.into(), &1.into()));
    assert_eq!(result["vulnerabilities"][0]["vex"]["status"], "not_affected");
    assert_eq!(result["decision"]["action"], "deny");
    // It is beside the image, where those who trust the key find it.
    let verify = run(&["verify", "oci:portal", "--key", "cosign.pub", "--type", "vuln"]);
    assert_eq!(verify.status.code(), Some(0), "{}{}", text(&verify.stdout), text(&verify.stderr));
    let document = inspected(folder.path(), &["--key", "cosign.pub"]);
    assert_eq!(document["attestations"][0]["approved"], "command line");
    assert_eq!(document["signed"], false);
    let shown = text(&run(&["evidence", "show", "1", "--data", "d"]).stdout);
    assert!(shown.contains("\"report\"") && shown.contains("\"attached\": \"sha256:"), "{shown}");
    for wrong in [&["--report-key", "cosign.key"][..], &["--report-file", "x"], &["--report-key", "absent", "--attach"]]
    {
        assert_eq!(run(&[&scan[..], wrong].concat()).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_bill_of_materials_stands_for_an_image_of_which_nothing_else_is_known() {
    let folder = portal();
    let run = |arguments: &[&str]| {
        let output = probity(folder.path(), arguments);
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    assert_eq!(run(&["sbom", "create", "oci:portal", "-o", "portal.cdx.json"]).0, Some(0));
    let (code, said) = run(&["image", "inspect", "sbom:portal.cdx.json"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("packages        2: 1 deb, 1 pypi; of the rest of it nothing is known"), "{said}");
    // That nobody says who runs it is not that root does.
    let (code, said) = run(&["image", "scan", "sbom:portal.cdx.json", "--check", "PRB-IMAGE-CONFIG-*", "--verbose"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&["image", "scan", "sbom:report.json"]);
    assert!(code == Some(2) && said.contains("report.json"), "{said}");
}

#[test]
fn a_base_image_is_written_as_the_list_has_it() {
    let folder = folder(&[("probity.yaml", "version: 1\nimages:\n  bases: bases.yaml\n")]);
    layout::write(&folder.path().join("debian"), &[&DEBIAN], "");
    let base = ["image", "base", "oci:debian", "--name", "debian:12", "--date"];
    let mut list = String::new();
    for date in ["2026-09-01", "2026-10-01"] {
        let output = probity(folder.path(), &[&base[..], &[date]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        list += &text(&output.stdout);
    }
    std::fs::write(folder.path().join("bases.yaml"), &list).unwrap();
    layout::write(&folder.path().join("portal"), &[&DEBIAN, &FLASK], "");
    let document = inspected(folder.path(), &[]);
    assert_eq!((&document["base"]["date"], &document["base"]["newer"]), (&"2026-10-01".into(), &Value::Null));
    assert!(list.contains("pkg:deb/debian/libssl3@3.0.9-1"), "{list}");
}

#[test]
fn what_is_no_image_is_told() {
    let folder =
        folder(&[("empty.tar", ""), ("text.tar", "hello"), ("bases.yaml", "debian:12: 1\n"), ("vex.json", "{}")]);
    layout::write(&folder.path().join("portal"), &[&DEBIAN], "");
    std::fs::write(folder.path().join("probity.yaml"), "version: 1\nimages:\n  bases: bases.yaml\n").unwrap();
    for (arguments, part) in [
        (&["image", "scan", "oci:nowhere", "--no-config"][..], "nowhere"),
        (&["image", "scan", "oci-archive:empty.tar", "--no-config"], "empty.tar"),
        (&["image", "scan", "docker-archive:text.tar", "--no-config"], "text.tar"),
        (&["image", "scan", "127.0.0.1:1/portal:1", "--no-config"], "127.0.0.1:1 does not answer"),
        (&["image", "scan", "Portal", "--no-config"], "Portal"),
        (&["image", "scan"], "required"),
        (&["image", "scan", "oci:portal", "--platform", "linux", "--no-config"], "linux/amd64"),
        (&["image", "scan", "oci:portal", "--platform", "linux/s390x", "--no-config"], "linux/s390x"),
        (&["image", "scan", "oci:portal", "--mirror", "x", "--no-config"], "registry=url"),
        (&["image", "scan", "oci:portal", "--db", "absent", "--no-config"], "absent"),
        (&["image", "scan", "oci:portal", "--findings", "vex.json", "--no-config"], "vex.json"),
        (&["image", "scan", "oci:portal", "--vex", "vex.json", "--no-config"], "vex.json"),
        (&["image", "inspect", "oci:portal"], "bases.yaml: a list of base images is a list of releases"),
    ] {
        let output = probity(folder.path(), arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}\n{said}");
        assert!(said.contains(part) && !said.contains("panicked"), "{arguments:?}: {part} is not in\n{said}");
    }
}
