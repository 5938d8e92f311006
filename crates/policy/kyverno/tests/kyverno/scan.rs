//! Rules as policies of a scan.

use jiff::civil::date;
use probity_model::node::Node;
use probity_model::{Labels, NodeIndex, ResourceGraph, Span, Stage, Subject, SubjectKind, Value};
use probity_policy_core::{Facts, Policy as _, Scope, Verdict};
use probity_policy_kyverno::{RulePolicy, is_kyverno, read};

use crate::support::documents;

fn policies(text: &str) -> Vec<RulePolicy> {
    let documents = documents(text);
    assert!(documents.iter().all(|document| is_kyverno(&document.value)));
    let nodes: Vec<Node<'_>> = documents.iter().map(|document| Node::root(&document.value, document.span)).collect();
    read(&nodes).unwrap()
}

fn subject(document: &Value) -> Subject {
    let text = |path: &[&str]| document.at(path).and_then(Value::as_str).unwrap_or_default();
    Subject {
        kind: SubjectKind::Kubernetes,
        resource_type: text(&["kind"]).into(),
        address: text(&["metadata", "name"]).into(),
        document: document.clone(),
        span: None,
        header: None,
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
        sensitive: None,
    }
}

/// What a policy says of all objects: their names and the verdicts.
fn verdicts(policy: &RulePolicy, objects: &str) -> Vec<(String, Verdict)> {
    let subjects: Vec<Subject> = documents(objects).iter().map(|document| subject(&document.value)).collect();
    let graph = ResourceGraph::new(subjects, []);
    let facts = Facts::of_files(&graph, date(2026, 1, 1));
    let named = |(index, verdict): (NodeIndex, Verdict)| (graph.subject(index).address.to_string(), verdict);
    if policy.scope() == Scope::Graph {
        return policy.judge_graph(&facts).into_iter().map(named).collect();
    }
    let mut all = Vec::new();
    for (index, subject) in graph.iter() {
        if policy.types().iter().any(|selector| selector.matches(&subject.resource_type)) {
            let mut verdicts = Vec::new();
            policy.judge(subject, index, &facts, &mut verdicts);
            all.extend(verdicts.into_iter().map(|verdict| named((index, verdict))));
        }
    }
    all
}

const POLICY: &str = "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: users
  annotations:
    policies.kyverno.io/title: Containers do not run as root
    policies.kyverno.io/severity: high
    policies.kyverno.io/category: Pod Security Standards
    policies.kyverno.io/description: Root is root.
    probity.dev/controls: soc2:CC6.1
spec:
  rules:
  - name: non-root
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate:
      failureAction: Enforce
      message: No root
      pattern: {spec: {containers: [{securityContext: {runAsNonRoot: true}}]}}
";

