//! `policy new`, and the examples that `probity test` runs.

use std::path::Path;

use crate::support::{folder, probity, text};

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = probity(folder, arguments);
    (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

/// A language and a type, the file that is written, and what in it makes the passing example pass.
const ALL: &[(&str, &str, &str, &str, &str)] = &[
    ("graph", "aws_s3_bucket", "policies/own.yaml", "owner = \"platform\"", "owner = \"\""),
    ("graph", "google_storage_bucket", "policies/own.yaml", "owner = \"platform\"", "owner = \"\""),
    ("graph", "AWS::S3::Bucket", "policies/own.yaml", "{Key: owner, Value", "{Key: other, Value"),
    ("graph", "Deployment", "policies/own.yaml", "owner: platform", "other: platform"),
    ("graph", "example.com/v1/Widget", "policies/own.yaml", "owner: platform", "other: platform"),
    ("graph", "dockerfile", "policies/own.yaml", "USER 65534", "USER root"),
    ("graph", "github.workflow", "policies/own.yaml", "permissions:", "env:"),
    ("graph", "github.job", "policies/own.yaml", "timeout-minutes: 10", ""),
    ("graph", "github.step", "policies/own.yaml", "name: Build", ""),
    ("rego", "github.workflow", "policies/.examples/own/pass/.github/workflows/example.yml", "permissions", "env"),
    ("rego", "github.job", "policies/.examples/own/pass/.github/workflows/example.yml", "timeout-minutes: 10", ""),
    ("rego", "github.step", "policies/.examples/own/pass/.github/workflows/example.yml", "name: Build", ""),
    ("rego", "aws_s3_bucket", "policies/.examples/own/pass.tf", "owner", "other"),
    ("rego", "AWS::S3::Bucket", "policies/.examples/own/pass.yaml", "owner", "other"),
    ("rego", "Ingress", "policies/.examples/own/pass.yaml", "owner", "other"),
    ("rego", "dockerfile", "policies/.examples/own/pass/Dockerfile", "65534", "root"),
    ("sentinel", "aws_s3_bucket", "policies/.examples/own/pass.tf", "owner", "other"),
    ("sentinel", "google_storage_bucket", "policies/.examples/own/pass.tf", "owner", "other"),
    ("kyverno", "Pod", "policies/.examples/own/pass.yaml", "owner", "other"),
    ("kyverno", "NetworkPolicy", "policies/.examples/own/pass.yaml", "owner", "other"),
    ("cel", "CronJob", "policies/.examples/own/pass.yaml", "owner", "other"),
    ("cel", "example.com/v1/Widget", "policies/.examples/own/pass.yaml", "owner", "other"),
];

#[test]
fn what_is_written_passes_its_test_and_a_scan_asks_it() {
    for (language, subject, file, good, bad) in ALL {
        let (folder, what) = (tempfile::tempdir().unwrap(), format!("{language} {subject}"));
        let path = folder.path();
        let new = ["policy", "new", "own", "--for", subject, "--language", language, "--severity", "high"];
        let new = [&new[..], &["--control", "soc2:CC6.1,hipaa:164.312(a)(1)"]].concat();
        let (code, said) = run(path, &new);
        assert_eq!(code, Some(0), "{what}: {said}");
        let (code, said) = run(path, &["test", "policies"]);
        assert_eq!(code, Some(0), "{what}: {said}");
        assert!(said.contains("ok: 2 passed, 0 failed"), "{what}: {said}");
        let (code, said) = run(path, &["policy", "check", "policies"]);
        assert_eq!(code, Some(0), "{what}: {said}");
        // Nothing is written over.
        let before = std::fs::read_to_string(path.join(file)).unwrap();
        let (code, said) = run(path, &new);
        assert!(code == Some(2) && said.contains("is there already; choose another name"), "{what}: {said}");
        // A broken example is told.
        assert!(before.contains(good), "{what}: {before}");
        std::fs::write(path.join(file), before.replacen(good, bad, 1)).unwrap();
        let (code, said) = run(path, &["test", "policies"]);
        let name = if *language == "graph" { "FAIL OWN/pass 1" } else { "FAIL own/pass" };
        assert!(code == Some(1) && said.contains("1 passed, 1 failed") && said.contains(name), "{what}: {said}");
        std::fs::write(path.join(file), before).unwrap();
        // The scan of what the failing example has.
        scan(path, subject, &what);
    }
}

fn scan(path: &Path, subject: &str, what: &str) {
    let bad = match subject {
        "dockerfile" => ("infra/Dockerfile", "FROM docker.io/library/debian:12\n".to_owned()),
        other if other.starts_with("github.") => (
            "infra/.github/workflows/ci.yml",
            "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: make\n".to_owned(),
        ),
        other if other.contains("::") => ("infra/a.yaml", format!("Resources:\n  A:\n    Type: {other}\n")),
        other if other.contains('_') => ("infra/a.tf", format!("resource \"{other}\" \"a\" {{}}\n")),
        other => {
            let (api, kind) = match other {
                "Deployment" => ("apps/v1", other),
                "CronJob" => ("batch/v1", other),
                "Ingress" | "NetworkPolicy" => ("networking.k8s.io/v1", other),
                "Pod" => ("v1", other),
                other => other.rsplit_once('/').unwrap(),
            };
            ("infra/a.yaml", format!("apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: a\n"))
        }
    };
    std::fs::create_dir_all(path.join(bad.0).parent().unwrap()).unwrap();
    std::fs::write(path.join(bad.0), bad.1).unwrap();
    let id = if what.starts_with("kyverno") || what.starts_with("cel") { "own*" } else { "OWN" };
    let (code, said) = run(path, &["scan", "infra", "--policy", "policies", "--check", id]);
    assert_eq!(code, Some(1), "{what}: {said}");
    assert!(said.contains("HIGH") && said.contains("SOC 2 CC6.1, HIPAA 164.312(a)(1)"), "{what}: {said}");
}

#[test]
fn a_scan_does_not_come_upon_examples() {
    let folder = folder(&[("main.tf", "")]);
    run(folder.path(), &["policy", "new", "own", "--for", "aws_s3_bucket", "--language", "rego"]);
    let (code, said) = run(folder.path(), &["scan"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["own"][..], "--for"),
        (&["Own Policy", "--for", "Pod"], "a name has small letters"),
        (&["../own", "--for", "Pod"], "a name has small letters"),
        (&["own", "--for", "Widget"], "write one of your own as example.com/v1/Widget"),
        (&["own", "--for", "bucket"], "is no type: name one such as aws_s3_bucket"),
        (&["own", "--for", "aws_s3_bucket", "--language", "kyverno"], "write the policy with --language graph or rego"),
        (&["own", "--for", "Pod", "--language", "sentinel"], "write the policy with --language graph or rego"),
        (&["own", "--for", "github.job", "--language", "cel"], "write the policy with --language graph or rego"),
        (&["own", "--for", "github.action"], "github.workflow, github.job or github.step"),
        (&["own", "--for", "Pod", "--language", "prolog"], "possible values: graph, rego, kyverno, cel, sentinel"),
        (&["own", "--for", "Pod", "--control", "soc2:CC66.1"], "there is no control `soc2:CC66.1`"),
        (&["own", "--for", "Pod", "--control", "soc9:CC6.1"], "there is no framework `soc9`"),
    ] {
        let (code, said) = run(folder.path(), &[&["policy", "new"], arguments].concat());
        assert!(code == Some(2) && said.contains(expected), "{arguments:?}: {said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn examples_show_what_their_names_say() {
    let policy = "policies:\n  - id: OWN-1\n    title: Named\n    severity: low\n    bindings:\n      - types: [aws_s3_bucket]\n        \
                  rule: {attribute: bucket, operator: equals, value: a}\n";
    let named = "resource \"aws_s3_bucket\" \"a\" {\n  bucket = \"a\"\n}\n";
    let unnamed = "resource \"aws_s3_bucket\" \"a\" {}\n";
    let waits = "resource \"random_pet\" \"a\" {}\nresource \"aws_s3_bucket\" \"a\" {\n  bucket = random_pet.a.id\n}\n";
    for (file, text_of, code, expected) in [
        ("pass.tf", named, 0, "1 passed"),
        ("pass.tf", unnamed, 1, "aws_s3_bucket.a fails: "),
        ("pass.tf", waits, 1, "aws_s3_bucket.a cannot be decided"),
        ("pass.tf", "resource \"aws_s3_object\" \"a\" {}\n", 1, "the policy judges nothing here"),
        ("pass.tf", "resource \"aws_s3_bucket\" \"a\" {\n", 1, "it cannot be read: "),
        ("fail.tf", unnamed, 0, "1 passed"),
        ("fail.tf", named, 1, "nothing fails here; judged: aws_s3_bucket.a"),
        ("unknown.tf", waits, 0, "1 passed"),
        ("unknown.tf", named, 1, "nothing is left undecided here"),
        ("pass-2/main.tf", named, 0, "1 passed"),
        ("readme.md", "", 0, "no tests were found"),
    ] {
        let folder = folder(&[("p/own.yaml", policy), (&format!("p/.examples/own/{file}"), text_of)]);
        let (found, said) = run(folder.path(), &["test", "p"]);
        assert!(found == Some(code) && said.contains(expected), "{file}: {found:?} {said}");
    }
    // A policy that cannot be read fails the tests that need it.
    let folder = folder(&[("p/own.yaml", &policy.replace("rule:", "rul:")), ("p/.examples/own/pass.tf", named)]);
    let (code, said) = run(folder.path(), &["test", "p"]);
    assert!(code == Some(1) && said.contains("unknown field `rul`"), "{said}");
}
