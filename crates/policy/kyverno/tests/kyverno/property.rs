//! What holds of all documents.

use probity_model::node::Node;
use probity_model::value::Number;
use probity_model::{Key, Value};
use probity_policy_kyverno::{Pattern, Policy, Request};
use proptest::prelude::*;

use crate::support::{judge, pod, said, validating, value};

/// Documents as Kubernetes has them: no empty lists, for a pattern that is one matches nothing.
fn document(texts: &'static str, keys: &'static str) -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(|int| Value::Number(Number::from(i64::from(int)))),
        texts.prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
            prop::collection::btree_map(keys, inner, 0..5).prop_map(|entries| {
                Value::Object(entries.into_iter().map(|(key, value)| (Key::new(&key), value)).collect())
            }),
        ]
    })
}

/// Fields that policies have, so that some of what is made is more than refused.
fn field() -> &'static str {
    "(all|any|key|operator|value|list|deny|conditions|pattern|name|variable|jmesPath|spec|containers|image|[a-z(){}=^]{1,5})"
}

fn rule_part() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["match", "exclude", "context", "preconditions", "celPreconditions", "reportProperties"])
}

fn validate_part() -> impl Strategy<Value = &'static str> {
    let parts =
        vec!["pattern", "anyPattern", "deny", "foreach", "podSecurity", "cel", "assert", "message", "manifests"];
    prop::sample::select(parts)
}

/// Objects, lists of one element and texts without signs: what says of itself that it is as it is.
fn plain() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(|int| Value::Number(Number::from(i64::from(int)))),
        "[a-z][a-z0-9./:]{0,8}".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            inner.clone().prop_map(|element| Value::array([element])),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..5).prop_map(Value::object),
        ]
    })
}

proptest! {
    #[test]
    fn a_resource_is_as_itself(document in plain()) {
        prop_assert_eq!(Pattern::matches_constant(&document, &document), Ok(()));
    }

    #[test]
    fn any_pattern_is_taken(
        pattern in document("[-!<>=|&*? .a-z0-9GMihs]{0,12}", "[<X+=^]?\\(?[a-z*?/]{0,6}\\)?"),
        resource in document("[a-z0-9. GMihs-]{0,8}", "[a-z/]{0,6}"),
    ) {
        let _ = Pattern::matches_constant(&pattern, &resource);
    }

    #[test]
    fn any_rule_is_read_or_refused_and_judged(
        parts in prop::collection::btree_map(rule_part(), document("[-{}@!*a-z.0-9 ]{0,10}", field()), 0..4),
        validate in prop::collection::btree_map(validate_part(), document("[-{}@!*a-z.0-9 ]{0,10}", field()), 0..3),
    ) {
        let mut rule = vec![("name", Value::from("r")), ("match", value("{any: [{resources: {kinds: [Pod]}}]}"))];
        rule.push(("validate", Value::object(validate)));
        rule.extend(parts);
        let policy = Value::object([
            ("apiVersion", Value::from("kyverno.io/v1")),
            ("kind", "ClusterPolicy".into()),
            ("metadata", value("{name: p}")),
            ("spec", Value::object([("rules", Value::array([Value::object(rule)]))])),
        ]);
        if let Ok(policy) = Policy::read(Node::root(&policy, None)) {
            judge(&policy, &Request::of_object(&pod("spec: {containers: [{name: a, image: b}]}\n")));
        }
    }

    #[test]
    fn any_variable_is_taken(text in "[{}\\\\ -.@a-z0-9|`'\"\\[\\]$()]{0,24}") {
        let _ = probity_policy_kyverno::Template::of_text(&text);
    }
}

#[test]
fn expressions_without_end_are_given_up() {
    let request = Request::of_object(&pod("spec: {text: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'}\n"));
    for condition in [
        "key: '{{ regex_match(`\"(a*)*(a*)*(a*)*$\"`, request.object.spec.text) }}', operator: Equals, value: true",
        "key: '{{ request.object.spec.text }}', operator: Equals, value: '*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b'",
    ] {
        let policy = validating(&format!("      deny: {{conditions: {{all: [{{{condition}}}]}}}}\n"));
        let start = std::time::Instant::now();
        let status = said(&policy, &request).0;
        assert!(!status.is_empty());
        assert!(start.elapsed().as_secs() < 5, "{condition}");
    }
}