const OBJECTS: &str = "apiVersion: v1
kind: Pod
metadata: {name: bad}
spec: {containers: [{name: a}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: good}
spec: {template: {spec: {containers: [{name: a, securityContext: {runAsNonRoot: true}}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: other}
";

#[test]
fn a_rule_is_a_policy_with_what_annotations_say() {
    let policies = policies(POLICY);
    assert_eq!(policies.len(), 1);
    let metadata = policies[0].metadata();
    assert_eq!(metadata.id.as_str(), "users/non-root");
    assert_eq!(metadata.title, "Containers do not run as root");
    assert_eq!(metadata.why, "Root is root.");
    assert_eq!(format!("{} {}", metadata.severity, metadata.category), "high workload");
    assert_eq!(metadata.controls[0].control.to_string(), "soc2:CC6.1");
    assert_eq!(policies[0].most(), Stage::Enforce);
    let message = "validation error: No root. rule non-root failed at path /spec/containers/0/securityContext/";
    let found = verdicts(&policies[0], OBJECTS);
    // What is missing is missed where it would stand.
    let (name, Verdict::Fail { message: told, span: Some(span) }) = &found[0] else { panic!("{found:?}") };
    assert_eq!((name.as_str(), told.as_str(), text_at(OBJECTS, *span)), ("bad", message, "{name: a}"));
    assert_eq!(found[1..], [("good".to_owned(), Verdict::Pass)]);
}

fn text_at(text: &str, span: Span) -> &str {
    &text[span.start as usize..span.end as usize]
}

#[test]
fn objects_are_judged_as_policies_change_them() {
    let change = "---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: defaults}
spec:
  rules:
  - name: non-root
    match: {any: [{resources: {kinds: [Pod]}}]}
    mutate:
      patchStrategicMerge: {spec: {containers: [{(name): '*', securityContext: {+(runAsNonRoot): true}}]}}
";
    let policies = policies(&format!("{POLICY}{change}"));
    assert_eq!(policies.len(), 1);
    let named = |name: &str| (name.to_owned(), Verdict::Pass);
    assert_eq!(verdicts(&policies[0], OBJECTS), [named("bad"), named("good")]);
}

#[test]
fn audited_rules_do_not_deny() {
    for (spec, rule, expected) in [
        ("", "", &[("users/non-root", Stage::Observe)][..]),
        ("  emitWarning: true\n", "", &[("users/non-root", Stage::Warn)]),
        ("  validationFailureAction: Enforce\n", "", &[("users/non-root", Stage::Enforce)]),
        ("  validationFailureAction: Enforce\n", "      failureAction: Audit\n", &[("users/non-root", Stage::Observe)]),
        (
            "  validationFailureActionOverrides: [{action: Enforce, namespaces: [prod]}]\n",
            "",
            &[("users/non-root", Stage::Enforce), ("users/non-root@audit", Stage::Observe)],
        ),
    ] {
        let text = POLICY
            .replace("      failureAction: Enforce\n", rule)
            .replace("spec:\n  rules", &format!("spec:\n{spec}  rules"));
        let policies = policies(&text);
        let stages: Vec<_> = policies.iter().map(|one| (one.metadata().id.as_str(), one.most())).collect();
        assert_eq!(stages, expected, "{spec}{rule}");
    }
}

#[test]
fn what_is_not_scored_warns() {
    let text = POLICY.replace("  annotations:\n", "  annotations:\n    policies.kyverno.io/scored: \"false\"\n");
    assert_eq!(policies(&text)[0].most(), Stage::Warn);
}

#[test]
fn exceptions_and_namespaces_are_among_what_is_read() {
    let exception = "---\napiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {name: e, namespace: ops}\nspec:\n  match: {any: \
                     [{resources: {kinds: [Pod], names: [bad]}}]}\n  exceptions: [{policyName: users, ruleNames: [non-root]}]\n";
    let excepted = policies(&format!("{POLICY}{exception}"));
    let Verdict::Excepted { reason, .. } = &verdicts(&excepted[0], OBJECTS)[0].1 else { panic!("not excepted") };
    assert_eq!(reason, "PolicyException ops/e");

    let selecting = POLICY.replace("kinds: [Pod]", "kinds: [Pod], namespaceSelector: {matchLabels: {env: prod}}");
    let objects = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {env: prod}}\n---\napiVersion: v1\nkind: \
                   Pod\nmetadata: {name: a, namespace: shop}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b, namespace: \
                   other}\n";
    let judged = verdicts(&policies(&selecting)[0], objects);
    assert_eq!(judged.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn config_maps_are_those_that_are_scanned() {
    let rules = "    context: [{name: allowed, configMap: {name: users, namespace: policy}}]\n    validate: {message: Not allowed, deny: \
                 {conditions: {all: [{key: '{{ request.object.kind }}', operator: AnyNotIn, value: '{{ \
                 allowed.data.names }}'}]}}}\n";
    let (head, _) = POLICY.split_once("    validate:").unwrap();
    let policies = policies(&format!("{head}{rules}"));
    let map = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: users, namespace: policy}\ndata: {names: '[\"Deployment\"]'}\n";
    let with = verdicts(&policies[0], &format!("{OBJECTS}{map}"));
    assert_eq!(
        with,
        [
            ("bad".to_owned(), Verdict::Fail { message: "Not allowed".to_owned(), span: None }),
            ("good".to_owned(), Verdict::Pass),
        ]
    );
    let without = verdicts(&policies[0], OBJECTS);
    assert!(matches!(&without[0].1, Verdict::Error { message } if message.contains("needs a cluster")), "{without:?}");
}
