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

fn gator() -> PathBuf {
    std::env::var_os("PROBITY_GATOR").expect("PROBITY_GATOR names the program gator").into()
}

/// Its violations are the whole of what it sees.
const TEMPLATE: &str = "
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: everything}
spec:
  crd:
    spec:
      names: {kind: Everything}
      validation:
        openAPIV3Schema:
          type: object
          required: [must]
          properties:
            must: {type: string, minLength: 2, pattern: '^[a-z]+$'}
            count: {type: integer, minimum: 1, maximum: 5, default: 3}
            list:
              type: array
              maxItems: 2
              items:
                type: object
                required: [a]
                properties:
                  a: {type: string, enum: [x, y]}
                  b: {type: boolean, default: true}
            map: {type: object, additionalProperties: {type: string}}
            any: {type: object, x-kubernetes-preserve-unknown-fields: true}
            port: {x-kubernetes-int-or-string: true}
            maybe: {type: string, nullable: true}
            inner: {type: object, default: {}, properties: {deep: {type: string, default: d}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package everything
      violation[{\"msg\": msg}] { msg := json.marshal({\"review\": input.review, \"parameters\": input.parameters}) }
";

const MATCHES: &[&str] = &[
    "{}",
    "{kinds: [{apiGroups: [''], kinds: [Pod]}]}",
    "{kinds: [{apiGroups: ['*'], kinds: ['*']}]}",
    "{kinds: [{apiGroups: [apps]}]}",
    "{kinds: [{kinds: [Namespace]}]}",
    "{kinds: [{apiGroups: [], kinds: []}]}",
    "{kinds: [{apiGroups: [apps], kinds: [Pod]}, {apiGroups: [rbac.authorization.k8s.io], kinds: [ClusterRole]}]}",
    "{kinds: []}",
    "{scope: Cluster}",
    "{scope: Namespaced}",
    "{scope: '*'}",
    "{scope: cluster}",
    "{namespaces: [shop]}",
    "{namespaces: ['sh*']}",
    "{namespaces: ['*op']}",
    "{namespaces: ['*ho*', none]}",
    "{namespaces: ['*']}",
    "{namespaces: []}",
    "{excludedNamespaces: [shop]}",
    "{excludedNamespaces: ['*op', other]}",
    "{namespaces: ['*'], excludedNamespaces: ['s*']}",
    "{name: web}",
    "{name: 'we*'}",
    "{name: '*b'}",
    "{name: '*e*'}",
    "{name: ''}",
    "{name: 'gen-*'}",
    "{name: '*en'}",
    "{labelSelector: {matchLabels: {app: web}}}",
    "{labelSelector: {matchLabels: {}}}",
    "{labelSelector: {matchExpressions: [{key: app, operator: In, values: [web, db]}]}}",
    "{labelSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}",
    "{labelSelector: {matchExpressions: [{key: app, operator: Exists}]}}",
    "{labelSelector: {matchExpressions: [{key: app, operator: DoesNotExist}, {key: tier, operator: DoesNotExist}]}}",
    "{namespaceSelector: {matchLabels: {team: a}}}",
    "{namespaceSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}}",
    "{source: Original}",
    "{source: Generated}",
    "{source: All}",
    "{kinds: [{kinds: [Pod]}], namespaces: ['sh*'], labelSelector: {matchLabels: {app: web}}, name: w*, scope: Namespaced}",
    "{labelSelector: {matchExpressions: [{key: app, operator: Like, values: [x]}]}}",
    "{labelSelector: {matchExpressions: [{key: app, operator: In}]}}",
    "{labelSelector: {matchExpressions: [{key: app, operator: Exists, values: [x]}]}}",
    "{namespaces: [UPPER]}",
    "{namespaces: ['a*b']}",
    "{unknown: 1}",
    "{kinds: [{apiGroups: x}]}",
    "{source: Other}",
    "{kinds: [{kind: Pod}]}",
];

const OBJECTS: &[&str] = &[
    "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {n: 1.5}}",
    "{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: other, labels: {app: db, tier: x}}}",
    "{apiVersion: v1, kind: Pod, metadata: {name: lost, namespace: unknown}}",
    "{apiVersion: v1, kind: Pod, metadata: {name: bare}}",
    "{apiVersion: v1, kind: Pod, metadata: {generateName: gen-, namespace: shop}}",
    "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}",
    "{apiVersion: v1, kind: Namespace, metadata: {name: free}}",
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {template: \
     {metadata: {labels: {app: pod}, namespace: elsewhere}, spec: {containers: [{name: c, image: i}]}}}}",
    "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: role, labels: {app: web}}}",
    "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {uid: u1, kind: {group: '', version: v1, kind: Pod}, \
     operation: UPDATE, namespace: shop, name: web, userInfo: {username: me, groups: [g]}, object: {apiVersion: v1, kind: \
     Pod, metadata: {name: web, namespace: shop}}, oldObject: {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: \
     shop, labels: {app: web}}}}}",
    "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {operation: DELETE, namespace: other, oldObject: \
     {apiVersion: v1, kind: Pod, metadata: {name: gone, namespace: other}}}}",
    "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {operation: DELETE, object: {apiVersion: v1, kind: Pod}}}",
    "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {operation: CREATE}}",
    "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {operation: CREATE, wrong: 1, object: {apiVersion: v1, \
     kind: Pod}}}",
    "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview}",
];

const PARAMETERS: &[&str] = &[
    "{must: ab}",
    "{must: ab, count: 5, list: [{a: x}, {a: y, b: false}], map: {k: v}, any: {x: {y: 1}}, port: 80, maybe: null}",
    "{must: ab, port: http, inner: {}}",
    "{must: ab, inner: {deep: z}}",
    "{}",
    "{must: a}",
    "{must: AB}",
    "{must: 1}",
    "{must: ab, count: 6}",
    "{must: ab, count: 0}",
    "{must: ab, count: 1.5}",
    "{must: ab, count: '1'}",
    "{must: ab, list: [{a: z}]}",
    "{must: ab, list: [{}]}",
    "{must: ab, list: [{a: x}, {a: x}, {a: x}]}",
    "{must: ab, list: {a: x}}",
    "{must: ab, map: {k: 1}}",
    "{must: ab, port: 1.5}",
    "{must: ab, port: true}",
    "{must: ab, maybe: 1}",
    "{must: null}",
    "{must: ab, count: null}",
    "{must: ab, more: 1}",
    "{must: ab, inner: {more: 1}}",
    "[must]",
];

const SPECS: &[&str] = &[
    "enforcementAction: dryrun",
    "enforcementAction: unheard",
    "enforcementAction: scoped, scopedEnforcementActions: [{action: warn, enforcementPoints: [{name: gator.gatekeeper.sh}]}]",
    "enforcementAction: scoped, scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: '*'}]}]",
    "enforcementAction: scoped, scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: audit.gatekeeper.sh}]}]",
    "enforcementAction: scoped, scopedEnforcementActions: []",
    "enforcementAction: scoped",
    "enforcementAction: 1",
    "other: 1",
];

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
            current = name.to_owned();
            tests.entry(current.clone()).or_default();
        } else if let Some(rest) = line.strip_prefix("    --- FAIL: ") {
            let name = rest.split('\t').next().unwrap_or_default().to_owned();
            let reason = lines.peek().copied().unwrap_or_default();
            tests.get_mut(&current).unwrap().0.push((name, found(reason)));
        } else if line.starts_with("--- FAIL: ") {
            tests.get_mut(&current).unwrap().1 = lines.peek().copied().unwrap_or_default().to_owned();
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

/// Code of templates: version, code, libraries.
const CODE: &[(&str, &str, &[&str])] = &[
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\", \"details\": {\"d\": d}}] { d := [1, 2][_] }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\", \"other\": d}] { d := [1, 2][_] }", &[]),
    ("v0", "package a\nviolation[{\"message\": \"x\"}] { true }", &[]),
    ("v0", "package a\nviolation[{\"msg\": 1}] { true }", &[]),
    ("v0", "package a\nviolation[\"text\"] { true }", &[]),
    ("v0", "package a\nviolation = {\"msg\": \"x\"} { true }", &[]),
    ("v0", "package a\nviolation = {{\"msg\": \"x\"}} { true }", &[]),
    ("v0", "package a\nviolation = [{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package a\nviolation[x] = y { x := \"k\"; y := {\"msg\": \"x\"} }", &[]),
    ("v0", "package a\nviolation(x) = y { y := x }", &[]),
    ("v0", "package a\nviolations[{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { true", &[]),
    (
        "v0",
        "package a\nviolation[{\"msg\": m}] { m := sprintf(\"%v\", [f(1)]) }\nf(x) = 1 { true }\nf(x) = 2 { true }",
        &[],
    ),
    ("v0", "package a\nviolation[{\"msg\": m}] { m := to_number(\"x\") }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { not data.inventory.cluster }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { not data.other.x }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { data[_]; true }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { x := \"a\"; input.review[data.z] }", &[]),
    (
        "v0",
        "package a\nimport data.lib.b\nviolation[{\"msg\": m}] { m := b.f(1) }",
        &["package lib.b\nf(x) = \"m\" { true }"],
    ),
    (
        "v0",
        "package a\nimport data.lib.b as c\nviolation[{\"msg\": m}] { m := c.d.f(1) }",
        &["package lib.b.d\nf(x) = \"m\" { true }"],
    ),
    ("v0", "package a\nimport data.b\nviolation[{\"msg\": m}] { m := b.f(1) }", &["package b\nf(x) = \"m\" { true }"]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { true }", &["package lib\nf(x) = \"m\" { true }"]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { true }", &["package other.lib\nf(x) = \"m\" { true }"]),
    ("v0", "package a\nimport data.inventory\nviolation[{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package a\nimport input.review\nviolation[{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package a\nimport future.keywords.in\nviolation[{\"msg\": \"x\"}] { 1 in [1] }", &[]),
    ("v0", "package a\nimport rego.v1\nviolation contains {\"msg\": \"x\"} if true", &[]),
    ("v0", "package a\nviolation contains {\"msg\": \"x\"} if true", &[]),
    ("v1", "package a\nviolation contains {\"msg\": \"x\"} if true", &[]),
    ("v1", "package a\nviolation[{\"msg\": \"x\"}] { true }", &[]),
    (
        "v1",
        "package a\nimport data.lib.b\nviolation contains {\"msg\": b.m} if true",
        &["package lib.b\nm := \"m\" if true"],
    ),
    ("v2", "package a\nviolation[{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package lib.a\nviolation[{\"msg\": \"x\"}] { true }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { nothing(1) }", &[]),
    ("v0", "package a\nviolation[{\"msg\": \"x\"}] { x }", &[]),
    ("v0", "", &[]),
];

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
        let libs: Vec<String> = libs.iter().map(|lib| quoted(lib)).collect();
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

