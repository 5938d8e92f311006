//! What holds of all documents.

use probity_model::node::Node;
use probity_model::value::Number;
use probity_model::{Key, Value};
use probity_policy_kyverno::{Offline, Pattern, Policy, Request, Surroundings};
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

/// Values that a change may put there: lists are replaced, and what is `null` goes. No name is both set and added where it is
/// not there.
fn put() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i16>().prop_map(|int| Value::Number(Number::from(i64::from(int)))),
        "[a-z]{0,6}".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec("[a-z]{1,4}".prop_map(Value::from), 0..4).prop_map(Value::array),
            prop::collection::btree_map("([a-m]{1,2}|\\+\\([n-z]{1,2}\\))", inner, 0..4).prop_map(Value::object),
        ]
    })
}

/// A policy that changes pods so.
fn changing(mutate: Value) -> Option<Policy> {
    let rule =
        [("name", Value::from("r")), ("match", value("{any: [{resources: {kinds: [Pod]}}]}")), ("mutate", mutate)];
    let policy = Value::object([
        ("apiVersion", Value::from("kyverno.io/v1")),
        ("kind", "ClusterPolicy".into()),
        ("metadata", value("{name: p}")),
        ("spec", Value::object([("rules", Value::array([Value::object(rule)]))])),
    ]);
    Policy::read(Node::root(&policy, None)).ok()
}

fn changed(policy: &Policy, object: &Value) -> Value {
    let around = Surroundings { host: &Offline, exceptions: &[] };
    policy.mutate(&Request::of_object(object), around).patched.unwrap_or_else(|| object.clone())
}

/// A pod with these fields in its spec.
fn pod_of(spec: Value) -> Value {
    let pod = value("{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}}");
    let Value::Object(fields) = pod else { return Value::Null };
    let all = fields.iter().map(|(key, value)| (key.clone(), value.clone())).chain([(Key::new("spec"), spec)]);
    Value::Object(all.collect())
}

proptest! {
    /// Kyverno asks that a change made twice is the change made once (writing policies, mutate rules).
    #[test]
    fn what_is_merged_twice_is_as_what_is_merged_once(
        spec in prop::collection::btree_map("[a-z]{1,2}", put(), 0..4),
        overlay in prop::collection::btree_map("([a-m]{1,2}|\\+\\([n-z]{1,2}\\))", put(), 1..4),
        container in prop::collection::btree_map("(image|tty|[a-m]|\\+\\([n-z]\\))", put(), 0..3),
    ) {
        let mut containers: Vec<(String, Value)> = container.into_iter().collect();
        containers.push(("(name)".to_owned(), "*".into()));
        let overlay = overlay.into_iter().chain([("containers".to_owned(), Value::array([Value::object(containers)]))]);
        let patch = Value::object([("spec", Value::object(overlay))]);
        let policy = changing(Value::object([("patchStrategicMerge", patch)]));
        prop_assert!(policy.is_some());
        let Some(policy) = policy else { return Ok(()) };
        let containers = ("containers".to_owned(), value("[{name: a, image: x}, {name: b}]"));
        let once = changed(&policy, &pod_of(Value::object(spec.into_iter().chain([containers]))));
        prop_assert_eq!(changed(&policy, &once), once);
    }

    #[test]
    fn what_is_set_twice_is_as_what_is_set_once(
        spec in prop::collection::btree_map("[a-z]{1,2}", put(), 0..4),
        patches in prop::collection::vec(("(add|replace)", "[a-z]{1,2}", "[a-z]{0,2}", put()), 1..4),
    ) {
        let patches = patches.into_iter().map(|(operation, first, second, value)| {
            let path = if second.is_empty() { format!("/spec/{first}") } else { format!("/spec/{first}/{second}") };
            Value::object([("op", Value::from(operation)), ("path", path.into()), ("value", value)])
        });
        let patches = probity_model::json::write(&Value::array(patches.collect::<Vec<_>>()));
        let policy = changing(Value::object([("patchesJson6902", Value::from(patches))]));
        prop_assert!(policy.is_some());
        let Some(policy) = policy else { return Ok(()) };
        let once = changed(&policy, &pod_of(Value::object(spec)));
        prop_assert_eq!(changed(&policy, &once), once);
    }

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
