use probity_model::json;
use probity_model::value::{Key, Value};
use proptest::prelude::*;

use super::json6902::Options;
use super::{JsonPatch, kustomize, merge};

fn read(text: &str) -> Value {
    json::read(text.as_bytes()).unwrap()
}

fn patched(document: &str, patch: &str, options: Options) -> Result<Value, String> {
    let patch = JsonPatch::read(&read(patch)).map_err(|error| error.to_string())?;
    patch.apply(&read(document), options).map_err(|error| error.to_string())
}

#[test]
fn json_patches_of_the_rfc_and_of_kyverno() {
    for (document, patch, strict, lenient) in [
        (r#"{"a":1}"#, r#"[{"op":"add","path":"/b","value":2}]"#, r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2}"#),
        (r#"{"a":[1,3]}"#, r#"[{"op":"add","path":"/a/1","value":2}]"#, r#"{"a":[1,2,3]}"#, r#"{"a":[1,2,3]}"#),
        (r#"{"a":[1]}"#, r#"[{"op":"add","path":"/a/-","value":2}]"#, r#"{"a":[1,2]}"#, r#"{"a":[1,2]}"#),
        (r#"{"a":[1]}"#, r#"[{"op":"add","path":"/a/-1","value":2}]"#, r#"{"a":[1,2]}"#, r#"{"a":[1,2]}"#),
        (r#"{"a":1}"#, r#"[{"op":"remove","path":"/a"}]"#, "{}", "{}"),
        (r#"{"a":1}"#, r#"[{"op":"remove","path":"/b"}]"#, "fails", r#"{"a":1}"#),
        (r#"{"a":1}"#, r#"[{"op":"remove","path":"/b/c/d"}]"#, "fails", r#"{"a":1}"#),
        (r#"{"a":[1,2]}"#, r#"[{"op":"remove","path":"/a/-1"}]"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"{"a":1}"#, r#"[{"op":"add","path":"/b/c","value":2}]"#, "fails", r#"{"a":1,"b":{"c":2}}"#),
        (r#"{"a":1}"#, r#"[{"op":"add","path":"/b/-","value":2}]"#, "fails", r#"{"a":1,"b":[2]}"#),
        (r#"{"a":null}"#, r#"[{"op":"add","path":"/a/b","value":2}]"#, "fails", r#"{"a":{"b":2}}"#),
        (r#"{"a":[]}"#, r#"[{"op":"add","path":"/a/1/b","value":2}]"#, "fails", r#"{"a":[null,{"b":2}]}"#),
        (r#"{"a":1}"#, r#"[{"op":"add","path":"/b/-1/c/-1","value":2}]"#, "fails", r#"{"a":1,"b":[{"c":[2]}]}"#),
        (r#"{"a":1}"#, r#"[{"op":"replace","path":"/b","value":2}]"#, "fails", "fails"),
        (
            r#"{"a":{"b/~c":1}}"#,
            r#"[{"op":"replace","path":"/a/b~1~0c","value":2}]"#,
            r#"{"a":{"b/~c":2}}"#,
            r#"{"a":{"b/~c":2}}"#,
        ),
        (r#"{"a":1}"#, r#"[{"op":"move","from":"/a","path":"/b"}]"#, r#"{"b":1}"#, r#"{"b":1}"#),
        (r#"{"a":1}"#, r#"[{"op":"copy","from":"/a","path":"/b"}]"#, r#"{"a":1,"b":1}"#, r#"{"a":1,"b":1}"#),
        (r#"{"a":1}"#, r#"[{"op":"test","path":"/a","value":2},{"op":"remove","path":"/a"}]"#, "fails", "fails"),
        (r#"{"a":1}"#, r#"[{"op":"test","path":"/b","value":null}]"#, r#"{"a":1}"#, r#"{"a":1}"#),
        (r#"{"a":1}"#, r#"[{"op":"add","path":"","value":{"b":1}}]"#, r#"{"b":1}"#, r#"{"b":1}"#),
        (r#"{"a":1}"#, r#"[{"op":"add","path":"/a/b","value":1}]"#, "fails", "fails"),
        (r#"{"a":[1]}"#, r#"[{"op":"add","path":"/a/5","value":1}]"#, "fails", "fails"),
        (r#"{"a":1}"#, r#"[{"op":"add","path":"a","value":1}]"#, "fails", "fails"),
        (r#"{"a":1}"#, r#"[{"op":"add","path":"/a"}]"#, "fails", "fails"),
        (r#"{"a":1}"#, r#"[{"op":"grow","path":"/a"}]"#, "fails", "fails"),
        (r#"{"a":1}"#, r#"{"op":"remove","path":"/a"}"#, "fails", "fails"),
    ] {
        for (options, wanted) in [(Options::STRICT, strict), (Options::LENIENT, lenient)] {
            let found =
                patched(document, patch, options).map_or_else(|_| "fails".to_owned(), |value| json::write(&value));
            assert_eq!(found, wanted, "{document} {patch} {options:?}");
        }
    }
}

#[test]
fn lists_do_not_grow_without_end() {
    let patch = r#"[{"op":"add","path":"/a/999999999/b","value":1}]"#;
    assert!(patched(r#"{"a":[]}"#, patch, Options::LENIENT).is_err());
    let patch = r#"[{"op":"add","path":"/b/999999999/b","value":1}]"#;
    assert!(patched(r#"{"a":[]}"#, patch, Options::LENIENT).is_err());
}

#[test]
fn kustomize_merges_lists_of_native_types() {
    let pod = |spec: &str| format!(r#"{{"apiVersion":"v1","kind":"Pod","spec":{spec}}}"#);
    for (spec, patch, wanted) in [
        // Elements are found by their key, others of the patch come first.
        (
            r#"{"containers":[{"image":"a","name":"a"},{"name":"b"}]}"#,
            r#"{"containers":[{"name":"c"},{"image":"x","name":"b"}]}"#,
            r#"{"containers":[{"name":"c"},{"image":"x","name":"b"},{"image":"a","name":"a"}]}"#,
        ),
        (r#"{"tolerations":[{"key":"a"}]}"#, r#"{"tolerations":[{"key":"b"}]}"#, r#"{"tolerations":[{"key":"b"}]}"#),
        (r#"{"hostNetwork":true}"#, r#"{"hostNetwork":null}"#, "{}"),
        (
            r#"{"containers":[{"name":"a"},{"name":"b"}]}"#,
            r#"{"containers":[{"$patch":"delete","name":"a"}]}"#,
            r#"{"containers":[{"name":"b"}]}"#,
        ),
        (
            r#"{"containers":[{"name":"a"},{"name":"b"}]}"#,
            r#"{"containers":[{"$patch":"replace"},{"name":"c"}]}"#,
            r#"{"containers":[{"name":"c"}]}"#,
        ),
        (
            r#"{"securityContext":{"a":1,"b":2}}"#,
            r#"{"securityContext":{"$patch":"replace","c":3}}"#,
            r#"{"securityContext":{"c":3}}"#,
        ),
        (
            r#"{"containers":[{"name":"a","ports":[{"containerPort":80,"protocol":"TCP"}]}]}"#,
            r#"{"containers":[{"name":"a","ports":[{"containerPort":80,"hostPort":1,"protocol":"UDP"}]}]}"#,
            r#"{"containers":[{"name":"a","ports":[{"containerPort":80,"hostPort":1,"protocol":"UDP"},{"containerPort":80,"protocol":"TCP"}]}]}"#,
        ),
        ("{}", r#"{"securityContext":{"a":null,"b":{"c":null}}}"#, r#"{"securityContext":{"b":{}}}"#),
    ] {
        let merged = kustomize::merge(&read(&pod(spec)), &read(&format!(r#"{{"spec":{patch}}}"#)));
        assert_eq!(json::write(&merged.unwrap().unwrap()), pod(wanted), "{spec} {patch}");
    }
}

#[test]
fn kustomize_says_where_kinds_differ() {
    let error = kustomize::merge(&read(r#"{"spec":{"a":{"b":1}}}"#), &read(r#"{"spec":{"a":{"b":[]}}}"#)).unwrap_err();
    assert_eq!(error.to_string(), "at `spec.a.b` the object has a number and the patch a list");
    let error = kustomize::merge(&read(r#"{"a":{}}"#), &read(r#"{"a":{"$patch":"drop"}}"#)).unwrap_err();
    assert!(error.to_string().starts_with("unknown patch strategy `drop`"), "{error}");
}

/// Small documents.
fn document() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        "[a-c~/]{0,2}".prop_map(|text| Value::from(text.as_str())),
    ];
    let value = scalar.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
            prop::collection::vec(("[a-d/~]{1,2}", inner), 0..4).prop_map(Value::object),
        ]
    });
    prop::collection::vec(("[a-d]", value), 0..4).prop_map(Value::object)
}

/// The merge patch that makes one document of another, which must not have nulls.
fn merge_difference(from: &Value, to: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (from, to) else { return to.clone() };
    let removed =
        before.iter().filter(|(key, _)| after.get_key(key).is_none()).map(|(key, _)| (key.clone(), Value::Null));
    let changed = after.iter().filter(|(key, value)| before.get_key(key) != Some(value));
    let changed = changed.map(|(key, value)| match before.get_key(key) {
        Some(before @ Value::Object(_)) => (key.clone(), merge_difference(before, value)),
        _ => (key.clone(), value.clone()),
    });
    Value::Object(removed.chain(changed).collect())
}

/// The operations that make one document of another.
fn operations(from: &Value, to: &Value, path: &str, out: &mut Vec<Value>) {
    let escaped = |key: &Key| format!("{path}/{}", key.as_str().replace('~', "~0").replace('/', "~1"));
    let operation = |op: &str, path: String, value: Option<&Value>| {
        let fields = [("op", op.into()), ("path", path.into())];
        Value::object(fields.into_iter().chain(value.map(|value| ("value", value.clone()))))
    };
    match (from, to) {
        _ if from == to => {}
        (Value::Object(before), Value::Object(after)) => {
            for (key, _) in before.iter().filter(|(key, _)| after.get_key(key).is_none()) {
                out.push(operation("remove", escaped(key), None));
            }
            for (key, value) in after.iter() {
                match before.get_key(key) {
                    Some(before) => operations(before, value, &escaped(key), out),
                    None => out.push(operation("add", escaped(key), Some(value))),
                }
            }
        }
        _ => out.push(operation("replace", path.to_owned(), Some(to))),
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let kept = object.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn a_json_difference_applied_gives_the_target(from in document(), to in document()) {
        let mut patch = Vec::new();
        operations(&from, &to, "", &mut patch);
        let patch = JsonPatch::read(&Value::array(patch)).unwrap();
        prop_assert_eq!(&patch.apply(&from, Options::STRICT).unwrap(), &to);
        prop_assert_eq!(&patch.apply(&from, Options::LENIENT).unwrap(), &to);
    }

    #[test]
    fn a_merge_difference_applied_gives_the_target(from in document(), to in document()) {
        let to = without_nulls(&to);
        prop_assert_eq!(merge::apply(&from, &merge_difference(&from, &to)), to);
    }

    #[test]
    fn kustomize_merges_unknown_types_as_merge_patches(from in document(), to in document()) {
        let (from, to) = (without_nulls(&from), without_nulls(&to));
        if let Ok(Some(merged)) = kustomize::merge(&from, &merge_difference(&from, &to)) {
            prop_assert_eq!(merged, to);
        }
    }

    #[test]
    fn no_patch_panics(document in document(), patch in document(), list in document()) {
        let _ = kustomize::merge(&document, &patch);
        if let Ok(patch) = JsonPatch::read(&list) {
            let _ = patch.apply(&document, Options::LENIENT);
        }
    }
}
