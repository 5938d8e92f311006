//! Lists that are merged by keys.
//!
//! The steps are those of `kyaml`, as their order shows in the result: an element without keys pushes out others, and keys
//! that only some elements have are filled in from elements that agree with them otherwise.

use probity_model::Span;
use probity_model::value::{Array, Key, Object, Value};

use super::{DIRECTIVE, Directive, Known, Merged, PatchError, is_same, scalar, walk as walk_value};
use crate::patch::schema::Schema;

/// An element, with its place where that is known.
#[derive(Clone)]
struct Element {
    value: Value,
    span: Option<Span>,
}

/// The values of the keys, empty where an element has none.
type KeyValues = Vec<String>;

pub(super) fn walk(
    own: Option<&Value>,
    patch: Option<&Value>,
    (keys, elements): (&[&str], Option<Schema>),
    depth: usize,
) -> Result<Option<Merged>, PatchError> {
    let same = own.zip(patch).is_some_and(|(own, patch)| is_same(own, patch));
    let own_list = own.and_then(Value::as_array).map(elements_of);
    let patch_list = patch.and_then(Value::as_array).map(elements_of);
    let (own_list, patch_list, is_own) = match (own_list, patch, patch_list) {
        (None, _, None) | (Some(_), Some(Value::Null), _) => return Ok(None),
        (None, _, Some(list)) => (list.clone(), Some(list), false),
        (Some(own), _, None) => (own, None, true),
        (Some(own), _, Some(list)) => match directive(list)? {
            (Directive::Delete, _) => return Ok(None),
            (Directive::Replace, list) => (list.clone(), Some(list), false),
            (Directive::Merge, list) if same => (list.clone(), Some(list), false),
            (Directive::Merge, list) => (own, Some(list), true),
        },
    };
    let keys: Vec<&str> = if keys.is_empty() { vec![""] } else { keys.to_vec() };
    let mut merge = ListMerge { own: own_list, patch: patch_list, is_own, elements, depth };
    let merged = merge.run(&keys)?;
    let merged = merged.into_iter().map(|element| (element.value, element.span)).collect();
    Ok(Some(Merged { value: Value::Array(Array::with_known_spans(merged)), is_own }))
}

fn elements_of(list: &Array) -> Vec<Element> {
    list.iter_spanned().map(|(value, span)| Element { value: value.clone(), span }).collect()
}

/// The directive of a list: that of its first element that has one and nothing else.
fn directive(list: Vec<Element>) -> Result<(Directive, Vec<Element>), PatchError> {
    let mut objects = list.iter().filter_map(|element| element.value.as_object());
    let first = objects.find(|fields| fields.get(DIRECTIVE).is_some());
    let Some(value) = first.filter(|fields| fields.len() == 1).and_then(|fields| fields.get(DIRECTIVE)) else {
        return Ok((Directive::Merge, list));
    };
    let (found, text) = (Directive::read(value)?, scalar(value));
    let mut rest = list;
    set(&mut rest, None, &[DIRECTIVE], &[text])?;
    Ok((found, rest))
}

/// A list of the object and one of the patch, while they are merged.
struct ListMerge {
    own: Vec<Element>,
    patch: Option<Vec<Element>>,
    /// Whether `own` is the object's; else it is the patch's, and both are one.
    is_own: bool,
    elements: Option<Schema>,
    depth: usize,
}

impl ListMerge {
    fn run(&mut self, keys: &[&str]) -> Result<Vec<Element>, PatchError> {
        let mut all = self.key_values(keys);
        if keys.len() > 1 {
            fill_in(&mut all);
        }
        let mut merged: Vec<Element> = Vec::new();
        let mut used: Vec<&str> = Vec::new();
        for values in &all {
            let (valid, values) = valid_keys(&all, values, keys);
            self.element(&valid, &values, &mut merged)?;
            used = valid;
        }
        if all.is_empty() {
            return Ok(std::mem::take(&mut self.own));
        }
        append(&mut merged, &self.own, &used)?;
        Ok(merged)
    }

