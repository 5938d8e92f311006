//! Namespaces, prefixes and suffixes.

use probity_model::Span;
use probity_model::value::Value;

use super::definition::Entry;
use super::edit::{self, New, Outcome};
use super::fields::{self, Create, FieldSpec, set_scalar};
use super::resource::{Gvk, Resource};
use super::set::Resources;

/// Whose namespace is set among the subjects of a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Subjects {
    /// Those named `default`.
    #[default]
    Default,
    /// All service accounts.
    ServiceAccounts,
    Nobody,
}

/// The namespace that everything gets.
pub(super) struct Namespace<'n> {
    pub(super) name: &'n Entry,
    pub(super) specs: &'n [FieldSpec],
    pub(super) subjects: Subjects,
    /// Only what has none yet.
    pub(super) unset_only: bool,
}

impl Namespace<'_> {
    pub(super) fn apply(&self, resources: &mut Resources) -> Outcome<()> {
        for resource in resources.0.iter_mut().filter(|resource| !resource.is_empty()) {
            resource.remember();
            self.set(resource)?;
        }
        resources.check_names()
    }

    /// Sets the namespace of one object.
    pub(super) fn set(&self, resource: &mut Resource) -> Outcome<()> {
        let gvk = resource.gvk();
        let create = (Create::Scalar, self.name.span);
        if !gvk.is_cluster_scoped() {
            let own = FieldSpec { gvk: Gvk::default(), path: "metadata/namespace".to_owned(), create: true };
            let changed = fields::change(&resource.value, &own, create, &mut |present| self.name(present));
            resource.change(changed)?;
        }
        let is_binding = is_binding(&gvk.kind);
        if is_binding {
            let changed = self.bound(&resource.value);
            resource.change(changed)?;
        }
        let is_core = gvk.group.is_empty() && gvk.version == "v1";
        let specs = self.specs.iter().filter(|spec| match spec.path.as_str() {
            "metadata/namespace" => false,
            "metadata/name" => is_core,
            "subjects/namespace" => !(is_binding && self::is_binding(&spec.gvk.kind)),
            _ => true,
        });
        let changed = fields::change_all(&resource.value, specs, create, &mut |present| self.name(present));
        resource.change(changed)
    }

    fn name(&self, present: &Value) -> Outcome<Option<New>> {
        if self.unset_only && !edit::text(present).is_empty() {
            return Ok(None);
        }
        set_scalar(present, New::text(&self.name.text, self.name.span))
    }

    /// A binding with the namespaces of its subjects set.
    fn bound(&self, binding: &Value) -> Outcome<Option<Value>> {
        let (key, wanted) = match self.subjects {
            Subjects::Nobody => return Ok(None),
            Subjects::Default => ("name", "default"),
            Subjects::ServiceAccounts => ("kind", "ServiceAccount"),
        };
        let subjects = FieldSpec { gvk: Gvk::default(), path: "subjects".to_owned(), create: false };
        fields::change(binding, &subjects, (Create::Nothing, None), &mut |subjects| {
            let Value::Array(list) = subjects else { return Ok(None) };
            let list = edit::changed_elements(list, &mut |subject| {
                let Value::Object(object) = subject else { return Ok(None) };
                if object.get(key).map(edit::text).as_deref() != Some(wanted) {
                    return Ok(None);
                }
                let present = object.get("namespace").cloned().unwrap_or_default();
                let changed = self.name(&present)?.map(|new| Value::Object(edit::with(object, "namespace", new)));
                Ok(changed.map(|value| New { value, span: None }))
            })?;
            Ok(list.map(|list| New { value: Value::Array(list), span: None }))
        })
    }
}

fn is_binding(kind: &str) -> bool {
    matches!(kind, "RoleBinding" | "ClusterRoleBinding")
}

/// Puts a prefix before names, or a suffix behind them.
pub(super) fn affix(
    resources: &mut Resources,
    (text, span): (&str, Option<Span>),
    is_prefix: bool,
    specs: &[FieldSpec],
) -> Outcome<()> {
    for resource in &mut resources.0 {
        let id = resource.original_id();
        let is_api_service = id.gvk.kind == "APIService" && id.gvk.group == "apiregistration.k8s.io";
        if matches!(id.gvk.kind.as_str(), "CustomResourceDefinition" | "Namespace") || is_api_service {
            continue;
        }
        for spec in specs.iter().filter(|spec| id.gvk.is_selected(&spec.gvk)) {
            if spec.path == "metadata/name" && !text.is_empty() {
                if is_prefix { &mut resource.prefixes } else { &mut resource.suffixes }.push(text.to_owned());
                resource.remember();
            }
            let changed = fields::change(&resource.value, spec, (Create::Scalar, span), &mut |present| {
                let name = edit::text(present);
                let name = if is_prefix { format!("{text}{name}") } else { format!("{name}{text}") };
                // The name stays where it is: a prefix is seldom what is wrong with it.
                set_scalar(present, New::text(&name, None))
            });
            resource.change(changed)?;
        }
    }
    Ok(())
}
