//! What Gatekeeper's own command line says of cases of ours, compared with what we say.
//!
//! `PROBITY_GATOR` names the program (`go install github.com/open-policy-agent/gatekeeper/v3/cmd/gator@latest`); without it
//! the tests have nothing to compare with, and are not run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Value, json};
use probity_policy_gatekeeper::read_expander;
use probity_policy_gatekeeper::suite::{self, Filter, Outcome};

use crate::cases::{CODE, GENERATORS, MATCHES, MUTATORS, OBJECTS, PARAMETERS, SCHEMAS, SPECS, TEMPLATE};

fn gator() -> PathBuf {
    std::env::var_os("PROBITY_GATOR").expect("PROBITY_GATOR names the program gator").into()
}

/// What a case comes out as: how many violations, and what they say as far as that is ours to say; or nothing but that
/// it failed.
type Found = Result<(String, Option<String>), ()>;

fn found(reason: &str) -> Found {
    let Some((_, rest)) = reason.split_once("got ") else { return Err(()) };
    let (count, rest) = rest.split_once(" violations").ok_or(())?;
    let messages = rest.split_once("messages").map(|(_, rest)| rest.trim_start_matches(": "));
    let messages = messages.filter(|text| text.contains("\"review\""));
    // One parts messages by spaces, the other by commas.
    Ok((count.to_owned(), messages.map(|text| text.trim().replace("}, ", "} "))))
}

/// What gator says of each test: its cases, none when the test could not be run.
fn theirs(suite: &Path) -> BTreeMap<String, (Vec<(String, Found)>, String)> {
    let output = Command::new(gator()).args(["verify", "-v"]).arg(suite).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut tests: BTreeMap<String, (Vec<(String, Found)>, String)> = BTreeMap::new();
    let mut current = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("=== RUN   ") {
            name.clone_into(&mut current);
            tests.entry(current.clone()).or_default();
        } else if let Some(rest) = line.strip_prefix("    --- FAIL: ") {
            let name = rest.split('\t').next().unwrap_or_default().to_owned();
            let reason = lines.peek().copied().unwrap_or_default();
            tests.get_mut(&current).unwrap().0.push((name, found(reason)));
        } else if line.starts_with("--- FAIL: ") {
            let reason = lines.peek().copied().unwrap_or_default();
            reason.clone_into(&mut tests.get_mut(&current).unwrap().1);
        }
    }
    assert!(!tests.is_empty(), "gator said: {text}{}", String::from_utf8_lossy(&output.stderr));
    tests
}

fn ours(suite: &Path) -> BTreeMap<String, (Vec<(String, Found)>, String)> {
    let report = suite::run(suite, &Filter::All).unwrap();
    let case = |case: suite::CaseReport| match case.outcome {
        Outcome::Failed(reason) => (case.name, found(&reason)),
        other => panic!("{}: {other:?}", case.name),
    };
    let reason = |outcome: Outcome| match outcome {
        Outcome::Failed(reason) => reason,
        _ => String::new(),
    };
    report
        .tests
        .into_iter()
        .map(|test| (test.name, (test.cases.into_iter().map(case).collect(), reason(test.outcome))))
        .collect()
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn compare(folder: &Path, tests: &str) {
    let suite = folder.join("suite.yaml");
    let header = "apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite\ntests:\n";
    std::fs::write(&suite, format!("{header}{tests}")).unwrap();
    let (theirs, ours) = (theirs(&suite), ours(&suite));
    let mut differences = String::new();
    let mut cases = 0;
    for (name, (their_cases, their_reason)) in &theirs {
        let (our_cases, our_reason) = &ours[name];
        cases += their_cases.len().max(1);
        if their_cases != our_cases {
            let _ = writeln!(differences, "{name}\n  gator: {their_reason}\n  ours:  {our_reason}");
            for (their, our) in their_cases.iter().zip(our_cases).filter(|(their, our)| their != our) {
                let _ = writeln!(differences, "  gator: {their:?}\n  ours:  {our:?}");
            }
        }
    }
    eprintln!("{} tests, {cases} cases", theirs.len());
    assert_eq!(theirs.len(), ours.len());
    assert!(differences.is_empty(), "{differences}");
}

fn constraint(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Everything\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
    )
}

