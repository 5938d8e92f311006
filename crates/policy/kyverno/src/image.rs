//! The images of a resource (Kyverno, `pkg/utils/api` and `pkg/utils/image`).

use probity_kubernetes::image::Image;
use probity_model::{Key, SmolStr, Value};
use probity_policy_jmespath::Evaluation;

use crate::object;
use crate::query::Query;

/// The registry of images that name none.
const DEFAULT_REGISTRY: &str = "docker.io";

/// Where images stand in resources of a kind.
#[derive(Debug, Clone)]
pub(crate) struct Extractor {
    /// The way to them: names of fields, `*` for every element.
    pub fields: Vec<SmolStr>,
    /// The field of an element that names it; its place does when this is empty.
    pub key: SmolStr,
    /// The field of an element that is the image.
    pub value: SmolStr,
    /// What images found so are listed under.
    pub name: SmolStr,
    /// An expression that makes the image of what is found.
    pub query: Option<Query>,
}

/// The image as variables see it.
fn value(image: &Image, pointer: &str) -> Value {
    let (reference, with_tag) = (image.reference(), image.reference_with_tag());
    let fields = [
        ("registry", image.registry.as_str()),
        ("name", image.name()),
        ("path", &image.path),
        ("tag", &image.tag),
        ("digest", &image.digest),
        ("reference", &reference),
        ("referenceWithTag", &with_tag),
        ("jsonPointer", pointer),
    ];
    let is_there = |(field, text): &(&str, &str)| matches!(*field, "name" | "path" | "jsonPointer") || !text.is_empty();
    Value::object(fields.into_iter().filter(is_there).map(|(field, text)| (field, Value::from(text))))
}

/// Where the pod is in a workload of a kind; `None` when it has none.
pub(crate) fn pod_spec(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "Pod" => &["spec"],
        "DaemonSet" | "Deployment" | "ReplicaSet" | "ReplicationController" | "StatefulSet" | "Job" => {
            &["spec", "template", "spec"]
        }
        "CronJob" => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => return None,
    })
}

fn standard(kind: &str) -> Vec<Extractor> {
    let Some(spec) = pod_spec(kind) else { return Vec::new() };
    ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .map(|list| Extractor {
            fields: spec.iter().copied().chain([list, "*"]).map(SmolStr::from).collect(),
            key: "name".into(),
            value: "image".into(),
            name: list.into(),
            query: None,
        })
        .collect()
}

/// An image with where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// What it is listed under, such as `containers`.
    pub list: SmolStr,
    /// The name of what has it, such as a container.
    pub key: String,
    /// The image.
    pub image: Image,
    /// Where it stands, such as `/spec/containers/0/image`.
    pub pointer: String,
}

/// The images of a resource, in the order in which they are found.
///
/// # Errors
/// When one is no image, or has no name.
pub(crate) fn found(
    resource: &Value,
    custom: Option<&[Extractor]>,
    evaluation: &Evaluation<'_>,
) -> Result<Vec<Found>, String> {
    let standard = if custom.is_none() { standard(object::text(resource, "kind")) } else { Vec::new() };
    let mut all = Vec::new();
    for extractor in custom.unwrap_or(&standard) {
        extract(resource, &extractor.fields, &mut Vec::new(), &mut Search { extractor, evaluation, all: &mut all })?;
    }
    Ok(all)
}

/// The images as variables see them: by list and name. `None` when there is none.
pub(crate) fn images(
    resource: &Value,
    custom: Option<&[Extractor]>,
    evaluation: &Evaluation<'_>,
) -> Result<Option<Value>, String> {
    let mut lists: Vec<(SmolStr, Vec<(Key, Value)>)> = Vec::new();
    for found in found(resource, custom, evaluation)? {
        let entry = (Key::new(&found.key), value(&found.image, &found.pointer));
        match lists.iter_mut().find(|(list, _)| *list == found.list) {
            Some((_, entries)) => entries.push(entry),
            None => lists.push((found.list, vec![entry])),
        }
    }
    let lists = lists.into_iter().map(|(list, entries)| (list, Value::Object(entries.into_iter().collect())));
    let lists: Vec<_> = lists.collect();
    Ok((!lists.is_empty()).then(|| Value::object(lists)))
}

/// A search for images.
struct Search<'s> {
    extractor: &'s Extractor,
    evaluation: &'s Evaluation<'s>,
    all: &'s mut Vec<Found>,
}

fn extract(value: &Value, fields: &[SmolStr], path: &mut Vec<String>, search: &mut Search<'_>) -> Result<(), String> {
    if value.is_null() {
        return Ok(());
    }
    if let Some((first, rest)) = fields.split_first()
        && first == "*"
    {
        let elements: Vec<(String, &Value)> = match value {
            Value::Array(array) => array.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
            Value::Object(object) => object.iter().map(|(key, value)| (key.as_str().to_owned(), value)).collect(),
            _ => return Err("invalid image config".to_owned()),
        };
        for (segment, element) in elements {
            // A list within a list is gone through as the list itself.
            let further = if matches!((value, element), (Value::Array(_), Value::Array(_))) { fields } else { rest };
            if matches!(element, Value::Array(_) | Value::Object(_)) {
                path.push(segment);
                extract(element, further, path, search)?;
                path.pop();
            }
        }
        return Ok(());
    }
    let Value::Object(object) = value else { return Err("invalid image config".to_owned()) };
    if let Some((first, rest)) = fields.split_first() {
        let Some(inner) = object.get(first) else { return Ok(()) };
        path.push(first.to_string());
        extract(inner, rest, path, search)?;
        path.pop();
        return Ok(());
    }
    let extractor = search.extractor;
    let pointer = format!("/{}/{}", path.join("/"), extractor.value);
    let key = match extractor.key.as_str() {
        "" => pointer.clone(),
        key => object.get(key).and_then(Value::as_str).ok_or("invalid key")?.to_owned(),
    };
    let Some(text) = object.get(&extractor.value).and_then(Value::as_str) else { return Ok(()) };
    if text.trim().is_empty() {
        return Ok(());
    }
    let text = match &extractor.query {
        None => text.to_owned(),
        Some(query) => {
            let found = query.search(&Value::from(text), search.evaluation);
            let found = found.map_err(|error| format!("failed to apply jmespath {}: {error}", query.text()))?;
            let text = found.as_str().ok_or_else(|| format!("jmespath {} must produce a string", query.text()))?;
            text.to_owned()
        }
    };
    let image = Image::parse(&text, DEFAULT_REGISTRY).map_err(|error| format!("invalid image '{text}' ({error})"))?;
    search.all.push(Found { list: extractor.name.clone(), key, image, pointer });
    Ok(())
}
