//! Policies on pods as policies on what makes pods: the expressions are rewritten to look into the pod template
//! (Kyverno, `pkg/cel/autogen`).

use probity_model::value::{Array, Key, Object};
use probity_model::{SmolStr, Span, Value};

/// How expressions that look at a pod are made to look at its controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Config {
    /// The template is at `spec.jobTemplate.spec.template`.
    CronJobs,
    /// The template is at `spec.template`.
    Defaults,
    /// The templates are looked for in each object, and judged as pods.
    Extract,
}

impl Config {
    /// The path of the pod template in the object.
    pub(crate) fn template(self) -> Option<&'static str> {
        match self {
            Self::CronJobs => Some("spec.jobTemplate.spec.template"),
            Self::Defaults => Some("spec.template"),
            Self::Extract => None,
        }
    }
}

/// A resource that makes pods.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    group: SmolStr,
    version: SmolStr,
    resource: SmolStr,
}

impl Target {
    fn new(group: &str, version: &str, resource: &str) -> Self {
        Self { group: group.into(), version: version.into(), resource: resource.into() }
    }
}

const CONTROLLERS: &[(&str, &str, Config)] = &[
    ("daemonsets", "apps", Config::Defaults),
    ("deployments", "apps", Config::Defaults),
    ("replicasets", "apps", Config::Defaults),
    ("statefulsets", "apps", Config::Defaults),
    ("jobs", "batch", Config::Defaults),
    ("cronjobs", "batch", Config::CronJobs),
];

/// The target of a controller: one that is known, or `resource.version.group`. Others would need a cluster to be found.
fn target(name: &str) -> Option<(Config, Target)> {
    if let Some((resource, group, config)) = CONTROLLERS.iter().find(|(known, _, _)| *known == name) {
        return Some((*config, Target::new(group, "v1", resource)));
    }
    let (resource, rest) = name.split_once('.')?;
    let (version, group) = rest.split_once('.')?;
    let whole = !resource.is_empty() && !version.is_empty() && !group.is_empty();
    whole.then(|| (Config::Extract, Target::new(group, version, resource)))
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value.get(field).and_then(Value::as_array).map(Array::as_slice).unwrap_or_default()
}

fn is_only(value: &Value, field: &str, word: &str) -> bool {
    matches!(list(value, field), [one] if one.as_str() == Some(word))
}

fn has_entries(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Object(object)) => !object.is_empty(),
        Some(Value::Array(array)) => !array.is_empty(),
        _ => false,
    }
}

/// The rule of a policy that is about pods and nothing else, and so about what makes them as well.
fn pod_rule(spec: &Value) -> Option<&Value> {
    let constraints = spec.get("matchConstraints")?;
    let selects = |name: &str| has_entries(constraints.at(&["objectSelector", name]));
    let [rule] = list(constraints, "resourceRules") else { return None };
    let simple = !selects("matchLabels")
        && !selects("matchExpressions")
        && !has_entries(constraints.get("excludeResourceRules"))
        && !has_entries(rule.get("resourceNames"));
    let pods =
        is_only(rule, "apiGroups", "") && is_only(rule, "apiVersions", "v1") && is_only(rule, "resources", "pods");
    (simple && pods).then_some(rule)
}

/// How the expressions of a policy are rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rewriting {
    /// Everywhere in the policy, texts included.
    Everywhere,
    /// In match conditions and apply configurations, and the objects built there are wrapped into the template.
    Mutations,
}

/// The specifications that a policy on pods also stands for, for each way of looking into templates.
pub(crate) fn generated(spec: &Value, rewriting: Rewriting) -> Vec<(Config, Value)> {
    let Some(rule) = pod_rule(spec) else { return Vec::new() };
    let Some(operations) = rule.get("operations").filter(|operations| has_entries(Some(operations))) else {
        return Vec::new();
    };
    let mut targets: Vec<(Config, Target)> = match spec.at(&["autogen", "podControllers", "controllers"]) {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).filter_map(target).collect(),
        _ => CONTROLLERS.iter().filter_map(|(name, _, _)| target(name)).collect(),
    };
    targets.sort();
    targets.dedup();
    targets
        .chunk_by(|a, b| a.0 == b.0)
        .map(|targets| (targets[0].0, with_targets(spec, targets, operations)))
        .map(|(config, spec)| (config, rewritten(&spec, config, rewriting)))
        .collect()
}

fn with_targets(spec: &Value, targets: &[(Config, Target)], operations: &Value) -> Value {
    let texts = |words: &mut dyn Iterator<Item = &SmolStr>| Value::array(words.map(|word| Value::from(word.clone())));
    let rules = targets.chunk_by(|(_, a), (_, b)| (&a.group, &a.version) == (&b.group, &b.version)).map(|targets| {
        let (_, first) = &targets[0];
        Value::object([
            ("apiGroups", texts(&mut std::iter::once(&first.group))),
            ("apiVersions", texts(&mut std::iter::once(&first.version))),
            ("resources", texts(&mut targets.iter().map(|(_, target)| &target.resource))),
            ("operations", operations.clone()),
        ])
    });
    let mut constraints = vec![("resourceRules", Value::array(rules))];
    if let Some(selector) = spec.at(&["matchConstraints", "namespaceSelector"]) {
        constraints.push(("namespaceSelector", selector.clone()));
    }
    with_field(spec, "matchConstraints", &|_| Value::object(constraints.clone()))
}

