//! `tfplan/v2`.

use probity_model::Value as Model;
use probity_model::value::{Key, Object};

use super::state_v2::{elements, outputs_of, resources_of};
use super::{Inner, member};

pub(super) fn terraform_version(plan: &Inner) -> Option<Model> {
    plan.document.get("terraform_version").cloned()
}

pub(super) fn variables(plan: &Inner) -> Model {
    by_name(plan.document.get("variables"), |name, variable| {
        Model::object([("name", name), ("value", variable.get("value").cloned().unwrap_or_default())])
    })
}

pub(super) fn planned_values(plan: &Inner) -> Model {
    let values = plan.document.get("planned_values").unwrap_or(&Model::Null);
    Model::object([("outputs", outputs_of(values)), ("resources", resources_of(values))])
}

pub(super) fn resource_changes(plan: &Inner) -> Model {
    changes(plan.document.get("resource_changes"))
}

pub(super) fn resource_drift(plan: &Inner) -> Model {
    changes(plan.document.get("resource_drift"))
}

pub(super) fn output_changes(plan: &Inner) -> Model {
    by_name(plan.document.get("output_changes"), |name, output| {
        let waits_for = format!("output.{}", name.as_str().unwrap_or_default());
        Model::object([("change", change(Some(output), Some(waits_for))), ("name", name)])
    })
}

fn by_name(entries: Option<&Model>, make: impl Fn(Model, &Model) -> Model) -> Model {
    let Some(entries) = entries.and_then(Model::as_object) else { return Model::object::<&str>([]) };
    Model::Object(entries.iter().map(|(name, entry)| (name.clone(), make(name.to_value(), entry))).collect())
}

/// Changes of resources by their addresses.
fn changes(list: Option<&Model>) -> Model {
    Model::Object(elements(list).iter().filter_map(|change| resource(change.as_object()?)).collect())
}

fn resource(resource: &Object) -> Option<(Key, Model)> {
    let address = resource.get("address")?.as_str()?;
    let deposed = resource.get("deposed").and_then(Model::as_str).unwrap_or_default();
    let key = if deposed.is_empty() { Key::new(address) } else { Key::new(&format!("{address}:{deposed}")) };
    let element = Model::object([
        ("address", address.into()),
        ("module_address", member(resource, "module_address", "".into())),
        ("mode", member(resource, "mode", Model::Null)),
        ("type", member(resource, "type", Model::Null)),
        ("name", member(resource, "name", Model::Null)),
        ("index", member(resource, "index", Model::Null)),
        ("provider_name", member(resource, "provider_name", Model::Null)),
        ("deposed", deposed.into()),
        ("change", change(resource.get("change"), None)),
    ]);
    Some((key, element))
}

/// What is documented of a change. What is not known after it as a whole waits for something.
fn change(change: Option<&Model>, waits_for: Option<String>) -> Model {
    let of = |name: &str| change.and_then(|change| change.get(name)).cloned();
    let unknown = of("after_unknown").unwrap_or_default();
    let after = match (of("after"), waits_for) {
        (None | Some(Model::Null), Some(what)) if unknown == Model::Bool(true) => Model::Unknown(what.into()),
        (after, _) => after.unwrap_or_default(),
    };
    let entries = [("actions", of("actions")), ("before", of("before")), ("after", Some(after))];
    let entries = entries.map(|(name, value)| (name, value.unwrap_or_default()));
    Model::object(entries.into_iter().chain([("after_unknown", unknown)]))
}