    /// The values of the keys of all elements, each once; those of the patch first.
    fn key_values(&self, keys: &[&str]) -> Vec<KeyValues> {
        let of = |element: &Value| -> KeyValues {
            if keys == [""] {
                return vec![scalar(element)];
            }
            keys.iter()
                .map(|key| element.get(key).filter(|value| !is_empty(value)).map_or_else(String::new, scalar))
                .collect()
        };
        let mut all: Vec<KeyValues> = Vec::new();
        for element in self.patch.iter().flatten().chain(&self.own) {
            let values = of(&element.value);
            if !all.contains(&values) {
                all.push(values);
            }
        }
        all
    }

    fn element(&mut self, keys: &[&str], values: &[String], merged: &mut Vec<Element>) -> Result<(), PatchError> {
        let (lookup_keys, lookup) = valid_keys(&[values.to_vec()], values, keys);
        let own_at = position(&self.own, &lookup_keys, &lookup);
        let patch_list = if self.is_own { self.patch.as_deref() } else { Some(&self.own[..]) };
        let patch_at = patch_list.and_then(|list| position(list, &lookup_keys, &lookup).map(|at| &list[at]));
        let patch_at = patch_at.filter(|_| self.patch.is_some());
        let own = own_at.map(|at| &self.own[at]);
        let spans = [own, patch_at].map(|element| element.and_then(|element| element.span));
        let [own_value, patch_value] = [own, patch_at].map(|element| element.map(|element| &element.value));
        let found = walk_value(own_value, patch_value, self.elements.map(Known::Object), self.depth + 1)?;
        let Some(found) = found.filter(|found| !is_nothing(&found.value)) else {
            return set(&mut self.own, None, keys, values);
        };
        let span = if found.is_own { spans[0].or(spans[1]) } else { spans[1].or(spans[0]) };
        let element = Element { value: with_keys(found.value, keys, values), span };
        if let Some(at) = own_at.filter(|_| found.is_own || !self.is_own) {
            self.own[at] = element.clone();
        }
        set(merged, Some(element), keys, values)
    }
}

/// Whether a key's value counts as none.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(object) => object.is_empty(),
        Value::Array(array) => array.is_empty(),
        _ => false,
    }
}

/// Where two elements agree in a key and contradict each other in none, each gets the keys that only the other has.
fn fill_in(all: &mut [KeyValues]) {
    for first in 0..all.len() {
        let values = all[first].clone();
        for second in 0..all.len() {
            if let Some(both) = common(&values, &all[second]) {
                all[first].clone_from(&both);
                all[second] = both;
            }
        }
    }
}

fn common(first: &[String], second: &[String]) -> Option<KeyValues> {
    let pairs = || first.iter().zip(second);
    let contradicts = pairs().any(|(a, b)| a != b && !a.is_empty() && !b.is_empty());
    let agrees = pairs().any(|(a, b)| a == b);
    (agrees && !contradicts).then(|| pairs().map(|(a, b)| if a.is_empty() { b } else { a }).cloned().collect())
}

/// The keys that any element has, and the values of these; all keys when none has any.
fn valid_keys<'k>(all: &[KeyValues], values: &[String], keys: &[&'k str]) -> (Vec<&'k str>, Vec<String>) {
    let is_valid = |at: usize| all.iter().any(|values| values.get(at).is_some_and(|value| !value.is_empty()));
    if !(0..keys.len()).any(is_valid) {
        return (keys.to_vec(), values.to_vec());
    }
    let valid: Vec<usize> = (0..keys.len()).filter(|at| is_valid(*at)).collect();
    let kept = values.iter().enumerate().filter(|(at, value)| !value.is_empty() || is_valid(*at));
    (valid.into_iter().map(|at| keys[at]).collect(), kept.map(|(_, value)| value.clone()).collect())
}

