//! `tfstate/v2`, and the planned state of `tfplan/v2`.

use std::collections::HashSet;

use probity_model::Value as Model;
use probity_model::value::{Key, Object};

use super::address::without_data;
use super::{Inner, member};

/// Deepest modules inside of each other that are looked into.
const MAX_DEPTH: usize = 128;

/// What the state was before the plan; the state itself when the document is one.
pub(super) fn state(plan: &Inner) -> &Model {
    let state = plan.document.get("prior_state").and_then(|state| state.get("values"));
    state.or_else(|| plan.document.get("values")).unwrap_or(&Model::Null)
}

/// The version that wrote the state; none where there was no state.
pub(super) fn terraform_version(plan: &Inner) -> Option<Model> {
    let of_state = || plan.document.get("values").and(plan.document.get("terraform_version"));
    match plan.document.get("prior_state") {
        Some(prior) => prior.get("terraform_version").cloned(),
        None => of_state().cloned(),
    }
}

pub(super) fn resources(plan: &Inner) -> Model {
    resources_of(state(plan))
}

pub(super) fn outputs(plan: &Inner) -> Model {
    outputs_of(state(plan))
}

/// The resources of all modules by their addresses. Data sources are addressed as resources are, unless there is a
/// resource of that address.
pub(super) fn resources_of(values: &Model) -> Model {
    let mut found = Vec::new();
    walk(values, &mut found);
    let managed: HashSet<&str> = found.iter().filter_map(|(_, resource)| address(resource, "managed")).collect();
    let entry = |(module, resource): &(&str, &Object)| {
        let shown = match address(resource, "data") {
            Some(address) => Some(without_data(address, module)).filter(|plain| !managed.contains(plain.as_str())),
            None => None,
        };
        let shown = shown.or_else(|| Some(resource.get("address")?.as_str()?.to_owned()))?;
        Some(self::entry(resource, module, shown))
    };
    Model::Object(found.iter().filter_map(entry).collect())
}

/// The address of a resource, when it is of this mode.
fn address<'m>(resource: &'m Object, mode: &str) -> Option<&'m str> {
    resource.get("address")?.as_str().filter(|_| resource.get("mode").and_then(Model::as_str) == Some(mode))
}

/// The resources of all modules, each with the address of its module.
pub(super) fn walk<'m>(values: &'m Model, found: &mut Vec<(&'m str, &'m Object)>) {
    if let Some(root) = values.get("root_module") {
        walk_module(root, "", 0, found);
    }
}

fn walk_module<'m>(module: &'m Model, address: &'m str, depth: usize, found: &mut Vec<(&'m str, &'m Object)>) {
    let resources = elements(module.get("resources")).iter().filter_map(Model::as_object);
    found.extend(resources.map(|resource| (address, resource)));
    if depth >= MAX_DEPTH {
        return;
    }
    for child in elements(module.get("child_modules")) {
        let address = child.get("address").and_then(Model::as_str).unwrap_or_default();
        walk_module(child, address, depth + 1, found);
    }
}

pub(super) fn elements(list: Option<&Model>) -> &[Model] {
    list.and_then(Model::as_array).map(probity_model::value::Array::as_slice).unwrap_or_default()
}

fn entry(resource: &Object, module: &str, address: String) -> (Key, Model) {
    let deposed = resource.get("deposed_key").and_then(Model::as_str).unwrap_or_default();
    let key = if deposed.is_empty() { Key::new(&address) } else { Key::new(&format!("{address}:{deposed}")) };
    let element = Model::object([
        ("address", address.into()),
        ("module_address", module.into()),
        ("mode", member(resource, "mode", Model::Null)),
        ("type", member(resource, "type", Model::Null)),
        ("name", member(resource, "name", Model::Null)),
        ("index", member(resource, "index", Model::Null)),
        ("provider_name", member(resource, "provider_name", Model::Null)),
        ("values", member(resource, "values", Model::Null)),
        ("depends_on", member(resource, "depends_on", Model::array([]))),
        ("tainted", member(resource, "tainted", false.into())),
        ("deposed_key", deposed.into()),
    ]);
    (key, element)
}

/// The outputs of the root module by their names.
pub(super) fn outputs_of(values: &Model) -> Model {
    let Some(outputs) = values.get("outputs").and_then(Model::as_object) else { return Model::object::<&str>([]) };
    let entry = |(name, output): (&Key, &Model)| {
        // Terraform leaves out what it does not know.
        let unknown = || Model::Unknown(format!("output.{name}").into());
        let element = Model::object([
            ("name", name.to_value()),
            ("sensitive", output.get("sensitive").cloned().unwrap_or(false.into())),
            ("value", output.get("value").cloned().unwrap_or_else(unknown)),
        ]);
        (name.clone(), element)
    };
    Model::Object(outputs.iter().map(entry).collect())
}
