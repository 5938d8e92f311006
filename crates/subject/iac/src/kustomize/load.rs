//! Objects out of documents.

use std::collections::VecDeque;

use probity_model::value::Value;

use super::edit::{self, Outcome};
use super::files::Document;
use super::resource::Resource;

/// The objects of documents, those of lists too.
///
/// # Errors
/// When something is no object: it lacks a kind or a name.
pub(super) fn resources(documents: &[Document]) -> Outcome<Vec<Resource>> {
    let mut queue: VecDeque<Resource> = documents.iter().filter_map(resource).collect();
    let mut found = Vec::new();
    if let [only] = documents {
        // A list that is alone is unwrapped without being looked at.
        let kind = only.value.get("kind").and_then(Value::as_str);
        if let (Some("List" | "ResourceList"), Some(resource)) = (kind, queue.front().cloned())
            && let Some(items) = items(&resource)?
        {
            queue = items.into();
        }
    }
    while let Some(resource) = queue.pop_front() {
        check(&resource)?;
        let listed = if resource.kind().ends_with("List") { items(&resource)? } else { None };
        match listed {
            Some(items) => queue.extend(items),
            None => found.push(resource),
        }
    }
    Ok(found)
}

fn resource(document: &Document) -> Option<Resource> {
    if edit::is_empty(&document.value) {
        return None;
    }
    let mut resource = Resource::new(document.value.clone(), Some(document.span));
    resource.skips.clone_from(&document.skips);
    Some(resource)
}

/// The objects of a list; nothing for what has no items.
fn items(list: &Resource) -> Outcome<Option<Vec<Resource>>> {
    match list.value.get("items") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(Vec::new())),
        Some(Value::Array(items)) => {
            let items = items.iter_spanned().filter(|(item, _)| !edit::is_empty(item));
            let items =
                items.map(|(item, span)| Resource { value: item.clone(), span: span.or(list.span), ..list.clone() });
            Ok(Some(items.collect()))
        }
        Some(other) => Err(format!("expected a list in {}/items, but found a {}", list.kind(), other.kind())),
    }
}

fn check(resource: &Resource) -> Outcome<()> {
    if resource.kind().is_empty() {
        return Err("missing kind in an object".to_owned());
    }
    if !resource.kind().ends_with("List") && resource.name().is_empty() {
        return Err(format!("missing metadata.name in an object of kind {}", resource.kind()));
    }
    Ok(())
}
