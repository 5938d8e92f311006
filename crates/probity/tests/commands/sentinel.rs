//! Sentinel policies as a user runs them: `apply`, `scan`, `test`, `policy fmt` and `policy check`.

use serde_json::Value;

use crate::support::{folder, probity, text};

const PLAN: &str = r#"{"format_version": "1.2", "terraform_version": "1.9.0", "planned_values": {"root_module": {"resources": [
  {"address": "aws_s3_bucket.logs", "mode": "managed", "type": "aws_s3_bucket", "name": "logs", "values": {"acl": "public-read"}}]}},
  "resource_changes": [
  {"address": "aws_s3_bucket.logs", "mode": "managed", "type": "aws_s3_bucket", "name": "logs",
   "change": {"actions": ["create"], "before": null, "after": {"acl": "public-read"}, "after_unknown": {"id": true}}}]}"#;

const ACL: &str = "# Buckets are private\n\nimport \"tfplan/v2\" as tfplan\n\nmain = rule {\n\tall tfplan.resource_changes as _, rc {\n\t\t\
                   rc.change.after.acl is \"private\"\n\t}\n}\n";

const SET: &str = "import \"module\" \"lib\" {\n  source = \"./lib.sentinel\"\n}\n\npolicy \"acl\" {\n  source = \
                   \"./acl.sentinel\"\n  enforcement_level = \"soft-mandatory\"\n}\n\npolicy \"count\" {\n  source = \
                   \"./count.sentinel\"\n  enforcement_level = \"hard-mandatory\"\n  params = {\n    most = 0\n  }\n}\n\n\
                   policy \"told\" {\n  source = \"./count.sentinel\"\n  params = {\n    most = 0\n  }\n}\n";

const COUNT: &str = "import \"lib\"\nimport \"tfplan/v2\" as tfplan\n\nparam most\n\nmain = rule { lib.count(tfplan.resource_changes) <= most }\n";

const LIB: &str = "count = func(things) {\n\treturn length(things)\n}\n";

const WAIVERS: &str = "waivers:\n  - policy: \"*\"\n    subject: \"*\"\n    reason: moving\n    requested_by: ann@example.com\n    \
                       approved_by: bob@example.com\n    expires: 2999-12-31\n";

fn set() -> tempfile::TempDir {
    folder(&[
        ("plan.json", PLAN),
        ("waivers.yaml", WAIVERS),
        ("policies/sentinel.hcl", SET),
        ("policies/acl.sentinel", ACL),
        ("policies/count.sentinel", COUNT),
        ("policies/lib.sentinel", LIB),
    ])
}

