use std::fmt::Write as _;
use std::path::PathBuf;

use probity_model::{Sources, Subject, Value, json};
use proptest::prelude::*;

use super::*;

const WORKFLOW: &str = r#"name: CI
on:
  push:
    branches: [main]
  workflow_dispatch:
    inputs:
      level: {type: choice, options: [a, b]}
      note: {type: string}
permissions: read-all
env:
  TITLE: ${{ github.event.issue.title }}
defaults:
  run:
    shell: /usr/bin/bash -e {0}
jobs:
  build:
    runs-on: ${{ matrix.os }}
    strategy:
      matrix:
        os: [ubuntu-latest, self-hosted]
        image: ["node:22", "node@sha256:0"]
    permissions:
      contents: write
      id-token: none
    container: ${{ matrix.image }}
    services:
      db: {image: "postgres:17"}
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          ref: ${{ github.head_ref }}
      # checkov:skip=CKV_GHA_2:shown only
      - name: Say
        if: ${{ github.actor == 'dependabot[bot]' }}
        run: |
          echo "${{ env.TITLE }}"
          echo "${{ inputs.level }} ${{ inputs.note }}"
  call:
    uses: ./.github/workflows/other.yml
    secrets: inherit
"#;

fn read_at(path: &str, text: &str) -> (Sources, Read) {
    let sources = Sources::default();
    let source = sources.add(path, text);
    let read = read(&PathBuf::from(path), text, source);
    (sources, read)
}

fn read_text(text: &str) -> (Sources, Read) {
    read_at(".github/workflows/ci.yml", text)
}

fn subject<'r>(read: &'r Read, address: &str) -> &'r Subject {
    read.subjects.iter().find(|subject| subject.address == address).unwrap_or_else(|| panic!("no {address}"))
}

fn at(subject: &Subject, path: &[&str]) -> String {
    subject.document.at(path).map_or_else(|| "nothing".to_owned(), json::write)
}

/// The expressions of a subject: `field: text (origin)`.
fn expressions(subject: &Subject) -> Vec<String> {
    let list = subject.document.get("expressions").and_then(Value::as_array).unwrap();
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    list.iter()
        .map(|fact| format!("{}: {} ({})", text(fact, "field"), text(fact, "text"), text(fact, "origin")))
        .collect()
}

#[test]
fn a_workflow_is_read_into_its_parts() {
    let (sources, read) = read_text(WORKFLOW);
    assert_eq!(read.problems, []);
    let mut lines = String::new();
    for subject in &read.subjects {
        let place = sources.locate(subject.span.unwrap()).unwrap();
        let header = sources.locate(subject.header.unwrap()).unwrap();
        let (kind, address) = (&subject.resource_type, &subject.address);
        writeln!(lines, "{kind} {address} {}-{} at {}", place.line, place.end_line, header.line).unwrap();
    }
    assert_eq!(
        lines,
        "github.workflow ci.yml 1-40 at 1\n\
         github.job ci.yml:jobs.build 16-37 at 16\n\
         github.step ci.yml:jobs.build.steps[0] 29-31 at 29\n\
         github.step ci.yml:jobs.build.steps[1] 33-37 at 33\n\
         github.job ci.yml:jobs.call 38-40 at 38\n"
    );
    let edges: Vec<(u32, u32)> = read.edges.iter().map(|(a, b)| (a.0, b.0)).collect();
    assert_eq!(edges, [(0, 1), (1, 2), (1, 3), (0, 4)]);
}

