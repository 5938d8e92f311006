//! What the first imports have in common: modules by their paths, with resources by type, name and number.

use std::collections::BTreeMap;

use probity_model::Value as Model;
use probity_model::value::{Key, Object};

use super::address::module_path;

/// Resources or data sources of a module: by type, name and number.
#[derive(Default)]
struct Resources(BTreeMap<String, BTreeMap<String, Vec<(Key, Model)>>>);

impl Resources {
    fn into_model(self) -> Model {
        let names = |names: BTreeMap<String, Vec<(Key, Model)>>| {
            let numbers = |(name, numbers): (String, Vec<(Key, Model)>)| {
                (Key::new(&name), Model::Object(numbers.into_iter().collect()))
            };
            Model::Object(names.into_iter().map(numbers).collect())
        };
        Model::Object(self.0.into_iter().map(|(kind, of_kind)| (Key::new(&kind), names(of_kind))).collect())
    }
}

/// A module: managed resources and data sources.
#[derive(Default)]
struct Module {
    resources: Resources,
    data: Resources,
}

/// Modules by their paths; the root is always there.
pub(super) struct Tree(BTreeMap<Vec<String>, Module>);

impl Tree {
    pub(super) fn new() -> Self {
        Self(BTreeMap::from([(Vec::new(), Module::default())]))
    }

    /// Puts a resource in its place. Of two in the same place, the last counts.
    pub(super) fn insert(&mut self, module: &str, resource: &Object, element: Model) {
        let text = |name: &str| resource.get(name).and_then(Model::as_str);
        let (Some(kind), Some(name)) = (text("type"), text("name")) else { return };
        let number = match resource.get("index") {
            None | Some(Model::Null) => Key::from_value(&0.into()),
            Some(index) => Key::from_value(index),
        };
        let module = self.0.entry(module_path(module)).or_default();
        let resources = if text("mode") == Some("data") { &mut module.data } else { &mut module.resources };
        let of_name = resources.0.entry(kind.to_owned()).or_default().entry(name.to_owned()).or_default();
        of_name.push((number, element));
    }

    /// The modules by what [`key_of`] gives for their paths.
    pub(super) fn into_model(self) -> Model {
        let module = |(path, module): (Vec<String>, Module)| {
            let element = Model::object([
                ("path", path_model(&path)),
                ("resources", module.resources.into_model()),
                ("data", module.data.into_model()),
            ]);
            (Key::new(&key_of(&path)), element)
        };
        Model::Object(self.0.into_iter().map(module).collect())
    }
}

/// The path of a module as policies see it.
pub(super) fn path_model(path: &[String]) -> Model {
    Model::array(path.iter().map(|name| name.as_str().into()))
}

/// The key of a module among the others.
pub(super) fn key_of(path: &[String]) -> String {
    path.join("\n")
}
