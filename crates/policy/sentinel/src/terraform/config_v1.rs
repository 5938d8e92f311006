//! The first `tfconfig` import: what modules are configured to be. Constants stand under `config`, what other
//! expressions refer to under `references`.

use std::collections::BTreeMap;

use probity_model::Value as Model;
use probity_model::value::{Key, Object};

use super::config_v2::{Module, configuration, entries, modules_of, resources_in, text};
use super::state_v2::elements;
use super::tree_v1::{key_of, path_model};
use super::{Inner, address::module_path, member};

/// Deepest blocks inside of each other that are told.
const MAX_DEPTH: usize = 64;

fn empty() -> Model {
    Model::object::<&str>([])
}

pub(super) fn modules(plan: &Inner) -> Model {
    let module = |module: &Module<'_>| {
        let path = module_path(&module.address);
        let element = Model::object([
            ("data", resources(module, "data")),
            ("modules", calls(module)),
            ("outputs", outputs(module)),
            ("providers", providers(plan, module)),
            ("resources", resources(module, "managed")),
            ("variables", variables(module)),
        ]);
        (Key::new(&key_of(&path)), element)
    };
    Model::Object(modules_of(plan).iter().map(module).collect())
}

pub(super) fn module_paths(plan: &Inner) -> Model {
    Model::array(modules_of(plan).iter().map(|module| path_model(&module_path(&module.address))))
}

/// What is constant in expressions, and what the others refer to.
struct Split {
    config: Model,
    references: Model,
}

/// Whether an object represents an expression, not a block.
fn is_expression(object: &Object) -> bool {
    let is_list = |name: &str| object.get(name).is_some_and(|value| value.as_array().is_some());
    object.iter().all(|(key, _)| matches!(key.as_str(), "constant_value" | "references"))
        && (object.is_empty() || object.get("constant_value").is_some() || is_list("references"))
}

fn split(expressions: Option<&Model>) -> Split {
    match expressions.and_then(Model::as_object) {
        Some(block) => split_block(block, 0),
        None => Split { config: empty(), references: empty() },
    }
}

fn split_block(block: &Object, depth: usize) -> Split {
    let (mut config, mut references) = (Vec::new(), Vec::new());
    for (name, part) in block.iter() {
        let (constant, refers) = split_part(part, depth);
        config.extend(constant.map(|constant| (name.clone(), constant)));
        references.push((name.clone(), refers));
    }
    Split {
        config: Model::Object(config.into_iter().collect()),
        references: Model::Object(references.into_iter().collect()),
    }
}

fn split_part(part: &Model, depth: usize) -> (Option<Model>, Model) {
    match part {
        Model::Object(expression) if is_expression(expression) => {
            (expression.get("constant_value").cloned(), member(expression, "references", Model::array([])))
        }
        Model::Object(block) if depth < MAX_DEPTH => {
            let split = split_block(block, depth + 1);
            (Some(split.config), split.references)
        }
        Model::Array(blocks) if depth < MAX_DEPTH => {
            let (config, references): (Vec<_>, Vec<_>) = blocks
                .iter()
                .map(|block| split_part(block, depth + 1))
                .map(|(c, r)| (c.unwrap_or_default(), r))
                .unzip();
            (Some(Model::array(config)), Model::array(references))
        }
        _ => (None, Model::array([])),
    }
}

fn resources(module: &Module<'_>, mode: &str) -> Model {
    let mut by_type: BTreeMap<&str, Vec<(Key, Model)>> = BTreeMap::new();
    for resource in resources_in(module) {
        let text = |name: &str| resource.get(name).and_then(Model::as_str);
        if let (Some(kind), Some(name)) = (text("type"), text("name"))
            && text("mode") == Some(mode)
        {
            by_type.entry(kind).or_default().push((Key::new(name), self::resource(resource)));
        }
    }
    Model::object(by_type.into_iter().map(|(kind, names)| (kind, Model::Object(names.into_iter().collect()))))
}

fn resource(resource: &Object) -> Model {
    let Split { config, references } = split(resource.get("expressions"));
    let provisioners: Vec<Model> = elements(resource.get("provisioners")).iter().map(provisioner).collect();
    let provisioners = if provisioners.is_empty() { Model::Null } else { Model::array(provisioners) };
    Model::object([("config", config), ("references", references), ("provisioners", provisioners)])
}

fn provisioner(provisioner: &Model) -> Model {
    let Split { config, references } = split(provisioner.get("expressions"));
    let kind = provisioner.get("type").cloned().unwrap_or_default();
    Model::object([("config", config), ("references", references), ("type", kind)])
}

fn calls(module: &Module<'_>) -> Model {
    let call = |(name, call): (&Key, &Object)| {
        let Split { config, references } = split(call.get("expressions"));
        let source = text(call, "source");
        let version = text(call, "version_constraint");
        let element =
            Model::object([("config", config), ("references", references), ("source", source), ("version", version)]);
        (name.clone(), element)
    };
    Model::Object(entries(module.content, "module_calls").map(call).collect())
}

fn outputs(module: &Module<'_>) -> Model {
    let output = |(name, output): (&Key, &Object)| {
        let expression = output.get("expression").and_then(Model::as_object);
        let of = |name: &str| expression.and_then(|expression| expression.get(name)).cloned();
        let mut element = vec![
            ("depends_on", member(output, "depends_on", Model::array([]))),
            ("description", text(output, "description")),
            ("sensitive", member(output, "sensitive", false.into())),
            ("references", of("references").unwrap_or(Model::array([]))),
        ];
        element.extend(of("constant_value").map(|value| ("value", value)));
        (name.clone(), Model::object(element))
    };
    Model::Object(entries(module.content, "outputs").map(output).collect())
}

fn variables(module: &Module<'_>) -> Model {
    let variable = |(name, variable): (&Key, &Object)| {
        let element = Model::object([
            ("default", member(variable, "default", Model::Null)),
            ("description", text(variable, "description")),
        ]);
        (name.clone(), element)
    };
    Model::Object(entries(module.content, "variables").map(variable).collect())
}

/// The providers that a module configures: by name, and there by alias; that without one stands at the top, too.
fn providers(plan: &Inner, module: &Module<'_>) -> Model {
    let mut by_name: BTreeMap<&str, Vec<(Key, Model)>> = BTreeMap::new();
    let all = configuration(plan).into_iter().flat_map(|configuration| entries(configuration, "provider_config"));
    for (_, provider) in all {
        let of = |name: &str| provider.get(name).and_then(Model::as_str).unwrap_or_default();
        if of("module_address") == module.address {
            by_name.entry(of("name")).or_default().push((Key::new(of("alias")), instance(provider)));
        }
    }
    Model::object(by_name.into_iter().map(|(name, instances)| (name, by_alias(instances))))
}

fn by_alias(instances: Vec<(Key, Model)>) -> Model {
    let alias: Object = instances.into_iter().collect();
    let default = alias.get("").cloned().unwrap_or_else(|| instance(&Object::default()));
    let top = default.as_object().into_iter().flat_map(Object::iter).map(|(key, value)| (key.clone(), value.clone()));
    Model::Object(top.chain([(Key::new("alias"), Model::Object(alias.clone()))]).collect())
}

fn instance(provider: &Object) -> Model {
    let Split { config, references } = split(provider.get("expressions"));
    let version = text(provider, "version_constraint");
    Model::object([("config", config), ("references", references), ("version", version)])
}