/// The object with a field changed; where everything stands stays known.
fn with_field(value: &Value, field: &str, change: &dyn Fn(&Value) -> Value) -> Value {
    let Value::Object(object) = value else { return value.clone() };
    mapped(object, &|key, value| if key == field { change(value) } else { value.clone() })
}

fn mapped(object: &Object, change: &dyn Fn(&str, &Value) -> Value) -> Value {
    let entries: Vec<(Key, Value, Option<Span>)> =
        object.iter_spanned().map(|(key, value, span)| (key.clone(), change(key.as_str(), value), span)).collect();
    if entries.iter().all(|(_, _, span)| span.is_some()) {
        let entries = entries.into_iter().filter_map(|(key, value, span)| Some((key, value, span?)));
        return Value::Object(Object::with_spans(entries.collect()));
    }
    Value::Object(entries.into_iter().map(|(key, value, _)| (key, value)).collect())
}

fn each(array: &Array, change: &dyn Fn(&Value) -> Value) -> Value {
    let elements: Vec<Value> = array.iter().map(change).collect();
    let spans: Option<Vec<Span>> = (0..elements.len()).map(|index| array.span(index)).collect();
    match spans {
        Some(spans) => Value::Array(Array::with_spans(elements, spans)),
        None => Value::array(elements),
    }
}

fn rewritten(spec: &Value, config: Config, rewriting: Rewriting) -> Value {
    let Some(template) = config.template() else { return spec.clone() };
    match rewriting {
        Rewriting::Everywhere => with_texts(spec, &|text| in_template(text, template)),
        Rewriting::Mutations => {
            let in_expression = |value: &Value| {
                with_field(value, "expression", &|text| match text.as_str() {
                    Some(text) => Value::from(mutation_in_template(text, template)),
                    None => text.clone(),
                })
            };
            let in_each = |value: &Value, change: &dyn Fn(&Value) -> Value| match value {
                Value::Array(array) => each(array, change),
                other => other.clone(),
            };
            let spec = with_field(spec, "matchConditions", &|list| in_each(list, &in_expression));
            with_field(&spec, "mutations", &|list| {
                in_each(list, &|mutation| with_field(mutation, "applyConfiguration", &in_expression))
            })
        }
    }
}

/// The value with all its texts changed.
fn with_texts(value: &Value, change: &dyn Fn(&str) -> Option<String>) -> Value {
    match value {
        Value::String(text) => change(text).map_or_else(|| value.clone(), Value::from),
        Value::Array(array) => each(array, &|element| with_texts(element, change)),
        Value::Object(object) => mapped(object, &|_, value| with_texts(value, change)),
        _ => value.clone(),
    }
}

/// The text with what it says of a pod said of its template; `None` when it says nothing.
fn in_template(text: &str, template: &str) -> Option<String> {
    let mut changed: Option<String> = None;
    for part in ["spec", "metadata"] {
        for object in ["object", "oldObject"] {
            let (from, to) = (format!("{object}.{part}"), format!("{object}.{template}.{part}"));
            let known = changed.as_deref().unwrap_or(text);
            if known.contains(&from) {
                changed = Some(replaced(known, &from, &to));
            }
        }
    }
    changed
}

/// Replaces all but what names a namespace: a pod is in that of its controller, and its template names none.
fn replaced(text: &str, from: &str, to: &str) -> String {
    let mut result = String::with_capacity(text.len() + to.len());
    let mut parts = text.split(from);
    result.push_str(parts.next().unwrap_or_default());
    for rest in parts {
        let names_namespace = rest
            .strip_prefix(".namespace")
            .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_'));
        result.push_str(if names_namespace { from } else { to });
        result.push_str(rest);
    }
    result
}

/// A mutation of a pod as one of its template.
fn mutation_in_template(expression: &str, template: &str) -> String {
    let mut expression = expression.to_owned();
    for part in ["spec", "metadata.labels", "metadata.annotations"] {
        expression = with_paths(&expression, part, template);
    }
    let Some(inner) = expression.trim().strip_prefix("Object").map(str::trim_start) else { return expression };
    let Some(inner) = inner.strip_prefix('{') else { return expression };
    let Some(end) = closing_brace(inner) else { return expression };
    let (fields, rest) = (&inner[..end], &inner[end + 1..]);
    let mut wrapped = String::from("Object{");
    let mut path = String::from("Object");
    let steps: Vec<&str> = template.split('.').collect();
    for step in &steps {
        path = format!("{path}.{step}");
        wrapped += &format!("{step}: {path}{{");
    }
    wrapped + fields + &"}".repeat(steps.len() + 1) + rest
}

