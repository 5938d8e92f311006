//! `tfconfig/v2`.

use probity_model::Value as Model;
use probity_model::value::{Key, Object};

use super::address::{within, without_indices};
use super::state_v2::elements;
use super::{Inner, member};
use crate::eval::{Args, Def, Interp, Stop, settle};
use crate::value::Value;

/// Deepest modules inside of each other that are looked into.
const MAX_DEPTH: usize = 128;

pub(super) static FUNCTIONS: [Def; 1] = [Def { name: "strip_index", call: strip_index }];

/// The address of a resource without indices, as it stands in the configuration.
fn strip_index(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| Ok(Value::text(&without_indices(&args.text(0)?.to_str()))))())
}

/// A module with its address.
pub(super) struct Module<'m> {
    pub(super) address: String,
    pub(super) content: &'m Object,
}

impl Module<'_> {
    /// What something of this name in it is called in a collection.
    fn key(&self, name: &str) -> String {
        if self.address.is_empty() { name.to_owned() } else { format!("{}:{name}", self.address) }
    }

    /// The address of something in it.
    fn within(&self, name: &str) -> String {
        within(&self.address, name)
    }
}

pub(super) fn configuration(plan: &Inner) -> Option<&Object> {
    plan.document.get("configuration")?.as_object()
}

/// All modules, the root first.
pub(super) fn modules_of(plan: &Inner) -> Vec<Module<'_>> {
    let mut found = Vec::new();
    let root = configuration(plan).and_then(|configuration| configuration.get("root_module")?.as_object());
    if let Some(root) = root {
        walk(root, String::new(), 0, &mut found);
    }
    found
}

fn walk<'m>(content: &'m Object, address: String, depth: usize, found: &mut Vec<Module<'m>>) {
    let module = Module { address, content };
    let calls = content.get("module_calls").and_then(Model::as_object).filter(|_| depth < MAX_DEPTH);
    let children: Vec<(String, &Object)> = calls
        .into_iter()
        .flat_map(Object::iter)
        .filter_map(|(name, call)| Some((module.within(&format!("module.{name}")), call.get("module")?.as_object()?)))
        .collect();
    found.push(module);
    for (address, content) in children {
        walk(content, address, depth + 1, found);
    }
}

fn empty() -> Model {
    Model::object::<&str>([])
}

pub(super) fn text(object: &Object, name: &str) -> Model {
    member(object, name, "".into())
}

/// Entries of an object that are objects themselves.
pub(super) fn entries<'m>(object: &'m Object, name: &str) -> impl Iterator<Item = (&'m Key, &'m Object)> {
    let entries = object.get(name).and_then(Model::as_object);
    entries.into_iter().flat_map(Object::iter).filter_map(|(name, entry)| Some((name, entry.as_object()?)))
}

/// The expressions of a block. One of which neither a constant nor references are known has the constant `null`.
fn config(block: &Object) -> Model {
    let expressions = block.get("expressions").cloned().unwrap_or_else(empty);
    with_constants(&expressions, 0).unwrap_or(expressions)
}

/// The same block, or blocks, with what [`config`] adds; none when that is nothing.
fn with_constants(block: &Model, depth: usize) -> Option<Model> {
    match block {
        _ if depth > MAX_DEPTH => None,
        Model::Object(block) => {
            let is_empty = |part: &Model| part.as_object().is_some_and(Object::is_empty);
            let changed = |(name, part): (&Key, &Model)| match part {
                _ if matches!(name.as_str(), "constant_value" | "references") => None,
                part if is_empty(part) => Some(Model::object([("constant_value", Model::Null)])),
                part => with_constants(part, depth + 1),
            };
            let parts: Vec<Option<Model>> = block.iter().map(changed).collect();
            let is_changed = parts.iter().any(Option::is_some);
            let entries = block.iter().zip(parts).map(|((name, old), new)| (name.clone(), new.unwrap_or(old.clone())));
            is_changed.then(|| Model::Object(entries.collect()))
        }
        Model::Array(blocks) => {
            let parts: Vec<Option<Model>> = blocks.iter().map(|block| with_constants(block, depth + 1)).collect();
            let is_changed = parts.iter().any(Option::is_some);
            let elements = blocks.iter().zip(parts).map(|(old, new)| new.unwrap_or(old.clone()));
            is_changed.then(|| Model::array(elements))
        }
        _ => None,
    }
}

/// What a resource's provider is called: in a module after the module, also where Terraform says that it is one of the
/// root's that the module was given.
fn provider_key(module: &Module<'_>, resource: &Object) -> Model {
    match resource.get("provider_config_key").and_then(Model::as_str) {
        Some(key) if !key.contains(':') => module.key(key).into(),
        _ => text(resource, "provider_config_key"),
    }
}

