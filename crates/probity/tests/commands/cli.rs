//! The command as a user runs it.

use std::path::Path;
use std::process::Command;

use crate::support::{OPEN, folder, probity, text};

#[test]
fn exit_codes() {
    let broken = "resource \"a\" \"b\" {\n  x = \n}\n";
    let waiver = |approved: &str, expires: &str| {
        format!(
            "waivers:\n  - policy: \"*\"\n    subject: \"*\"\n    reason: moving\n    requested_by: ann@a.example\n    \
             approved_by: {approved}\n    expires: {expires}\n"
        )
    };
    let good = waiver("bob@a.example", "2999-01-01");
    let own = waiver("ann@a.example", "2999-01-01");
    let old = waiver("bob@a.example", "2020-01-01");
    let files = [
        ("open.tf", OPEN),
        ("broken/main.tf", broken),
        ("good.yaml", &good),
        ("own.yaml", &own),
        ("old.yaml", &old),
        ("empty/readme.md", ""),
    ];
    let folder = folder(&files);
    for (arguments, code) in [
        (&["scan", "open.tf"][..], 1),
        (&["scan", "open.tf", "--soft-fail"], 0),
        (&["scan", "open.tf", "--skip-check", "*"], 0),
        (&["scan", "open.tf", "--check", "CKV_AWS_24"], 1),
        (&["scan", "open.tf", "--check", "CKV_AWS_24", "--fail-on", "critical"], 0),
        (&["scan", "open.tf", "--fail-on", "severe"], 2),
        (&["scan", "open.tf", "--check", "CKV_AWS_9999"], 2),
        (&["scan", "open.tf", "--framework", "soc3"], 2),
        (&["scan", "open.tf", "--no-such-option"], 2),
        (&["scan", "open.tf", "--waivers", "good.yaml"], 0),
        (&["scan", "open.tf", "--waivers", "own.yaml"], 2),
        (&["scan", "open.tf", "--waivers", "old.yaml"], 2),
        (&["scan", "broken"], 2),
        (&["scan", "nowhere"], 2),
        (&["scan", "empty"], 0),
        (&["policy", "explain", "CKV_AWS_24"], 0),
        (&["policy", "show", "AVD-AWS-0107"], 0),
        (&["policy", "explain", "nothing"], 2),
        (&["controls"], 0),
        (&["controls", "--framework", "hipaa"], 0),
        (&["controls", "--set", "nothing"], 2),
        (&["controls", "--control", "soc2:CC6.1"], 0),
        (&["controls", "--control", "pci-dss:3.2.1:6.2"], 0),
        (&["controls", "--control", "soc2:CC66.1"], 2),
    ] {
        let output = probity(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn findings_name_place_control_and_fix() {
    let folder = folder(&[("main.tf", OPEN)]);
    let output = text(&probity(folder.path(), &["scan", "--check", "CKV_AWS_24"]).stdout);
    for part in ["main.tf:", "aws_security_group.open", "Controls", "Fix", "cidr_blocks"] {
        assert!(output.contains(part), "`{part}` is not in\n{output}");
    }
}

#[test]
fn one_broken_file_does_not_hide_the_rest() {
    let folder =
        folder(&[("a.tf", OPEN), ("b.tf", "resource \"x\" \"y\" {\n"), ("c.yaml", "kind: Pod\napiVersion: [\n")]);
    let output = probity(folder.path(), &["scan", "--check", "CKV_AWS_24"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        shown.contains("aws_security_group.open") && shown.contains("b.tf:") && shown.contains("c.yaml:"),
        "{shown}"
    );
}

#[test]
fn skips_in_the_source_count() {
    for comment in ["#checkov:skip=CKV_AWS_24:wanted", "# probity:skip=CKV_AWS_24:wanted", "#trivy:ignore:AVD-AWS-0107"]
    {
        let skipped = OPEN.replacen("{\n", &format!("{{\n  {comment}\n"), 1);
        let folder = folder(&[("main.tf", &skipped)]);
        let output = probity(folder.path(), &["scan", "--check", "CKV_AWS_24"]);
        assert_eq!(output.status.code(), Some(0), "{comment}: {}", text(&output.stdout));
        assert!(text(&output.stdout).contains("1 skipped"));
    }
}

#[test]
fn a_baseline_passes_over_what_it_has() {
    let folder = folder(&[("main.tf", OPEN)]);
    let write = probity(folder.path(), &["scan", "--write-baseline", "base.json"]);
    assert_eq!(write.status.code(), Some(1));
    assert_eq!(probity(folder.path(), &["scan", "--baseline", "base.json"]).status.code(), Some(0));
    let checkov = r#"{"failed_checks":[{"file":"/main.tf","findings":[{"resource":"aws_security_group.open","check_ids":["CKV_AWS_24"]}]}]}"#;
    std::fs::write(folder.path().join("checkov.json"), checkov).unwrap();
    let arguments = ["scan", "--check", "CKV_AWS_24", "--baseline", "checkov.json"];
    assert_eq!(probity(folder.path(), &arguments).status.code(), Some(0));
}

#[test]
fn stages_decide_by_environment() {
    let config = "version: 1\nstages:\n  default: observe\n  rules:\n    - {environment: production, stage: enforce}\n\
                  labels:\n  - {path: \"prod/*\", environment: production}\n";
    let folder = folder(&[("probity.yaml", config), ("prod/main.tf", OPEN), ("test/main.tf", OPEN)]);
    assert_eq!(probity(folder.path(), &["scan", "test"]).status.code(), Some(0));
    assert_eq!(probity(folder.path(), &["scan", "prod"]).status.code(), Some(1));
    assert_eq!(probity(folder.path(), &["scan", "test", "--environment", "production"]).status.code(), Some(1));
    assert!(text(&probity(folder.path(), &["scan", "test"]).stdout).contains("[observe]"));
}

#[test]
fn a_wrong_configuration_names_the_line() {
    let folder = folder(&[("probity.yaml", "version: 1\nstage: {}\n"), ("main.tf", OPEN)]);
    let output = probity(folder.path(), &["scan"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("probity.yaml:2:1: unknown field `stage`"), "{}", text(&output.stderr));
}

#[test]
fn init_then_scan() {
    let folder = folder(&[("main.tf", OPEN)]);
    assert_eq!(probity(folder.path(), &["init"]).status.code(), Some(0));
    let again = probity(folder.path(), &["init"]);
    assert_eq!(again.status.code(), Some(2), "it must not write over a file");
    let scan = probity(folder.path(), &["scan"]);
    assert_eq!(scan.status.code(), Some(0), "{}", text(&scan.stderr));
    assert!(text(&scan.stdout).contains("at stage observe"), "{}", text(&scan.stdout));
}

#[test]
fn own_policies_are_asked() {
    let graph = "policies:\n  - id: OWN-1\n    title: Groups have a name\n    severity: low\n    bindings:\n      - types: \
                 [aws_security_group]\n        rule: {attribute: name, operator: exists}\n";
    let checkov = "metadata: {id: CKV2_OWN_1, name: Groups have a name, category: NETWORKING}\ndefinition:\n  cond_type: \
                   attribute\n  resource_types: [aws_security_group]\n  attribute: name\n  operator: exists\n";
    let folder = folder(&[("main.tf", OPEN), ("own/a.yaml", graph), ("own/b.yaml", checkov)]);
    for id in ["OWN-1", "CKV2_OWN_1"] {
        let output = probity(folder.path(), &["scan", "main.tf", "--policy", "own", "--check", id]);
        assert_eq!(output.status.code(), Some(1), "{id}: {}", text(&output.stderr));
        assert!(text(&output.stdout).contains("`name` is not set"), "{}", text(&output.stdout));
    }
}

#[test]
fn every_format_is_well_formed() {
    let folder = folder(&[("main.tf", OPEN)]);
    let scan = |format: &str| text(&probity(folder.path(), &["scan", "--format", format]).stdout);
    let json: serde_json::Value = serde_json::from_str(&scan("json")).unwrap();
    assert!(json["findings"].as_array().unwrap().iter().any(|finding| finding["outcome"] == "fail"));
    let sarif: serde_json::Value = serde_json::from_str(&scan("sarif")).unwrap();
    let run = &sarif["runs"][0];
    for result in run["results"].as_array().unwrap() {
        let rule = &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
    }
    assert!(scan("junit").trim_end().ends_with("</testsuites>"));
    assert!(scan("github").lines().all(|line| line.starts_with("::")));
    let csv = scan("csv");
    assert!(csv.starts_with("policy,title,") && csv.lines().count() > 1);
}

/// The SARIF 2.1.0 schema, from a package that has it; `None` when the package is not there and cannot be had.
fn sarif_schema() -> Option<serde_json::Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    if !output.status.success() {
        assert!(std::env::var_os("CI").is_none(), "{}", text(&output.stderr));
        eprintln!("skipped: the package with the SARIF schema cannot be had");
        return None;
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let package = packages.find(|package| package["name"] == "serde-sarif").unwrap();
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    let schema = std::fs::read(manifest.with_file_name("src").join("schema.json")).unwrap();
    let mut schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
    // As published it is no regular expression but to lenient engines, and Probity writes no language.
    for definition in ["run", "toolComponent"] {
        let language = schema["definitions"][definition]["properties"]["language"].as_object_mut().unwrap();
        assert!(language.remove("pattern").is_some());
    }
    Some(schema)
}

#[test]
fn sarif_is_valid() {
    let Some(schema) = sarif_schema() else { return };
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let skipped = OPEN.replacen("{\n", "{\n  # checkov:skip=CKV_AWS_24:wanted\n", 1).replace("open", "skipped");
    let waiver = "waivers:\n  - policy: \"*\"\n    subject: \"*.waived\"\n    reason: moving\n    requested_by: a\n    \
                  approved_by: b\n    expires: 2999-01-01\n";
    let folder = folder(&[
        ("open.tf", OPEN),
        ("a b/ü.tf", &skipped),
        ("waived.tf", &OPEN.replace("open", "waived")),
        ("broken.tf", "resource \"a\" \"b\" {\n  x = \n}\n"),
        ("Dockerfile", "FROM a\n"),
        ("waivers.yaml", waiver),
    ]);
    let absolute = folder.path().display().to_string();
    for path in [".", &absolute, "Dockerfile", "waivers.yaml"] {
        let output = probity(folder.path(), &["scan", "--format", "sarif", "--waivers", "waivers.yaml", path]);
        let sarif: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&sarif).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, Vec::<String>::new(), "{path}");
        if path == "." {
            let kinds: std::collections::BTreeSet<&str> = sarif["runs"][0]["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|result| result["suppressions"][0]["kind"].as_str().unwrap_or("none"))
                .collect();
            assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["external", "inSource", "none"]);
        }
        let mut wrong = sarif;
        wrong["runs"][0]["results"] = serde_json::json!([{"level": "fatal"}]);
        assert!(!validator.is_valid(&wrong), "the schema takes anything");
    }
}

#[test]
fn a_server_that_does_not_start_leaves_nothing_behind() {
    let folder = folder(&[("broken.rego", "package a\np :=")]);
    for arguments in [&["serve", "--policy", "broken.rego"][..], &["serve", "--policy", "missing"]] {
        let output = probity(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!folder.path().join(".probity").exists(), "{arguments:?}");
    }
}

#[test]
fn resources_are_drawn_with_what_they_refer_to() {
    let text_of = "resource \"aws_s3_bucket\" \"a\" {}\nresource \"aws_s3_bucket_versioning\" \"a\" {\n  bucket = \
                   aws_s3_bucket.a.id\n}\nresource \"aws_sns_topic\" \"alone\" {}\n";
    let folder = folder(&[("main.tf", text_of), ("child/main.tf", "resource \"aws_sqs_queue\" \"q\" {}\n")]);
    let dot = probity(folder.path(), &["graph", "main.tf"]);
    assert_eq!(dot.status.code(), Some(0), "{}", text(&dot.stderr));
    let expected = "graph {
  rankdir=LR;
  node [shape=box, style=rounded, fontname=sans];
  r0 [label=\"aws_s3_bucket.a\"];
  r1 [label=\"aws_s3_bucket_versioning.a\"];
  r2 [label=\"aws_sns_topic.alone\"];
  r0 -- r1;
}
";
    assert_eq!(text(&dot.stdout), expected);
    for (arguments, code, has, has_not) in [
        (&["graph", "--format", "svg"][..], 0, "aws_sqs_queue.q", "nothing"),
        (&["graph", "--connected"], 0, "aws_s3_bucket.a", "alone"),
        (&["graph", "--around", "aws_s3_bucket.a"], 0, "aws_s3_bucket_versioning.a", "alone"),
        (&["graph", "--around", "aws_s3_bucket.b"], 2, "did you mean `aws_s3_bucket.a`?", "graph {"),
        (&["graph", "--exclude", "*"], 2, "nothing to draw", "graph {"),
        (&["graph", "nowhere"], 2, "nowhere: No such file", "graph {"),
        (&["graph", "main.tf", "--output", "nowhere/a.dot"], 2, "nowhere/a.dot cannot be written", "graph {"),
        (&["graph", "main.tf", "--depth", "1"], 2, "--around", "graph {"),
    ] {
        let output = probity(folder.path(), arguments);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(has) && !said.contains(has_not), "{arguments:?}: {said}");
    }
}

#[test]
fn variables_have_their_values_from_outside() {
    let group = "variable \"from\" {\n  default = \"10.0.0.0/8\"\n}\nresource \"aws_security_group\" \"ssh\" {\n  ingress {\n    \
                 from_port = 22\n    to_port = 22\n    protocol = \"tcp\"\n    cidr_blocks = [var.from]\n  }\n}\n";
    let open = "from = \"0.0.0.0/0\"\n";
    let folder = folder(&[("main.tf", group), ("values/open.tfvars", open), ("values/broken.tfvars", "from =\n")]);
    let check = ["scan", "main.tf", "--check", "CKV_AWS_24"];
    for (more, environment, code) in [
        (&[][..], None, 0),
        (&[], Some("0.0.0.0/0"), 1),
        (&["--var-file", "values/open.tfvars"], None, 1),
        (&["--var-file", "values/open.tfvars", "--var", "from=10.0.0.0/8"], Some("0.0.0.0/0"), 0),
        (&["--var-file", "values/broken.tfvars"], None, 2),
        (&["--var-file", "values/none.tfvars"], None, 2),
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_probity"));
        command.args(check).args(more).current_dir(folder.path());
        command.envs(environment.map(|value| ("TF_VAR_from", value)));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{more:?} {environment:?}: {}", text(&output.stderr));
    }
}

#[test]
fn workflows_are_scanned_in_their_hidden_folder() {
    let workflow = "name: CI\non: pull_request\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      \
                    - run: echo ok\n      # zizmor: ignore[template-injection] shown in a test\n      - run: echo ${{ \
                    github.head_ref }}\n      - run: |\n          echo first\n          echo ${{ github.head_ref }}\n";
    let folder = folder(&[(".github/workflows/ci.yml", workflow), (".hidden/ci.yml", workflow)]);
    let output = probity(folder.path(), &["scan", ".", "--check", "CKV_GHA_2", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings: Vec<(String, String, u64)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let line = finding["location"]["line"].as_u64().unwrap_or_default();
            (word(&finding["subject"]["address"]), word(&finding["outcome"]), line)
        })
        .collect();
    let at = |step: usize| format!("ci.yml:jobs.a.steps[{step}]");
    assert!(findings.contains(&(at(2), "fail".to_owned(), 13)), "{findings:?}");
    assert!(findings.iter().any(|(subject, outcome, _)| *subject == at(1) && outcome == "skipped"), "{findings:?}");
}