/// Where the brace that is open at the beginning closes; `None` at the very beginning, as Kyverno has it.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return (at > 0).then_some(at);
        }
    }
    None
}

/// Puts the template's path between `object`, `oldObject` or `Object` and a part of the pod.
fn with_paths(text: &str, part: &str, template: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&format!("bject.{part}")) {
        let end = at + "bject".len();
        let before = &rest[..at];
        let word = ["oldO", "o", "O"].into_iter().find(|word| {
            before
                .strip_suffix(word)
                .is_some_and(|before| !before.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_'))
        });
        result.push_str(&rest[..end]);
        if word.is_some() {
            result.push('.');
            result.push_str(template);
        }
        rest = &rest[end..];
    }
    result + rest
}

/// The pod templates in an object's `spec`, whatever its kind: objects with a `spec` that has containers with names and
/// images. With the path of each.
pub(crate) fn pod_templates(object: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    if let Some(spec @ Value::Object(_)) = object.get("spec") {
        find_templates(spec, "spec", 64, &mut found);
    }
    found
}

fn find_templates(value: &Value, path: &str, depth: usize, found: &mut Vec<(String, Value)>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Object(_) if is_pod_template(value) => found.push((path.to_owned(), value.clone())),
        Value::Object(object) => {
            for (key, value) in object.iter() {
                find_templates(value, &format!("{path}.{key}"), depth - 1, found);
            }
        }
        Value::Array(array) => {
            for (index, value) in array.iter().enumerate() {
                find_templates(value, &format!("{path}[{index}]"), depth - 1, found);
            }
        }
        _ => {}
    }
}

fn is_pod_template(value: &Value) -> bool {
    let metadata_fits = value.get("metadata").is_none_or(|metadata| metadata.as_object().is_some());
    let containers = value.get("spec").map(|spec| list(spec, "containers")).unwrap_or_default();
    let is_container = |container: &Value| {
        container.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty())
            && container.get("image").and_then(Value::as_str).is_some()
    };
    metadata_fits && !containers.is_empty() && containers.iter().all(is_container)
}

/// The pod that a template would make in an object of this name and namespace.
pub(crate) fn pod_of(template: &Value, name: &str, namespace: &str) -> Value {
    let empty = Object::default();
    let own = template.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
    let mut metadata: Vec<(Key, Value)> = own.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    for (field, word) in [("name", name), ("namespace", namespace)] {
        if own.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
            metadata.push((Key::new(field), word.into()));
        }
    }
    let mut pod = vec![
        ("apiVersion", Value::from("v1")),
        ("kind", Value::from("Pod")),
        ("metadata", Value::Object(metadata.into_iter().collect())),
    ];
    pod.extend(template.get("spec").map(|spec| ("spec", spec.clone())));
    Value::object(pod)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_look_into_the_template() {
        for (text, expected) in [
            ("object.spec.containers", "object.spec.template.spec.containers"),
            ("oldObject.metadata.labels['a']", "oldObject.spec.template.metadata.labels['a']"),
            ("object.metadata.namespace == 'x'", "object.metadata.namespace == 'x'"),
            ("object.metadata.namespaces", "object.spec.template.metadata.namespaces"),
            ("namespaceObject.metadata.name", "namespaceObject.metadata.name"),
        ] {
            let changed = in_template(text, "spec.template").unwrap_or_else(|| text.to_owned());
            assert_eq!(changed, expected, "{text}");
        }
    }

    #[test]
    fn mutations_are_wrapped_into_the_template() {
        for (text, expected) in [
            (
                "Object{spec: Object.spec{hostNetwork: object.spec.x}}",
                "Object{spec: Object.spec{template: Object.spec.template{spec: \
                 Object.spec.template.spec{hostNetwork: object.spec.template.spec.x}}}}",
            ),
            ("has(object.metadata.labels)", "has(object.spec.template.metadata.labels)"),
            ("object.metadata.name", "object.metadata.name"),
            ("myobject.spec", "myobject.spec"),
            ("Object{}", "Object{}"),
        ] {
            assert_eq!(mutation_in_template(text, "spec.template"), expected, "{text}");
        }
    }

    #[test]
    fn templates_are_found_wherever_they_are() {
        let text = r#"{"metadata": {"name": "s"}, "spec": {"jobs": [{"template": {"spec": {"containers": [{"name": "a",
            "image": "b"}]}}}], "template": {"spec": {"containers": []}}}, "status": {"template": {"spec":
            {"containers": [{"name": "a", "image": "b"}]}}}}"#;
        let object = probity_model::json::read(text.as_bytes()).unwrap();
        let found = pod_templates(&object);
        assert_eq!(found.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["spec.jobs[0].template"]);
        let pod = pod_of(&found[0].1, "s", "n");
        assert_eq!(pod.at(&["metadata", "name"]), Some(&"s".into()));
        assert_eq!(pod.at(&["metadata", "namespace"]), Some(&"n".into()));
    }
}