#[test]
#[ignore = "needs gator"]
fn constraints_are_about_what_gatekeeper_says_and_see_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "template.yaml", TEMPLATE);
    write(
        folder,
        "inventory.yaml",
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}\n---\n{apiVersion: v1, kind: Namespace, \
         metadata: {name: other}}\n",
    );
    write(
        folder,
        "expansion.yaml",
        "apiVersion: expansion.gatekeeper.sh/v1beta1\nkind: ExpansionTemplate\nmetadata: {name: pods}\nspec:\n  applyTo: \
         [{groups: [apps], kinds: [Deployment], versions: [v1]}]\n  templateSource: spec.template\n  generatedGVK: {kind: \
         Pod, group: '', version: v1}\n",
    );
    for (index, object) in OBJECTS.iter().enumerate() {
        write(folder, &format!("object{index}.yaml"), object);
    }
    let mut tests = String::new();
    let mut add = |name: &str, expansion: bool, objects: usize| {
        let _ = writeln!(tests, "- name: {name}\n  template: template.yaml\n  constraint: {name}.yaml");
        if expansion {
            tests.push_str("  expansion: expansion.yaml\n");
        }
        tests.push_str("  cases:\n");
        for index in 0..objects {
            for (kind, inventory) in [("with", "[inventory.yaml]"), ("without", "[]")] {
                let _ = writeln!(
                    tests,
                    "  - {{name: {kind}{index}, object: object{index}.yaml, inventory: {inventory}, assertions: [{{violations: \
                     99}}]}}"
                );
            }
        }
    };
    for (index, matching) in MATCHES.iter().enumerate() {
        let name = format!("match{index}");
        write(
            folder,
            &format!("{name}.yaml"),
            &constraint(&name, &format!("match: {matching}, parameters: {{must: ab}}")),
        );
        add(&name, index % 2 == 0, OBJECTS.len());
    }
    for (index, parameters) in PARAMETERS.iter().enumerate() {
        let name = format!("parameters{index}");
        write(folder, &format!("{name}.yaml"), &constraint(&name, &format!("parameters: {parameters}")));
        add(&name, false, 1);
    }
    for (index, spec) in SPECS.iter().enumerate() {
        let name = format!("spec{index}");
        write(folder, &format!("{name}.yaml"), &constraint(&name, &format!("{spec}, parameters: {{must: ab}}")));
        add(&name, false, 1);
    }
    compare(folder, &tests);
}

#[test]
#[ignore = "needs gator"]
fn constraints_are_refused_by_their_schema_where_gatekeeper_refuses_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "template.yaml", TEMPLATE);
    let specs = PARAMETERS
        .iter()
        .map(|parameters| format!("parameters: {parameters}"))
        .chain(MATCHES.iter().map(|matching| format!("match: {matching}, parameters: {{must: ab}}")))
        .chain(SPECS.iter().map(|spec| format!("{spec}, parameters: {{must: ab}}")));
    let mut tests = String::new();
    let mut names = Vec::new();
    for (index, spec) in specs.enumerate() {
        let name = format!("invalid{index}");
        write(folder, &format!("{name}.yaml"), &constraint(&name, &spec));
        let _ = writeln!(tests, "- {{name: {name}, template: template.yaml, constraint: {name}.yaml, invalid: true}}");
        names.push((name, spec));
    }
    let suite = folder.join("suite.yaml");
    let header = "apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite\ntests:\n";
    std::fs::write(&suite, format!("{header}{tests}")).unwrap();
    let (theirs, ours) = (theirs(&suite), ours(&suite));
    let mut differences = String::new();
    for (name, spec) in names {
        let (their, our) = (&theirs[&name].1, &ours[&name].1);
        if their.is_empty() != our.is_empty() {
            let _ = writeln!(differences, "{spec}\n  gator: {their}\n  ours:  {our}");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
#[ignore = "needs gator"]
fn schemas_are_taken_and_refused_as_gatekeeper_does() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "object.yaml", "{apiVersion: v1, kind: Pod, metadata: {name: web}}");
    write(
        folder,
        "constraint.yaml",
        "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Code\nmetadata: {name: code}\nspec: {}\n",
    );
    let mut tests = String::new();
    for version in ["v1", "v1beta1", "v1alpha1"] {
        for (index, schema) in SCHEMAS.iter().enumerate() {
            let template = format!(
                "apiVersion: templates.gatekeeper.sh/{version}\nkind: ConstraintTemplate\nmetadata: {{name: code}}\nspec: {{crd: \
                 {{spec: {{names: {{kind: Code}}, validation: {{openAPIV3Schema: {schema}}}}}}}, targets: [{{target: \
                 admission.k8s.gatekeeper.sh, rego: 'package a violation[{{\"msg\": \"x\"}}] {{ true }}'}}]}}\n"
            );
            let name = format!("{version}{index}");
            write(folder, &format!("{name}.yaml"), &template);
            let _ = writeln!(
                tests,
                "- {{name: {name}, template: {name}.yaml, constraint: constraint.yaml, cases: [{{name: it, object: object.yaml, \
                 assertions: [{{violations: 99}}]}}]}}"
            );
        }
    }
    compare(folder, &tests);
}

