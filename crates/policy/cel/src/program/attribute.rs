//! What is taken out of values: fields, keys, elements.

use probity_model::Value as Model;

use super::frame::Frame;
use super::node::{Field, Root};
use crate::value::Map;
use crate::{Error, Value};

/// A variable and the fields below it. In a document the way is walked by reference.
pub(super) fn path(frame: &mut Frame<'_>, root: &Root, fields: &[Field], cost: u64) -> Result<Value, Error> {
    frame.charge(cost)?;
    match root {
        Root::Local(depth) => {
            let value = frame.locals.get(*depth).ok_or(Error::NoSuchOverload)?;
            walk(value, fields)
        }
        Root::Variable(name) => match frame.bindings.variable(name) {
            Some(value) => walk(&value?, fields),
            None => Err(Error::NoSuchAttribute(name.clone())),
        },
        Root::Lazy(variable, field) => match frame.bindings.field(variable, field) {
            Some(value) => walk(&value?, fields),
            None => Err(Error::NoSuchKey(field.clone())),
        },
    }
}

/// `has(variable.fields.last)`: in a document nothing is taken out, only looked at.
pub(super) fn has_path(frame: &mut Frame<'_>, root: &Root, fields: &[Field], last: &Field) -> Result<bool, Error> {
    frame.charge(1 + fields.len() as u64)?;
    match root {
        Root::Local(depth) => {
            let value = frame.locals.get(*depth).ok_or(Error::NoSuchOverload)?;
            has_below(value, fields, last)
        }
        Root::Variable(name) => match frame.bindings.variable(name) {
            Some(value) => has_below(&value?, fields, last),
            None => Err(Error::NoSuchAttribute(name.clone())),
        },
        Root::Lazy(variable, field) => match frame.bindings.field(variable, field) {
            Some(value) => has_below(&value?, fields, last),
            None => Err(Error::NoSuchKey(field.clone())),
        },
    }
}

fn has_below(value: &Value, fields: &[Field], last: &Field) -> Result<bool, Error> {
    let Some(mut object) = value.as_map().and_then(Map::as_tree) else { return has(&walk(value, fields)?, last) };
    for (index, field) in fields.iter().enumerate() {
        match object.get_key(&field.key) {
            Some(Model::Object(inner)) => object = inner,
            Some(other) => return has(&walk(&known(Value::from(other))?, &fields[index + 1..])?, last),
            None => return Err(Error::NoSuchKey(field.name.clone())),
        }
    }
    Ok(object.get_key(&last.key).is_some())
}

fn walk(value: &Value, fields: &[Field]) -> Result<Value, Error> {
    match (value, fields) {
        (Value::Map(map), [first, rest @ ..]) if map.as_tree().is_some() => walk_tree(map, first, rest),
        (_, [first, rest @ ..]) => walk(&select(value, first)?, rest),
        (value, []) => known(value.clone()),
    }
}

fn walk_tree(map: &Map, first: &Field, rest: &[Field]) -> Result<Value, Error> {
    let missing = |field: &Field| Error::NoSuchKey(field.name.clone());
    let object = map.as_tree().ok_or(Error::NoSuchOverload)?;
    let mut current = object.get_key(&first.key).ok_or_else(|| missing(first))?;
    for (index, field) in rest.iter().enumerate() {
        match current {
            Model::Object(object) => current = object.get_key(&field.key).ok_or_else(|| missing(field))?,
            other => return walk(&known(Value::from(other))?, &rest[index..]),
        }
    }
    known(Value::from(current))
}

/// The value, unless it cannot be known.
fn known(value: Value) -> Result<Value, Error> {
    match value {
        Value::Unknown(what) => Err(Error::Unknown(what)),
        value => Ok(value),
    }
}

/// `operand.field`
pub(super) fn select(operand: &Value, field: &Field) -> Result<Value, Error> {
    match operand {
        Value::Optional(_) => optional_select(operand, field),
        other => find(other, field)?.ok_or_else(|| Error::NoSuchKey(field.name.clone())),
    }
}

