//! The strategic merge of kustomize (`merge2` of its library `kyaml`), which is what Kyverno's `patchStrategicMerge` does.
//!
//! It differs from the API server's: lists of native types are merged by all of their keys, elements of the patch come
//! first, nulls remove, and the only directive is `$patch`. Lists of types that it does not know are replaced.

mod list;

use probity_model::Span;
use probity_model::value::{Key, Object, Value};

use super::PatchError;
use super::schema::{Edition, FieldSchema, Schema};

/// Deepest nesting that is merged.
const MAX_DEPTH: usize = 256;

/// The field, or the field of an element, that says what is done with the object's value.
const DIRECTIVE: &str = "$patch";

/// Merges a patch into an object. Nothing is left when the patch deletes it.
///
/// # Errors
/// When both have different kinds of values in one place, or a directive is unknown.
pub fn merge(object: &Value, patch: &Value) -> Result<Option<Value>, PatchError> {
    Ok(walk(Some(object), Some(patch), None, 0)?.map(|merged| merged.value))
}

/// What came of merging in one place.
struct Merged {
    value: Value,
    /// Whether it is the object's own value, changed, rather than the patch's.
    is_own: bool,
}

impl Merged {
    fn own(value: Value) -> Self {
        Self { value, is_own: true }
    }
}

/// What is done with the object's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

impl Directive {
    fn read(value: &Value) -> Result<Self, PatchError> {
        match scalar(value).as_str() {
            "merge" => Ok(Self::Merge),
            "replace" => Ok(Self::Replace),
            "delete" => Ok(Self::Delete),
            other => Err(PatchError::Directive(other.to_owned())),
        }
    }

    /// The directive of a mapping, and the mapping without it.
    fn of_mapping(patch: &Value) -> Result<(Self, Value), PatchError> {
        let Value::Object(fields) = patch else { return Ok((Self::Merge, patch.clone())) };
        match fields.get(DIRECTIVE) {
            Some(value) => Ok((Self::read(value)?, Value::Object(without(fields, DIRECTIVE)))),
            None => Ok((Self::Merge, patch.clone())),
        }
    }
}

fn without(object: &Object, name: &str) -> Object {
    let others = object.iter_spanned().filter(|(key, ..)| key.as_str() != name);
    Object::with_known_spans(others.map(|(key, value, span)| (key.clone(), value.clone(), span)).collect())
}

/// What is known of a place: the type of a mapping, or the field that a list is.
#[derive(Clone, Copy)]
enum Known {
    Object(Schema),
    Field(FieldSchema),
}

impl Known {
    fn object(self) -> Option<Schema> {
        match self {
            Self::Object(schema) => Some(schema),
            Self::Field(field) => field.inner(),
        }
    }

    fn merge_keys(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Object(_) => None,
            Self::Field(field) => field.merge_keys(),
        }
    }
}

/// Whether both are one value: the patch's, where the object has none.
fn is_same(own: &Value, patch: &Value) -> bool {
    std::ptr::eq(own, patch)
}

/// The text of a scalar as YAML has it; other values have none.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null => "null".to_owned(),
        _ => String::new(),
    }
}

/// Mappings, lists and scalars: the kinds of nodes that YAML has.
fn node_kind(value: &Value) -> u8 {
    match value {
        Value::Object(_) => 0,
        Value::Array(_) => 1,
        _ => 2,
    }
}

fn walk(
    own: Option<&Value>,
    patch: Option<&Value>,
    known: Option<Known>,
    depth: usize,
) -> Result<Option<Merged>, PatchError> {
    if depth > MAX_DEPTH {
        return Err(PatchError::Bounds);
    }
    let present = [own, patch].map(|value| value.filter(|value| !value.is_null()));
    let typed = || present.iter().flatten().find_map(|value| Schema::of_object(value, Edition::Kustomize));
    let known = known.or_else(|| typed().map(Known::Object));
    if let [Some(own), Some(patch)] = present
        && node_kind(own) != node_kind(patch)
    {
        return Err(PatchError::Kinds { path: String::new(), object: own.kind(), patch: patch.kind() });
    }
    match present[0].or(present[1]) {
        None | Some(Value::Object(_)) => walk_mapping(own, patch, known, depth),
        Some(Value::Array(_)) => match known.and_then(Known::merge_keys) {
            Some(keys) => list::walk(own, patch, (keys, known.and_then(Known::object)), depth),
            None => Ok(replaced(own, patch)),
        },
        Some(_) => Ok(replaced(own, patch)),
    }
}

