//! Tests in Rego, found and run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use probity_model::Sources;
use probity_policy_rego::{Impure, System, Version};
use probity_policy_test::{Options, Results, lcov, output};
use regex::Regex;

const POLICY: &str = "package a\n\ndefault allow := false\n\nallow if {\n\tinput.user == \"ann\"\n\t\"admin\" in \
                      data.roles[input.user]\n}\n\ndeny contains sprintf(\"no %s\", [input.user]) if not allow\n";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// Runs the tests below a folder; names are shortened by the folder's.
fn run(folder: &Path, version: Version, change: impl FnOnce(&mut Options<'_>)) -> Results {
    let sources = Arc::new(Sources::default());
    let read = probity_policy_test::read(&[folder.to_owned()], version, &[], &sources);
    assert_eq!(read.faults, []);
    let host = System::allowing([Impure::Clock, Impure::Random]);
    let mut options =
        Options { only: None, timeout: Duration::from_secs(5), coverage: false, trace: false, host: &host };
    change(&mut options);
    probity_policy_test::run(read, &options, &sources).unwrap()
}

fn outcomes(results: &Results) -> Vec<String> {
    results.cases().map(|case| format!("{} {}", case.outcome.as_str(), case.name)).collect()
}

/// The outcomes of the tests of one file beside the policy.
fn outcomes_of(tests: &str) -> Vec<String> {
    let text = format!("package a_test\nimport data.a\n{tests}");
    let folder = folder(&[("a.rego", POLICY), ("a_test.rego", &text)]);
    outcomes(&run(folder.path(), Version::V1, |_| {}))
}

#[test]
fn rules_are_tests_by_their_names() {
    for (tests, expected) in [
        ("test_x if true", &["pass data.a_test.test_x"][..]),
        ("test_x if false", &["fail data.a_test.test_x"]),
        ("test_x if input.undefined", &["fail data.a_test.test_x"]),
        ("test_x := false", &["fail data.a_test.test_x"]),
        ("test_x := \"true\"", &["fail data.a_test.test_x"]),
        ("todo_test_x if false", &["skipped data.a_test.todo_test_x"]),
        ("testx if false\ntest_f(x) := x\nother_test_x if false", &[]),
        ("sub.test_x if true", &["pass data.a_test.sub.test_x"]),
        ("test_x if true\ntest_x if false", &["pass data.a_test.test_x", "fail data.a_test.test_x#01"]),
        ("test_x if 1 / 0 == 1", &["fail data.a_test.test_x"]),
    ] {
        assert_eq!(outcomes_of(tests), expected, "{tests}");
    }
}

#[test]
fn conflicts_and_endless_tests_are_errors() {
    let conflict = "x := 1 if true\nx := 2 if true\ntest_x if x == 1";
    assert_eq!(outcomes_of(conflict), ["error data.a_test.test_x"]);
    let slow =
        "package a_test\ntest_x if {\n\tnumbers.range(1, 3000)[a]\n\tnumbers.range(1, 3000)[b]\n\ta * b == -1\n}\n";
    let folder = folder(&[("a_test.rego", slow)]);
    let results = run(folder.path(), Version::V1, |options| options.timeout = Duration::from_millis(50));
    let case = results.cases().next().unwrap();
    assert!(case.message.as_ref().is_some_and(|message| message.contains("took too")), "{case:?}");
}

#[test]
fn entries_of_objects_are_tests() {
    let tests = "test_x[note] if {\n\tsome note, tc in {\"one\": [1, 1], \"two\": [1, 2], \"three\": [3, 3]}\n\ttc[0] == \
                 tc[1]\n}\ntest_y[tc.name][tc.n] if {\n\tsome tc in [{\"name\": \"a\", \"n\": 1}, {\"name\": \"a\", \"n\": \
                 2}]\n\ttc.n > 1\n}";
    let expected = [
        "pass data.a_test.test_x/one",
        "pass data.a_test.test_x/three",
        "fail data.a_test.test_x/two",
        "fail data.a_test.test_y/a/1",
        "pass data.a_test.test_y/a/2",
    ];
    assert_eq!(outcomes_of(tests), expected);
}

#[test]
fn documents_and_functions_are_replaced() {
    let tests = "test_with if a.allow with input as {\"user\": \"ann\"} with data.roles as {\"ann\": {\"admin\"}}\n\
                 now := time.now_ns()\ntest_mock if now == 7 with time.now_ns as 7\ntest_clock if time.now_ns() > 0";
    assert_eq!(
        outcomes_of(tests),
        ["pass data.a_test.test_with", "pass data.a_test.test_mock", "pass data.a_test.test_clock"]
    );
}

#[test]
fn data_lies_where_its_folder_does() {
    let tests = "package a_test\ntest_x if {\n\tdata.roles.ann == [\"admin\"]\n\tdata.k == 1\n\tdata.sub.more.x\n}\n";
    let folder = folder(&[
        ("a_test.rego", tests),
        ("roles/data.json", r#"{"ann": ["admin"]}"#),
        ("k.yaml", "k: 1\n"),
        ("sub/more/any.yml", "x: yes\n"),
        (".hidden/data.json", "not JSON"),
        ("list.json", "[1]"),
        ("readme.md", "text"),
    ]);
    let results = run(folder.path(), Version::V1, |_| {});
    assert_eq!(outcomes(&results), ["pass data.a_test.test_x"]);
    let read = probity_policy_test::read(&[folder.path().to_owned()], Version::V1, &[], &Sources::default());
    assert_eq!(read.passed_over.len(), 1, "{:?}", read.passed_over);
}

#[test]
fn both_versions_of_rego_are_read() {
    let v0 = "package old_test\n\ntest_x { 1 == 1 }\n\ntest_y[name] { name := \"a\" }\n";
    let v1 = "package new_test\nimport rego.v1\n\ntest_x if 1 == 1\n";
    let folder = folder(&[("old.rego", v0), ("new.rego", v1)]);
    let results = run(folder.path(), Version::V0, |_| {});
    // In v0 the second rule makes a set, which is not true.
    let expected = ["pass data.new_test.test_x", "pass data.old_test.test_x", "fail data.old_test.test_y"];
    assert_eq!(outcomes(&results), expected);
    let read = probity_policy_test::read(&[folder.path().to_owned()], Version::V1, &[], &Sources::default());
    assert!(read.faults[0].hint.as_ref().is_some_and(|hint| hint.contains("--v0-compatible")), "{:?}", read.faults);
}

#[test]
fn a_failure_says_where_and_what_was_known() {
    let tests = "package a_test\nimport data.a\n\ntest_deny if {\n\tprint(\"looking at\", input.missing)\n\tcount(a.deny) == 0 \
                 with input as {\"user\": \"bob\"}\n}\n";
    let folder = folder(&[("a.rego", POLICY), ("a_test.rego", tests)]);
    let results = run(folder.path(), Version::V1, |options| options.trace = true);
    let case = results.cases().next().unwrap();
    let failure = case.failure.as_ref().unwrap();
    assert_eq!(failure.location.line, 6);
    assert_eq!(failure.text, "\tcount(a.deny) == 0 with input as {\"user\": \"bob\"}");
    let expected =
        [("count(a.deny)", "1"), ("a.deny", "[\"no bob\"]")].map(|(name, value)| (name.into(), value.into()));
    assert_eq!(failure.values, expected);
    assert_eq!(case.output, "looking at <undefined>\n");
    assert!(case.trace.contains("Fail input.user == \"ann\""), "{}", case.trace);
    let mut text = Vec::new();
    output::text(&results, output::Style::default(), &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("FAILED: 0 passed, 1 failed, 0 errors, 0 skipped"), "{text}");
    let mut xml = Vec::new();
    output::junit(&results, &mut xml).unwrap();
    let xml = String::from_utf8(xml).unwrap();
    assert!(xml.contains(r#"<testcase name="test_deny" classname="data.a_test""#), "{xml}");
}

#[test]
fn coverage_counts_rules_and_expressions() {
    let tests = "package a_test\nimport data.a\n\ntest_ann if a.allow with input as {\"user\": \"ann\"} with data.roles as \
                 {\"ann\": [\"admin\"]}\n";
    let folder = folder(&[("a.rego", POLICY), ("a_test.rego", tests)]);
    let results = run(folder.path(), Version::V1, |options| options.coverage = true);
    let report = results.coverage.unwrap();
    let (_, file) = report.files.iter().next().unwrap();
    // What `opa test --coverage` of OPA 1.22 says of the same files.
    assert_eq!(file.covered_lines.iter().copied().collect::<Vec<_>>(), [5, 6, 7]);
    assert_eq!(file.not_covered_lines.iter().copied().collect::<Vec<_>>(), [3, 10]);
    assert!((file.coverage - 60.0).abs() < 0.01, "{}", file.coverage);
    let lcov = lcov::write(&report);
    assert!(lcov.contains("DA:3,0\nDA:5,1\nDA:6,1\nDA:7,1\nDA:10,0\nLF:5\nLH:3\nend_of_record"), "{lcov}");
}

#[test]
fn only_the_tests_asked_for_are_run() {
    let folder = folder(&[("a_test.rego", "package a_test\ntest_one if true\ntest_two if true\n")]);
    let results = run(folder.path(), Version::V1, |options| options.only = Some(Regex::new("a_test.*two").unwrap()));
    assert_eq!(outcomes(&results), ["pass data.a_test.test_two"]);
}

/// Trivy's own checks, with their tests, where a copy is on this machine.
#[test]
fn trivys_checks_pass_their_tests() {
    let Some(folder) = std::env::var_os("PROBITY_TRIVY_CHECKS").map(PathBuf::from) else {
        eprintln!("skipped: PROBITY_TRIVY_CHECKS names no folder with a copy of aquasecurity/trivy-checks");
        return;
    };
    let sources = Arc::new(Sources::default());
    let paths = [folder.join("lib"), folder.join("checks")];
    let read = probity_policy_test::read(&paths, Version::V1, &["*.yaml".to_owned()], &sources);
    assert_eq!(read.faults, []);
    let host = System::allowing([Impure::Clock, Impure::Random, Impure::Runtime]);
    let options = Options { only: None, timeout: Duration::from_secs(20), coverage: false, trace: false, host: &host };
    let results = probity_policy_test::run(read, &options, &sources).unwrap();
    let summary = results.summary();
    eprintln!("Trivy's checks: {} of {} tests pass", summary.passed, summary.total());
    let failed: Vec<&str> = results
        .cases()
        .filter(|case| case.outcome != probity_policy_test::Outcome::Pass)
        .map(|case| case.name.as_str())
        .collect();
    assert!(summary.total() > 1_000, "{} tests were found", summary.total());
    assert!(summary.passed * 100 >= summary.total() * 95, "{failed:#?}");
}
