//! Anchors of `patchStrategicMerge`, resolved against the resource, so that a plain patch is left
//! (Kyverno, `pkg/engine/mutate/patch/strategicPreprocessing.go`).
//!
//! `(key)` and `<(key)` say which parts are merged, `+(key)` adds what is not there. Elements of lists with anchors become
//! one element for each of the resource that they fit, found again by its name. The order of the steps shows in the result
//! and is therefore Kyverno's.

use probity_model::Value;

use super::tree::Tree;
use crate::anchor::Anchor;
use crate::pattern::Pattern;

/// Deepest nesting of a patch.
const MAX_DEPTH: usize = 256;

/// Why a patch is not merged.
enum Unmet {
    /// A condition of the part does not hold.
    Condition,
    /// A condition of the whole does not hold.
    Global,
    /// Patch and resource do not go together.
    Failed(String),
}

/// The patch for a resource; an empty one when its conditions do not hold.
///
/// # Errors
/// When the patch has a list of objects where the resource has something else, or is nested too deeply.
pub(super) fn resolve(overlay: &Value, resource: &Value) -> Result<Value, String> {
    if !has_anchors_or_emptiness(overlay) {
        return Ok(overlay.clone());
    }
    let mut pattern = Tree::of(overlay);
    match walk(&mut pattern, Some(resource), 0) {
        Ok(()) => {}
        Err(Unmet::Condition | Unmet::Global) => return Ok(Value::object::<&str>([])),
        Err(Unmet::Failed(message)) => return Err(format!("failed to preProcess rule: {message}")),
    }
    for key in pattern.keys() {
        let is_condition = Anchor::parse(&key).is_some_and(|(anchor, _)| decides(anchor));
        if pattern.field_mut(&key).is_some_and(|field| delete_anchors(field, is_condition)) {
            pattern.remove(&key);
        }
    }
    Ok(pattern.into_value())
}

/// Whether anything in the patch is changed by resolving it: anchors, and empty objects, which are taken out.
fn has_anchors_or_emptiness(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            let is_changed = |(key, value): (&probity_model::Key, &Value)| {
                key.as_str().ends_with(')') || has_anchors_or_emptiness(value)
            };
            object.is_empty() || object.iter().any(is_changed)
        }
        Value::Array(array) => array.iter().any(has_anchors_or_emptiness),
        Value::String(text) => text.ends_with(')'),
        _ => false,
    }
}

fn decides(anchor: Anchor) -> bool {
    matches!(anchor, Anchor::Condition | Anchor::Global)
}

fn is_resolved(anchor: Anchor) -> bool {
    decides(anchor) || anchor == Anchor::AddIfNotPresent
}

fn walk(pattern: &mut Tree, resource: Option<&Value>, depth: usize) -> Result<(), Unmet> {
    if depth > MAX_DEPTH {
        return Err(Unmet::Failed(format!("the patch is nested deeper than {MAX_DEPTH} levels")));
    }
    match pattern {
        Tree::Map(_) => walk_map(pattern, resource, depth),
        Tree::List(elements) if matches!(elements.first(), Some(Tree::Map(_))) => walk_list(elements, resource, depth),
        _ => Ok(()),
    }
}

fn walk_map(pattern: &mut Tree, resource: Option<&Value>, depth: usize) -> Result<(), Unmet> {
    add_if_not_present(pattern, resource);
    conditions(pattern, resource, |anchor| anchor == Anchor::Global).map_err(|()| Unmet::Global)?;
    conditions(pattern, resource, |anchor| anchor == Anchor::Condition).map_err(|()| Unmet::Condition)?;
    for key in pattern.keys() {
        if Anchor::parse(&key).is_some_and(|(anchor, _)| is_resolved(anchor)) {
            continue;
        }
        let value = resource.and_then(|resource| resource.get(&key));
        if let Some(field) = pattern.field_mut(&key) {
            walk(field, value, depth + 1)?;
        }
    }
    Ok(())
}

/// Takes out what is there already, and the anchors around the rest. Gives how many there were.
fn add_if_not_present(pattern: &mut Tree, resource: Option<&Value>) -> usize {
    let anchors = pattern.anchors(|anchor| anchor == Anchor::AddIfNotPresent);
    for (key, field) in &anchors {
        if resource.is_some_and(|resource| resource.get(field).is_some()) {
            pattern.remove(key);
        } else {
            pattern.rename(key, field);
        }
    }
    anchors.len()
}

