//! The first `tfplan` import: `resources.TYPE.NAME[NUMBER]` in modules.

use probity_model::Value as Model;
use probity_model::value::Object;

use super::diff_v1::{diff, text};
use super::state_v2::elements;
use super::tree_v1::{Tree, path_model};
use super::{Inner, address::module_path};

/// The values of variables; numbers and booleans as texts, as they were given.
pub(super) fn variables(plan: &Inner) -> Model {
    let variables = plan.document.get("variables").and_then(Model::as_object);
    let entry = |(name, variable): (&probity_model::value::Key, &Model)| {
        let value = match variable.get("value") {
            Some(scalar @ (Model::Bool(_) | Model::Number(_))) => text(scalar).into(),
            other => other.cloned().unwrap_or_default(),
        };
        (name.clone(), value)
    };
    Model::Object(variables.into_iter().flat_map(Object::iter).map(entry).collect())
}

/// The changes in the plan; those of deposed objects first, so that the objects that take their place count.
fn changes(plan: &Inner) -> impl Iterator<Item = &Object> {
    let all = || elements(plan.document.get("resource_changes")).iter().filter_map(Model::as_object);
    let is_deposed = |change: &&Object| change.get("deposed").is_some();
    all().filter(is_deposed).chain(all().filter(move |change| !is_deposed(change)))
}

fn module_of(change: &Object) -> &str {
    change.get("module_address").and_then(Model::as_str).unwrap_or_default()
}

pub(super) fn modules(plan: &Inner) -> Model {
    let mut tree = Tree::new();
    for resource in changes(plan) {
        if let Some(change) = resource.get("change").and_then(Model::as_object) {
            let is_data = resource.get("mode").and_then(Model::as_str) == Some("data");
            tree.insert(module_of(resource), resource, element(change, is_data));
        }
    }
    tree.into_model()
}

pub(super) fn module_paths(plan: &Inner) -> Model {
    let paths: std::collections::BTreeSet<Vec<String>> =
        std::iter::once(Vec::new()).chain(changes(plan).map(|change| module_path(module_of(change)))).collect();
    Model::array(paths.iter().map(|path| path_model(path)))
}

fn element(change: &Object, is_data: bool) -> Model {
    let of = |name: &str| change.get(name).unwrap_or(&Model::Null);
    let does = |action: &str| elements(change.get("actions")).iter().any(|known| known.as_str() == Some(action));
    let mut entries = vec![("diff", diff(of("before"), of("after"), of("after_unknown")))];
    if !of("after").is_null() {
        entries.push(("applied", of("after").clone()));
    }
    if !is_data {
        entries.push(("destroy", does("delete").into()));
        entries.push(("requires_new", (does("delete") && does("create")).into()));
    }
    Model::object(entries)
}
