//! Tests and values of Kyverno's command line, read.

use probity_model::Value;
use probity_model::node::Node;
use probity_policy_kyverno::testing::{Scopes, Test, Values, is_test, read_user, resource};
use proptest::prelude::*;

use crate::support::value;

#[test]
fn what_is_wrong_with_tests_and_values_is_said() {
    let test = |text: &str| Test::read(Node::root(&value(text), None)).map(drop);
    let values = |text: &str| Values::read(Node::root(&value(text), None)).map(drop);
    for (found, part) in [
        (test("policys: [a]"), "did you mean `policies`?"),
        (test("results: [{rule: r}]"), "missing field `policy`"),
        (test("results: [{policy: p, operation: READ}]"), "`READ` is no operation"),
        (test("apiCallResponses: [{response: {body: {}}}]"), "exactly one of `url` and `urlPath`"),
        (test("globalContextEntries: [{name: a}]"), "exactly one of `data`, `resources` and `resourceFiles`"),
        (values("policies: [{rules: []}]"), "missing field `name`"),
        (values("globalValue: {}"), "did you mean `globalValues`?"),
    ] {
        let problem = found.unwrap_err();
        let said = format!("{} {}", problem.message, problem.help.unwrap_or_default());
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn rules_have_the_values_of_those_they_were_generated_from() {
    let text = "policies: [{name: p, rules: [{name: r, values: {a.b: 1}, foreachValues: {c: [2, 3]}}]}]";
    let values = Values::read(Node::root(&value(text), None)).unwrap();
    for rule in ["r", "autogen-r", "autogen-cronjob-r"] {
        let found = values.of_rule("p", rule);
        assert_eq!(found.len(), 2, "{rule}");
        assert_eq!((found[0].0.len(), &found[0].1), (2, &Value::from(1)), "{rule}");
        assert_eq!(found[1].1, Value::from(2), "{rule}");
    }
    assert!(values.of_rule("p", "cronjob-r").is_empty());
    assert!(values.of_rule("q", "r").is_empty());
}

#[test]
fn resources_are_in_the_namespace_default_when_they_could_be_in_one() {
    for (text, namespace) in [
        ("{apiVersion: v1, kind: Pod, metadata: {name: a}}", Some("default")),
        ("{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: b}}", Some("b")),
        ("{apiVersion: v1, kind: Namespace, metadata: {name: a}}", None),
        ("{apiVersion: example.com/v1, kind: Own, metadata: {name: a}}", Some("default")),
    ] {
        let found = resource(&value(text), &Scopes::default());
        assert_eq!(found.at(&["metadata", "namespace"]).and_then(Value::as_str), namespace, "{text}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "results",
        "policies",
        "policy",
        "rule",
        "resources",
        "name",
        "rules",
        "values",
        "foreachValues",
        "globalValues",
        "subresources",
        "subresource",
        "parentResource",
        "namespaces",
        "userInfo",
        "extra",
        "apiCallResponses",
        "response",
        "body",
        "url",
        "resourceSpecs",
        "kind",
        "apiVersion",
        "metadata",
    ]);
    let scalar =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), "[a-c./\"]{0,4}".prop_map(Value::from)];
    scalar.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
            prop::collection::vec((names.clone(), inner), 0..5).prop_map(Value::object),
        ]
    })
}

proptest! {
    #[test]
    fn no_document_panics(document in any_value()) {
        let node = Node::root(&document, None);
        let _ = is_test(&document);
        let _ = Test::read(node);
        let _ = read_user(node);
        if let Ok(values) = Values::read(node) {
            let _ = (values.variables("a", "b"), values.of_rule("a", "autogen-b"), values.namespace_labels("a"));
        }
    }
}
