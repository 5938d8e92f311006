//! What a configuration says of its plan, without running anything: a document of the form that a plan has.
//!
//! It is that of a first plan, with nothing there before:
//!
//! - `variables`, and `planned_values` and `output_changes` with the outputs of the root module;
//! - `resource_changes`: each resource is created, each data source read. `after` has what is written, with nested blocks as lists
//!   of objects (`timeouts` is one object). What is known only at apply is an unknown value in it, where Terraform leaves it out, and
//!   `true` in `after_unknown`, as Terraform has it. What the provider computes or has as a default is not known from the source,
//!   and neither in the one nor in the other, and an attribute that is null is not there;
//! - `configuration`: what is written, with constants and references. What is no block for sure, as only a provider's schema tells,
//!   is as it is written;
//! - `terraform_version` is an unknown value: which Terraform will run is not said.
//!
//! There is no `schema_version`, no type of an output, and no `prior_state`. A call of a module that is not among what was read
//! (nor fetched by `terraform init`) has no resources.

use std::collections::HashMap;
use std::rc::Rc;

use probity_model::value::Object;
use probity_model::{Key, Span, Value};

use super::configuration::{BLOCKS_OF_RESOURCE, SINGLE_BLOCK};
use super::secrecy::Secrecy;
use super::{configuration, provider_names, shape};
use crate::terraform::config::{Declaration, DeclarationKind};
use crate::terraform::eval::EvalError;
use crate::terraform::instance::{Instance, Member};

/// The form that is written: that of Terraform from 1.3 on.
const FORMAT: &str = "1.2";

/// What says how a resource is made, and is none of its attributes.
const META: &[&str] = &["count", "for_each", "provider", "depends_on"];

/// The plan of a root module whose instances were made before; `None` where it would be larger than anybody's.
pub(super) fn plan(root: &Rc<Instance<'_>>) -> Option<Value> {
    let configuration = configuration::of(root)?;
    let mut plan = Plan { changes: Vec::new(), secrecy: Secrecy::default(), providers: HashMap::new() };
    let root_module = plan.module(root);
    let outputs = plan.outputs(root);
    let planned_outputs = outputs.iter().map(|(name, output)| (*name, output.planned()));
    let changed_outputs = outputs.iter().map(|(name, output)| (*name, output.change()));
    let mut planned = vec![("root_module", root_module.unwrap_or_else(|| Value::object::<&str>([])))];
    if !outputs.is_empty() {
        planned.push(("outputs", Value::object(planned_outputs)));
    }
    Some(Value::object([
        ("format_version", FORMAT.into()),
        ("terraform_version", Value::Unknown("the version of Terraform".into())),
        ("variables", variables(root)),
        ("planned_values", Value::object(planned)),
        ("resource_changes", shape::list(plan.changes)),
        ("output_changes", Value::object(changed_outputs)),
        ("configuration", configuration),
    ]))
}

fn variables(root: &Instance<'_>) -> Value {
    Value::object(root.module.variables.keys().map(|name| {
        let value = root.variable(name).unwrap_or_else(EvalError::into_unknown);
        (name, Value::object([("value", shape::as_json(&value))]))
    }))
}

/// An output of the root module.
struct Output {
    value: Value,
    sensitive: bool,
}

impl Output {
    fn planned(&self) -> Value {
        let value = ("value", shape::is_known(&self.value).then(|| self.value.clone()));
        shape::object([("sensitive", Some(self.sensitive.into())), value])
    }

    fn change(&self) -> Value {
        let is_known = shape::is_known(&self.value);
        Value::object([
            ("actions", Value::array([if self.value.is_null() { "no-op" } else { "create" }.into()])),
            ("before", Value::Null),
            ("after", self.value.clone()),
            ("after_unknown", if is_known { false.into() } else { shape::unknown(&self.value) }),
            ("before_sensitive", self.sensitive.into()),
            ("after_sensitive", self.sensitive.into()),
        ])
    }
}

struct Plan {
    changes: Vec<(Value, Span)>,
    secrecy: Secrecy,
    /// The addresses of providers, by module and by the name that it has for them.
    providers: HashMap<(*const (), String), Value>,
}