/// The position of the first element with these values of the keys.
fn position(list: &[Element], keys: &[&str], values: &[String]) -> Option<usize> {
    if keys[0].is_empty() {
        return list.iter().position(|element| scalar(&element.value) == values[0]);
    }
    list.iter().position(|element| {
        let Value::Object(fields) = &element.value else { return false };
        keys.iter().zip(values).all(|(key, wanted)| fields.get(key).is_some_and(|value| scalar(value) == *wanted))
    })
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Object::is_empty)
}

/// Puts an element in place of those that have these values of the keys, or at the end; without one takes these away.
/// Nulls and empty elements are taken away as well.
fn set(list: &mut Vec<Element>, element: Option<Element>, keys: &[&str], values: &[String]) -> Result<(), PatchError> {
    let means_mappings = !keys[0].is_empty() && values.first().is_some_and(|value| !value.is_empty());
    let mut kept = Vec::with_capacity(list.len() + 1);
    let mut is_set = false;
    for present in list.drain(..) {
        if is_nothing(&present.value) {
            continue;
        }
        if means_mappings && !matches!(present.value, Value::Object(_)) {
            kept.push(present);
        } else if has(&present.value, keys, values)? {
            is_set = true;
            kept.extend(element.clone());
        } else if !values.is_empty() {
            kept.push(present);
        }
    }
    kept.extend(element.filter(|element| !is_set && !element.value.is_null()));
    *list = kept;
    Ok(())
}

/// Whether an element has these values of the keys; a key without a value is only to be there.
fn has(element: &Value, keys: &[&str], values: &[String]) -> Result<bool, PatchError> {
    let mut found = false;
    for (at, key) in keys.iter().enumerate() {
        // Keys beyond the values are as the one before them.
        if let Some(wanted) = values.get(at) {
            found = match element {
                Value::Object(fields) if !key.is_empty() => {
                    fields.get(key).is_some_and(|value| wanted.is_empty() || scalar(value) == *wanted)
                }
                Value::Object(_) | Value::Array(_) => {
                    return Err(PatchError::Kinds { path: String::new(), object: element.kind(), patch: "string" });
                }
                scalar_value if key.is_empty() => scalar(scalar_value) == *wanted,
                other => return Err(PatchError::Kinds { path: String::new(), object: other.kind(), patch: "object" }),
            };
        }
        if !found {
            return Ok(false);
        }
    }
    Ok(found)
}

/// The element with those keys that it lacks.
fn with_keys(element: Value, keys: &[&str], values: &[String]) -> Value {
    let Value::Object(fields) = &element else { return element };
    let lacking = keys.iter().zip(values).filter(|(key, value)| fields.get(key).is_none() && !value.is_empty());
    let lacking: Vec<(Key, Value)> = lacking.map(|(key, value)| (Key::new(key), plain(value))).collect();
    if lacking.is_empty() {
        return element;
    }
    let present = fields.iter_spanned().map(|(key, value, span)| (key.clone(), value.clone(), span));
    let lacking = lacking.into_iter().map(|(key, value)| (key, value, None));
    Value::Object(Object::with_known_spans(present.chain(lacking).collect()))
}

/// What a text without quotes means in YAML.
fn plain(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
    }
}

/// Appends elements, in place of those with the same keys.
fn append(merged: &mut Vec<Element>, elements: &[Element], keys: &[&str]) -> Result<(), PatchError> {
    for element in elements {
        if keys[0].is_empty() {
            set(merged, Some(element.clone()), &[""], &[scalar(&element.value)])?;
            continue;
        }
        let mut values = Vec::new();
        for key in keys {
            match element.value.get(key).filter(|value| !value.is_null()) {
                Some(value) => values.push(scalar(value)),
                None => merged.push(element.clone()),
            }
        }
        if keys.len() > 1 {
            set(merged, None, keys, &values)?;
        }
        set(merged, Some(element.clone()), keys, &values)?;
    }
    Ok(())
}
