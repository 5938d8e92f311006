//! The first `tfstate` import: `resources.TYPE.NAME[NUMBER]` in modules.

use std::collections::BTreeSet;

use probity_model::Value as Model;
use probity_model::value::{Key, Object};

use super::Inner;
use super::address::module_path;
use super::state_v2::{elements, state, walk};
use super::tree_v1::{Tree, path_model};

pub(super) fn modules(plan: &Inner) -> Model {
    let (mut tree, mut found) = (Tree::new(), Vec::new());
    walk(state(plan), &mut found);
    // Those of deposed objects first, so that the objects in their place count.
    found.sort_by_key(|(_, resource)| resource.get("deposed_key").is_none());
    for (module, resource) in found {
        tree.insert(module, resource, element(module, resource));
    }
    tree.into_model()
}

pub(super) fn module_paths(plan: &Inner) -> Model {
    let mut found = Vec::new();
    walk(state(plan), &mut found);
    let paths: BTreeSet<Vec<String>> =
        std::iter::once(Vec::new()).chain(found.iter().map(|(module, _)| module_path(module))).collect();
    Model::array(paths.iter().map(|path| path_model(path)))
}

fn element(module: &str, resource: &Object) -> Model {
    let values = resource.get("values").cloned().unwrap_or_default();
    let id = values.get("id").cloned().unwrap_or_default();
    let relative = |address: &Model| match address.as_str() {
        Some(text) if !module.is_empty() => {
            text.strip_prefix(module).and_then(|rest| rest.strip_prefix('.')).unwrap_or(text).into()
        }
        _ => address.clone(),
    };
    Model::object([
        ("attr", values),
        ("depends_on", Model::array(elements(resource.get("depends_on")).iter().map(relative))),
        ("id", id),
        ("tainted", resource.get("tainted").cloned().unwrap_or(false.into())),
    ])
}

pub(super) fn outputs(plan: &Inner) -> Model {
    let outputs = state(plan).get("outputs").and_then(Model::as_object);
    let entry = |(name, output): (&Key, &Model)| {
        let value = output.get("value").cloned().unwrap_or_default();
        let element = Model::object([
            ("sensitive", output.get("sensitive").cloned().unwrap_or(false.into())),
            ("type", kind(&value).into()),
            ("value", value),
        ]);
        (name.clone(), element)
    };
    Model::Object(outputs.into_iter().flat_map(Object::iter).map(entry).collect())
}

/// The only types that outputs had.
fn kind(value: &Model) -> &'static str {
    match value {
        Model::Array(_) | Model::Set(_) => "list",
        Model::Object(_) => "map",
        _ => "string",
    }
}
