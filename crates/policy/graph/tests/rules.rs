//! What rules mean, one line a case.

use std::sync::Arc;

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{
    Gate, Labels, NodeIndex, Outcome, ResourceGraph, SourceId, Stage, Stages, Subject, SubjectKind, Value, json,
};
use probity_policy_core::testing::{self, Asked, Objects};
use probity_policy_core::{Facts, Named, Operation, Policy, PolicySet};
use proptest::prelude::*;

fn subject(resource_type: &str, document: Value) -> Subject {
    Subject {
        kind: SubjectKind::Terraform,
        resource_type: resource_type.into(),
        address: format!("{resource_type}.r").into(),
        document,
        span: None,
        header: None,
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
        sensitive: None,
    }
}

fn policies(text: &str) -> Result<Vec<Arc<dyn Policy>>, String> {
    let documents = yaml::read(text, SourceId(0), Dialect::Core).map_err(|(problem, _)| problem.to_string())?;
    let root = Node::root(&documents[0].value, documents[0].span);
    probity_policy_graph::read_file(root).map_err(|problems| problems[0].to_string())
}

/// The outcomes for each subject, in order; `None` where the policy does not apply.
fn outcomes(policy: &str, subjects: Vec<Subject>, edges: &[(u32, u32)]) -> Vec<Option<Outcome>> {
    judged(policy, subjects, edges).into_iter().map(|found| found.map(|(outcome, _)| outcome)).collect()
}

/// The same with the messages.
fn judged(policy: &str, subjects: Vec<Subject>, edges: &[(u32, u32)]) -> Vec<Option<(Outcome, String)>> {
    let set =
        PolicySet::builder(Gate::Ci, Stages::all(Stage::Enforce)).policies(policies(policy).unwrap()).build().unwrap();
    let graph = ResourceGraph::new(subjects, edges.iter().map(|&(a, b)| (NodeIndex(a), NodeIndex(b))));
    let facts = Facts::of_files(&graph, jiff::civil::date(2026, 1, 1));
    let rulings = set.rule(&facts);
    graph
        .iter()
        .map(|(index, subject)| {
            let decision = set.evaluate(subject, index, &facts, &rulings);
            decision.findings.first().map(|finding| (finding.outcome, finding.message.clone()))
        })
        .collect()
}

fn catalog(rule: &str) -> String {
    format!(
        "policies:\n  - id: P\n    title: T\n    severity: low\n    bindings:\n      - types: [a]\n        rule: {rule}\n"
    )
}

