//! `tfstate/v2`, and the planned state of `tfplan/v2`.

use probity_model::Value as Model;
use probity_model::value::{Key, Object};

use super::address::address;
use super::{Inner, member};

/// Deepest modules inside of each other that are looked into.
const MAX_DEPTH: usize = 128;

/// What the state was before the plan; the state itself when the document is one.
fn state(plan: &Inner) -> &Model {
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

/// The resources of all modules by their addresses.
pub(super) fn resources_of(values: &Model) -> Model {
    let mut found = Vec::new();
    if let Some(root) = values.get("root_module") {
        walk(root, "", 0, &mut found);
    }
    Model::Object(found.into_iter().collect())
}

fn walk(module: &Model, address: &str, depth: usize, found: &mut Vec<(Key, Model)>) {
    for resource in elements(module.get("resources")) {
        if let Model::Object(resource) = resource {
            found.extend(entry(resource, address));
        }
    }
    if depth >= MAX_DEPTH {
        return;
    }
    for child in elements(module.get("child_modules")) {
        let address = child.get("address").and_then(Model::as_str).unwrap_or_default();
        walk(child, address, depth + 1, found);
    }
}

pub(super) fn elements(list: Option<&Model>) -> &[Model] {
    list.and_then(Model::as_array).map(probity_model::value::Array::as_slice).unwrap_or_default()
}

fn entry(resource: &Object, module: &str) -> Option<(Key, Model)> {
    let address = address(resource, module)?;
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
    Some((key, element))
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
