//! Labels, annotations and replica counts.

use probity_model::Span;
use probity_model::value::{Object, Value};

use super::definition::{Label, Pairs, Replicas};
use super::edit::{self, New, Outcome};
use super::fields::{self, Create, FieldSpec, set_scalar};
use super::resource::Gvk;
use super::rules::{self, Rules};
use super::set::Resources;

/// Sets labels or annotations in all these fields.
pub(super) fn set_pairs(resources: &mut Resources, pairs: &Pairs, specs: &[FieldSpec]) -> Outcome<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    for resource in &mut resources.0 {
        let span = pairs.first().and_then(|(_, entry)| entry.span);
        let changed = fields::change_all(&resource.value, specs, (Create::Mapping, span), &mut |present| {
            let empty = Object::default();
            let mut object = match present {
                Value::Object(object) => object.clone(),
                Value::Null => empty,
                other => return Err(format!("wrong kind of node: expected a mapping, found a {}", other.kind())),
            };
            for (name, entry) in pairs {
                object = edit::with(&object, name, New::text(&entry.text, entry.span));
            }
            Ok(Some(New { value: Value::Object(object), span: None }))
        });
        resource.change(changed)?;
    }
    Ok(())
}

/// Where an entry of `labels` puts its labels.
pub(super) fn label_fields(label: &Label, rules: &Rules) -> Outcome<Vec<FieldSpec>> {
    let mut specs = label.fields.clone();
    rules::merge(&mut specs, rules.list("labels"))?;
    if label.includes_selectors {
        rules::merge(&mut specs, rules.list("commonLabels"))?;
        return Ok(specs);
    }
    if label.includes_templates {
        rules::merge(&mut specs, rules.list("templateLabels"))?;
    }
    rules::merge(&mut specs, &[own_labels()])?;
    Ok(specs)
}

/// The labels of the object itself.
pub(super) fn own_labels() -> FieldSpec {
    FieldSpec { gvk: Gvk::default(), path: "metadata/labels".to_owned(), create: true }
}

/// Sets how many replicas there are of what has a name.
pub(super) fn set_replicas(resources: &mut Resources, replicas: &Replicas, specs: &[FieldSpec]) -> Outcome<()> {
    let span: Option<Span> = replicas.span;
    let mut is_found = false;
    for spec in specs {
        let found =
            resources.positions(|known| known.any_id(|id| id.name == replicas.name && id.gvk.is_selected(&spec.gvk)));
        for at in found {
            is_found = true;
            let resource = &mut resources.0[at];
            let changed = fields::change(&resource.value, spec, (Create::Scalar, span), &mut |present| {
                set_scalar(present, New { value: replicas.count.into(), span })
            });
            resource.change(changed)?;
        }
    }
    if is_found {
        return Ok(());
    }
    Err(format!("resource with name {} does not match a kind that has replicas", replicas.name))
}