#[test]
#[ignore = "needs gator"]
fn code_is_taken_and_refused_as_gatekeeper_does() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "object.yaml", "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}}");
    write(
        folder,
        "constraint.yaml",
        "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Code\nmetadata: {name: code}\nspec: {}\n",
    );
    let mut tests = String::new();
    for (index, (version, code, libs)) in CODE.iter().enumerate() {
        let quoted = |text: &&str| json::write(&Value::from(*text));
        let libs: Vec<String> = libs.iter().map(quoted).collect();
        let libs = libs.join(", ");
        let code = quoted(code);
        let targets = if index % 2 == 0 && *version == "v0" {
            format!("{{target: admission.k8s.gatekeeper.sh, rego: {code}, libs: [{libs}]}}")
        } else {
            format!(
                "{{target: admission.k8s.gatekeeper.sh, code: [{{engine: Rego, source: {{version: {version}, rego: {code}, \
                 libs: [{libs}]}}}}]}}"
            )
        };
        let template = format!(
            "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {{name: code}}\nspec: {{crd: {{spec: \
             {{names: {{kind: Code}}}}}}, targets: [{targets}]}}\n"
        );
        write(folder, &format!("template{index}.yaml"), &template);
        let _ = writeln!(
            tests,
            "- {{name: code{index}, template: template{index}.yaml, constraint: constraint.yaml, cases: [{{name: it, object: \
             object.yaml, assertions: [{{violations: 99}}]}}]}}"
        );
    }
    compare(folder, &tests);
}

fn mutators(group: &[(&str, &str, &str, &str)]) -> String {
    let mut text = String::new();
    for (index, (kind, location, parameters, more)) in group.iter().enumerate() {
        let version = if *kind == "AssignImage" { "v1alpha1" } else { "v1" };
        let apply_to =
            if *kind == "AssignMetadata" { "{}" } else { "{applyTo: [{groups: [''], versions: [v1], kinds: [Pod]}]}" };
        let _ = writeln!(
            text,
            "---\napiVersion: mutations.gatekeeper.sh/{version}\nkind: {kind}\nmetadata: {{name: m{index}}}\nspec:\n  location: \
             {}\n  parameters: {parameters}",
            json::write(&Value::from(*location))
        );
        if apply_to != "{}" {
            let _ = writeln!(text, "  {}", &apply_to[1..apply_to.len() - 1]);
        }
        if !more.is_empty() {
            let _ = writeln!(text, "  {more}");
        }
    }
    text
}

fn documents(text: &str) -> Vec<yaml::Document> {
    yaml::read(text, SourceId(0), Dialect::Kubernetes).unwrap()
}

/// What is made of an object, in the order of the texts; nothing when that fails.
fn expand(text: &str) -> Result<Vec<Value>, String> {
    let documents = documents(text);
    let nodes: Vec<Node<'_>> = documents.iter().map(|document| Node::root(&document.value, document.span)).collect();
    let expander = read_expander(&nodes).map_err(|problems| format!("{problems:?}"))?;
    let namespace = documents.iter().find(|document| document.value.get("kind") == Some(&"Namespace".into()));
    let mut made = Vec::new();
    for document in &documents {
        made.extend(expander.expand(&document.value, namespace.map(|namespace| &namespace.value))?);
    }
    made.sort();
    Ok(made)
}

#[test]
#[ignore = "needs gator"]
fn what_is_made_and_mutated_is_what_gatekeeper_makes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.yaml");
    let template = |name: &str, group: &str, kind: &str, source: &str, made: &str| {
        format!(
            "---\napiVersion: expansion.gatekeeper.sh/v1alpha1\nkind: ExpansionTemplate\nmetadata: {{name: {name}}}\nspec:\n  \
             applyTo: [{{groups: [{group}], kinds: [{kind}], versions: [v1]}}]\n  templateSource: {source}\n  generatedGVK: \
             {made}\n"
        )
    };
    let templates = [
        template("deployments", "apps", "Deployment", "spec.template", "{group: '', version: v1, kind: Pod}"),
        template("cronjobs", "batch", "CronJob", "spec.jobTemplate", "{group: batch, version: v1, kind: Job}"),
        template("jobs", "batch", "Job", "spec.template", "{group: '', version: v1, kind: Pod}"),
    ]
    .concat();
    let mut differences = String::new();
    let mut count = 0;
    for group in MUTATORS {
        for generator in GENERATORS {
            let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {team: a}}}";
            let text = format!("{generator}\n---\n{namespace}\n{templates}{}", mutators(group));
            std::fs::write(&path, &text).unwrap();
            let output = Command::new(gator()).args(["expand", "-f", "yaml", "-n"]).arg(&path).output().unwrap();
            let shown = String::from_utf8_lossy(&output.stdout);
            let theirs = output.status.success().then(|| {
                let mut made: Vec<Value> = documents(&shown).into_iter().map(|document| document.value).collect();
                made.sort();
                made
            });
            let ours = expand(&text);
            count += 1;
            if theirs.as_ref() != ours.as_ref().ok() {
                let errors = String::from_utf8_lossy(&output.stderr);
                let _ =
                    writeln!(differences, "{group:?} on {generator}\n  gator: {theirs:?} {errors}\n  ours:  {ours:?}");
            }
        }
    }
    eprintln!("{count} expansions");
    assert!(differences.is_empty(), "{differences}");
}
