//! Suites of our own: what passes, what fails and how it says so, and which parts are run.

use std::path::Path;

use probity_policy_gatekeeper::suite::{self, Filter, Outcome};

const TEMPLATE: &str = "
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: noowner}
spec:
  crd:
    spec:
      names: {kind: NoOwner}
      validation:
        openAPIV3Schema:
          type: object
          properties: {label: {type: string, default: owner}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package noowner
      violation[{\"msg\": msg}] {
        not input.review.object.metadata.labels[input.parameters.label]
        msg := sprintf(\"%v has no %v\", [input.review.kind.kind, input.parameters.label])
      }
";

const FILES: &[(&str, &str)] = &[
    ("template.yaml", TEMPLATE),
    (
        "constraint.yaml",
        "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: NoOwner\nmetadata: {name: a}\nspec: {parameters: {}}\n",
    ),
    (
        "wrong.yaml",
        "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: NoOwner\nmetadata: {name: a}\nspec: {parameters: {label: 1}}\n",
    ),
    ("owned.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {owner: me}}\n"),
    ("bare.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\n"),
    (
        "deployment.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, labels: {owner: me}}\nspec: {template: {}}\n",
    ),
    (
        "expansion.yaml",
        "apiVersion: expansion.gatekeeper.sh/v1alpha1\nkind: ExpansionTemplate\nmetadata: {name: pods}\nspec: {applyTo: \
         [{groups: [apps], kinds: [Deployment], versions: [v1]}], templateSource: spec.template, generatedGVK: {version: v1, \
         kind: Pod}}\n",
    ),
    ("two.yaml", "{apiVersion: v1, kind: Pod}\n---\n{apiVersion: v1, kind: Pod}\n"),
    ("broken.yaml", "a: [\n"),
];

/// How everything in a suite of these tests comes out, a line each.
fn run(tests: &str, filter: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join("suite.yaml");
    std::fs::write(
        &path,
        format!("apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite\nmetadata: {{name: s}}\n{tests}"),
    )
    .unwrap();
    let report = suite::run(&path, &filter.parse::<Filter>().unwrap()).unwrap();
    let shown = |name: &str, outcome: &Outcome| {
        let outcome = match outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Skipped => "skipped".to_owned(),
            Outcome::Failed(reason) => reason.replace(&format!("{}/", folder.path().display()), ""),
        };
        format!("{name}: {outcome}")
    };
    let mut lines = vec![shown(&report.name, &report.outcome)];
    for test in &report.tests {
        lines.push(shown(&test.name, &test.outcome));
        lines.extend(test.cases.iter().map(|case| shown(&format!("  {}", case.name), &case.outcome)));
    }
    let failed = lines.iter().any(|line| !line.ends_with(": passed") && !line.ends_with(": skipped"));
    assert_eq!(report.is_failure(), failed, "{lines:?}");
    lines
}

fn test(name: &str, more: &str) -> String {
    format!("- {{name: {name}, template: template.yaml, constraint: constraint.yaml, {more}}}\n")
}

#[test]
fn assertions_count_violations_and_look_at_messages() {
    for (object, assertion, expected) in [
        ("bare", "{}", "passed"),
        ("bare", "{violations: yes}", "passed"),
        ("bare", "{violations: 1, message: has no}", "passed"),
        ("bare", "{violations: no, message: other}", "passed"),
        ("owned", "{violations: no}", "passed"),
        ("owned", "{violations: 0}", "passed"),
        ("owned", "{}", "got 0 violations but want at least 1; messages: []"),
        ("bare", "{violations: no}", "got 1 violations but want none; messages: [Pod has no owner]"),
        ("bare", "{violations: 2}", "got 1 violations but want exactly 2; messages: [Pod has no owner]"),
        (
            "bare",
            "{message: '^no'}",
            "got 0 violations containing \"^no\" but want at least 1; messages: [Pod has no owner]",
        ),
        ("bare", "{violations: maybe}", "`violations` is yes, no, or how many there must be"),
        ("bare", "{violations: -1}", "`violations` is yes, no, or how many there must be"),
        ("bare", "{message: '('}", "`(` is not a regular expression"),
    ] {
        let cases = format!("cases: [{{name: c, object: {object}.yaml, assertions: [{assertion}]}}]");
        let found = run(&format!("tests:\n{}", test("t", &cases)), "").pop().unwrap();
        assert!(found.starts_with("  c: ") && found.ends_with(expected), "{object} {assertion}: {found}");
    }
}

#[test]
fn what_a_suite_names_wrongly_is_a_failure_of_that_part() {
    let case = |fields: &str| test("t", &format!("cases: [{{name: c, {fields}}}]"));
    for (tests, expected) in [
        (case("assertions: [{}]"), "  c: the case names no object"),
        (case("object: bare.yaml"), "  c: the case asserts nothing"),
        (case("object: none.yaml, assertions: [{}]"), "  c: none.yaml: No such file or directory (os error 2)"),
        (case("object: two.yaml, assertions: [{}]"), "  c: two.yaml: defines 2 objects, a case is about one"),
        (case("object: broken.yaml, assertions: [{}]"), "  c: broken.yaml:2:1: not valid YAML: "),
        (case("object: bare.yaml, inventory: [none.yaml], assertions: [{}]"), "  c: none.yaml: No such file"),
        ("- {name: t, constraint: constraint.yaml}\n".to_owned(), "t: the test names no template"),
        ("- {name: t, template: template.yaml}\n".to_owned(), "t: the test names no constraint"),
        (
            "- {name: t, template: bare.yaml, constraint: constraint.yaml}\n".to_owned(),
            "t: bare.yaml: not a ConstraintTemplate",
        ),
        ("- {name: t, template: template.yaml, constraint: bare.yaml}\n".to_owned(), "t: bare.yaml: not a constraint"),
        (
            "- {name: t, template: template.yaml, constraint: wrong.yaml}\n".to_owned(),
            "t: wrong.yaml:4:21: spec.parameters.label must be of type string, not a number",
        ),
        (test("t", "expansion: bare.yaml"), "t: bare.yaml: not an ExpansionTemplate"),
    ] {
        let found = run(&format!("tests:\n{tests}"), "").pop().unwrap();
        assert!(found.starts_with(expected), "{tests}: {found}");
    }
}

#[test]
fn a_constraint_may_be_meant_to_be_invalid() {
    let invalid = |constraint: &str| {
        let tests =
            format!("tests:\n- {{name: t, template: template.yaml, constraint: {constraint}, invalid: true}}\n");
        run(&tests, "").pop().unwrap()
    };
    assert_eq!(invalid("wrong.yaml"), "t: passed");
    assert_eq!(invalid("constraint.yaml"), "t: the constraint was to be refused, and is valid");
    assert!(invalid("bare.yaml").starts_with("t: the constraint was to be refused by its template's schema: "));
}

#[test]
fn parts_are_left_out_by_the_suite_and_by_a_filter() {
    let case = |name: &str| format!("{{name: {name}, object: bare.yaml, assertions: [{{}}]}}");
    let tests = format!(
        "tests:\n{}{}",
        test("first", &format!("cases: [{}, {}]", case("one"), case("two"))),
        test("second", &format!("cases: [{}]", case("one"))),
    );
    for (filter, expected) in [
        ("", "s: passed|first: passed|  one: passed|  two: passed|second: passed|  one: passed"),
        ("two", "s: passed|first: passed|  one: skipped|  two: passed|second: skipped"),
        ("sec", "s: passed|first: skipped|second: passed|  one: passed"),
        ("^first$//", "s: passed|first: passed|  one: passed|  two: passed|second: skipped"),
        ("//one", "s: passed|first: passed|  one: passed|  two: skipped|second: passed|  one: passed"),
    ] {
        assert_eq!(run(&tests, filter).join("|"), expected, "{filter}");
    }
    for wrong in ["a//b//c", "("] {
        assert!(wrong.parse::<Filter>().is_err(), "{wrong}");
    }
    assert_eq!(run(&format!("skip: true\n{tests}"), ""), ["s: skipped"]);
    let skipping =
        tests.replacen("name: one,", "name: one, skip: true,", 1).replace("name: second,", "name: second, skip: true,");
    assert_eq!(run(&skipping, "").join("|"), "s: passed|first: passed|  one: skipped|  two: passed|second: skipped");
}

#[test]
fn what_is_made_is_judged_with_what_is_there() {
    let cases = "expansion: expansion.yaml, cases: [{name: c, object: deployment.yaml, assertions: [{violations: 1, message: \
                 '^\\[Implied by pods\\] Pod has no owner$'}]}]";
    assert_eq!(run(&format!("tests:\n{}", test("t", cases)), "").pop().unwrap(), "  c: passed");
}

#[test]
fn a_file_that_is_no_suite_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    for (text, expected) in [
        ("kind: Suite\n", "not a suite"),
        ("", "not a suite"),
        ("a: [", "not valid YAML"),
        ("apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite\ntests: 1\n", "expected a list, found a number"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = suite::run(&path, &Filter::All).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    assert!(suite::run(Path::new("/no/such/file"), &Filter::All).is_err());
}
