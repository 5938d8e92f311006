//! What every Kubernetes object has.

use probity_model::node::Node;
use probity_model::value::Object;
use probity_model::{Problem, Value};

/// A text field of an object; empty when it is absent or no text.
pub(crate) fn text<'v>(object: &'v Value, field: &str) -> &'v str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn metadata<'v>(object: &'v Value, field: &str) -> &'v str {
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

/// The beginning of the name that the server will make.
pub(crate) fn generate_name(object: &Value) -> &str {
    metadata(object, "generateName")
}

/// The labels of an object.
pub(crate) fn labels(object: &Value) -> Option<&Object> {
    object.at(&["metadata", "labels"]).and_then(Value::as_object)
}

/// The value of an annotation.
pub(crate) fn annotation<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object.at(&["metadata", "annotations", name]).and_then(Value::as_str)
}

/// The API group of an object.
pub(crate) fn group(object: &Value) -> &str {
    text(object, "apiVersion").split_once('/').map_or("", |(group, _)| group)
}

/// The annotation that gives the severity of findings.
pub(crate) const SEVERITY: &str = "probity.dev/severity";

/// The annotation that names the controls served.
pub(crate) const CONTROLS: &str = "probity.dev/controls";

/// The namespace that an object of a file is in: the default one when it names none.
pub(crate) fn namespace_or_default(object: &Value) -> &str {
    match namespace(object) {
        "" => "default",
        namespace => namespace,
    }
}

/// The name that a document must have.
pub(crate) fn required_name(node: Node<'_>) -> Result<&str, Problem> {
    node.mapping()?.required("metadata")?.mapping()?.required("name")?.string()
}