pub(super) fn providers(plan: &Inner) -> Model {
    let Some(configuration) = configuration(plan) else { return empty() };
    let provider = |(key, provider): (&Key, &Object)| {
        let element = Model::object([
            ("provider_config_key", key.to_value()),
            ("name", text(provider, "name")),
            ("full_name", text(provider, "full_name")),
            ("alias", text(provider, "alias")),
            ("module_address", text(provider, "module_address")),
            ("config", config(provider)),
            ("version_constraint", text(provider, "version_constraint")),
        ]);
        (key.clone(), element)
    };
    Model::Object(entries(configuration, "provider_config").map(provider).collect())
}

/// The resources of a module as the configuration has them.
pub(super) fn resources_in<'m>(module: &Module<'m>) -> impl Iterator<Item = &'m Object> {
    elements(module.content.get("resources")).iter().filter_map(Model::as_object)
}

fn address(module: &Module<'_>, resource: &Object) -> Option<String> {
    Some(module.within(resource.get("address")?.as_str()?))
}

pub(super) fn resources(plan: &Inner) -> Model {
    let modules = modules_of(plan);
    let all = modules.iter().flat_map(|module| resources_in(module).map(move |resource| (module, resource)));
    Model::Object(all.filter_map(|(module, resource)| self::resource(module, resource)).collect())
}

fn resource(module: &Module<'_>, resource: &Object) -> Option<(Key, Model)> {
    let address = address(module, resource)?;
    let provisioners = provisioners_of(&address, resource).into_iter().map(|(_, provisioner)| provisioner);
    let key = Key::new(&address);
    let element = Model::object([
        ("address", address.clone().into()),
        ("module_address", module.address.as_str().into()),
        ("mode", member(resource, "mode", Model::Null)),
        ("type", member(resource, "type", Model::Null)),
        ("name", member(resource, "name", Model::Null)),
        ("provider_config_key", provider_key(module, resource)),
        ("provisioners", Model::array(provisioners)),
        ("config", config(resource)),
        ("count", member(resource, "count_expression", empty())),
        ("for_each", member(resource, "for_each_expression", empty())),
        ("depends_on", member(resource, "depends_on", Model::array([]))),
    ]);
    Some((key, element))
}

fn provisioners_of(address: &str, resource: &Object) -> Vec<(Key, Model)> {
    let provisioner = |(index, provisioner): (usize, &Object)| {
        let element = Model::object([
            ("resource_address", address.into()),
            ("type", member(provisioner, "type", Model::Null)),
            ("index", index.to_string().into()),
            ("config", config(provisioner)),
        ]);
        (Key::new(&format!("{address}:{index}")), element)
    };
    let all = elements(resource.get("provisioners")).iter().filter_map(Model::as_object);
    all.enumerate().map(provisioner).collect()
}

pub(super) fn provisioners(plan: &Inner) -> Model {
    let mut found = Vec::new();
    for module in modules_of(plan) {
        for resource in resources_in(&module) {
            if let Some(address) = address(&module, resource) {
                found.extend(provisioners_of(&address, resource));
            }
        }
    }
    Model::Object(found.into_iter().collect())
}

/// A collection of what the modules have under a name.
fn collection(plan: &Inner, name: &str, make: impl Fn(&Object) -> Vec<(&'static str, Model)>) -> Model {
    let mut found = Vec::new();
    for module in modules_of(plan) {
        for (key, entry) in entries(module.content, name) {
            let common = [("module_address", module.address.as_str().into()), ("name", key.to_value())];
            let element = Model::object(common.into_iter().chain(make(entry)));
            found.push((Key::new(&module.key(key.as_str())), element));
        }
    }
    Model::Object(found.into_iter().collect())
}

pub(super) fn variables(plan: &Inner) -> Model {
    collection(plan, "variables", |variable| {
        vec![("default", member(variable, "default", Model::Null)), ("description", text(variable, "description"))]
    })
}

pub(super) fn outputs(plan: &Inner) -> Model {
    collection(plan, "outputs", |output| {
        vec![
            ("sensitive", member(output, "sensitive", false.into())),
            ("value", member(output, "expression", empty())),
            ("description", text(output, "description")),
            ("depends_on", member(output, "depends_on", Model::array([]))),
        ]
    })
}

pub(super) fn module_calls(plan: &Inner) -> Model {
    collection(plan, "module_calls", |call| {
        vec![
            ("source", text(call, "source")),
            ("config", config(call)),
            ("count", member(call, "count_expression", empty())),
            ("depends_on", member(call, "depends_on", Model::array([]))),
            ("for_each", member(call, "for_each_expression", empty())),
            ("version_constraint", text(call, "version_constraint")),
        ]
    })
}