fn conditions(pattern: &mut Tree, resource: Option<&Value>, is_asked: fn(Anchor) -> bool) -> Result<(), ()> {
    for (key, field) in pattern.anchors(is_asked) {
        let value = resource.and_then(|resource| resource.get(&field)).ok_or(())?;
        let Some(condition) = pattern.field_mut(&key) else { continue };
        if matches!(condition, Tree::Map(_)) && add_if_not_present(condition, Some(value)) > 0 {
            continue;
        }
        Pattern::matches_constant(&comparable(condition.clone().into_value()), &comparable(value.clone()))
            .map_err(|_| ())?;
    }
    Ok(())
}

/// A scalar as the text it is in YAML: conditions compare texts.
fn comparable(value: Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(truth) => truth.to_string().into(),
        Value::Number(number) => number.to_string().into(),
        other => other,
    }
}

fn walk_list(pattern: &mut Vec<Tree>, resource: Option<&Value>, depth: usize) -> Result<(), Unmet> {
    let elements = match resource {
        None | Some(Value::Null) => &[],
        Some(Value::Array(array)) => array.as_slice(),
        Some(other) => {
            return Err(Unmet::Failed(format!("wrong node kind: expected a list but was a {}", other.kind())));
        }
    };
    for at in 0..pattern.len() {
        if !has_anchors(&pattern[at], is_resolved) {
            continue;
        }
        let is_global = has_anchors(&pattern[at], |anchor| anchor == Anchor::Global);
        let mut copy = pattern[at].clone();
        let (mut holds, mut failed) = (false, false);
        for element in elements {
            match walk(&mut copy, Some(element), depth + 1) {
                Ok(()) if is_global => holds = true,
                Ok(()) => pattern.extend(named(&copy, element)),
                Err(Unmet::Condition) => {}
                Err(Unmet::Global) => failed = true,
                Err(error) => return Err(error),
            }
        }
        if resource.is_none() {
            match walk(&mut copy, None, depth + 1) {
                Ok(()) => holds |= is_global,
                Err(Unmet::Condition) => continue,
                Err(error) => return Err(error),
            }
        }
        if failed && !holds {
            return Err(Unmet::Global);
        }
    }
    Ok(())
}

/// What is merged into an element of the resource, found again by its name; nothing when it has none.
fn named(pattern: &Tree, element: &Value) -> Option<Tree> {
    let name = element.get("name").filter(|name| !name.is_null())?;
    let mut patch = pattern.clone();
    if delete_anchors(&mut patch, true) {
        return None;
    }
    patch.set("name", name.clone());
    Some(patch)
}

fn has_anchors(tree: &Tree, is_wanted: fn(Anchor) -> bool) -> bool {
    match tree {
        Tree::Map(fields) => fields.iter().any(|(key, field)| {
            Anchor::parse(key).is_some_and(|(anchor, _)| is_wanted(anchor)) || has_anchors(field, is_wanted)
        }),
        Tree::List(elements) => elements.iter().any(|element| has_anchors(element, is_wanted)),
        Tree::Leaf(Value::String(text)) => Anchor::parse(text).is_some_and(|(anchor, _)| decides(anchor)),
        Tree::Leaf(_) => false,
    }
}

/// Takes out what only asks. Whether nothing is left, so that it is to be taken out itself: else the patch would take
/// something away from the resource.
fn delete_anchors(tree: &mut Tree, is_asked: bool) -> bool {
    match tree {
        Tree::Map(_) => delete_anchors_in_map(tree),
        Tree::List(elements) => delete_anchors_in_list(elements),
        Tree::Leaf(_) => is_asked,
    }
}

fn delete_anchors_in_map(map: &mut Tree) -> bool {
    let mut has_more = false;
    for (key, _) in map.anchors(decides) {
        if map.field_mut(&key).is_some_and(|field| delete_anchors(field, true)) {
            map.remove(&key);
        } else {
            has_more = true;
        }
    }
    if has_more {
        for (key, field) in map.anchors(decides) {
            map.rename(&key, &field);
        }
    }
    let mut is_empty = true;
    for key in map.keys() {
        if map.field_mut(&key).is_some_and(|field| delete_anchors(field, false)) {
            map.remove(&key);
        } else {
            is_empty = false;
        }
    }
    is_empty
}

fn delete_anchors_in_list(list: &mut Vec<Tree>) -> bool {
    // As in Kyverno, an element is taken out at the place it had before others were.
    let mut kept: Vec<usize> = (0..list.len()).collect();
    for (at, element) in list.iter_mut().enumerate() {
        let is_deleted = has_anchors(element, is_resolved) || delete_anchors(element, false);
        if is_deleted && at < kept.len() {
            kept.remove(at);
        }
    }
    let was_empty = list.is_empty();
    let mut position = 0..;
    list.retain(|_| position.next().is_some_and(|at| kept.contains(&at)));
    list.is_empty() && !was_empty
}