#[test]
fn apply_tells_what_a_policy_came_to_and_ends_as_sentinel_does() {
    let files = folder(&[
        ("plan.json", PLAN),
        ("acl.sentinel", ACL),
        ("pass.sentinel", "main = rule { true }\n"),
        ("undefined.sentinel", "import \"tfplan/v2\" as p\nmain = p.resource_changes[\"none\"].type\n"),
        ("error.sentinel", "main = rule { error(\"no\") }\n"),
        ("recursion.sentinel", "f = func(n) { return f(n + 1) }\nmain = f(1)\n"),
        ("type.sentinel", "main = rule { 1 + \"a\" is 2 }\n"),
        ("unknown.sentinel", "import \"nothing\"\nmain = true\n"),
        ("broken.sentinel", "main = rule {\n"),
        ("empty.sentinel", ""),
    ]);
    let mut told = String::new();
    for policy in ["pass", "acl", "undefined", "error", "recursion", "type", "unknown", "broken", "empty", "missing"] {
        let name = format!("{policy}.sentinel");
        let like_sentinel = probity(files.path(), &["apply", &name, "--plan", "plan.json", "--sentinel-exit-codes"]);
        let own = probity(files.path(), &["apply", &name, "--plan", "plan.json"]);
        let code = |output: &std::process::Output| output.status.code().unwrap();
        told += &format!("== {policy}: {} and {}\n", code(&like_sentinel), code(&own));
        told += &(text(&own.stdout) + &text(&own.stderr));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn apply_of_a_set_lets_advisory_policies_fail() {
    let files = set();
    let all = probity(files.path(), &["apply", "policies/sentinel.hcl", "--plan", "plan.json", "--format", "json"]);
    assert_eq!(all.status.code(), Some(1));
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    let told = |policy: &Value| format!("{} {} {}", policy["policy"], policy["status"], policy["enforcement_level"]);
    let told: Vec<String> = all["policies"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(
        told,
        [r#""acl" "fail" "soft-mandatory""#, r#""count" "fail" "hard-mandatory""#, r#""told" "fail" "advisory""#]
    );
    let code = |arguments: &[&str]| {
        let fixed = ["apply", "--plan", "plan.json", "--config", "policies/sentinel.hcl", "--sentinel-exit-codes"];
        probity(files.path(), &[&fixed, arguments].concat()).status.code().unwrap()
    };
    assert_eq!(code(&["count"]), 1);
    assert_eq!(code(&["count", "--param", "most=1"]), 0);
    assert_eq!(code(&["told"]), 1, "a policy that is named counts");
    assert_eq!(code(&["none"]), 9);
    assert_eq!(code(&["count", "--param", "least=1"]), 9);
}

#[test]
fn apply_takes_mocks_and_the_plan_that_a_configuration_names() {
    let mock = "mock \"tfplan/v2\" {\n  data = {\n    resource_changes = {}\n  }\n}\n";
    let plugin = "sentinel {\n  features = {\n    terraform = true\n  }\n}\n\nimport \"plugin\" \"tfplan/v2\" {\n  config = {\n    path = \"plan.json\"\n  }\n}\n";
    for (configuration, arguments, expected) in [
        (mock, &[][..], "Pass - acl"),
        (mock, &["--plan", "plan.json"], "aws_s3_bucket.logs: rc.change.after.acl is \"private\" is false"),
        (plugin, &[], "aws_s3_bucket.logs: rc.change.after.acl is \"private\" is false"),
    ] {
        let files = folder(&[("plan.json", PLAN), ("acl.sentinel", ACL), ("sentinel.hcl", configuration)]);
        let output = probity(files.path(), &[&["apply", "acl.sentinel"], arguments].concat());
        assert!(text(&output.stdout).contains(expected), "{configuration}\n{output:?}");
    }
}

#[test]
fn a_scan_asks_sets_of_policies_about_plans_and_says_which_resource_fails() {
    let files = set();
    let output = probity(
        files.path(),
        &[
            "scan",
            "plan.json",
            "--policy",
            "policies",
            "--check",
            "acl,count,told",
            "--waivers",
            "waivers.yaml",
            "--format",
            "json",
        ],
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap_or_else(|| panic!("{report}"));
    let told = |finding: &Value| {
        let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}: {} ({})", text("policy"), text("outcome"), text("stage"), text("message"), text("reason"))
    };
    let mut told: Vec<String> = findings.iter().map(told).collect();
    told.sort();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_decision_of_a_set_is_recorded_and_judged_again() {
    let files = set();
    let run = |arguments: &[&str]| {
        let output = probity(files.path(), arguments);
        text(&output.stdout) + &text(&output.stderr)
    };
    let recorded =
        run(&["scan", "plan.json", "--policy", "policies", "--check", "acl,count,told", "--record", "--data", "data"]);
    assert!(recorded.contains("recorded 2 decisions"), "{recorded}");
    std::fs::remove_dir_all(files.path().join("policies")).unwrap();
    std::fs::remove_file(files.path().join("plan.json")).unwrap();
    let replayed = run(&["evidence", "replay", "--all", "--data", "data"]);
    assert!(replayed.contains("2 decisions the same, 0 different"), "{replayed}");
}

#[test]
fn tests_of_policies_are_run_as_sentinel_runs_them() {
    let files = folder(&[
        ("acl.sentinel", ACL),
        (
            "test/acl/public.hcl",
            "mock \"tfplan/v2\" {\n  module {\n    source = \"mock.sentinel\"\n  }\n}\n\ntest {\n  rules = {\n    main = false\n  }\n}\n",
        ),
        ("test/acl/wrong.hcl", "mock \"tfplan/v2\" {\n  module {\n    source = \"mock.sentinel\"\n  }\n}\n"),
        (
            "test/acl/mock.sentinel",
            "resource_changes = {\n\t\"aws_s3_bucket.a\": {\"change\": {\"after\": {\"acl\": \"public\"}}},\n}\n",
        ),
        ("test/acl/none.json", r#"{"mock": {"tfplan/v2": {"resource_changes": {}}}, "test": {"main": true}}"#),
    ]);
    let output = probity(files.path(), &["test", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    let cases = results["suites"][0]["cases"].as_array().unwrap_or_else(|| panic!("{results}"));
    let told: Vec<String> =
        cases.iter().map(|case| format!("{} {} {}", case["name"], case["outcome"], case["message"])).collect();
    insta::assert_snapshot!(told.join("\n"));
    let one = probity(files.path(), &["test", "acl.sentinel", "--run", "acl/(public|none)"]);
    assert!(one.status.success(), "{one:?}");
}

#[test]
fn policies_are_formatted_and_checked() {
    let files = folder(&[
        ("good.sentinel", "main = rule { true }\n"),
        ("policies/bad.sentinel", "a   = { \"x\": 1,\n\"long\": 2 }\nmain = rule {true}\n"),
    ]);
    let run = |arguments: &[&str]| {
        let output = probity(files.path(), arguments);
        (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
    };
    assert_eq!(run(&["policy", "fmt", "--check", "."]), (1, "./policies/bad.sentinel\n".to_owned()));
    assert_eq!(run(&["policy", "fmt", "."]), (0, "./policies/bad.sentinel\n".to_owned()));
    assert_eq!(run(&["policy", "fmt", "--check", "."]), (0, String::new()));
    assert!(run(&["policy", "check", "."]).1.contains("2 files of policies"));
    std::fs::write(files.path().join("good.sentinel"), "main = rule { tru").unwrap();
    let (code, told) = run(&["policy", "check", "."]);
    assert!(code == 1 && told.contains("good.sentinel:1"), "{told}");
    let (code, told) = run(&["policy", "fmt", "good.sentinel"]);
    assert!(code == 2 && told.contains("good.sentinel:1:"), "{told}");
}
