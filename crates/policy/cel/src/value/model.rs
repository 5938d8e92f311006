//! Between values of documents and values of CEL, as Kubernetes does between JSON and CEL.

use base64::Engine as _;
use probity_model::Value as Model;
use probity_model::value::{Key, Number};

use super::{MAX_PARTS, Map, Value};
use crate::Error;

impl From<&Model> for Value {
    /// A part of a document as CEL sees it: numbers written as whole numbers are `int` as far as they fit, all others
    /// `double`. Lists and objects stay as they are.
    fn from(value: &Model) -> Self {
        match value {
            Model::Null => Self::Null,
            Model::Bool(truth) => Self::Bool(*truth),
            Model::Number(number) => match number.as_small_int() {
                Some(int) => Self::Int(int),
                None => Self::Double(number.as_f64()),
            },
            Model::String(text) => Self::String(text.clone()),
            Model::Array(array) => Self::List(array.clone().into()),
            Model::Object(object) => Self::Map(object.clone().into()),
            Model::Set(set) => Self::List(set.iter().map(Self::from).collect()),
            Model::Unknown(what) => Self::Unknown(what.clone()),
        }
    }
}

impl From<Model> for Value {
    fn from(value: Model) -> Self {
        Self::from(&value)
    }
}

impl Value {
    /// The value as it goes into a document: bytes in base64, times and durations as texts, an absent optional as
    /// `null`.
    ///
    /// # Errors
    /// When JSON has no form of it: an infinity, a type, an object of a library; or when it has too many parts.
    pub fn to_model(&self) -> Result<Model, Error> {
        let mut parts = MAX_PARTS;
        write(self, &mut parts)
    }
}

fn write(value: &Value, parts: &mut u64) -> Result<Model, Error> {
    *parts = parts.checked_sub(1).ok_or(Error::new("value is too large"))?;
    let unsupported = || Error::Other(format!("type conversion error from '{}' to JSON", value.type_name()).into());
    Ok(match value {
        Value::Null | Value::Optional(None) => Model::Null,
        Value::Bool(truth) => Model::Bool(*truth),
        Value::Int(int) => Model::from(*int),
        Value::Uint(uint) => Model::Number(uint.to_string().parse().map_err(|_| unsupported())?),
        Value::Double(double) => Model::Number(Number::from_f64(*double).ok_or_else(unsupported)?),
        Value::String(text) => Model::String(text.clone()),
        Value::Bytes(bytes) => Model::from(base64::engine::general_purpose::STANDARD.encode(bytes)),
        Value::List(list) => match list.as_tree() {
            Some(array) => Model::Array(array.clone()),
            None => Model::Array(list.iter().map(|element| write(&element, parts)).collect::<Result<_, _>>()?),
        },
        Value::Map(map) => write_map(map, parts)?,
        Value::Timestamp(time) => Model::from(time.to_string()),
        Value::Duration(duration) => Model::from(duration.to_string()),
        Value::Optional(Some(value)) => write(value, parts)?,
        Value::Opaque(value) => value.to_model().ok_or_else(unsupported)?,
        Value::Type(_) => return Err(unsupported()),
        Value::Unknown(what) => Model::Unknown(what.clone()),
    })
}

fn write_map(map: &Map, parts: &mut u64) -> Result<Model, Error> {
    if let Some(object) = map.as_tree() {
        return Ok(Model::Object(object.clone()));
    }
    let entries = map.iter().map(|(key, value)| {
        let key = match key {
            Value::String(text) => Key::new(&text),
            Value::Int(int) => Key::new(&int.to_string()),
            Value::Uint(uint) => Key::new(&uint.to_string()),
            other => Key::new(&format!("{other:?}")),
        };
        Ok((key, write(&value, parts)?))
    });
    Ok(Model::Object(entries.collect::<Result<_, Error>>()?))
}
