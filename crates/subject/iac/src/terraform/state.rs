//! States as Terraform keeps them: `terraform.tfstate`, version 4 of its format.

use std::collections::HashMap;

use probity_model::value::Object;
use probity_model::{Labels, NodeIndex, Span, Subject, SubjectKind, Value};

use crate::Read;

/// Whether a JSON document is a state.
pub fn is_state(value: &Value) -> bool {
    let version = value.get("version").and_then(Value::as_number).and_then(probity_model::Number::as_i64);
    version == Some(4) && value.get("terraform_version").is_some() && value.get("resources").is_some()
}

/// Reads the resources of a state, and what they say they depend on.
pub fn read_state(state: &Value) -> Read {
    let mut read = Read::default();
    let mut by_address: HashMap<String, Vec<NodeIndex>> = HashMap::new();
    let mut dependencies: Vec<(String, NodeIndex)> = Vec::new();
    for resource in state.get("resources").and_then(Value::as_array).into_iter().flatten() {
        let Some((resource_type, address)) = named(resource) else { continue };
        let Some(instances) = resource.get("instances").and_then(Value::as_array) else { continue };
        for (position, instance) in instances.iter().enumerate() {
            let index = NodeIndex(u32::try_from(read.subjects.len()).unwrap_or(u32::MAX));
            read.subjects.push(subject(instance, &resource_type, &address, instances.span(position)));
            by_address.entry(address.clone()).or_default().push(index);
            let names = instance.get("dependencies").and_then(Value::as_array).into_iter().flatten();
            dependencies.extend(names.filter_map(|name| Some((name.as_str()?.to_owned(), index))));
        }
    }
    for (name, from) in dependencies {
        let to = by_address.get(&name).map(Vec::as_slice).unwrap_or_default();
        read.edges.extend(super::edges::between(&[from], to));
    }
    read
}

/// The type of a resource, and its address without the keys of instances.
fn named(resource: &Value) -> Option<(String, String)> {
    let text = |name: &str| resource.get(name).and_then(Value::as_str);
    let own = text("type")?;
    let resource_type = if text("mode") == Some("data") { format!("data.{own}") } else { own.to_owned() };
    let prefix = text("module").map_or_else(String::new, |module| format!("{module}."));
    let address = format!("{prefix}{resource_type}.{}", text("name")?);
    Some((resource_type, address))
}

fn subject(instance: &Value, resource_type: &str, address: &str, span: Option<Span>) -> Subject {
    let key = match instance.get("index_key") {
        Some(Value::String(key)) => format!("[\"{key}\"]"),
        Some(Value::Number(index)) => format!("[{index}]"),
        _ => String::new(),
    };
    Subject {
        kind: SubjectKind::TerraformPlan,
        resource_type: resource_type.into(),
        address: format!("{address}{key}").into(),
        document: instance.get("attributes").cloned().unwrap_or_default(),
        span,
        header: instance.as_object().and_then(|object| object.span("attributes")).or(span),
        calls: Vec::new(),
        skips: Vec::new(),
        labels: Labels::default(),
        sensitive: Some(sensitive(instance)),
    }
}

/// The attributes in which something is sensitive, marked as plans do.
fn sensitive(instance: &Value) -> Value {
    let paths = instance.get("sensitive_attributes").and_then(Value::as_array).into_iter().flatten();
    let first = |path: &Value| Some(path.as_array()?.get(0)?.get("value")?.as_str()?.to_owned());
    let marks: Object = paths.filter_map(first).map(|name| (probity_model::Key::new(&name), true.into())).collect();
    Value::Object(marks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_model::json;

    #[test]
    fn a_state_gives_instances_with_their_addresses_and_dependencies() {
        let state = json::read(
            br#"{"version":4,"terraform_version":"1.9.0","lineage":"x","resources":[
                {"mode":"managed","type":"a","name":"one","instances":[{"index_key":0,"attributes":{"x":1}},{"index_key":1,"attributes":{"x":2}}]},
                {"module":"module.m[\"k\"]","mode":"managed","type":"b","name":"two","instances":[{"index_key":"k","attributes":{"y":3,"password":"p"},
                 "sensitive_attributes":[[{"type":"get_attr","value":"password"}]],"dependencies":["a.one"]}]},
                {"mode":"data","type":"c","name":"three","instances":[{"attributes":{"z":4}}]}]}"#,
        )
        .unwrap();
        assert!(is_state(&state));
        let read = read_state(&state);
        let addresses: Vec<&str> = read.subjects.iter().map(|subject| subject.address.as_str()).collect();
        assert_eq!(addresses, ["a.one[0]", "a.one[1]", r#"module.m["k"].b.two["k"]"#, "data.c.three"]);
        assert_eq!(json::write(&read.subjects[1].document), r#"{"x":2}"#);
        assert_eq!(read.subjects[2].sensitive.as_ref().map(json::write).unwrap(), r#"{"password":true}"#);
        assert_eq!(read.edges, [(NodeIndex(2), NodeIndex(0)), (NodeIndex(2), NodeIndex(1))]);
        assert!(!is_state(&json::read(br#"{"version":3,"terraform_version":"0","resources":[]}"#).unwrap()));
    }
}
