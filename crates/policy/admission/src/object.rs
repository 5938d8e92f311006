//! What every Kubernetes object has.

use probity_model::node::Node;
use probity_model::value::Object;
use probity_model::{Problem, Span, Value};

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

/// A problem as one of the policy that it was found in: with the policy's kind and name, and the path to what is wrong.
pub fn problem_of(policy: Node<'_>, problem: Problem) -> Problem {
    let path = problem.span.map(|place| path_to(policy.value, place)).filter(|path| !path.is_empty());
    let path = path.map_or_else(String::new, |path| format!(" {path}:"));
    let message = format!("{} `{}`:{path} {}", text(policy.value, "kind"), name(policy.value), problem.message);
    Problem { message, ..problem }
}

/// The path to the innermost part of a document that a place lies in, such as `spec.validations[0].expression`.
fn path_to(document: &Value, place: Span) -> String {
    let is_around = |span: Option<Span>| {
        span.filter(|span| span.source == place.source && span.start <= place.start && place.end <= span.end)
    };
    let (mut path, mut within) = (String::new(), document);
    loop {
        let found = match within {
            Value::Object(fields) => fields.iter().find_map(|(key, value)| {
                let span = is_around(fields.span(key.as_str()))?;
                let separator = if path.is_empty() { "" } else { "." };
                Some((span, format!("{separator}{}", key.as_str()), value))
            }),
            Value::Array(items) => items.iter().enumerate().find_map(|(index, value)| {
                let span = is_around(items.span(index))?;
                Some((span, format!("[{index}]"), value))
            }),
            _ => None,
        };
        let Some((span, step, value)) = found else { return path };
        path.push_str(&step);
        if span == place {
            return path;
        }
        within = value;
    }
}