#[test]
fn facts_stand_beside_what_was_written() {
    let (_, read) = read_text(WORKFLOW);
    let workflow = subject(&read, "ci.yml");
    let build = subject(&read, "ci.yml:jobs.build");
    let call = subject(&read, "ci.yml:jobs.call");
    let checkout = subject(&read, "ci.yml:jobs.build.steps[0]");
    let say = subject(&read, "ci.yml:jobs.build.steps[1]");
    for (subject, path, expected) in [
        (workflow, vec!["triggers"], r#"["push","workflow_dispatch"]"#),
        (workflow, vec!["token"], r#"{"all":"read","from":"workflow"}"#),
        (workflow, vec!["on", "push", "branches"], r#"["main"]"#),
        (workflow, vec!["jobs", "call", "secrets"], r#""inherit""#),
        (build, vec!["token"], r#"{"from":"job","read":[],"write":["contents"]}"#),
        (build, vec!["runner"], r#"{"labels":["ubuntu-latest","self-hosted"],"self_hosted":true}"#),
        (build, vec!["workflow", "triggers"], r#"["push","workflow_dispatch"]"#),
        (call, vec!["token", "from"], r#""workflow""#),
        (call, vec!["action"], r#"{"kind":"local","path":"./.github/workflows/other.yml"}"#),
        (checkout, vec!["action", "pin"], r#""commit""#),
        (checkout, vec!["action", "comment"], r#""v4.2.2""#),
        (checkout, vec!["job", "id"], r#""build""#),
        (checkout, vec!["inputs"], r#"["ref"]"#),
        (say, vec!["program"], r#""bash""#),
        (say, vec!["index"], "1"),
        (say, vec!["skips"], "nothing"),
    ] {
        assert_eq!(at(subject, &path), expected, "{} {path:?}", subject.address);
    }
    let images = build.document.get("images").and_then(Value::as_array).unwrap();
    let references: Vec<String> =
        images.iter().map(|image| format!("{:?} {:?}", image.get("at"), image.get("reference"))).collect();
    assert_eq!(
        references,
        [
            r#"Some("container") Some("node:22")"#,
            r#"Some("container") Some("node@sha256:0")"#,
            r#"Some("services.db") Some("postgres:17")"#
        ]
    );
}

#[test]
fn expressions_know_where_they_come_from_and_stand() {
    let (sources, read) = read_text(WORKFLOW);
    assert_eq!(expressions(subject(&read, "ci.yml")), ["env.TITLE: github.event.issue.title (outsider)"]);
    assert_eq!(expressions(subject(&read, "ci.yml:jobs.build.steps[0]")), ["with.ref: github.head_ref (outsider)"]);
    let say = subject(&read, "ci.yml:jobs.build.steps[1]");
    assert_eq!(
        expressions(say),
        [
            "if: github.actor == 'dependabot[bot]' (-)",
            "run: env.TITLE (outsider)",
            "run: inputs.level (fixed)",
            "run: inputs.note (input)"
        ]
    );
    let list = say.document.get("expressions").and_then(Value::as_array).unwrap();
    let place = |index: usize| sources.locate(list.span(index).unwrap()).unwrap();
    assert_eq!((place(1).line, place(2).line, place(3).line), (36, 37, 37));
    assert!(place(3).column > place(2).column);
    assert_eq!(json::write(list.get(0).unwrap().get("bot_checks").unwrap()), r#"["github.actor"]"#);
    assert_eq!(say.skips.len(), 1);
    assert_eq!(subject(&read, "ci.yml:jobs.build").skips.len(), 0);
}

#[test]
fn conditions_and_secrets() {
    let step =
        |line: &str| format!("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: a\n        {line}\n");
    for (line, flag, expected) in [
        ("if: |\n          ${{ false }}", "always_true", "true"),
        ("if: ${{ false }}", "always_true", "nothing"),
        ("if: github.ref == 'x'", "always_true", "nothing"),
        ("if: ${{ a }} && ${{ b }}", "always_true", "true"),
        ("env: {A: '${{ toJSON(secrets) }}'}", "whole_secrets", "true"),
        ("env: {A: '${{ secrets[inputs.x] }}'}", "whole_secrets", "true"),
        ("env: {A: '${{ secrets[''X''] }}'}", "whole_secrets", "nothing"),
        ("env: {A: '${{ secrets.x }}'}", "secrets", r#"["X"]"#),
        ("env: {A: '${{ fromJSON(secrets.x).y }}'}", "decoded_secret", "true"),
        ("env: {A: \"${{ inputs.a && '' || 'b' }}\"}", "falsy_choice", "true"),
        ("env: {A: \"${{ inputs.a && 'c' || '' }}\"}", "falsy_choice", "nothing"),
        ("env: {A: \"${{ 'a' }}\"}", "constant", "true"),
        (
            "if: contains('refs/heads/main refs/heads/dev', github.ref)",
            "substring_checks",
            r#"[{"name":"github.ref","origin":"insider"}]"#,
        ),
        ("if: contains(github.ref, 'main')", "substring_checks", "nothing"),
    ] {
        let text = step(line);
        let (_, read) = read_text(&text);
        let step = subject(&read, "ci.yml:jobs.a.steps[0]");
        let fact = step.document.get("expressions").and_then(Value::as_array).and_then(|list| list.get(0)).unwrap();
        assert_eq!(fact.get(flag).map_or_else(|| "nothing".to_owned(), json::write), expected, "{line}");
    }
}

#[test]
fn events_have_three_forms() {
    for (on, expected) in [
        ("on: push", r#"["push"]"#),
        ("on: [push, pull_request]", r#"["pull_request","push"]"#),
        ("\"on\":\n  push:\n  release: {types: [published]}", r#"["push","release"]"#),
    ] {
        let (_, read) = read_text(&format!("{on}\njobs: {{a: {{uses: ./.github/workflows/b.yml}}}}\n"));
        assert_eq!(read.problems, [], "{on}");
        assert_eq!(at(&read.subjects[0], &["triggers"]), expected, "{on}");
    }
}

#[test]
fn steps_side_by_side_are_steps() {
    let text = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - {run: a, id: a, background: true}\n      - parallel:\n          - run: b\n          - uses: $/own\n      - wait: a\n";
    let (_, read) = read_text(text);
    assert_eq!(read.problems, []);
    let steps: Vec<String> =
        read.subjects[2..].iter().map(|step| format!("{} {}", step.address, at(step, &["index"]))).collect();
    assert_eq!(
        steps,
        [
            "ci.yml:jobs.a.steps[0] 0",
            "ci.yml:jobs.a.steps[1].parallel[0] 1",
            "ci.yml:jobs.a.steps[1].parallel[1] 2",
            "ci.yml:jobs.a.steps[2] 3"
        ]
    );
    assert_eq!(at(&read.subjects[4], &["action", "kind"]), r#""local""#);
}

#[test]
fn actions_are_read() {
    let text = "name: Setup\ninputs:\n  cmd: {description: 'as ${{ x'}\nruns:\n  using: composite\n  steps:\n    - run: ${{ inputs.cmd }}\n      shell: bash\n    - uses: ./other\n";
    let (_, read) = read_at("tools/setup/action.yml", text);
    assert_eq!(read.problems, []);
    let addresses: Vec<&str> = read.subjects.iter().map(|subject| subject.address.as_str()).collect();
    assert_eq!(addresses, ["setup/action.yml", "setup/action.yml:runs.steps[0]", "setup/action.yml:runs.steps[1]"]);
    assert_eq!(expressions(&read.subjects[1]), ["run: inputs.cmd (input)"]);
    assert_eq!(at(&read.subjects[1], &["in_action", "name"]), r#""Setup""#);
    let docker = "name: D\nruns:\n  using: docker\n  image: docker://alpine:3\n";
    let (_, read) = read_at("action.yml", docker);
    let image = read.subjects[0].document.get("images").and_then(Value::as_array).unwrap().get(0).unwrap().clone();
    assert_eq!(image.get("tag").and_then(Value::as_str), Some("3"));
}

#[test]
fn skips_count_for_the_part_they_stand_in() {
    let text = "# checkov:skip=A:whole file\non: push\njobs:\n  # zizmor: ignore[b] this job\n  a:\n    runs-on: x\n    steps:\n      - uses: a/b@v1 # probity:skip=C:this step\n      - uses: c/d@v1\n";
    let (_, read) = read_text(text);
    let skips = |address: &str| {
        let mut names: Vec<String> = subject(&read, address).skips.iter().map(|skip| skip.policies.join("+")).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(skips("ci.yml"), "A");
    assert_eq!(skips("ci.yml:jobs.a"), "A b");
    assert_eq!(skips("ci.yml:jobs.a.steps[0]"), "A C b");
    assert_eq!(skips("ci.yml:jobs.a.steps[1]"), "A b");
}

#[test]
fn what_is_malformed_is_told_and_the_rest_is_read() {
    let job = "  ok:\n    runs-on: x\n    steps: [{run: a}]\n";
    for (text, expected, subjects) in [
        ("- a\n".to_owned(), vec!["the workflow is a list, not a mapping"], 0),
        (format!("jobs:\n{job}"), vec!["the workflow has no `on`"], 3),
        ("on: push\n".to_owned(), vec!["the workflow has no `jobs`"], 1),
        ("on: push\njobs: [a]\n".to_owned(), vec!["`jobs` is a list, not a mapping"], 1),
        (format!("on: push\njobs:\n  a: 1\n{job}"), vec!["the job `a` is a number, not a mapping"], 3),
        (format!("on: push\njobs:\n  a: {{}}\n{job}"), vec!["the job `a` has neither `runs-on` nor `uses`"], 4),
        ("on: push\njobs:\n  a: {runs-on: x, steps: {}}\n".to_owned(), vec!["`steps` is a object, not a list"], 2),
        (
            "on: push\njobs:\n  a: {runs-on: x, steps: [a, {name: b}, {run: [c]}]}\n".to_owned(),
            vec!["a step is a string, not a mapping", "a step without `uses` or `run`", "`run` is a list, not a text"],
            4,
        ),
        (
            "on: push\njobs:\n  a: {runs-on: x, steps: [{run: 'echo ${{ github. }}'}]}\n".to_owned(),
            vec!["`github.` is not an expression: the expression ends where a name should be"],
            3,
        ),
        (format!("on: push\njobs:\n  a:\n    runs-on: [x\n{job}"), vec!["not valid YAML"], 3),
    ] {
        let (_, read) = read_text(&text);
        assert_eq!(read.problems.len(), expected.len(), "{text}: {:?}", read.problems);
        for (problem, expected) in read.problems.iter().zip(expected) {
            assert!(problem.message.contains(expected), "{text}: {}", problem.message);
            assert!(problem.span.is_some() && problem.help.is_some(), "{text}");
        }
        assert_eq!(read.subjects.len(), subjects, "{text}");
    }
}

#[test]
fn aliases_that_grow_are_bounded() {
    let mut text = "on: push\nenv:\n  a0: &a0 ['${{ github.ref }}']\n".to_owned();
    for level in 1..9 {
        let below = format!("*a{},", level - 1).repeat(9);
        writeln!(text, "  a{level}: &a{level} [{below}]").unwrap();
    }
    text.push_str("jobs: {a: {uses: ./.github/workflows/b.yml}}\n");
    let (_, read) = read_text(&text);
    assert!(!read.problems.is_empty());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        text in "(on: push\n|jobs:\n|  a:\n|    runs-on: x\n|    steps:\n|      - run: |uses: a/b@v1\n|\\$\\{\\{ github.ref \\}\\}|if: |[a-c:'\"\\[\\]{}# \n|>&*-]){0,30}"
    ) {
        let (sources, read) = read_text(&text);
        for subject in &read.subjects {
            prop_assert!(sources.locate(subject.span.unwrap()).is_some());
        }
        let _ = read_at("action.yml", &text.replace("jobs:", "runs:"));
    }
}
