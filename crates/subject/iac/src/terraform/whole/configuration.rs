//! The `configuration` of a plan: what is written, module by module, without evaluating it.

use probity_model::Value;

use super::provider_names::Configurations;
use super::{references, shape};
use crate::terraform::budget::MAX_CALLS;
use crate::terraform::config::{Declaration, DeclarationKind, Module, Variable, text};
use crate::terraform::instance::Instance;
use crate::terraform::syntax::{Block, Body};
use crate::terraform::types::Type;

/// Most modules of a configuration, each counted as often as it is called from different places.
const MAX_MODULES: usize = 10_000;

/// What is said of a block itself, and is none of its attributes.
const OF_RESOURCE: &[&str] = &["count", "for_each", "provider", "depends_on"];
const OF_CALL: &[&str] = &["count", "for_each", "providers", "depends_on", "source", "version"];
const OF_PROVIDER: &[&str] = &["alias", "version"];
const OF_PROVISIONER: &[&str] = &["when", "on_failure"];

/// Blocks of a resource that are none of its attributes.
pub(super) const BLOCKS_OF_RESOURCE: &[&str] = &["lifecycle", "provisioner", "connection"];

/// A block that there is at most one of, and that is an object and no list.
pub(super) const SINGLE_BLOCK: &str = "timeouts";

/// The configuration from a root module on; `None` where it is of more modules than anybody writes.
pub(super) fn of(root: &Instance<'_>) -> Option<Value> {
    let mut writer = Writer { root, modules: 0, providers: Configurations::default() };
    writer.add_providers(root.module, "", None, &mut Vec::new())?;
    let root_module = writer.module(root.module, &mut Vec::new());
    Some(Value::object([("provider_config", writer.providers.document()), ("root_module", root_module)]))
}

struct Writer<'w, 't> {
    /// What evaluates the constants.
    root: &'w Instance<'t>,
    modules: usize,
    providers: Configurations,
}

/// The calls that lead to a module.
type Calls<'t> = Vec<&'t str>;

fn address(calls: &[&str]) -> String {
    calls.iter().map(|name| format!("module.{name}")).collect::<Vec<_>>().join(".")
}

