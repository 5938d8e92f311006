//! Documents to values and back.

use std::sync::Arc;

use probity_model::value::{Key, Number};
use probity_model::{SmolStr, Value as Model};

use super::{List, Map, MapKey, Reason, Text, Value};

/// Deepest nesting that is given back.
const MAX_DEPTH: usize = 128;

/// A value of a document. Whole numbers are integers; what is not known is undefined.
pub(crate) fn of_document(value: &Model) -> Value {
    match value {
        Model::Null => Value::Null,
        Model::Bool(truth) => Value::Bool(*truth),
        Model::Number(number) => of_number(number),
        Model::String(text) => Value::String(text.clone().into()),
        Model::Array(array) => Value::List(List::of_document(array.clone())),
        Model::Object(object) => Value::Map(Map::of_document(object.clone())),
        Model::Set(set) => Value::list(set.iter().map(of_document).collect()),
        Model::Unknown(what) => Value::undefined(Reason::Unknown(Arc::clone(what))),
    }
}

fn of_number(number: &Number) -> Value {
    match number.as_small_int().or_else(|| number.as_i64()) {
        Some(int) => Value::Int(int),
        None => Value::Float(number.as_f64()),
    }
}

/// A value as one of a document. What is undefined becomes unknown, with the reason; functions, and what is nested too
/// deeply, likewise.
pub(crate) fn to_document(value: &Value) -> Model {
    convert(value, 0)
}

fn unknown(what: impl Into<Arc<str>>) -> Model {
    Model::Unknown(what.into())
}

fn convert(value: &Value, depth: usize) -> Model {
    if depth > MAX_DEPTH {
        return unknown("nested too deeply");
    }
    match value {
        Value::Undefined(origin) => match &origin.reason {
            Reason::Unknown(what) => Model::Unknown(Arc::clone(what)),
            reason => unknown(format!("undefined: {reason}")),
        },
        Value::Null => Model::Null,
        Value::Bool(truth) => Model::Bool(*truth),
        Value::Int(int) => (*int).into(),
        Value::Float(float) => Number::from_f64(*float).map_or_else(|| unknown(float.to_string()), Model::Number),
        Value::String(text) => Model::String(SmolStr::from(text.to_str().as_ref())),
        Value::List(list) => Model::array(list.to_vec().iter().map(|element| convert(element, depth + 1))),
        Value::Map(map) => Model::Object(map.to_vec().iter().map(|(key, value)| entry(key, value, depth)).collect()),
        Value::Object(object) => convert(&object.data(), depth + 1),
        Value::Function(_) | Value::Rule(_) | Value::Import(_) => unknown(format!("a {}", value.type_name())),
    }
}

fn entry(key: &MapKey, value: &Value, depth: usize) -> (Key, Model) {
    let text: Text = key.to_text();
    (Key::new(&text.to_str()), convert(value, depth + 1))
}
