//! Secrets found by a scan: as other findings are, and never shown.

use std::fs;
use std::process::Command;

use crate::support::{folder, probity, text};

/// A made-up key, put together here so that no scanner takes this file for one that has it.
fn key() -> String {
    ["AK", "IA", "QX7T2MZ5LK4RW6VN"].concat()
}

const PASSWORD: &str = "Kv9tzQ71Lm";

fn clinic() -> Vec<(&'static str, String)> {
    let key = key();
    vec![
        (
            "main.tf",
            format!(
                "provider \"aws\" {{\n  region     = \"eu-west-1\"\n  access_key = \"{key}\"\n}}\n\nresource \"aws_db_instance\" \"a\" {{\n  \
                 password = \"{PASSWORD}\"\n}}\n"
            ),
        ),
        ("prod.tfvars", format!("db_password = \"{PASSWORD}\"\n")),
        ("values.yaml", format!("db:\n  password: {PASSWORD}\n")),
        (".env", format!("API_TOKEN={PASSWORD}{PASSWORD}\n")),
        ("deploy.sh", format!("#!/bin/sh\ncurl https://clinic:{PASSWORD}@db.internal/\n")),
        ("Dockerfile", format!("FROM scratch\nENV DB_PASSWORD={PASSWORD}\n")),
        ("chart/Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.0.0\n".to_owned()),
        (
            "chart/templates/s.yaml",
            format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{password: {PASSWORD}}}\n"),
        ),
    ]
}

fn scan(files: &[(&str, String)], arguments: &[&str]) -> String {
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let folder = folder(&files);
    text(&probity(folder.path(), &[&["scan", "."], arguments].concat()).stdout)
}

#[test]
fn secrets_are_findings_in_every_file_that_is_read() {
    let out = scan(&clinic(), &["--check", "PRB-SECRET-*", "--format", "csv"]);
    for expected in [
        "PRB-SECRET-AWS-001,main.tf,3",
        "PRB-SECRET-VALUE-001,main.tf,7",
        "PRB-SECRET-VALUE-001,prod.tfvars,1",
        "PRB-SECRET-VALUE-001,values.yaml,2",
        "PRB-SECRET-VALUE-001,.env,1",
        "PRB-SECRET-URL-001,deploy.sh,2",
        "PRB-SECRET-VALUE-001,Dockerfile,2",
        "PRB-SECRET-VALUE-001,chart/templates/s.yaml,4",
    ] {
        let [policy, path, line] = expected.split(',').collect::<Vec<_>>()[..] else { panic!() };
        let found = out.lines().any(|row| row.contains(policy) && row.contains(path) && row.contains(line));
        assert!(found, "{expected} is not in\n{out}");
    }
}

#[test]
fn no_output_shows_a_secret() {
    for format in ["text", "json", "sarif", "junit", "github", "csv"] {
        for checks in [&["--verbose"][..], &["--check", "CKV_AWS_41,CKV_AWS_161"]] {
            let out = scan(&clinic(), &[&["--format", format], checks].concat());
            assert!(!out.contains(PASSWORD) && !out.contains(&key()), "{format} {checks:?}:\n{out}");
        }
    }
    let out = scan(&clinic(), &["--check", "CKV_SECRET_2"]);
    assert!(
        out.contains("access_key = \"********\"") && out.contains("Here stands an AWS key, as `access_key`."),
        "{out}"
    );
}

#[test]
fn no_evidence_has_a_secret() {
    let files = clinic();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let folder = folder(&files);
    let done = probity(folder.path(), &["scan", ".", "--record", "--data", "data"]);
    assert!(folder.path().join("data").is_dir(), "{}", text(&done.stderr));
    let shown = probity(folder.path(), &["evidence", "query", "--data", "data", "--format", "json"]);
    let shown = text(&shown.stdout) + &text(&shown.stderr);
    assert!(!shown.contains(PASSWORD) && !shown.contains(&key()), "{shown}");
    let mut grep = Command::new("grep");
    let found = grep.args(["-r", "-l", "-a", "-e", PASSWORD, "-e", &key(), "data"]).current_dir(folder.path()).output();
    let found = found.unwrap();
    assert_eq!(text(&found.stdout), "");
}

#[test]
fn skips_of_every_form_count() {
    let line = |comment: &str| format!("password: {PASSWORD} # {comment}\n");
    for (path, content) in [
        ("a.yaml", line("checkov:skip=CKV_SECRET_6:nothing is behind it")),
        ("a.yaml", line("probity:skip=PRB-SECRET-VALUE-001:nothing is behind it")),
        ("a.yaml", line("pragma: allowlist secret")),
        ("a.yaml", line("gitleaks:allow")),
        ("a.yaml", format!("# checkov:skip=CKV_SECRET_10:a\npassword: {PASSWORD}\n")),
        ("a.yaml", format!("# pragma: allowlist nextline secret\npassword: {PASSWORD}\n")),
        (
            "a.tf",
            format!(
                "resource \"aws_db_instance\" \"a\" {{\n  # checkov:skip=CKV_SECRET_6:a\n\n\n\n  password = \"{PASSWORD}\"\n}}\n"
            ),
        ),
    ] {
        let out = scan(&[(path, content.clone())], &["--check", "PRB-SECRET-*"]);
        assert!(out.contains("nothing found") && out.contains("1 skipped"), "{content}\n{out}");
    }
    let out = scan(&[("a.yaml", line("checkov:skip=CKV_SECRET_2:another kind"))], &["--check", "PRB-SECRET-*"]);
    assert!(out.contains("1 high"), "{out}");
}

#[test]
fn baselines_and_selections_are_as_for_other_policies() {
    let files = [("a.yaml", format!("password: {PASSWORD}\n"))];
    let texts: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let folder = folder(&texts);
    let scan = |arguments: &[&str]| text(&probity(folder.path(), &[&["scan", "."], arguments].concat()).stdout);
    assert!(scan(&["--write-baseline", "base.json"]).contains("1 high"));
    let baseline = fs::read_to_string(folder.path().join("base.json")).unwrap();
    assert!(baseline.contains("a.yaml#password") && !baseline.contains(PASSWORD), "{baseline}");
    assert!(scan(&["--baseline", "base.json"]).contains("nothing found"));
    assert!(scan(&["--skip-check", "CKV_SECRET_6"]).contains("nothing found"));
    assert!(scan(&["--check", "CKV_AWS_20"]).contains("nothing found"));
    // The baseline of one place does not cover another.
    fs::write(folder.path().join("b.yaml"), format!("password: {PASSWORD}\n")).unwrap();
    assert!(scan(&["--baseline", "base.json"]).contains("1 high"));
}
