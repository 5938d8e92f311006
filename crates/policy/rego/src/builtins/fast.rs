//! Functions that are called most, with operands that are looked at where they are.

use probity_model::value::{Key, Value};

use super::{Builtin, args};

/// As a function's implementation, for the usual kinds of operands; `None` says that the function itself must be called.
pub(crate) type Fast = fn(&[&Value]) -> Option<Value>;

/// How a function is called without copies of its operands, when it can be.
pub(crate) fn fast(builtin: &Builtin) -> Option<Fast> {
    Some(match builtin.name {
        "startswith" => |args| Some(text(args[0])?.starts_with(text(args[1])?).into()),
        "endswith" => |args| Some(text(args[0])?.ends_with(text(args[1])?).into()),
        "contains" => |args| Some(text(args[0])?.contains(text(args[1])?).into()),
        "trim_prefix" => |args| stripped(args[0], text(args[0])?.strip_prefix(text(args[1])?)),
        "trim_suffix" => |args| stripped(args[0], text(args[0])?.strip_suffix(text(args[1])?)),
        "count" => |args| count(args[0]),
        "is_array" => |args| Some(matches!(args[0], Value::Array(_)).into()),
        "is_boolean" => |args| Some(matches!(args[0], Value::Bool(_)).into()),
        "is_null" => |args| Some(matches!(args[0], Value::Null).into()),
        "is_number" => |args| Some(matches!(args[0], Value::Number(_)).into()),
        "is_object" => |args| Some(matches!(args[0], Value::Object(_)).into()),
        "is_set" => |args| Some(matches!(args[0], Value::Set(_)).into()),
        "is_string" => |args| Some(matches!(args[0], Value::String(_)).into()),
        "internal.member_2" => |args| Some(is_member(args[0], args[1]).into()),
        "internal.member_3" => |args| Some(entry(args[2], args[0]).is_some_and(|value| value == args[1]).into()),
        "object.get" => |args| get(args[0], args[1], args[2]),
        "plus" => |args| int(args[0])?.checked_add(int(args[1])?).map(Value::from),
        "minus" => |args| int(args[0])?.checked_sub(int(args[1])?).map(Value::from),
        "mul" => |args| int(args[0])?.checked_mul(int(args[1])?).map(Value::from),
        _ => return None,
    })
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

fn int(value: &Value) -> Option<i64> {
    value.as_number()?.as_small_int()
}

fn stripped(whole: &Value, rest: Option<&str>) -> Option<Value> {
    Some(rest.map_or_else(|| whole.clone(), Value::from))
}

fn count(value: &Value) -> Option<Value> {
    Some(args::count(match value {
        Value::Array(array) => array.len(),
        Value::Object(object) => object.len(),
        Value::Set(set) => set.len(),
        Value::String(text) => text.chars().count(),
        _ => return None,
    }))
}

fn is_member(value: &Value, container: &Value) -> bool {
    match container {
        Value::Set(set) => set.contains(value),
        Value::Array(array) => array.iter().any(|element| element == value),
        Value::Object(object) => object.iter().any(|(_, element)| element == value),
        _ => false,
    }
}

/// The entry of a container under a key.
fn entry<'v>(container: &'v Value, key: &Value) -> Option<&'v Value> {
    match container {
        Value::Object(object) => match key {
            Value::String(text) => object.get(text),
            other => object.get_key(&Key::from_value(other)),
        },
        Value::Array(array) => array.get(usize::try_from(key.as_number()?.as_i64()?).ok()?),
        Value::Set(set) => set.as_slice().binary_search(key).ok().map(|at| &set.as_slice()[at]),
        _ => None,
    }
}

fn get(object: &Value, key: &Value, otherwise: &Value) -> Option<Value> {
    object.as_object()?;
    let found = match key {
        Value::Array(path) => path.iter().try_fold(object, entry),
        key => entry(object, key),
    };
    Some(found.unwrap_or(otherwise).clone())
}
