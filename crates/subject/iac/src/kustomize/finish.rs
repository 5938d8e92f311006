//! What is done to each object at the end.

use probity_model::Span;
use probity_model::value::{Key, Object, Value};

use super::definition::Entry;
use super::edit::{self, New};
use super::origin::{self, ORIGIN, TRANSFORMATIONS};
use super::resource::Resource;

/// Annotations of kustomize's own, which never get out.
const OWN: &str = "internal.config.kubernetes.io/";

/// What its own annotations are called.
const OWN_NAMES: &[&str] = &[
    "allowKindChange",
    "allowNameChange",
    "generatorBehavior",
    "needsHashSuffix",
    "prefixes",
    "previousKinds",
    "previousNames",
    "previousNamespaces",
    "refBy",
    "suffixes",
];

/// Whether an object is for kustomize alone.
pub(super) fn is_local(resource: &Resource) -> bool {
    let mark = resource.value.at(&["metadata", "annotations", "config.kubernetes.io/local-config"]);
    mark.is_some_and(|mark| edit::text(mark) != "false")
}

/// The label that says what manages an object.
pub(super) fn managed_by(span: Option<Span>) -> (String, Entry) {
    let text = "kustomize-v5.7.1".to_owned();
    ("app.kubernetes.io/managed-by".to_owned(), Entry { text, span })
}

/// Brings annotations into the form that kustomize gives them: texts, and none when there are none; those that
/// `buildMetadata` asks for are added.
pub(super) fn annotations(resource: &mut Resource, asked: &[String]) {
    let path = ["metadata", "annotations"];
    let present = resource.value.at(&path).and_then(Value::as_object).cloned().unwrap_or_default();
    let is_own = |key: &str| key.strip_prefix(OWN).is_some_and(|name| OWN_NAMES.contains(&name));
    let mut entries: Vec<(Key, Value, Option<Span>)> = present
        .iter_spanned()
        .filter(|(key, ..)| !is_own(key.as_str()) && !matches!(key.as_str(), ORIGIN | TRANSFORMATIONS))
        .map(|(key, value, span)| {
            let text = if matches!(value, Value::String(_)) { value.clone() } else { edit::text(value).into() };
            (key.clone(), text, span)
        })
        .collect();
    let is_asked = |option: &str| asked.iter().any(|asked| asked == option);
    if let Some(origin) = resource.origin.as_ref().filter(|_| is_asked("originAnnotations")) {
        entries.push((Key::new(ORIGIN), origin.write().into(), resource.span));
    }
    if is_asked("transformerAnnotations") && !resource.transformations.is_empty() {
        entries.push((Key::new(TRANSFORMATIONS), origin::write_all(&resource.transformations).into(), resource.span));
    }
    if resource.value.get("metadata").is_none_or(Value::is_null) {
        let metadata = New { value: Value::Object(Object::default()), span: None };
        resource.value = edit::put(&resource.value, &["metadata"], metadata);
    }
    if entries.is_empty() {
        resource.value = edit::take(&resource.value, &path);
        return;
    }
    let span =
        resource.value.get("metadata").and_then(Value::as_object).and_then(|metadata| metadata.span("annotations"));
    let value = Value::Object(Object::with_known_spans(entries));
    resource.value = edit::put(&resource.value, &path, New { value, span });
}