/// A deployment, and one that has nothing to make pods of.
const GENERATORS: &[&str] = &[
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: Web, namespace: default, labels: {app: web}}, spec: {replicas: 2, \
     template: {metadata: {labels: {app: pod, keep: 'yes'}}, spec: {containers: [{name: main, image: nginx, args: [a, b], \
     ports: [{containerPort: 80}]}, {name: side, image: 'ghcr.io/x/y@sha256:0123'}], volumes: []}}}}",
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: empty, namespace: default}, spec: {}}",
    "{apiVersion: batch/v1, kind: CronJob, metadata: {name: nightly, namespace: default}, spec: {jobTemplate: {spec: {template: \
     {spec: {containers: [{name: main, image: i}]}}}}}}",
];

/// Kind, location, parameters, further fields of the spec.
const MUTATORS: &[&[(&str, &str, &str, &str)]] = &[
    &[],
    &[("Assign", "spec.a.b", "{assign: {value: {x: [1, 2.5, null]}}}", "")],
    &[("Assign", "spec.containers[name: main].image", "{assign: {value: x}}", "")],
    &[("Assign", "spec.containers[name: *].tty", "{assign: {value: true}}", "")],
    &[("Assign", "spec.containers[name: new].image", "{assign: {value: x}}", "")],
    &[("Assign", "spec.containers[name: side]", "{assign: {value: {name: side, image: z}}}", "")],
    &[("Assign", "spec.containers[name: more]", "{assign: {value: {name: more}}}", "")],
    &[("Assign", "spec.containers[name: more]", "{assign: {value: {name: other}}}", "")],
    &[("Assign", "spec.containers[name: *].ports[containerPort: '80'].name", "{assign: {value: http}}", "")],
    &[("Assign", "spec.new[key: k].list[id: 7].field", "{assign: {value: 1}}", "")],
    &[("Assign", "spec.new[key: *].field", "{assign: {value: 1}}", "")],
    &[("Assign", "spec.owner", "{assign: {fromMetadata: {field: name}}}", "")],
    &[("Assign", "spec.owner", "{assign: {fromMetadata: {field: uid}}}", "")],
    &[("Assign", "spec.containers.name", "{assign: {value: 1}}", "")],
    &[("Assign", "spec.containers[name: main].image.x", "{assign: {value: 1}}", "")],
    &[("Assign", "spec.containers[name: main].name", "{assign: {value: 1}}", "")],
    &[("Assign", "metadata.labels.x", "{assign: {value: '1'}}", "")],
    &[("Assign", "spec.a", "{assign: {value: 1}, pathTests: [{subPath: spec.a, condition: MustExist}]}", "")],
    &[("Assign", "spec.a", "{assign: {value: 1}, pathTests: [{subPath: spec.a, condition: MustNotExist}]}", "")],
    &[(
        "Assign",
        "spec.volumes",
        "{assign: {value: 1}, pathTests: [{subPath: spec.volumes, condition: MustNotExist}]}",
        "",
    )],
    &[(
        "Assign",
        "spec.a.b",
        "{assign: {value: 1}, pathTests: [{subPath: spec.a.b, condition: MustExist}, {subPath: spec.a, \
        condition: MustNotExist}]}",
        "",
    )],
    &[(
        "Assign",
        "spec.a.b",
        "{assign: {value: 1}, pathTests: [{subPath: spec.a, condition: MustNotExist}, {subPath: spec.a.b, \
        condition: MustExist}]}",
        "",
    )],
    &[(
        "Assign",
        "spec.containers[name: *].x",
        "{assign: {value: 1}, pathTests: [{subPath: 'spec.containers[name: *]', \
        condition: MustNotExist}]}",
        "",
    )],
    &[(
        "Assign",
        "spec.containers[name: *].x",
        "{assign: {value: 1}, pathTests: [{subPath: 'spec.containers[name: *]', \
        condition: MustExist}]}",
        "",
    )],
    &[(
        "Assign",
        "spec.containers[name: new].x",
        "{assign: {value: 1}, pathTests: [{subPath: 'spec.containers[name: new]', \
        condition: MustExist}]}",
        "",
    )],
    &[("Assign", "spec.a", "{assign: {value: 1}}", "match: {source: Original}")],
    &[("Assign", "spec.a", "{assign: {value: 1}}", "match: {source: Generated}")],
    &[("Assign", "spec.a", "{assign: {value: 1}}", "match: {labelSelector: {matchLabels: {app: pod}}}")],
    &[("Assign", "spec.a", "{assign: {value: 1}}", "match: {name: '*-pod', namespaces: [default]}")],
    &[("Assign", "spec.a", "{assign: {value: 1}}", "match: {excludedNamespaces: ['def*']}")],
    &[("AssignMetadata", "metadata.labels.team", "{assign: {value: x}}", "")],
    &[("AssignMetadata", "metadata.labels.keep", "{assign: {value: x}}", "")],
    &[("AssignMetadata", "metadata.annotations.\"a.b/c\"", "{assign: {fromMetadata: {field: namespace}}}", "")],
    &[("AssignMetadata", "metadata.name", "{assign: {value: x}}", "")],
    &[("AssignMetadata", "metadata.labels.team", "{assign: {value: 1}}", "")],
    &[("AssignImage", "spec.containers[name: *].image", "{assignDomain: reg.example, assignTag: ':2'}", "")],
    &[("AssignImage", "spec.containers[name: *].image", "{assignPath: lib/thing}", "")],
    &[("AssignImage", "spec.containers[name: new].image", "{assignPath: lib/thing, assignTag: ':1'}", "")],
    &[("AssignImage", "spec.containers[name: *].image", "{assignDomain: nodots}", "")],
    &[("AssignImage", "spec.containers[name: *].image", "{assignPath: gcr.io/x}", "")],
    &[("AssignImage", "spec.containers[name: *].image", "{assignTag: latest}", "")],
    &[("AssignImage", "spec.containers[name: *].ports", "{assignTag: ':1'}", "")],
    &[("AssignImage", "spec.containers[name: main]", "{assignTag: ':1'}", "")],
    &[("ModifySet", "spec.containers[name: *].args", "{operation: merge, values: {fromList: [b, c, c]}}", "")],
    &[("ModifySet", "spec.containers[name: main].args", "{operation: prune, values: {fromList: [a, z]}}", "")],
    &[("ModifySet", "spec.none.args", "{operation: prune, values: {fromList: [a]}}", "")],
    &[("ModifySet", "spec.containers[name: main].image", "{operation: merge, values: {fromList: [a]}}", "")],
    &[("ModifySet", "spec.containers[name: main]", "{operation: merge, values: {fromList: [a]}}", "")],
    &[("ModifySet", "spec.volumes", "{operation: merge, values: {fromList: [{name: v}, {name: v}]}}", "")],
    &[
        ("Assign", "spec.list", "{assign: {value: [1]}}", ""),
        ("ModifySet", "spec.list", "{operation: merge, values: {fromList: [2]}}", ""),
    ],
    &[("Assign", "spec.x", "{assign: {value: first}}", ""), ("Assign", "spec.x", "{assign: {value: second}}", "")],
    &[("Assign", "spec.l[name: x].y", "{assign: {value: 1}}", ""), ("Assign", "spec.l.y", "{assign: {value: 1}}", "")],
    &[
        ("Assign", "spec.l[name: x].y", "{assign: {value: 1}}", ""),
        ("Assign", "spec.l[id: x].y", "{assign: {value: 1}}", ""),
    ],
    &[("Assign", "spec.x", "{assign: {value: {}}}", ""), ("Assign", "spec.x.y", "{assign: {value: 1}}", "")],
    &[("AssignImage", "spec.x", "{assignTag: ':1'}", ""), ("Assign", "spec.x.y", "{assign: {value: 1}}", "")],
    &[
        ("ModifySet", "spec.x", "{operation: merge, values: {fromList: [1]}}", ""),
        ("AssignImage", "spec.x", "{assignTag: ':1'}", ""),
    ],
    &[
        ("ModifySet", "spec.x", "{operation: merge, values: {fromList: [1]}}", ""),
        ("ModifySet", "spec.x", "{operation: prune, values: {fromList: [1]}}", ""),
    ],
    &[
        (
            "Assign",
            "spec.flag",
            "{assign: {value: on}, pathTests: [{subPath: spec.flag, condition: MustNotExist}]}",
            "",
        ),
        (
            "Assign",
            "spec.other",
            "{assign: {value: 1}, pathTests: [{subPath: spec.other, condition: MustNotExist}]}",
            "",
        ),
    ],
];

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