#[test]
fn conditions_on_one_resource() {
    let open = r#"{"rules":[{"port":22,"to":"all"},{"port":443,"to":"some"}],"tags":["x"],"on":false,
        "address":"10.1.0.4","networks":["192.168.0.0/16","10.1.0.0/16"]}"#;
    for (rule, document, expected) in [
        ("{attribute: on, operator: is_false}", open, Outcome::Pass),
        ("{attribute: off, operator: is_false}", open, Outcome::Fail),
        ("{attribute: off, operator: is_false, absent: pass}", open, Outcome::Pass),
        ("{attribute: off, operator: not_equals, value: 1}", open, Outcome::Pass),
        ("{attribute: off, operator: is_not_empty}", open, Outcome::Fail),
        ("{not: {attribute: on, operator: is_true}}", open, Outcome::Pass),
        ("{and: [{attribute: on, operator: exists}, {attribute: off, operator: exists}]}", open, Outcome::Fail),
        ("{or: [{attribute: off, operator: exists}, {attribute: on, operator: exists}]}", open, Outcome::Pass),
        ("{attribute: rules.port, operator: equals, value: 443}", open, Outcome::Pass),
        ("{attribute: rules.port, operator: not_equals, value: 443}", open, Outcome::Fail),
        // One element must meet both, not one the one and another the other.
        (
            "{some: rules, where: {and: [{attribute: port, operator: equals, value: 443}, {attribute: to, operator: equals, \
             value: all}]}}",
            open,
            Outcome::Fail,
        ),
        ("{every: rules, where: {attribute: port, operator: exists}}", open, Outcome::Pass),
        (
            "{first: rules, by: port, where: {attribute: port, operator: exists}, holds: {attribute: to, operator: equals, \
             value: all}}",
            open,
            Outcome::Pass,
        ),
        (
            "{first: rules, by: port, where: {attribute: port, operator: greater_than, value: 22}, holds: {attribute: to, \
             operator: equals, value: all}}",
            open,
            Outcome::Fail,
        ),
        (
            "{first: nothing, by: port, where: {attribute: x, operator: exists}, holds: {attribute: y, operator: exists}}",
            open,
            Outcome::Pass,
        ),
        ("{attribute: on, operator: equals_attribute, value: on}", open, Outcome::Pass),
        ("{attribute: on, operator: not_equals_attribute, value: on}", open, Outcome::Fail),
        ("{attribute: on, operator: equals_attribute, value: off}", open, Outcome::Fail),
        ("{attribute: address, operator: cidr_within_attribute, value: 'networks[*]'}", open, Outcome::Pass),
        ("{attribute: address, operator: not_cidr_within_attribute, value: 'networks[*]'}", open, Outcome::Fail),
        ("{attribute: address, operator: cidr_within_attribute, value: nothing}", open, Outcome::Fail),
        ("{attribute: address, operator: cidr_within_attribute, value: on}", open, Outcome::Unknown),
        ("{every: nothing, where: {attribute: port, operator: exists}}", open, Outcome::Pass),
        ("{attribute: a, operator: less_than_or_equal_attribute, value: b}", r#"{"a":2,"b":2}"#, Outcome::Pass),
        ("{attribute: a, operator: less_than_or_equal_attribute, value: b}", r#"{"a":3,"b":2}"#, Outcome::Fail),
        ("{attribute: a, operator: less_than_or_equal_attribute, value: b}", r#"{"a":3,"b":"x"}"#, Outcome::Unknown),
        ("{attribute: a, operator: within_days, value: 7}", r#"{"a":"2025-12-25T23:00:00Z"}"#, Outcome::Pass),
        ("{attribute: a, operator: within_days, value: 7}", r#"{"a":"2025-12-24"}"#, Outcome::Fail),
        ("{attribute: a, operator: within_days, value: 7}", r#"{"a":"2026-01-02"}"#, Outcome::Pass),
        ("{attribute: a, operator: within_days, value: 7}", r#"{"a":"2026-01-03"}"#, Outcome::Fail),
        ("{attribute: a, operator: within_days, value: 7}", r#"{"a":"yesterday"}"#, Outcome::Fail),
        ("{attribute: a, operator: within_days, value: 7}", r#"{"b":"2026-01-01"}"#, Outcome::Fail),
        ("{attribute: a, operator: not_within_days, value: 7}", r#"{"a":"2025-12-24"}"#, Outcome::Pass),
        ("{none: rules, where: {attribute: port, operator: equals, value: 22}}", open, Outcome::Fail),
        ("{some: tags, where: {attribute: ., operator: equals, value: x}}", open, Outcome::Pass),
        ("{every: rules, where: {attribute: \"@resource.on\", operator: is_false}}", open, Outcome::Pass),
    ] {
        let subject = subject("a", json::read(document.as_bytes()).unwrap());
        assert_eq!(outcomes(&catalog(rule), vec![subject], &[]), [Some(expected)], "{rule}");
    }
}

#[test]
fn what_is_not_known_is_neither_pass_nor_fail() {
    let unknown = || Value::Unknown("var.x".into());
    for (rule, expected) in [
        ("{attribute: x, operator: equals, value: 1}", Outcome::Unknown),
        ("{attribute: x, operator: not_equals, value: 1}", Outcome::Unknown),
        ("{attribute: x, operator: equals, value: 1, unknown: pass}", Outcome::Pass),
        ("{attribute: x, operator: not_equals, value: 1, unknown: pass}", Outcome::Pass),
        ("{attribute: x.y, operator: regex_match, value: a, unknown: fail}", Outcome::Fail),
        ("{none: x, where: {attribute: ., operator: regex_match, value: a, unknown: fail}}", Outcome::Pass),
        ("{none: x, where: {attribute: ., operator: regex_match, value: a}}", Outcome::Unknown),
        ("{attribute: x, operator: exists}", Outcome::Pass),
        ("{attribute: x.y, operator: exists}", Outcome::Unknown),
        ("{or: [{attribute: x, operator: is_true}, {attribute: y, operator: is_true}]}", Outcome::Pass),
        ("{and: [{attribute: x, operator: is_true}, {attribute: y, operator: is_false}]}", Outcome::Fail),
        ("{none: x, where: {attribute: z, operator: exists}}", Outcome::Unknown),
        ("{attribute: x, operator: is_set}", Outcome::Pass),
        ("{attribute: x, operator: equals_attribute, value: x}", Outcome::Pass),
        ("{attribute: x, operator: equals_attribute, value: y}", Outcome::Unknown),
        // The first may or may not match; the second would decide otherwise.
        (
            "{first: rules, by: no, where: {attribute: port, operator: equals, value: 22}, holds: {attribute: to, operator: \
             equals, value: none}}",
            Outcome::Unknown,
        ),
    ] {
        let rule_of =
            |no: i64, port: Value, to: &str| Value::object([("no", no.into()), ("port", port), ("to", to.into())]);
        let rules = Value::array([rule_of(20, 22.into(), "all"), rule_of(10, unknown(), "none")]);
        let subject = subject("a", Value::object([("x", unknown()), ("y", true.into()), ("rules", rules)]));
        assert_eq!(outcomes(&catalog(rule), vec![subject], &[]), [Some(expected)], "{rule}");
    }
}

#[test]
fn what_was_not_looked_into_is_neither_pass_nor_fail() {
    let rule = "{and: [{known: found, how: look for them}, {none: found, where: {attribute: bad, operator: is_true}}, \
                {known: {attribute: complete, operator: is_true}, how: look at all}]}";
    for (document, expected, message) in [
        (r"{}", Outcome::Unknown, "look for them"),
        (r#"{"found":null,"complete":true}"#, Outcome::Unknown, "look for them"),
        (r#"{"found":[],"complete":true}"#, Outcome::Pass, ""),
        (r#"{"found":[{"bad":false}],"complete":false}"#, Outcome::Unknown, "look at all"),
        (r#"{"found":[{"bad":true}],"complete":false}"#, Outcome::Fail, "`bad` is true"),
    ] {
        let subject = subject("a", json::read(document.as_bytes()).unwrap());
        assert_eq!(judged(&catalog(rule), vec![subject], &[]), [Some((expected, message.to_owned()))], "{document}");
    }
}

#[test]
fn a_message_names_the_elements_that_decided() {
    let none = "{none: found, where: {attribute: bad, operator: is_true}, show: '{id} in {package.name}!'}";
    let every = "{every: found, where: {attribute: bad, operator: is_false}, show: '{id}'}";
    let found = |ids: &[i64]| {
        let element = |id: &i64| {
            let package = Value::object([("name", Value::from(format!("p\n{id}")))]);
            Value::object([("id", Value::from(*id)), ("bad", Value::from(*id > 0)), ("package", package)])
        };
        Value::object([("found", Value::array(ids.iter().map(element)))])
    };
    for (rule, ids, expected) in [
        (none, &[0, 1, 2][..], "1 in p 1!, 2 in p 2!"),
        (none, &[0, -1], ""),
        (every, &[1, 0, 2, 3, 4, 5, 6], "1, 2, 3, 4, 5, and 1 other"),
        (every, &[1, 2, 3, 4, 5, 6, 7], "1, 2, 3, 4, 5, and 2 others"),
        (every, &[], ""),
    ] {
        let found = judged(&catalog(rule), vec![subject("a", found(ids))], &[]).pop().unwrap().unwrap();
        let outcome = if expected.is_empty() { Outcome::Pass } else { Outcome::Fail };
        assert_eq!(found, (outcome, expected.to_owned()), "{rule} {ids:?}");
    }
}

#[test]
fn what_a_binding_leaves_out_is_not_reported() {
    let policy = catalog("{attribute: on, operator: is_true}")
        .replace("        rule:", "        when: {attribute: kind, operator: equals, value: x}\n        rule:");
    for (document, expected) in [
        (r#"{"kind":"x","on":true}"#, Some(Outcome::Pass)),
        (r#"{"kind":"x","on":false}"#, Some(Outcome::Fail)),
        (r#"{"kind":"y","on":false}"#, None),
        ("{}", None),
    ] {
        let document = json::read(document.as_bytes()).unwrap();
        assert_eq!(outcomes(&policy, vec![subject("a", document.clone())], &[]), [expected], "{document:?}");
    }
    let unknown = Value::object([("kind", Value::Unknown("var.kind".into()))]);
    assert_eq!(outcomes(&policy, vec![subject("a", unknown)], &[]), [Some(Outcome::Unknown)]);
}

#[test]
fn connections() {
    let subjects = || {
        let document = |on: bool| Value::object([("on", on.into())]);
        vec![
            subject("a", document(true)),
            subject("a", document(true)),
            subject("b", document(true)),
            subject("b", document(false)),
        ]
    };
    let edges = [(0, 2), (1, 3)];
    let rule = catalog("{connected: [b], where: {attribute: on, operator: is_true}}");
    let (pass, fail) = (Some(Outcome::Pass), Some(Outcome::Fail));
    assert_eq!(outcomes(&rule, subjects(), &edges), [pass, fail, None, None]);
    let checkov = "metadata: {id: C, name: N, category: NETWORKING}\ndefinition:\n  and:\n    - {cond_type: filter, attribute: \
                   resource_type, operator: within, value: [a]}\n    - {cond_type: connection, resource_types: [a], \
                   connected_resource_types: [b], operator: exists}\n    - {cond_type: attribute, resource_types: [b], attribute: \
                   on, operator: is_true}\n";
    assert_eq!(outcomes(checkov, subjects(), &edges), [pass, fail, None, None]);
}

#[test]
fn taggable_resources_have_to_be_tagged() {
    let policy = |scope: &str, types: &str| {
        format!(
            "metadata: {{id: C, name: N, category: GENERAL_SECURITY}}\n{scope}definition:\n  or:\n    - {{cond_type: attribute, \
             resource_types: {types}, attribute: tags.owner, operator: exists}}\n    - {{cond_type: attribute, resource_types: \
             {types}, attribute: labels.owner, operator: exists}}\n"
        )
    };
    let document = |text: &str| json::read(text.as_bytes()).unwrap();
    let subjects = || {
        vec![
            subject("aws_instance", document(r#"{"tags": {"owner": "a"}}"#)),
            subject("aws_instance", document(r#"{"tags": {"stage": "a"}}"#)),
            subject("aws_iam_role_policy", document("{}")),
            subject("azurerm_storage_account", document("{}")),
            subject("google_storage_bucket", document(r#"{"labels": {"owner": "a"}}"#)),
            subject("google_storage_bucket", document("{}")),
            subject("Deployment", document("{}")),
        ]
    };
    let (pass, fail) = (Some(Outcome::Pass), Some(Outcome::Fail));
    for (scope, types, expected) in [
        ("", "taggable", [pass, fail, None, fail, pass, fail, None]),
        ("", "[Taggable]", [pass, fail, None, fail, pass, fail, None]),
        ("scope: {provider: aws}\n", "taggable", [pass, fail, None, None, None, None, None]),
        ("scope: {provider: [AZURE]}\n", "taggable", [None, None, None, fail, None, None, None]),
        ("scope: {provider: gcp}\n", "[taggable]", [None, None, None, None, pass, fail, None]),
    ] {
        assert_eq!(outcomes(&policy(scope, types), subjects(), &[]), expected, "{scope}{types}");
    }
    let problem = policies(&policy("scope: {provider: kubernetes}\n", "taggable")).err().unwrap_or_default();
    assert!(problem.contains("not for `kubernetes`"), "{problem}");
}

#[test]
fn slips_are_named() {
    for (rule, message) in [
        ("{attribute: x, operator: equal, value: 1}", "unknown operator `equal`"),
        ("{attribute: x, operator: equals}", "operator `equals` needs a value"),
        ("{attribute: x, operator: exists, unknown: maybe}", "`unknown` is pass or fail, not `maybe`"),
        ("{attributes: x, operator: exists}", "not a condition"),
        ("{attribute: \"x[\", operator: exists}", "`[` without `]`"),
        ("{attribute: x, operator: regex_match, value: \"(\"}", "not a regular expression"),
        ("{some: x}", "missing field `where`"),
        ("{known: x}", "missing field `how`"),
        ("{none: x, where: {attribute: y, operator: exists}, show: 'a {y'}", "a `{` is not closed"),
        ("{none: x, where: {attribute: y, operator: exists}, show: y}", "it would show the same of every element"),
        ("{some: x, where: {attribute: y, operator: exists}, show: '{y}'}", "`some` fails for want of an element"),
        ("{and: [], or: []}", "unknown field `or`"),
    ] {
        let problem = policies(&catalog(rule)).err().unwrap_or_default();
        assert!(problem.starts_with(message), "{rule}: {problem}");
    }
}

/// Conditions of the catalog form, right ones and nearly right ones.
fn any_rule() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "a",
        "a.b",
        "a[*].b",
        "a[0]",
        "*",
        ".",
        "@resource.a",
        "\"a.b\".c",
        "a..b",
        "[",
        "@nothing",
        "",
    ]);
    let operator = prop::sample::select(vec![
        "equals",
        "not_equals",
        "exists",
        "not_exists",
        "is_true",
        "within",
        "contains",
        "not_contains",
        "regex_match",
        "greater_than",
        "subset",
        "length_equals",
        "cidr_within",
        "image_registry_within",
        "allows_action",
        "starting_with",
        "nothing",
    ]);
    let value = prop::sample::select(vec!["1", "a", "[1, a]", "'(a+)+$'", "'(('", "10.0.0.0/8", "null", "{}", "true"]);
    let leaf = (path.clone(), operator, value, any::<bool>()).prop_map(|(path, operator, value, absent)| {
        let absent = if absent { ", absent: pass" } else { "" };
        format!("{{attribute: '{path}', operator: {operator}, value: {value}{absent}}}")
    });
    leaf.prop_recursive(5, 24, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|all| format!("{{and: [{}]}}", all.join(", "))),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|all| format!("{{or: [{}]}}", all.join(", "))),
            inner.clone().prop_map(|rule| format!("{{not: {rule}}}")),
            (path.clone(), inner.clone()).prop_map(|(path, rule)| format!("{{some: '{path}', where: {rule}}}")),
            (path.clone(), inner.clone()).prop_map(|(path, rule)| format!("{{every: '{path}', where: {rule}}}")),
            (path.clone(), inner.clone())
                .prop_map(|(path, rule)| format!("{{none: '{path}', where: {rule}, show: 'x {{{path}}}{{.}}'}}")),
            inner.clone().prop_map(|rule| format!("{{known: {rule}, how: look}}")),
            inner.prop_map(|rule| format!("{{connected: [a, b], where: {rule}}}")),
        ]
    })
}

proptest! {
    #[test]
    fn any_rule_is_judged_or_refused(rule in any_rule()) {
        let text = catalog(&rule);
        if policies(&text).is_ok() {
            let documents = [r#"{"a":[{"b":[1,"a"]},{"b":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}]}"#, "{}", r#"{"a":{"b":"10.1.0.0/16"}}"#];
            let subjects = documents.map(|document| subject("a", json::read(document.as_bytes()).unwrap()));
            prop_assert_eq!(outcomes(&text, subjects.into(), &[(0, 1), (1, 2)]).len(), 3);
        }
    }
}

/// A rule on pods that are selected by a policy of the network.
const CONNECTED: &str = "policies:
- id: X
  title: selected
  severity: high
  bindings:
  - types: [Pod, aws_s3_bucket, 'AWS::S3::Bucket', dockerfile]
    rule: {connected: [NetworkPolicy, aws_vpc], where: {attribute: spec.podSelector, operator: exists}}
";

#[test]
fn requests_are_for_the_kinds_among_the_types() {
    let policy = &policies(CONNECTED).unwrap()[0];
    let kinds: Vec<_> = policy.requests().into_iter().map(|rule| rule.named).collect();
    assert_eq!(kinds, [Named::Kind("Pod".into())]);
    let watched: Vec<_> = policy.watches().iter().map(|one| format!("{} {}", one.api_version, one.kind)).collect();
    assert_eq!(watched, ["networking.k8s.io/v1 NetworkPolicy"]);
    let elsewhere = CONNECTED.replace("Pod, ", "");
    let policy = &policies(&elsewhere).unwrap()[0];
    assert!(policy.requests().is_empty() && policy.watches().is_empty());
}

#[test]
fn a_request_is_judged_with_what_it_is_connected_with() {
    const CHECKOV: &str = "metadata: {id: X, name: selected, category: NETWORKING}
definition: {cond_type: connection, resource_types: [Pod], connected_resource_types: [NetworkPolicy], operator: exists}
";
    let pod = || testing::document(r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {}}"#);
    let network = testing::document(
        r#"{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "all"},
            "spec": {"podSelector": {}}}"#,
    );
    let create = Asked::pod(Operation::Create, pod(), Value::Null);
    let update = Asked::pod(Operation::Update, pod(), pod());
    let status = Asked { subresource: "status", ..update.clone() };
    let added = Asked { subresource: "ephemeralcontainers", ..update };
    let delete = Asked::pod(Operation::Delete, Value::Null, pod());
    for text in [CONNECTED, CHECKOV] {
        let policy = &policies(text).unwrap()[0];
        for (asked, edges, expected) in [
            (&create, &[(0, 1)][..], "pass"),
            (&create, &[], "fail"),
            (&added, &[], "fail"),
            (&status, &[], ""),
            (&delete, &[], ""),
        ] {
            let graph = ResourceGraph::new(
                vec![testing::subject(&pod()), testing::subject(&network)],
                edges.iter().map(|&(a, b)| (NodeIndex(a), NodeIndex(b))),
            );
            let (request, cluster) = (asked.request(), Objects::default());
            let today = jiff::civil::date(2026, 1, 1);
            let facts = Facts { graph: &graph, today, request: Some(&request), cluster: Some(&cluster) };
            let mut verdicts = Vec::new();
            policy.judge(graph.subject(NodeIndex(0)), NodeIndex(0), &facts, &mut verdicts);
            let found = testing::told(&verdicts);
            assert!(
                found.starts_with(expected) && found.is_empty() == expected.is_empty(),
                "{text} {asked:?}: {found}"
            );
        }
    }
}
