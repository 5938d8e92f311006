//! Whether a resource is the one that is expected, as Kyverno's command line compares them.

use probity_model::{Key, Value};

use crate::object;

/// Labels that Kyverno gives to what it makes.
const LABELS: &str = "generate.kyverno.io/";

/// Whether two resources are the same, apart from what is empty and from the labels of what Kyverno makes.
pub(super) fn same(actual: &Value, expected: &Value) -> bool {
    match (tidy(&labelled(actual)), tidy(&labelled(expected))) {
        (Some(actual), Some(expected)) => is_same(&actual, &expected),
        (None, None) => true,
        _ => false,
    }
}

/// Numbers are compared by value: files write `1` and `1.0` for the same.
fn is_same(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            actual.len() == expected.len()
                && actual.iter().all(|(key, value)| expected.get_key(key).is_some_and(|other| is_same(value, other)))
        }
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len()
                && actual.iter().zip(expected).all(|(actual, expected)| is_same(actual, expected))
        }
        _ => actual == expected,
    }
}

/// The resource with the label that what Kyverno makes has, and without the others.
fn labelled(resource: &Value) -> Value {
    let own = object::labels(resource).cloned().unwrap_or_default();
    let kept = own.iter().filter(|(key, value)| !key.as_str().starts_with(LABELS) && matches!(value, Value::String(_)));
    let kept = kept.map(|(key, value)| (key.clone(), value.clone()));
    let managed = (Key::new("app.kubernetes.io/managed-by"), Value::from("kyverno"));
    let labels: Vec<(Key, Value)> = std::iter::once(managed).chain(kept).collect();
    let root = resource.as_object().cloned().unwrap_or_default();
    let metadata = root.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    let metadata = object::with_entry(&metadata, "labels", Value::Object(labels.into_iter().collect()));
    Value::Object(object::with_entry(&root, "metadata", Value::Object(metadata)))
}

/// The value without empty objects and lists, and without nulls; nothing when nothing is left.
fn tidy(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(object) => {
            let kept: Vec<(Key, Value)> =
                object.iter().filter_map(|(key, value)| Some((key.clone(), tidy(value)?))).collect();
            (!kept.is_empty()).then(|| Value::Object(kept.into_iter().collect()))
        }
        Value::Array(array) => {
            let kept: Vec<Value> = array.iter().filter_map(tidy).collect();
            (!kept.is_empty()).then(|| Value::array(kept))
        }
        other => Some(other.clone()),
    }
}

/// Where two resources differ first, in words.
pub(super) fn difference(actual: &Value, expected: &Value) -> String {
    let (actual, expected) =
        (tidy(&labelled(actual)).unwrap_or_default(), tidy(&labelled(expected)).unwrap_or_default());
    first_difference(&actual, &expected, "")
}

fn first_difference(actual: &Value, expected: &Value, path: &str) -> String {
    let shown = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), probity_model::json::write);
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            let keys = actual.iter().chain(expected.iter()).map(|(key, _)| key);
            for key in keys {
                let path = if path.is_empty() { key.as_str().to_owned() } else { format!("{path}.{key}") };
                match (actual.get_key(key), expected.get_key(key)) {
                    (Some(actual), Some(expected)) if !is_same(actual, expected) => {
                        return first_difference(actual, expected, &path);
                    }
                    (Some(_), Some(_)) => {}
                    (actual, expected) => {
                        return format!("at {path}: want {}, got {}", shown(expected), shown(actual));
                    }
                }
            }
            String::new()
        }
        (Value::Array(found), Value::Array(wanted)) if found.len() == wanted.len() => {
            let pairs = found.iter().zip(wanted).enumerate();
            let first = pairs.into_iter().find(|(_, (actual, expected))| !is_same(actual, expected));
            first.map_or_else(String::new, |(index, (actual, expected))| {
                first_difference(actual, expected, &format!("{path}[{index}]"))
            })
        }
        _ => format!("at {path}: want {}, got {}", shown(Some(expected)), shown(Some(actual))),
    }
}

#[cfg(test)]
mod tests {
    use probity_model::{Value, json};

    use super::{difference, same};

    #[test]
    fn what_is_empty_and_labels_of_what_is_made_do_not_count() {
        for (actual, expected, is_same) in [
            (r#"{"a":{"b":[]},"c":1}"#, r#"{"c":1}"#, true),
            (r#"{"a":null,"c":1}"#, r#"{"c":1}"#, true),
            (r#"{"c":1}"#, r#"{"c":2}"#, false),
            (r#"{"c":[1,2]}"#, r#"{"c":[2,1]}"#, false),
            (r#"{"metadata":{"labels":{"generate.kyverno.io/rule-name":"x"}}}"#, "{}", true),
            (r#"{"metadata":{"labels":{"app.kubernetes.io/managed-by":"kyverno"}}}"#, "{}", true),
            (r#"{"metadata":{"labels":{"a":"x"}}}"#, "{}", false),
        ] {
            let read = |text: &str| -> Value { json::read(text.as_bytes()).unwrap() };
            assert_eq!(same(&read(actual), &read(expected)), is_same, "{actual} {expected}");
        }
    }

    #[test]
    fn a_difference_is_told_with_its_place() {
        let read = |text: &str| json::read(text.as_bytes()).unwrap();
        let (actual, expected) = (read(r#"{"a":[{"b":1}]}"#), read(r#"{"a":[{"b":2}]}"#));
        assert_eq!(difference(&actual, &expected), "at a[0].b: want 2, got 1");
        assert_eq!(difference(&read("{}"), &read(r#"{"a":1}"#)), "at a: want 1, got nothing");
    }
}
