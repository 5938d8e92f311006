//! What every Kubernetes object has: group, version and kind, name, namespace, labels.

use probity_model::Value;
use probity_model::value::{Key, Object};

/// Group, version and kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Gvk {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
}

impl Gvk {
    /// The group, version and kind that an object says it has.
    pub(crate) fn of(object: &Value) -> Self {
        let (group, version) = split(text(object, "apiVersion"));
        Self { group: group.to_owned(), version: version.to_owned(), kind: text(object, "kind").to_owned() }
    }

    /// `group/version`, or the version alone in the core group.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether this is a namespace.
    pub(crate) fn is_namespace(&self) -> bool {
        self.group.is_empty() && self.kind == "Namespace"
    }
}

impl std::fmt::Display for Gvk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, Kind={}", self.api_version(), self.kind)
    }
}

fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// The API group of an object.
pub(crate) fn group(object: &Value) -> &str {
    split(text(object, "apiVersion")).0
}

/// A text field of an object; empty when it is absent or no text.
pub(crate) fn text<'v>(object: &'v Value, field: &str) -> &'v str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A text field of the metadata of an object; empty when it is absent or no text.
pub(crate) fn metadata<'v>(object: &'v Value, field: &str) -> &'v str {
    object.at(&["metadata", field]).and_then(Value::as_str).unwrap_or_default()
}

/// The name of an object.
pub(crate) fn name(object: &Value) -> &str {
    metadata(object, "name")
}

/// The namespace that an object says it is in.
pub(crate) fn namespace(object: &Value) -> &str {
    metadata(object, "namespace")
}

/// The labels of an object.
pub(crate) fn labels(object: &Value) -> Option<&Object> {
    object.at(&["metadata", "labels"]).and_then(Value::as_object)
}

/// The value of an annotation.
pub(crate) fn annotation<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object.at(&["metadata", "annotations", name]).and_then(Value::as_str)
}

/// The object with an entry put in or replaced.
pub(crate) fn with_entry(object: &Object, key: &str, value: Value) -> Object {
    object.iter().map(|(key, value)| (key.clone(), value.clone())).chain([(Key::new(key), value)]).collect()
}

/// The object without an entry.
pub(crate) fn without_entry(object: &Object, key: &str) -> Object {
    let others = object.iter().filter(|(known, _)| known.as_str() != key);
    others.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The value with another one at the end of a path; objects on the way are made.
pub(crate) fn with_path(value: &Value, path: &[&str], put: Value) -> Value {
    let Some((first, rest)) = path.split_first() else { return put };
    let empty = Object::default();
    let object = value.as_object().unwrap_or(&empty);
    let inner = object.get(first).cloned().unwrap_or_default();
    Value::Object(with_entry(object, first, with_path(&inner, rest, put)))
}