/// The field's value; none when there is no such field.
fn find(operand: &Value, field: &Field) -> Result<Option<Value>, Error> {
    match operand {
        Value::Map(map) => map.get_field(&field.name, &field.key).map(known).transpose(),
        Value::Opaque(value) => value.field(&field.name).transpose(),
        Value::List(_) => Err(Error::new("unsupported index type 'string' in list")),
        Value::Unknown(what) => Err(Error::Unknown(what.clone())),
        _ => Ok(None),
    }
}

/// `operand.?field`
pub(super) fn optional_select(operand: &Value, field: &Field) -> Result<Value, Error> {
    match operand {
        Value::Optional(None) => Ok(Value::none()),
        Value::Optional(Some(inner)) => optional_select(inner, field),
        Value::Opaque(value) if !value.has(&field.name) => Ok(Value::none()),
        other => Ok(find(other, field)?.map_or_else(Value::none, Value::some)),
    }
}

/// `has(operand.field)`
pub(super) fn has(operand: &Value, field: &Field) -> Result<bool, Error> {
    match operand {
        Value::Optional(Some(inner)) => has(inner, field),
        // A field that cannot be known is there.
        Value::Map(map) => Ok(map.get_field(&field.name, &field.key).is_some()),
        Value::Opaque(value) => Ok(value.has(&field.name)),
        Value::List(_) => Err(Error::new("unsupported index type 'string' in list")),
        Value::Unknown(what) => Err(Error::Unknown(what.clone())),
        _ => Ok(false),
    }
}

/// `operand[index]`
pub(super) fn index(operand: &Value, index: &Value) -> Result<Value, Error> {
    use Value::{Bool, Double, Int, String, Uint};
    if !matches!(index, Bool(_) | Int(_) | Uint(_) | Double(_) | String(_)) {
        return Err(Error::Other(format!("invalid qualifier type: {}", index.type_name()).into()));
    }
    match operand {
        Value::Optional(_) => optional_index(operand, index),
        Value::List(list) => {
            let position = position(index)?;
            let element = usize::try_from(position).ok().and_then(|position| list.get(position));
            known(element.ok_or(Error::IndexOutOfBounds(position))?)
        }
        Value::Map(map) => known(map.get(index).ok_or_else(|| Error::NoSuchKey(shown(index).into()))?),
        Value::Opaque(_) => match index {
            Value::String(name) => select(operand, &Field::new(name)),
            other => Err(Error::NoSuchKey(shown(other).into())),
        },
        Value::Unknown(what) => Err(Error::Unknown(what.clone())),
        _ => Err(Error::NoSuchKey(shown(index).into())),
    }
}

/// `operand[?index]`
pub(super) fn optional_index(operand: &Value, at: &Value) -> Result<Value, Error> {
    match operand {
        Value::Optional(None) => Ok(Value::none()),
        Value::Optional(Some(inner)) => optional_index(inner, at),
        other => match index(other, at) {
            Ok(value) => Ok(Value::some(value)),
            Err(Error::NoSuchKey(_) | Error::IndexOutOfBounds(_)) => Ok(Value::none()),
            Err(error) => Err(error),
        },
    }
}

fn position(index: &Value) -> Result<i64, Error> {
    let invalid = || Error::Other(format!("unsupported index type '{}' in list", index.type_name()).into());
    match index {
        Value::Int(int) => Ok(*int),
        Value::Uint(uint) => i64::try_from(*uint).map_err(|_| invalid()),
        #[expect(clippy::cast_possible_truncation, reason = "only whole numbers in range are converted")]
        Value::Double(double) if double.fract() == 0.0 && double.abs() < 9.0e15 => Ok(*double as i64),
        Value::Double(double) => Err(Error::Other(format!("unsupported index value {double} in list").into())),
        _ => Err(invalid()),
    }
}

fn shown(key: &Value) -> String {
    match key {
        Value::String(text) => text.to_string(),
        Value::Uint(uint) => uint.to_string(),
        other => format!("{other:?}"),
    }
}