/// The patch's value where it has one.
fn replaced(own: Option<&Value>, patch: Option<&Value>) -> Option<Merged> {
    let (value, is_own) = patch.map(|patch| (patch, false)).or(own.map(|own| (own, true)))?;
    (!value.is_null()).then(|| Merged { value: value.clone(), is_own })
}

fn walk_mapping(
    own: Option<&Value>,
    patch: Option<&Value>,
    known: Option<Known>,
    depth: usize,
) -> Result<Option<Merged>, PatchError> {
    match (own.filter(|own| !own.is_null()), patch) {
        // A null that the object itself has stays.
        (None, None) => Ok(own.map(|null| Merged::own(null.clone()))),
        (None, Some(patch)) => added(patch, known, depth),
        (Some(own), None) => fields(own, None, known, depth).map(Merged::own).map(Some),
        (Some(_), Some(Value::Null)) => Ok(None),
        (Some(own), Some(patch)) => match Directive::of_mapping(patch)? {
            (Directive::Delete, _) => Ok(None),
            (Directive::Replace, rest) => added(&rest, known, depth),
            (Directive::Merge, rest) if is_same(own, patch) => added(&rest, known, depth),
            (Directive::Merge, rest) => fields(own, Some(&rest), known, depth).map(Merged::own).map(Some),
        },
    }
}

/// What only the patch has: merged with itself, which takes out its nulls and obeys its directives.
fn added(patch: &Value, known: Option<Known>, depth: usize) -> Result<Option<Merged>, PatchError> {
    if patch.is_null() {
        return Ok(None);
    }
    let rest = match Directive::of_mapping(patch) {
        Ok((Directive::Delete, _)) => return Ok(None),
        Ok((_, rest)) => rest,
        Err(_) => patch.clone(),
    };
    Ok(Some(Merged { value: fields(&rest, Some(&rest), known, depth)?, is_own: false }))
}

/// A mapping with each field merged.
fn fields(own: &Value, patch: Option<&Value>, known: Option<Known>, depth: usize) -> Result<Value, PatchError> {
    let Value::Object(present) = own else { return Ok(own.clone()) };
    let changes = patch.and_then(Value::as_object).cloned().unwrap_or_default();
    let schema = known.and_then(Known::object);
    let mut merged: Vec<(Key, Value, Option<Span>)> = Vec::with_capacity(present.len());
    let new = changes.iter().filter(|(name, _)| present.get_key(name).is_none()).map(|(name, _)| name);
    for name in present.iter().map(|(name, _)| name).chain(new) {
        let (own, change) = (present.get_key(name), changes.get_key(name));
        let known = schema.and_then(|schema| schema.field(name.as_str())).map(Known::Field);
        let place = present.span(name.as_str());
        if change.is_none() && known.is_none() {
            merged.extend(own.map(|own| (name.clone(), own.clone(), place)));
            continue;
        }
        let value = walk(own, change, known, depth + 1).map_err(|error| within(error, name.as_str()))?;
        merged.extend(value.map(|value| {
            // What the patch put there stands in the patch; what it only repeats does not.
            let span =
                if value.is_own || own == Some(&value.value) { place } else { changes.span(name.as_str()).or(place) };
            (name.clone(), value.value, span)
        }));
    }
    Ok(Value::Object(Object::with_known_spans(merged)))
}

/// The error with the field in front of its path.
fn within(error: PatchError, name: &str) -> PatchError {
    match error {
        PatchError::Kinds { path, object, patch } => {
            let path = if path.is_empty() { name.to_owned() } else { format!("{name}.{path}") };
            PatchError::Kinds { path, object, patch }
        }
        other => other,
    }
}
