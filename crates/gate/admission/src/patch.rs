//! What was changed, as JSON Patch (RFC 6902).

use std::collections::BTreeSet;

use probity_model::Value;

/// The operations that make `new` of `old`; none when they are equal. What is not changed is not named: others may have
/// changed it since.
pub fn difference(old: &Value, new: &Value) -> Vec<Value> {
    let mut operations = Vec::new();
    compare(&mut String::new(), old, new, &mut operations);
    operations
}

fn compare(path: &mut String, old: &Value, new: &Value, operations: &mut Vec<Value>) {
    if old == new {
        return;
    }
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let keys: BTreeSet<&str> = old.iter().chain(new.iter()).map(|(key, _)| key.as_str()).collect();
            for key in keys {
                within(path, &escaped(key), |path| match (old.get(key), new.get(key)) {
                    (Some(old), Some(new)) => compare(path, old, new, operations),
                    (None, Some(new)) => operations.push(operation("add", path, Some(new))),
                    (_, None) => operations.push(operation("remove", path, None)),
                });
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for (index, (old, new)) in old.iter().zip(new.iter()).enumerate() {
                within(path, &index.to_string(), |path| compare(path, old, new, operations));
            }
            // The last first: what goes moves what follows.
            for index in (new.len()..old.len()).rev() {
                within(path, &index.to_string(), |path| operations.push(operation("remove", path, None)));
            }
            for added in new.iter().skip(old.len()) {
                within(path, "-", |path| operations.push(operation("add", path, Some(added))));
            }
        }
        _ => operations.push(operation("replace", path, Some(new))),
    }
}

fn within(path: &mut String, part: &str, visit: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push('/');
    path.push_str(part);
    visit(path);
    path.truncate(length);
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn operation(name: &str, path: &str, value: Option<&Value>) -> Value {
    let fields = [("op", Value::from(name)), ("path", path.into())];
    Value::object(fields.into_iter().chain(value.map(|value| ("value", value.clone()))))
}

#[cfg(test)]
mod tests {
    use probity_kubernetes::patch::JsonPatch;
    use probity_kubernetes::patch::json6902::Options;
    use probity_model::json;
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Value {
        json::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn only_what_changed_is_named() {
        let cases = [
            (r#"{"a":1}"#, r#"{"a":1}"#, "[]"),
            (
                r#"{"labels":{"a":"1"}}"#,
                r#"{"labels":{"a":"1","x/y~z":"2"}}"#,
                r#"[{"op":"add","path":"/labels/x~1y~0z","value":"2"}]"#,
            ),
            (r"[1,2,3]", r"[1]", r#"[{"op":"remove","path":"/2"},{"op":"remove","path":"/1"}]"#),
            (r"[1]", r"[2,3]", r#"[{"op":"replace","path":"/0","value":2},{"op":"add","path":"/-","value":3}]"#),
            (r#"{"a":{}}"#, r"{}", r#"[{"op":"remove","path":"/a"}]"#),
            (r#"{"a":[]}"#, r#"{"a":null}"#, r#"[{"op":"replace","path":"/a","value":null}]"#),
        ];
        for (old, new, expected) in cases {
            assert_eq!(json::write(&Value::array(difference(&read(old), &read(new)))), expected);
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), "[a~/]{0,2}".prop_map(Value::from)];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
                prop::collection::btree_map("[a-c~/]{1,2}", inner, 0..4).prop_map(Value::object),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_patch_makes_the_new_of_the_old(old in value(), new in value()) {
            let patch = JsonPatch::read(&Value::array(difference(&old, &new))).unwrap();
            prop_assert_eq!(patch.apply(&old, Options::STRICT).unwrap(), new);
        }
    }
}
