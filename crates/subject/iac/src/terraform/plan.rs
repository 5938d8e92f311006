//! Plans and states, as `terraform show -json` prints them (Terraform's documentation, "JSON Output Format").

use std::collections::HashMap;

use probity_model::{Key, Labels, NodeIndex, Span, Subject, SubjectKind, Value};

use crate::Read;

/// Deepest nesting of modules.
const MAX_MODULES: usize = 64;

/// Whether a JSON document is a plan or a state.
pub fn is_plan(value: &Value) -> bool {
    value.get("format_version").is_some()
        && (value.at(&["planned_values", "root_module"]).is_some() || value.at(&["values", "root_module"]).is_some())
}

/// Whether something that a plan has under these keys is of no use here: what was before, and what is said again elsewhere. It makes
/// up most of a large plan.
pub fn is_left_out(keys: &[Key]) -> bool {
    let mut names = keys.iter().map(Key::as_str);
    match (names.next(), names.next(), names.next()) {
        (Some("resource_changes"), None | Some("address"), _) => false,
        (Some("resource_changes"), Some("change"), name) => name.is_some_and(|name| name != "after_unknown"),
        (
            Some(
                "resource_changes"
                | "prior_state"
                | "resource_drift"
                | "output_changes"
                | "relevant_attributes"
                | "checks",
            ),
            ..,
        ) => true,
        _ => false,
    }
}

/// Reads the resources of a plan, as they will be after it is applied, or of a state.
pub fn read_plan(plan: &Value) -> Read {
    let mut read = Read::default();
    let unknowns = unknowns(plan);
    let values = plan.get("planned_values").or_else(|| plan.get("values"));
    if let Some(root) = values.and_then(|values| values.get("root_module")) {
        add_module(root, &unknowns, &mut read, 0);
    }
    if let Some(root) = plan.at(&["configuration", "root_module"]) {
        let subjects = by_configuration(&read.subjects);
        let mut edges = Vec::new();
        add_edges(root, "", &subjects, &mut edges, 0);
        read.edges = edges;
    }
    read
}

/// What each resource does not know yet, by address.
fn unknowns(plan: &Value) -> HashMap<&str, &Value> {
    let changes = plan.get("resource_changes").and_then(Value::as_array);
    changes
        .into_iter()
        .flatten()
        .filter_map(|change| Some((change.get("address")?.as_str()?, change.at(&["change", "after_unknown"])?)))
        .collect()
}

fn add_module(module: &Value, unknowns: &HashMap<&str, &Value>, read: &mut Read, depth: usize) {
    if depth > MAX_MODULES {
        return;
    }
    if let Some(resources) = module.get("resources").and_then(Value::as_array) {
        for (index, resource) in resources.iter().enumerate() {
            read.subjects.extend(subject(resource, resources.span(index), unknowns));
        }
    }
    for child in module.get("child_modules").and_then(Value::as_array).into_iter().flatten() {
        add_module(child, unknowns, read, depth + 1);
    }
}

fn subject(resource: &Value, span: Option<Span>, unknowns: &HashMap<&str, &Value>) -> Option<Subject> {
    let address = resource.get("address")?.as_str()?;
    let resource_type = resource.get("type")?.as_str()?;
    let is_data = resource.get("mode").and_then(Value::as_str) == Some("data");
    let values = resource.get("values").cloned().unwrap_or_default();
    let document = match unknowns.get(address) {
        Some(unknown) => with_unknowns(&values, unknown, address),
        None => values,
    };
    Some(Subject {
        kind: SubjectKind::TerraformPlan,
        resource_type: if is_data { format!("data.{resource_type}") } else { resource_type.to_owned() }.into(),
        address: address.into(),
        document,
        span,
        header: resource.as_object().and_then(|object| object.span("address")),
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
        sensitive: resource.get("sensitive_values").cloned(),
    })
}

/// The values with those marked `true` in `after_unknown` put in as unknowns.
fn with_unknowns(value: &Value, unknown: &Value, path: &str) -> Value {
    match (value, unknown) {
        (_, Value::Bool(true)) => Value::Unknown(path.into()),
        (Value::Object(object), Value::Object(marks)) if !marks.is_empty() => {
            let known = object.iter_spanned().map(|(key, value, span)| {
                let value = match marks.get_key(key) {
                    Some(mark) => with_unknowns(value, mark, &format!("{path}.{key}")),
                    None => value.clone(),
                };
                (key.clone(), value, span)
            });
            let added = marks
                .iter()
                .filter(|(key, _)| object.get_key(key).is_none())
                .map(|(key, mark)| (key.clone(), with_unknowns(&Value::Null, mark, &format!("{path}.{key}")), None));
            from_entries(known.chain(added).collect())
        }
        (Value::Array(list), Value::Array(marks)) => {
            Value::array(list.iter().enumerate().map(|(index, value)| match marks.get(index) {
                Some(mark) => with_unknowns(value, mark, &format!("{path}[{index}]")),
                None => value.clone(),
            }))
        }
        _ => value.clone(),
    }
}

