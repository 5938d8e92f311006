//! `probity test`, `probity eval` and `probity policy check` as a user runs them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::{folder, text};

const POLICY: &str = "package a\n\ndefault allow := false\n\nallow if {\n\tinput.user == \"ann\"\n\t\"admin\" in \
                      data.roles[input.user]\n}\n\ndeny contains sprintf(\"no %s\", [input.user]) if not allow\n";

const TESTS: &str = "package a_test\n\nimport data.a\n\ntest_ann if a.allow with input as {\"user\": \"ann\"}\n\ntest_bob \
                     if {\n\tprint(\"asking\")\n\tcount(a.deny) == 0 with input as {\"user\": \"bob\"}\n}\n\n\
                     todo_test_later if false\n";

const V0: &str = "package old\n\ndeny[msg] {\n\tmsg := \"no\"\n}\n";

fn probity(folder: &Path, arguments: &[&str]) -> Output {
    with_input(folder, arguments, "")
}

fn with_input(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_probity"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It need not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn clinic() -> tempfile::TempDir {
    folder(&[
        ("policy/a.rego", POLICY),
        ("policy/a_test.rego", TESTS),
        ("policy/roles/data.json", r#"{"ann": ["admin"], "bob": []}"#),
        ("old/old.rego", V0),
        ("broken/a.rego", "package broken\n\np if {\n\tcount(input.a, 3) > 1\n\tnope(input.b)\n\tq == y\n}\n"),
        ("strict/a.rego", "package strict\n\nimport data.unused\n\np if {\n\tx := 1\n\tinput.y == 2\n}\n"),
        (
            "graph/good.yaml",
            "metadata:\n  id: OWN_1\n  name: No public buckets\ndefinition:\n  cond_type: attribute\n  \
                             resource_types: [aws_s3_bucket]\n  attribute: acl\n  operator: not_equals\n  value: public-read\n",
        ),
        (
            "graph/bad.yaml",
            "metadata:\n  id: OWN_2\n  name: Bad\ndefinition:\n  cond_type: attribute\n  resource_types: \
                            [aws_s3_bucket]\n  attribute: acl\n  operator: looks_like\n  value: x\n",
        ),
        ("input.json", r#"{"user": "bob", "n": [1, 2]}"#),
        ("input.yaml", "user: ann\n"),
        ("empty/readme.md", ""),
    ])
}

#[test]
fn exit_codes() {
    let folder = clinic();
    for (arguments, code) in [
        (&["test", "policy"][..], 1),
        (&["test", "policy", "--run", "ann"], 0),
        (&["test", "policy", "--run", "later"], 0),
        (&["test", "policy", "--run", "("], 2),
        (&["test", "policy", "--run", "ann", "--threshold", "20"], 0),
        (&["test", "policy", "--run", "ann", "--threshold", "99"], 1),
        (&["test", "empty"], 0),
        (&["test", "nowhere"], 2),
        (&["test", "old"], 2),
        (&["test", "old", "--v0-compatible"], 0),
        (&["test", "broken"], 2),
        (&["test", "policy", "--timeout", "soon"], 2),
        (&["eval", "1 + 1"], 0),
        (&["eval", "1 +"], 2),
        (&["eval", "data.nope"], 0),
        (&["eval", "data.nope", "--fail"], 1),
        (&["eval", "true", "--fail"], 0),
        (&["eval", "true", "--fail-defined"], 1),
        (&["eval", "data.nope", "--fail-defined"], 0),
        (&["eval", "x := 1 / 0"], 0),
        (&["eval", "x := 1 / 0", "--strict-builtin-errors"], 2),
        (&["eval", "-d", "broken", "true"], 2),
        (&["eval", "-d", "old", "data.old.deny"], 2),
        (&["eval", "-d", "old", "--v0-compatible", "data.old.deny"], 0),
        (&["eval", "-d", "strict", "data.strict", "--strict"], 2),
        (&["eval", "-i", "nowhere.json", "true"], 2),
        (&["eval", "true", "--explain", "everything"], 2),
        (&["policy", "check", "policy"], 0),
        (&["policy", "check", "broken"], 1),
        (&["policy", "check", "strict"], 0),
        (&["policy", "check", "strict", "--strict"], 1),
        (&["policy", "check", "old"], 1),
        (&["policy", "check", "old", "--v0-compatible"], 0),
        (&["policy", "check", "graph/good.yaml"], 0),
        (&["policy", "check", "graph"], 1),
        (&["policy", "check", "empty"], 2),
        (&["policy", "check", "nowhere"], 2),
    ] {
        let output = probity(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_failing_test_is_told_with_its_place_values_and_output() {
    let folder = clinic();
    let output = text(&probity(folder.path(), &["test", "policy"]).stdout);
    let lines: Vec<&str> = output.lines().map(|line| line.split(" (").next().unwrap_or(line)).collect();
    let expected = [
        "policy/a_test.rego:",
        "  FAIL data.a_test.test_bob",
        "    policy/a_test.rego:9: no solution",
        "      9 | \tcount(a.deny) == 0 with input as {\"user\": \"bob\"}",
        "      count(a.deny) is 1",
        "      a.deny is [\"no bob\"]",
        "    printed:",
        "      asking",
        "  SKIPPED data.a_test.todo_test_later",
        "    its name says that it is still to be done",
    ];
    assert_eq!(lines[..lines.len() - 1], expected, "{output}");
    assert!(lines.last().unwrap().starts_with("FAILED: 1 passed, 1 failed, 0 errors, 1 skipped"), "{output}");
    let verbose = text(&probity(folder.path(), &["test", "policy", "--verbose"]).stdout);
    assert!(verbose.contains("PASS data.a_test.test_ann"), "{verbose}");
    assert!(verbose.contains("Fail input.user == \"ann\""), "{verbose}");
}

#[test]
fn results_are_written_for_other_programs() {
    let folder = clinic();
    let arguments = ["test", "policy", "--format", "json", "--coverage", "--lcov", "cover.info"];
    let json: serde_json::Value = serde_json::from_slice(&probity(folder.path(), &arguments).stdout).unwrap();
    assert_eq!(json["summary"]["passed"], 1);
    assert_eq!(json["summary"]["failed"], 1);
    assert_eq!(json["suites"][0]["cases"][1]["name"], "data.a_test.test_bob");
    assert_eq!(json["suites"][0]["cases"][1]["output"], "asking\n");
    assert_eq!(json["coverage"]["files"]["policy/a.rego"]["coverage"], 100.0);
    let lcov = std::fs::read_to_string(folder.path().join("cover.info")).unwrap();
    assert!(lcov.contains("SF:policy/a.rego\nDA:3,1\n"), "{lcov}");
    let junit = text(&probity(folder.path(), &["test", "policy", "--format", "junit"]).stdout);
    assert!(junit.contains(r#"tests="3" failures="1" errors="0" skipped="1""#), "{junit}");
}

#[test]
fn answers_have_the_shapes_of_opa() {
    let folder = clinic();
    let with = |query: &'static str, more: &[&'static str]| {
        let arguments: Vec<&str> =
            ["eval", "-d", "policy", "-i", "input.json", query].into_iter().chain(more.iter().copied()).collect();
        text(&probity(folder.path(), &arguments).stdout)
    };
    let json = |query| serde_json::from_str::<serde_json::Value>(&with(query, &[])).unwrap();
    let expression = |value: serde_json::Value, text: &str, col: u32| serde_json::json!({"value": value, "text": text, "location": {"row": 1, "col": col}});
    for (query, expected) in [
        (
            "data.a.deny",
            serde_json::json!({"result": [{"expressions": [expression(serde_json::json!(["no bob"]), "data.a.deny", 1)]}]}),
        ),
        ("data.a.nope", serde_json::json!({})),
        ("false", serde_json::json!({"result": [{"expressions": [expression(false.into(), "false", 1)]}]})),
        ("input.n[_] > 2", serde_json::json!({})),
        (
            "some x; input.n[x] == 2",
            serde_json::json!({"result": [{"expressions": [expression(true.into(), "input.n[x] == 2", 9)], "bindings": {"x": 1}}]}),
        ),
        (
            "x := 1; not x == 2",
            serde_json::json!({"result": [{
                "expressions": [expression(true.into(), "x := 1", 1), expression(true.into(), "not x == 2", 9)],
                "bindings": {"x": 1},
            }]}),
        ),
    ] {
        assert_eq!(json(query), expected, "{query}");
    }
    for (query, format, expected) in [
        ("data.a.deny", "pretty", "[\n  \"no bob\"\n]\n"),
        ("data.a.nope", "pretty", "undefined\n"),
        ("x := input.n[_]", "pretty", "x\n1\n2\n"),
        ("input.user", "raw", "bob\n"),
        ("input.user", "values", "[\n  \"bob\"\n]\n"),
    ] {
        assert_eq!(with(query, &["--format", format]), expected, "{query} {format}");
    }
    let errors: serde_json::Value = serde_json::from_str(&with("x := 1 / 0", &["--strict-builtin-errors"])).unwrap();
    assert_eq!(errors["errors"][0]["code"], "eval_builtin_error");
    let piped = with_input(folder.path(), &["eval", "-I", "--format", "raw", "input.user"], "user: eve\n");
    assert_eq!(text(&piped.stdout), "eve\n");
    let yaml = probity(folder.path(), &["eval", "-d", "policy", "-i", "input.yaml", "-f", "raw", "data.a.allow"]);
    assert_eq!(text(&yaml.stdout), "true\n");
}

#[test]
fn an_evaluation_can_be_explained_profiled_and_covered() {
    let folder = clinic();
    let explain = |what| {
        let arguments = ["eval", "-d", "policy", "-i", "input.json", "-f", "pretty", "--explain", what, "data.a.deny"];
        text(&probity(folder.path(), &arguments).stdout)
    };
    let full = explain("full");
    assert!(full.starts_with("query:1           Enter data.a.deny\n"), "{full}");
    assert!(
        full.contains("policy/a.rego:6   | | | | Fail input.user == \"ann\"         {input.user: \"bob\"}\n"),
        "{full}"
    );
    let fails = explain("fails");
    assert!(fails.contains("Fail input.user == \"ann\"") && !fails.contains("Exit"), "{fails}");
    assert_eq!(explain("notes"), explain("off"));
    let arguments = ["eval", "-d", "policy", "-i", "input.json", "--profile", "--coverage", "data.a.deny"];
    let json: serde_json::Value = serde_json::from_slice(&probity(folder.path(), &arguments).stdout).unwrap();
    let line = |row| json["profile"].as_array().unwrap().iter().find(|cost| cost["location"]["row"] == row);
    assert_eq!(line(6).unwrap()["num_eval"], 1, "{json}");
    assert!(json["coverage"]["files"]["policy/a.rego"]["coverage"].as_f64().unwrap() > 50.0, "{json}");
}

#[test]
fn faults_are_shown_with_their_line_and_a_hint() {
    let folder = clinic();
    for (arguments, expected) in [
        (
            &["policy", "check", "broken"][..],
            "broken/a.rego:4:2: rego_type_error: count: arity mismatch\n\thave: (any, number, ???)\n\twant: (collection: \
             any<string, array[any], object[any: any], set[any]>)\n4 | \tcount(input.a, 3) > 1\n  | \
             \t^^^^^^^^^^^^^^^^^\nhint: call it with as many operands as it takes\nbroken/a.rego:5:2: rego_type_error: undefined \
             function nope\n5 | \tnope(input.b)\n  | \t^^^^^^^^^^^^^\nhint: no function and no rule is called `nope`: mind its \
             spelling, its import and its package\n2 errors in 1 Rego module and 0 files of policies\n",
        ),
        (
            &["policy", "check", "strict", "--strict"],
            "strict/a.rego:3:1: rego_compile_error: import data.unused unused\n3 | import data.unused\n  | \
             ^^^^^^^^^^^^^^^^^^\nhint: remove it, or use it\n1 error in 1 Rego module and 0 files of policies\n",
        ),
        (&["policy", "check", "policy", "graph/good.yaml"], "ok: 2 Rego modules and 1 file of policies\n"),
    ] {
        assert_eq!(text(&probity(folder.path(), arguments).stdout), expected, "{arguments:?}");
    }
    let old = text(&probity(folder.path(), &["policy", "check", "old"]).stdout);
    assert!(old.contains("hint: this is valid Rego v0: run with --v0-compatible"), "{old}");
    let graph = text(&probity(folder.path(), &["policy", "check", "graph"]).stdout);
    assert!(graph.contains("graph/bad.yaml:8:3: policy_error:") && graph.contains("looks_like"), "{graph}");
    let json = probity(folder.path(), &["policy", "check", "broken", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["errors"][1]["location"]["row"], 5, "{json}");
}

#[test]
fn what_policies_say_of_themselves_and_the_rego_of_templates_are_checked() {
    let template = "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {name: bad}\nspec:\n  crd: {spec: \
                    {names: {kind: Bad}}}\n  targets:\n    - target: admission.k8s.gatekeeper.sh\n      rego: |\n        \
                    package bad\n        violation[{\"msg\": msg}] { msg := nope(1) }\n";
    let described = |control: &str| {
        format!(
            "package main\n# METADATA\n# title: x\n# custom:\n#   controls: [{control}]\ndeny contains \"x\" if input.x\n"
        )
    };
    let folder = folder(&[
        ("template.yaml", template),
        ("known.rego", &described("soc2:CC6.1")),
        ("unknown.rego", &described("soc2:CC99.9")),
        ("probity.yaml", "version: 1\npolicies:\n  folders: [policies]\n"),
    ]);
    for (path, ignore, expected) in [
        ("template.yaml", "-", "template.yaml:8:7: policy_error: "),
        ("template.yaml", "-", "undefined function nope"),
        ("known.rego", "-", "ok: 1 Rego module and 0 files of policies"),
        ("unknown.rego", "-", "`soc2:CC99.9` is no requirement of that framework"),
        (".", "unknown.rego", "1 error in 1 Rego module and 1 file of policies"),
        (".", "*.yaml", "1 error in 2 Rego modules and 0 files of policies"),
    ] {
        let shown = text(&probity(folder.path(), &["policy", "check", path, "--ignore", ignore]).stdout);
        assert!(shown.contains(expected), "{path} {ignore}: {shown}");
    }
}

#[cfg(unix)]
#[test]
fn schemas_tell_of_which_type_documents_are() {
    let folder = folder(&[
        ("input.json", r#"{"type": "object", "properties": {"user": {"type": "string"}}}"#),
        ("schemas/kubernetes/pod.yaml", "type: object\nproperties:\n  kind:\n    type: string\n"),
        ("schemas/bad.json", r#"{"type": "text"}"#),
        ("nothing.json", "{"),
        ("whole.rego", "package whole\n\np if input.usr\n"),
        (
            "part.rego",
            "package part\n\n# METADATA\n# schemas:\n#   - input.pod: schema.kubernetes.pod\np if abs(input.pod.kind) > 1\n",
        ),
        ("bad.rego", "package bad\n\n# METADATA\n# schemas:\n#   - input: schema.bad\np if input.x\n"),
    ]);
    for (arguments, code, expected) in [
        (&["policy", "check", "whole.rego"][..], 0, "ok: 1 Rego module and 0 files of policies\n"),
        (
            &["policy", "check", "whole.rego", "--schema", "input.json"],
            1,
            "whole.rego:3:6: rego_type_error: undefined ref: input.usr\n\tinput.usr\n\t      ^\n\t      have: \"usr\"\n\t      \
             want (one of): [\"user\"]\n3 | p if input.usr\n  |      ^^^^^\nhint: there is no such key, or nothing has keys \
             there\n1 error in 1 Rego module and 0 files of policies\n",
        ),
        (&["policy", "check", "part.rego"], 0, "ok: 1 Rego module and 0 files of policies\n"),
        (
            &["policy", "check", "part.rego", "--schema", "schemas"],
            1,
            "part.rego:6:6: rego_type_error: abs: invalid argument(s)\n\thave: (string, ???)\n\twant: (x: number, y: \
             number)\n6 | p if abs(input.pod.kind) > 1\n  |      ^^^^^^^^^^^^^^^^^^^\nhint: the operand can never be of the type \
             that the function takes\n1 error in 1 Rego module and 0 files of policies\n",
        ),
        (
            &["policy", "check", "bad.rego", "--schema", "schemas"],
            1,
            "bad.rego:6:1: rego_type_error: unable to compile the schema: has a primitive type that is NOT VALID -- given: \
             /text/ Expected valid values are:[array boolean integer number null object string]\n6 | p if input.x\n  | \
             ^^^^^^^^^^^^\n1 error in 1 Rego module and 0 files of policies\n",
        ),
        (&["policy", "check", "whole.rego", "--schema", "nothing.json"], 2, ""),
        (&["policy", "check", "whole.rego", "--schema", "nowhere"], 2, ""),
        (&["eval", "-d", "whole.rego", "--schema", "nowhere", "true"], 2, ""),
    ] {
        let output = probity(folder.path(), arguments);
        assert_eq!(text(&output.stdout), expected, "{arguments:?}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    }
    let arguments = ["eval", "-d", "whole.rego", "--schema", "input.json", "data.whole.p"];
    let output = probity(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("undefined ref: input.usr"), "{}", text(&output.stdout));
    let output = probity(folder.path(), &["eval", "--schema", "input.json", "input.usr"]);
    assert!(text(&output.stdout).contains("undefined ref: input.usr"), "{}", text(&output.stdout));
}

#[test]
fn watching_runs_tests_again_and_ends_when_interrupted() {
    let folder = folder(&[("a_test.rego", "package a_test\ntest_x if false\n")]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_probity"))
        .args(["test", "--watch"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut summaries = lines.map(Result::unwrap).filter(|line| line.contains(" passed, "));
    assert!(summaries.next().unwrap().starts_with("FAILED: 0 passed, 1 failed"));
    // Long enough for the watch to begin.
    std::thread::sleep(std::time::Duration::from_millis(300));
    std::fs::write(folder.path().join("a_test.rego"), "package a_test\ntest_x if true\n").unwrap();
    assert!(summaries.next().unwrap().starts_with("ok: 1 passed, 0 failed"));
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn tests_read_files_as_conftest_lets_them() {
    let tests = "package a_test\n\ntest_text if parse_config(\"toml\", \"a = 1\") == {\"a\": 1}\n\ntest_list if \
                 parse_config(\"json\", \"[1]\") == [1]\n\ntest_file if parse_config_file(\"data/app.toml\").a == 2\n\n\
                 test_files if {\n\tfiles := parse_combined_config_files([\"data/app.toml\", \"data/b.yaml\"])\n\t[file.path | \
                 some file in files] == [\"data/app.toml\", \"data/b.yaml\"]\n\tfiles[1].contents.b == 3\n}\n";
    let files = [("policy/a_test.rego", tests), ("policy/data/app.toml", "a = 2\n"), ("policy/data/b.yaml", "b: 3\n")];
    let folder = folder(&files);
    let output = probity(folder.path(), &["test", "policy"]);
    let shown = text(&output.stdout);
    assert!(output.status.success() && shown.contains("4 passed"), "{shown}");
    let missing = "package a_test\n\ntest_file if parse_config_file(\"missing.toml\")\n";
    std::fs::write(folder.path().join("policy/a_test.rego"), missing).unwrap();
    let output = probity(folder.path(), &["test", "policy"]);
    let shown = text(&output.stdout);
    assert!(output.status.code() == Some(1) && shown.contains("missing.toml cannot be read"), "{shown}");
}