impl Plan {
    fn outputs<'t>(&mut self, root: &Rc<Instance<'t>>) -> Vec<(&'t str, Output)> {
        let output = |(name, declared): (&'t String, &crate::terraform::config::Output)| {
            let sensitive = declared.sensitive || self.secrecy.of_output(root, name).is_some();
            (name.as_str(), Output { value: shape::as_json(&root.output(name)), sensitive })
        };
        root.module.outputs.iter().map(output).collect()
    }

    /// The planned values of a module and what it calls; `None` when there are none.
    fn module(&mut self, instance: &Rc<Instance<'_>>) -> Option<Value> {
        let mut resources = Vec::new();
        for position in in_order(instance) {
            let Some(members) = instance.members(position) else { continue };
            for member in members.all() {
                resources.push(self.resource(instance, position, member));
            }
        }
        let mut children = Vec::new();
        for (position, declaration) in instance.module.declarations.iter().enumerate() {
            if declaration.kind != DeclarationKind::Module {
                continue;
            }
            for child in instance.children(position) {
                children
                    .extend(self.module(&child).map(|module| (child.address.clone(), (module, declaration.header))));
            }
        }
        children.sort_by(|a, b| a.0.cmp(&b.0));
        let children: Vec<_> = children.into_iter().map(|(_, child)| child).collect();
        if resources.is_empty() && children.is_empty() {
            return None;
        }
        Some(shape::object([
            ("address", (!instance.address.is_empty()).then(|| instance.address.as_str().into())),
            ("resources", (!resources.is_empty()).then(|| shape::list(resources))),
            ("child_modules", (!children.is_empty()).then(|| shape::list(children))),
        ]))
    }

    /// Adds the change of a resource; gives its planned values.
    fn resource(&mut self, instance: &Rc<Instance<'_>>, position: usize, member: &Member) -> (Value, Span) {
        let declaration = &instance.module.declarations[position];
        let is_data = declaration.kind == DeclarationKind::Data;
        let own = format!("{}.{}{}", declaration.resource_type, declaration.name, member.key);
        let module = (!instance.address.is_empty()).then(|| Value::from(instance.address.as_str()));
        let parts = [instance.address.as_str(), if is_data { "data" } else { "" }, &own];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let after = after(&member.document, is_data);
        let marks = self.secrecy.of_declaration(instance, position);
        let sensitive = shape::sensitive(&after, marks.as_ref());
        let common = [
            ("address", Some(parts.join(".").into())),
            ("mode", Some(if is_data { "data" } else { "managed" }.into())),
            ("type", Some(declaration.resource_type.as_str().into())),
            ("name", Some(declaration.name.as_str().into())),
            ("index", index(member)),
            ("provider_name", Some(self.provider(instance, declaration))),
        ];
        let change = Value::object([
            ("actions", Value::array([if is_data { "read" } else { "create" }.into()])),
            ("before", Value::Null),
            ("after", after.clone()),
            ("after_unknown", shape::unknown(&after)),
            ("before_sensitive", false.into()),
            ("after_sensitive", sensitive.clone()),
        ]);
        let more = [("module_address", module), ("change", Some(change))];
        self.changes.push((shape::object(common.clone().into_iter().chain(more)), declaration.header));
        let values = [("values", Some(after)), ("sensitive_values", Some(sensitive))];
        (shape::object(common.into_iter().chain(values)), declaration.header)
    }

    fn provider(&mut self, instance: &Rc<Instance<'_>>, declaration: &Declaration) -> Value {
        let (name, _) = provider_names::of_resource(declaration);
        let place = (std::ptr::from_ref(instance.module).cast::<()>(), name.to_owned());
        let full_name = || provider_names::full_name(instance.module, name).into();
        self.providers.entry(place).or_insert_with(full_name).clone()
    }
}

/// The resources and data sources of a module in the order of their addresses.
fn in_order(instance: &Instance<'_>) -> Vec<usize> {
    let declarations = &instance.module.declarations;
    let is_planned =
        |position: &usize| matches!(declarations[*position].kind, DeclarationKind::Resource | DeclarationKind::Data);
    let mut positions: Vec<usize> = (0..declarations.len()).filter(is_planned).collect();
    positions.sort_by_key(|position| {
        let declaration = &declarations[*position];
        let is_managed = declaration.kind == DeclarationKind::Resource;
        (is_managed, declaration.resource_type.as_str(), declaration.name.as_str())
    });
    positions
}

/// The key of an instance, where it is known.
fn index(member: &Member) -> Option<Value> {
    let count = member.scope.get("count").and_then(|count| count.get("index"));
    let each = member.scope.get("each").and_then(|each| each.get("key"));
    let key = count.or(each)?;
    (!member.key.is_empty() && shape::is_known(key)).then(|| key.clone())
}

/// What is written of a resource, without what is said of how it is made.
fn after(document: &Value, is_data: bool) -> Value {
    let Some(object) = document.as_object() else { return document.clone() };
    let blocks: &[&str] = if is_data { &["lifecycle"] } else { BLOCKS_OF_RESOURCE };
    let is_own = |key: &Key| !META.contains(&key.as_str()) && !blocks.contains(&key.as_str());
    let entries = object.iter_spanned().filter(|(key, ..)| is_own(key)).map(|(key, value, span)| {
        let single = value.as_array().filter(|list| key.as_str() == SINGLE_BLOCK && list.len() == 1);
        let value = single.and_then(|list| list.get(0)).unwrap_or(value);
        (key.clone(), shape::as_json(value), span)
    });
    Value::Object(Object::with_known_spans(entries.collect()))
}
