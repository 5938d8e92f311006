//! What every Kubernetes object has: group, version and kind, name, namespace, labels, annotations.

use probity_kubernetes::kind::GroupVersionKind;
use probity_model::value::{Key, Object};
use probity_model::{SmolStr, Value};

/// The group, version and kind that an object says it has.
pub fn gvk(object: &Value) -> GroupVersionKind {
    GroupVersionKind::new(text(object, "apiVersion"), text(object, "kind"))
}

/// A text field of an object; empty when it is absent or no text.
pub fn text<'v>(object: &'v Value, field: &str) -> &'v str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A text field of the metadata of an object; empty when it is absent or no text.
pub fn metadata<'v>(object: &'v Value, field: &str) -> &'v str {
    object.at(&["metadata", field]).and_then(Value::as_str).unwrap_or_default()
}

/// The name of an object.
pub fn name(object: &Value) -> &str {
    metadata(object, "name")
}

/// The name of an object, or the beginning of the name that it will be given.
pub fn name_or_generate_name(object: &Value) -> &str {
    match name(object) {
        "" => metadata(object, "generateName"),
        name => name,
    }
}

/// The namespace that an object says it is in.
pub fn namespace(object: &Value) -> &str {
    metadata(object, "namespace")
}

/// The labels of an object.
pub fn labels(object: &Value) -> Option<&Object> {
    object.at(&["metadata", "labels"]).and_then(Value::as_object)
}

/// The annotations of an object.
pub fn annotations(object: &Value) -> Option<&Object> {
    object.at(&["metadata", "annotations"]).and_then(Value::as_object)
}

/// The value of an annotation.
pub fn annotation<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    annotations(object)?.get(name)?.as_str()
}

/// The object with an entry put in or replaced.
pub(crate) fn with_entry(object: &Object, key: &str, value: Value) -> Object {
    object.iter().map(|(key, value)| (key.clone(), value.clone())).chain([(Key::new(key), value)]).collect()
}

/// The value with another one merged in at the end of a path: objects on the way are made, and two objects become one
/// that has the entries of both.
pub(crate) fn merged_at(value: &Value, path: &[SmolStr], put: &Value) -> Value {
    let Some((first, rest)) = path.split_first() else { return merged(value, put) };
    let empty = Object::default();
    let object = value.as_object().unwrap_or(&empty);
    let inner = object.get(first).cloned().unwrap_or_default();
    Value::Object(with_entry(object, first, merged_at(&inner, rest, put)))
}

/// Two objects as one, entry by entry; anything else is replaced.
pub(crate) fn merged(under: &Value, over: &Value) -> Value {
    let (Value::Object(under), Value::Object(over)) = (under, over) else { return over.clone() };
    let mut result = under.clone();
    for (key, value) in over.iter() {
        let value = under.get_key(key).map_or_else(|| value.clone(), |known| merged(known, value));
        result = with_entry(&result, key.as_str(), value);
    }
    Value::Object(result)
}
