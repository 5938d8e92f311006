//! The images that Pods run, wherever an object describes them.

use probity_kubernetes::kind::WORKLOADS;
use probity_model::Value;
use probity_model::value::Object;

/// The lists of a Pod's containers.
const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// The containers of an object, by their names, with the images that they run.
pub fn image_references(object: &Value) -> Vec<(&str, &str)> {
    let Some(spec) = pod_spec(object).and_then(|path| object.at(path)) else { return Vec::new() };
    LISTS
        .iter()
        .flat_map(|list| spec.get(list).and_then(Value::as_array).into_iter().flat_map(|list| list.iter()))
        .filter_map(named_image)
        .collect()
}

/// The object with other images where `change` gives one for a container and its image; `None` when nothing is changed.
pub fn with_images(object: &Value, change: &mut dyn FnMut(&str, &str) -> Option<String>) -> Option<Value> {
    within(object, pod_spec(object)?, &mut |spec| {
        let mut changed = spec.clone();
        for list in LISTS {
            let Some(containers) = spec.get(list).and_then(Value::as_array) else { continue };
            let new: Vec<Option<Value>> = containers
                .iter()
                .map(|container| {
                    let (name, image) = named_image(container)?;
                    change(name, image).map(|image| with_field(container, "image", &image.into()))
                })
                .collect();
            if new.iter().any(Option::is_some) {
                let all = new.into_iter().zip(containers.iter()).map(|(new, old)| new.unwrap_or_else(|| old.clone()));
                changed = with_field(&changed, list, &Value::array(all));
            }
        }
        (changed != *spec).then_some(changed)
    })
}

fn named_image(container: &Value) -> Option<(&str, &str)> {
    let text = |field: &str| container.get(field).and_then(Value::as_str);
    Some((text("name").unwrap_or_default(), text("image").filter(|image| !image.is_empty())?))
}

/// Where a Pod, or what makes Pods, says what they are.
fn pod_spec(object: &Value) -> Option<&'static [&'static str]> {
    let kind = object.get("kind").and_then(Value::as_str)?;
    match kind {
        "Pod" => Some(&["spec"]),
        "PodTemplate" => Some(&["template", "spec"]),
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        kind => WORKLOADS.contains(&kind).then_some(&["spec", "template", "spec"]),
    }
}

/// The object with something else at a path, when that is changed.
fn within(object: &Value, path: &[&str], change: &mut dyn FnMut(&Value) -> Option<Value>) -> Option<Value> {
    let Some((field, rest)) = path.split_first() else { return change(object) };
    let inner = within(object.get(field)?, rest, change)?;
    Some(with_field(object, field, &inner))
}

fn with_field(object: &Value, field: &str, value: &Value) -> Value {
    let fields = object.as_object().into_iter().flat_map(Object::iter);
    Value::object(fields.map(|(key, old)| {
        let new = if key.as_str() == field { value.clone() } else { old.clone() };
        (key.as_str().to_owned(), new)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn images_are_found_wherever_pods_are_described() {
        let spec = testing::pod("web", "nginx:1.27").get("spec").cloned().unwrap();
        let template = Value::object([("spec", spec)]);
        let job = Value::object([("spec", Value::object([("template", template.clone())]))]);
        let cases = [
            ("Deployment", Value::object([("template", template.clone())]), 1),
            ("CronJob", Value::object([("jobTemplate", job)]), 1),
            ("Service", Value::object([("template", template)]), 0),
        ];
        for (kind, spec, count) in cases {
            let object = Value::object([("kind", Value::from(kind)), ("spec", spec)]);
            assert_eq!(image_references(&object), vec![("web", "nginx:1.27"); count], "{kind}");
        }
    }

    #[test]
    fn images_are_changed_where_they_are() {
        let pod = testing::pod("web", "nginx:1.27");
        let pinned = with_images(&pod, &mut |name, image| Some(format!("{image}@{name}"))).unwrap();
        assert_eq!(image_references(&pinned), [("web", "nginx:1.27@web")]);
        assert_eq!(pinned.get("metadata"), pod.get("metadata"));
        assert_eq!(with_images(&pod, &mut |_, _| None), None);
    }
}
