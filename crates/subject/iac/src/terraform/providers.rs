//! Which provider configuration a resource has, and the tags that it gives to all resources.

use probity_model::value::Object;
use probity_model::{Key, Value};

use super::config::{Declaration, DeclarationKind};
use super::instance::Instance;
use super::syntax::{Expression, Kind, Step};
use super::untagged;

/// The document with `tags_all`, where the AWS provider is configured with `default_tags`: they and the resource's own tags, which
/// win.
pub(super) fn with_default_tags(document: Value, declaration: &Declaration, instance: &Instance<'_>) -> Value {
    if !takes_tags(&declaration.resource_type, &document) || document.get("tags_all").is_some() {
        return document;
    }
    let provider = declaration.attribute("provider").and_then(|provider| named(&provider.value));
    let (name, alias) = provider.unwrap_or(("aws", None));
    let Some(all) = default_tags(instance, name, alias) else { return document };
    let tags = match (all, document.get("tags").cloned()) {
        (Value::Object(all), None) => Value::Object(all),
        (Value::Object(all), Some(Value::Object(own))) => {
            Value::Object(all.iter().chain(own.iter()).map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        (Value::Unknown(what), _) | (_, Some(Value::Unknown(what))) => Value::Unknown(what),
        _ => return document,
    };
    with_entry(&document, "tags_all", tags)
}

/// Whether a resource is one of AWS that can be tagged: all but those known not to be, and those that have tags anyhow.
fn takes_tags(resource_type: &str, document: &Value) -> bool {
    let is_part_of_bucket = resource_type.starts_with("aws_s3_bucket_") && resource_type != "aws_s3_bucket_object";
    let is_without = is_part_of_bucket || untagged::contains(resource_type);
    resource_type.starts_with("aws_") && (!is_without || document.get("tags").is_some())
}

fn with_entry(document: &Value, name: &str, value: Value) -> Value {
    let Some(object) = document.as_object() else { return document.clone() };
    // It stands where the resource's own tags do, or else where the resource begins.
    let place = object.span("tags").or_else(|| object.iter_spanned().find_map(|(_, _, span)| span));
    let Some(place) = place else {
        let entries = object.iter().map(|(key, value)| (key.clone(), value.clone()));
        return Value::Object(entries.chain([(Key::new(name), value)]).collect());
    };
    let entries = object.iter_spanned().map(|(key, value, span)| (key.clone(), value.clone(), span.unwrap_or(place)));
    Value::Object(Object::with_spans(entries.chain([(Key::new(name), value, place)]).collect()))
}

/// A provider as it is referred to: its name, and its alias.
pub(super) fn named(expression: &Expression) -> Option<(&str, Option<&str>)> {
    match &expression.kind {
        Kind::Name(name) => Some((&**name, None)),
        Kind::Literal(Value::String(name)) => {
            Some(name.split_once('.').map_or((name.as_str(), None), |(name, alias)| (name, Some(alias))))
        }
        Kind::Traversal(from, steps) => match (&from.kind, steps.as_slice()) {
            (Kind::Name(name), [Step::Attribute(alias)]) => Some((&**name, Some(&**alias))),
            _ => None,
        },
        _ => None,
    }
}

/// The tags of a provider that is configured in this module, or in one that calls it: given under this name, or, without an
/// alias, taken over.
fn default_tags(instance: &Instance<'_>, name: &str, alias: Option<&str>) -> Option<Value> {
    if let Some(position) = instance.module.provider(name, alias) {
        let members = instance.members(position)?;
        let document = members.all().first()?.document.clone();
        let tags = document.get("default_tags")?.as_array()?.get(0)?.get("tags")?;
        return Some(tags.clone());
    }
    let call = instance.call.as_ref()?;
    debug_assert!(call.declaration.kind == DeclarationKind::Module);
    if let Some(providers) = call.declaration.attribute("providers")
        && let Kind::Object(entries) = &providers.value.kind
    {
        let given =
            entries.iter().find(|(key, _)| named(key) == Some((name, alias))).and_then(|(_, value)| named(value));
        if let Some((name, alias)) = given {
            return default_tags(&call.caller, name, alias);
        }
    }
    if alias.is_some() { None } else { default_tags(&call.caller, name, None) }
}