fn from_entries(entries: Vec<(Key, Value, Option<Span>)>) -> Value {
    let place = entries.iter().find_map(|(_, _, span)| *span);
    match place {
        Some(place) => Value::Object(probity_model::value::Object::with_spans(
            entries.into_iter().map(|(key, value, span)| (key, value, span.unwrap_or(place))).collect(),
        )),
        None => Value::Object(entries.into_iter().map(|(key, value, _)| (key, value)).collect()),
    }
}

/// Subjects by their address without instance keys, as the configuration names them.
fn by_configuration(subjects: &[Subject]) -> HashMap<String, Vec<NodeIndex>> {
    let mut all: HashMap<String, Vec<NodeIndex>> = HashMap::new();
    for (index, subject) in (0..).map(NodeIndex).zip(subjects) {
        all.entry(without_keys(&subject.address)).or_default().push(index);
    }
    all
}

pub(super) fn without_keys(address: &str) -> String {
    let (mut out, mut depth, mut quoted) = (String::new(), 0_usize, false);
    for character in address.chars() {
        match character {
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            other if depth == 0 => out.push(other),
            _ => {}
        }
    }
    out
}

fn add_edges(
    module: &Value,
    prefix: &str,
    subjects: &HashMap<String, Vec<NodeIndex>>,
    edges: &mut Vec<(NodeIndex, NodeIndex)>,
    depth: usize,
) {
    if depth > MAX_MODULES {
        return;
    }
    for resource in module.get("resources").and_then(Value::as_array).into_iter().flatten() {
        let Some(address) = resource.get("address").and_then(Value::as_str) else { continue };
        let mut references = Vec::new();
        collect_references(resource.get("expressions").unwrap_or(&Value::Null), &mut references, 0);
        let from = subjects.get(&format!("{prefix}{address}"));
        for reference in references {
            let to = subjects.get(&format!("{prefix}{}", without_keys(reference)));
            if let (Some(from), Some(to)) = (from, to) {
                edges.extend(super::edges::between(from, to));
            }
        }
    }
    for (name, call) in
        module.get("module_calls").and_then(Value::as_object).into_iter().flat_map(probity_model::value::Object::iter)
    {
        if let Some(child) = call.get("module") {
            add_edges(child, &format!("{prefix}module.{name}."), subjects, edges, depth + 1);
        }
    }
}

fn collect_references<'v>(value: &'v Value, references: &mut Vec<&'v str>, depth: usize) {
    if depth > MAX_MODULES {
        return;
    }
    match value {
        Value::Object(object) => {
            for (key, inner) in object.iter() {
                match inner {
                    Value::Array(list) if key.as_str() == "references" => {
                        references.extend(list.iter().filter_map(Value::as_str));
                    }
                    inner => collect_references(inner, references, depth + 1),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| collect_references(inner, references, depth + 1)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_model::json;
    use proptest::prelude::*;

    #[test]
    fn a_plan_gives_values_unknowns_and_edges() {
        let plan = json::read(
            br#"{"format_version":"1.2","planned_values":{"root_module":{"resources":[
                {"address":"a.one[0]","mode":"managed","type":"a","name":"one","values":{"x":1}},
                {"address":"b.two","mode":"managed","type":"b","name":"two","values":{"y":2}}]}},
               "resource_changes":[{"address":"a.one[0]","change":{"after_unknown":{"arn":true}}}],
               "configuration":{"root_module":{"resources":[
                {"address":"b.two","expressions":{"y":{"references":["a.one","a.one[0].arn"]}}}]}}}"#,
        )
        .unwrap();
        assert!(is_plan(&plan));
        let read = read_plan(&plan);
        assert_eq!(read.subjects.len(), 2);
        assert!(matches!(read.subjects[0].document.get("arn"), Some(Value::Unknown(_))));
        assert_eq!(read.edges, [(NodeIndex(1), NodeIndex(0))]);
    }

    /// JSON out of the names that a plan has, in any order and shape.
    fn any_plan() -> impl Strategy<Value = Value> {
        let name = prop::sample::select(vec![
            "format_version",
            "planned_values",
            "root_module",
            "child_modules",
            "resources",
            "address",
            "mode",
            "type",
            "name",
            "values",
            "resource_changes",
            "change",
            "after_unknown",
            "configuration",
            "module_calls",
            "module",
            "expressions",
            "references",
            "sensitive_values",
            "index",
            "a.b",
            "data",
            "managed",
        ]);
        let leaf = prop_oneof![
            name.clone().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(8, 64, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
                prop::collection::vec((name.clone(), inner), 0..6).prop_map(Value::object),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_plan_is_read(plan in any_plan()) {
            let read = read_plan(&plan);
            let count = read.subjects.len();
            for (a, b) in read.edges {
                prop_assert!((a.0 as usize) < count && (b.0 as usize) < count);
            }
        }
    }
}
