//! Values as a plan writes them: in JSON, and as the same shape with `true` where something is not known or is sensitive.

use probity_model::value::{Array, Object};
use probity_model::{Key, Span, Value};

/// Whether nothing in a value is unknown.
pub(super) fn is_known(value: &Value) -> bool {
    match value {
        Value::Unknown(_) => false,
        Value::Array(list) => list.iter().all(is_known),
        Value::Set(set) => set.iter().all(is_known),
        Value::Object(object) => object.iter().all(|(_, inner)| is_known(inner)),
        _ => true,
    }
}

fn has_set(value: &Value) -> bool {
    match value {
        Value::Set(_) => true,
        Value::Array(list) => list.iter().any(has_set),
        Value::Object(object) => object.iter().any(|(_, inner)| has_set(inner)),
        _ => false,
    }
}

/// The value with lists for sets, which JSON does not have; shared where there is none.
pub(super) fn as_json(value: &Value) -> Value {
    if has_set(value) { without_sets(value) } else { value.clone() }
}

fn without_sets(value: &Value) -> Value {
    match value {
        Value::Set(set) => Value::array(set.iter().map(without_sets)),
        Value::Array(list) => {
            let elements = list.iter_spanned().map(|(inner, span)| (without_sets(inner), span));
            Value::Array(Array::with_known_spans(elements.collect()))
        }
        Value::Object(object) => {
            let entries = object.iter_spanned().map(|(key, inner, span)| (key.clone(), without_sets(inner), span));
            Value::Object(Object::with_known_spans(entries.collect()))
        }
        other => other.clone(),
    }
}

/// The shape of `after_unknown`: `true` for what is not known; entries that are known are left out.
pub(super) fn unknown(value: &Value) -> Value {
    match value {
        Value::Unknown(_) => true.into(),
        Value::Array(list) => Value::array(list.iter().map(unknown)),
        Value::Set(set) => Value::array(set.iter().map(unknown)),
        Value::Object(object) => entries(object, |_, inner| unknown(inner)),
        _ => false.into(),
    }
}

/// The shape of `after_sensitive`: `true` for what the marks have as such. Marks that are an object are those of each element
/// of a list: of blocks of one name.
pub(super) fn sensitive(value: &Value, marks: Option<&Value>) -> Value {
    match (value, marks) {
        (_, Some(Value::Bool(true))) => true.into(),
        (Value::Array(list), Some(Value::Array(marks))) => {
            Value::array(list.iter().enumerate().map(|(index, inner)| sensitive(inner, marks.get(index))))
        }
        (Value::Array(list), marks) => Value::array(list.iter().map(|inner| sensitive(inner, marks))),
        (Value::Object(object), marks) => entries(object, |key, inner| {
            sensitive(inner, marks.and_then(Value::as_object).and_then(|marks| marks.get_key(key)))
        }),
        _ => false.into(),
    }
}

fn entries(object: &Object, shape: impl Fn(&Key, &Value) -> Value) -> Value {
    let shapes = object.iter().map(|(key, inner)| (key.clone(), shape(key, inner)));
    Value::Object(shapes.filter(|(_, shape)| *shape != Value::Bool(false)).collect())
}

/// An object of what there is.
pub(super) fn object(entries: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    Value::object(entries.into_iter().filter_map(|(key, value)| Some((key, value?))))
}

/// A list of what stands at these places.
pub(super) fn list(elements: Vec<(Value, Span)>) -> Value {
    let (elements, spans) = elements.into_iter().unzip();
    Value::Array(Array::with_spans(elements, spans))
}
