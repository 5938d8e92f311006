//! Which provider a name in a module stands for, and under which key its configuration is found in a plan.

use std::collections::{BTreeSet, HashMap};

use probity_model::Value;

use super::shape;
use crate::terraform::config::{Declaration, DeclarationKind, Module, text};
use crate::terraform::providers;
use crate::terraform::syntax::Kind;

/// Where providers come from that no source is given for.
const REGISTRY: &str = "registry.terraform.io";

/// The address of the provider that a module calls by this name (Terraform's documentation, "Provider Requirements").
pub(super) fn full_name(module: &Module, name: &str) -> String {
    let source = module.required_providers.get(name).and_then(|required| required.source.as_deref());
    let Some(source) = source else {
        return match name {
            "terraform" => "terraform.io/builtin/terraform".to_owned(),
            name => format!("{REGISTRY}/hashicorp/{name}"),
        };
    };
    match source.split('/').count() {
        1 => format!("{REGISTRY}/hashicorp/{source}"),
        2 => format!("{REGISTRY}/{source}"),
        _ => source.to_owned(),
    }
}

/// The provider of a resource as its module calls it, and the alias of its configuration.
pub(super) fn of_resource(declaration: &Declaration) -> (&str, Option<&str>) {
    let named = declaration.attribute("provider").and_then(|provider| providers::named(&provider.value));
    let (implied, _) = declaration.resource_type.split_once('_').unwrap_or((&declaration.resource_type, ""));
    named.unwrap_or((implied, None))
}

/// The name of a configuration in its module.
pub(super) fn local(name: &str, alias: Option<&str>) -> String {
    alias.map_or_else(|| name.to_owned(), |alias| format!("{name}.{alias}"))
}

/// The key of a configuration: its name, behind the address of its module where that is not the root.
pub(super) fn key(module: &str, local: &str) -> String {
    if module.is_empty() { local.to_owned() } else { format!("{module}:{local}") }
}

struct Entry {
    document: Value,
    full_name: String,
    /// The key of the configuration that a module takes over from its caller.
    parent: Option<String>,
}

/// The configurations of providers in all modules. Callers are added before what they call.
#[derive(Default)]
pub(super) struct Configurations(HashMap<String, Entry>);

impl Configurations {
    /// Adds what a module has; `make` makes an expression of the configuration.
    pub(super) fn add(
        &mut self,
        module: &Module,
        address: &str,
        caller: Option<(&str, &Declaration)>,
        expressions: &dyn Fn(&Declaration) -> Option<Value>,
    ) {
        if let Some((caller, call)) = caller {
            self.add_passed(module, address, caller, call);
        }
        for declaration in module.declarations.iter().filter(|one| one.kind == DeclarationKind::Provider) {
            let alias = declaration.attribute("alias").and_then(|alias| text(&alias.value));
            let more = [("alias", alias.map(Value::from)), ("expressions", expressions(declaration))];
            self.insert(module, address, &declaration.name, alias, more, None);
        }
        for name in used(module) {
            let parent = caller.map(|(caller, _)| key(caller, name));
            self.insert(module, address, name, None, [], parent);
        }
    }

    /// What a call hands over in `providers`.
    fn add_passed(&mut self, module: &Module, address: &str, caller: &str, call: &Declaration) {
        let passed = call.attribute("providers").map(|providers| &providers.value.kind);
        let Some(Kind::Object(entries)) = passed else { return };
        for (inner, outer) in entries {
            let (Some((name, alias)), Some(outer)) = (providers::named(inner), providers::named(outer)) else {
                continue;
            };
            let parent = key(caller, &local(outer.0, outer.1));
            self.insert(module, address, name, alias, [], Some(parent));
        }
    }

    fn insert<const N: usize>(
        &mut self,
        module: &Module,
        address: &str,
        name: &str,
        alias: Option<&str>,
        more: [(&'static str, Option<Value>); N],
        parent: Option<String>,
    ) {
        let key = key(address, &local(name, alias));
        if self.0.contains_key(&key) {
            return;
        }
        let full_name = full_name(module, name);
        let version = module.required_providers.get(name).and_then(|required| required.version.as_deref());
        let entries = [
            ("name", Some(name.into())),
            ("full_name", Some(full_name.as_str().into())),
            ("version_constraint", version.map(Value::from)),
            ("module_address", (!address.is_empty()).then(|| address.into())),
        ];
        let document = shape::object(entries.into_iter().chain(more));
        let parent = parent.and_then(|parent| self.source(parent, &full_name));
        self.0.insert(key, Entry { document, full_name, parent });
    }

    /// The configuration that stands at the beginning of those that are handed over.
    fn source(&self, key: String, full_name: &str) -> Option<String> {
        let entry = self.0.get(&key).filter(|entry| entry.full_name == full_name)?;
        Some(entry.parent.clone().unwrap_or(key))
    }

    /// The key under which the configuration of a resource is found.
    pub(super) fn key_of(&self, declaration: &Declaration, address: &str) -> String {
        let (name, alias) = of_resource(declaration);
        let own = key(address, &local(name, alias));
        self.0.get(&own).and_then(|entry| entry.parent.clone()).unwrap_or(own)
    }

    /// Those that are not taken over from elsewhere.
    pub(super) fn document(self) -> Value {
        let own = self.0.into_iter().filter(|(_, entry)| entry.parent.is_none());
        Value::object(own.map(|(key, entry)| (key, entry.document)))
    }
}

/// The names of the providers that a module requires or has resources of, in their order.
fn used(module: &Module) -> impl Iterator<Item = &str> {
    let required = module.required_providers.keys().map(String::as_str);
    let is_resource = |one: &&Declaration| !matches!(one.kind, DeclarationKind::Provider | DeclarationKind::Module);
    let of_resources = module.declarations.iter().filter(is_resource).map(|one| of_resource(one).0);
    let names: BTreeSet<&str> = required.chain(of_resources).collect();
    names.into_iter()
}