impl<'t> Writer<'_, 't> {
    fn called(&self, module: &Module, call: &Declaration, calls: &Calls<'t>) -> Option<&'t Module> {
        let is_deep = calls.len() >= MAX_CALLS;
        let called = self.root.modules().called(module, call, self.root.root_folder(), calls);
        called.filter(|_| !is_deep)
    }

    fn add_providers(
        &mut self,
        module: &'t Module,
        own: &str,
        caller: Option<(&str, &Declaration)>,
        calls: &mut Calls<'t>,
    ) -> Option<()> {
        self.modules += 1;
        if self.modules > MAX_MODULES {
            return None;
        }
        let root = self.root;
        let expressions = |provider: &Declaration| expressions(root, &provider.body, OF_PROVIDER, &[]);
        self.providers.add(module, own, caller, &expressions);
        for call in calls_of(module) {
            let Some(called) = self.called(module, call, calls) else { continue };
            calls.push(&call.name);
            self.add_providers(called, &address(calls), Some((own, call)), calls)?;
            calls.pop();
        }
        Some(())
    }

    fn module(&self, module: &'t Module, calls: &mut Calls<'t>) -> Value {
        let own = address(calls);
        let mut resources: Vec<(String, Value)> =
            module.declarations.iter().filter_map(|declaration| self.resource(declaration, &own)).collect();
        resources.sort_by(|a, b| a.0.cmp(&b.0));
        let resources = resources.into_iter().map(|(_, resource)| resource);
        let mut module_calls = Vec::new();
        for call in calls_of(module) {
            module_calls.push((call.name.as_str(), self.call(module, call, calls)));
        }
        let outputs = module.outputs.iter().map(|(name, output)| {
            let entries = [
                ("expression", Some(references::expression(&output.value, self.root))),
                ("sensitive", output.sensitive.then(|| true.into())),
                ("description", output.description.as_deref().filter(|text| !text.is_empty()).map(Value::from)),
                ("depends_on", output.depends_on.as_ref().and_then(references::dependencies)),
            ];
            (name, shape::object(entries))
        });
        let variables = module.variables.iter().map(|(name, variable)| (name, self.variable(variable)));
        let parts = [
            ("resources", Value::array(resources)),
            ("module_calls", Value::object(module_calls)),
            ("outputs", Value::object(outputs)),
            ("variables", Value::object(variables)),
        ];
        shape::object(parts.map(|(name, part)| (name, filled(part))))
    }

    fn resource(&self, declaration: &Declaration, module: &str) -> Option<(String, Value)> {
        let (mode, prefix) = match declaration.kind {
            DeclarationKind::Resource => ("managed", ""),
            DeclarationKind::Data => ("data", "data."),
            DeclarationKind::Ephemeral => ("ephemeral", "ephemeral."),
            DeclarationKind::Provider | DeclarationKind::Module => return None,
        };
        let address = format!("{prefix}{}.{}", declaration.resource_type, declaration.name);
        let body = &declaration.body;
        let provisioners = body.blocks("provisioner").map(|block| self.provisioner(block));
        let entries = [
            ("address", Some(address.as_str().into())),
            ("mode", Some(mode.into())),
            ("type", Some(declaration.resource_type.as_str().into())),
            ("name", Some(declaration.name.as_str().into())),
            ("provider_config_key", Some(self.providers.key_of(declaration, module).into())),
            ("provisioners", filled(Value::array(provisioners))),
            ("expressions", expressions(self.root, body, OF_RESOURCE, BLOCKS_OF_RESOURCE)),
        ];
        Some((address, shape::object(entries.into_iter().chain(self.repetition(declaration)))))
    }

    /// How often there is something, and what it waits for.
    fn repetition(&self, declaration: &Declaration) -> [(&'static str, Option<Value>); 3] {
        let written = |name: &str| {
            let attribute = declaration.attribute(name)?;
            filled(references::expression(&attribute.value, self.root))
        };
        let count = written("count");
        let for_each = written("for_each").filter(|_| count.is_none());
        let waits_for = declaration.attribute("depends_on").and_then(|names| references::dependencies(&names.value));
        [("count_expression", count), ("for_each_expression", for_each), ("depends_on", waits_for)]
    }

    fn provisioner(&self, block: &Block) -> Value {
        let kind = block.labels.first().map(|kind| Value::from(&**kind));
        let expressions = expressions(self.root, &block.body, OF_PROVISIONER, &["connection"]);
        shape::object([("type", kind), ("expressions", expressions)])
    }

    fn call(&self, module: &'t Module, call: &'t Declaration, calls: &mut Calls<'t>) -> Value {
        let called = self.called(module, call, calls);
        calls.push(&call.name);
        let inner = called.map(|called| self.module(called, calls));
        calls.pop();
        let text = |name: &str| call.attribute(name).and_then(|attribute| text(&attribute.value)).map(Value::from);
        let entries = [
            ("source", text("source")),
            ("version_constraint", text("version")),
            ("expressions", expressions(self.root, &call.body, OF_CALL, &[])),
            ("module", inner),
        ];
        shape::object(entries.into_iter().chain(self.repetition(call)))
    }

    fn variable(&self, variable: &Variable) -> Value {
        let default = variable.default.as_ref().and_then(|default| {
            let value = self.root.plain(default).ok()?;
            let constraint = variable.constraint.as_ref();
            let constraint = constraint.map(|written| Type::read(written, &mut |default| self.root.plain(default)));
            let value = constraint.map_or_else(|| Ok(value.clone()), |constraint| constraint.convert(&value)).ok()?;
            Some(shape::as_json(&value))
        });
        shape::object([
            ("default", default),
            ("description", variable.description.as_deref().filter(|text| !text.is_empty()).map(Value::from)),
            ("required", variable.default.is_none().then(|| true.into())),
            ("sensitive", variable.sensitive.then(|| true.into())),
        ])
    }
}

fn calls_of(module: &Module) -> impl Iterator<Item = &Declaration> {
    module.declarations.iter().filter(|declaration| declaration.kind == DeclarationKind::Module)
}

/// Nothing in place of what is empty.
fn filled(value: Value) -> Option<Value> {
    let is_empty = match &value {
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    };
    (!is_empty).then_some(value)
}

/// The expressions of a block under the names of its attributes, those of blocks in it as lists of such; what `dynamic` blocks make
/// is not among them.
fn expressions(root: &Instance<'_>, body: &Body, not: &[&str], no_blocks: &[&str]) -> Option<Value> {
    let attributes = body.attributes.iter().filter(|attribute| !not.contains(&&*attribute.name));
    let mut entries: Vec<(&str, Value)> =
        attributes.map(|attribute| (&*attribute.name, references::expression(&attribute.value, root))).collect();
    let mut blocks: Vec<(&str, Vec<Value>)> = Vec::new();
    let written = body.blocks.iter().filter(|block| !no_blocks.contains(&&*block.name) && &*block.name != "dynamic");
    for block in written {
        let inner = expressions(root, &block.body, &[], &[]).unwrap_or_else(|| Value::object::<&str>([]));
        match blocks.iter_mut().find(|(name, _)| *name == &*block.name) {
            Some((_, all)) => all.push(inner),
            None => blocks.push((&block.name, vec![inner])),
        }
    }
    entries.extend(blocks.into_iter().map(|(name, mut all)| match (name, all.len()) {
        (SINGLE_BLOCK, 1) => (name, all.remove(0)),
        _ => (name, Value::array(all)),
    }));
    filled(Value::object(entries))
}
