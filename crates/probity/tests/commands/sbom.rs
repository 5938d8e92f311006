//! `probity sbom`.

use std::process::Command;

use crate::layout;
use crate::support::{folder, probity, text};

const LOCK: &str = r#"{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1.1.0","license":"MIT"},
    "node_modules/b":{"version":"2.0.0","license":"(MIT OR Apache-2.0)"}}}"#;

#[test]
fn a_document_is_the_same_when_its_time_is() {
    let folder = folder(&[("app/package-lock.json", LOCK)]);
    let create = |format: &str, epoch: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
        let command = command.args(["sbom", "create", "dir:app", "--format", format]).current_dir(folder.path());
        command.env("SOURCE_DATE_EPOCH", epoch).output().unwrap()
    };
    for format in ["cyclonedx", "cyclonedx-1.6", "cyclonedx-1.7", "spdx"] {
        let (first, second) = (create(format, "1795752000"), create(format, "1795752000"));
        let document = text(&first.stdout);
        assert!(first.status.success() && document == text(&second.stdout), "{format}");
        assert!(document.contains("2026-11-27T04:00:00Z"), "{document}");
        assert!(document.contains("pkg:npm/b@2.0.0") && document.contains("MIT OR Apache-2.0"), "{document}");
    }
    let wrong = create("spdx", "yesterday");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("SOURCE_DATE_EPOCH is yesterday"), "{}", text(&wrong.stderr));
}

#[test]
fn a_comparison_says_what_differs_and_ends_accordingly() {
    let other = LOCK.replace("1.1.0", "1.2.0").replace("(MIT OR Apache-2.0)", "ISC");
    let folder = folder(&[("old/package-lock.json", LOCK), ("new/package-lock.json", &other)]);
    let compare = |arguments: &[&str]| {
        let output = probity(folder.path(), &[&["sbom", "compare"], arguments].concat());
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    assert_eq!(compare(&["dir:old", "old"]), (Some(0), "both list the same\n".to_owned(), String::new()));
    let (code, shown, _) = compare(&["dir:old", "dir:new"]);
    let expected =
        "changed  a  1.1.0 -> 1.2.0\nchanged  b  licences MIT OR Apache-2.0 -> ISC\n0 added, 0 removed, 2 changed\n";
    assert_eq!((code, shown.as_str()), (Some(1), expected));
    let (code, shown, _) = compare(&["dir:old", "dir:new", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((code, &document["changed"][1]["after"]["licenses"][0]), (Some(1), &"ISC".into()));
    let (code, _, said) = compare(&["none.json", "dir:new"]);
    assert!(code == Some(2) && said.contains("none.json: there is no such file"), "{said}");
}

#[test]
fn what_is_no_document_is_refused() {
    let folder = folder(&[("empty.json", ""), ("list.json", "[]"), ("plan.json", "{\"a\":1}"), ("x", "words\n")]);
    for (file, said) in [
        ("empty.json", "SPDXVersion"),
        ("list.json", "no"),
        ("plan.json", "neither bomFormat nor spdxVersion"),
        ("x", "no"),
        ("none.json", "cannot be read"),
    ] {
        let output = probity(folder.path(), &["sbom", "convert", file, "--format", "spdx"]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{file}: {error}");
        assert!(error.contains(file) && error.contains(said), "{file}: {error}");
    }
    let output = probity(folder.path(), &["sbom", "create", "plan.json"]);
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("probity sbom convert"));
}

/// The licences of an image's packages are held against the configuration.
#[test]
fn licences_and_libraries_of_an_image_are_counted() {
    const CONFIG: &str =
        "version: 1\nimages:\n  licenses: {approved: [BSD-3-Clause]}\n  libraries: {denied: [denied.txt]}\n";
    let folder = folder(&[("probity.yaml", CONFIG), ("denied.txt", "# by name\npkg:npm/b\n")]);
    let layout = folder.path().join("layout");
    std::fs::create_dir(&layout).unwrap();
    let npm = |name: &'static str, text: &'static str| (name, text);
    let ours = [
        layout::FLASK[0],
        npm("srv/node_modules/a/package.json", r#"{"name":"a","version":"1.0.0"}"#),
        npm("srv/node_modules/b/package.json", r#"{"name":"b","version":"1.0.0","license":"BSD-3-Clause"}"#),
    ];
    layout::write(&layout, &[&layout::DEBIAN, &ours], "65534");
    let output = probity(folder.path(), &["image", "inspect", "oci:layout", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    let found = &document["dependencies"];
    let counts = ["total", "approved", "unapproved", "unlicensed"].map(|key| found[key].as_u64().unwrap());
    assert_eq!(counts, [4, 1, 3, 2], "{found:#}");
    let why: Vec<&str> =
        found["unapproved_list"].as_array().unwrap().iter().map(|it| it["why"].as_str().unwrap()).collect();
    assert_eq!(why, ["unlicensed", "unlicensed", "denied"]);

    let created = probity(folder.path(), &["sbom", "create", "oci:layout", "-o", "bom.json"]);
    assert!(created.status.success(), "{}", text(&created.stderr));
    let same = probity(folder.path(), &["sbom", "compare", "bom.json", "layout"]);
    assert_eq!((same.status.code(), text(&same.stdout).as_str()), (Some(0), "both list the same\n"));
    let text = std::fs::read_to_string(folder.path().join("bom.json")).unwrap();
    for part in ["cpe:2.3:o:debian:debian_linux:12:", "pkg:pypi/flask@3.0.0", "probity:evidence:layer", "sha256:"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}
