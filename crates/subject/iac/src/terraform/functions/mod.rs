//! Terraform's functions (its documentation, "Built-in Functions"). Those that only apply can answer make their result
//! unknown, and so does one that is not known.

mod collections;
mod encodings;
mod files;
mod format;
mod hashes;
mod network;
mod numbers;
mod regex;
mod sets;
mod strings;
#[cfg(test)]
mod tests;
mod time;

use probity_model::Value;

use crate::terraform::budget::{MAX_ELEMENTS, MAX_STRING};
use crate::terraform::eval::{EvalError, Evaluated, Evaluator, error, to_number};
use crate::terraform::types::Type;

/// Calls a function. Unknown arguments give an unknown result, but for functions that keep what is known.
pub(super) fn call(name: &str, arguments: &[Value], evaluator: &mut Evaluator<'_, '_>) -> Evaluated {
    if let Some(result) =
        collections::of_partly_known(name, arguments).or_else(|| encodings::json_text(name, arguments))
    {
        return result;
    }
    if let Some(unknown) = arguments.iter().find(|argument| matches!(argument, Value::Unknown(_))) {
        return Ok(unknown.clone());
    }
    if let ("templatestring", [Value::String(template), variables]) = (name, arguments) {
        return evaluator.render(template, variables);
    }
    let result = strings::call(name, arguments)
        .or_else(|| format::call(name, arguments))
        .or_else(|| numbers::call(name, arguments))
        .or_else(|| collections::call(name, arguments))
        .or_else(|| sets::call(name, arguments))
        .or_else(|| encodings::call(name, arguments))
        .or_else(|| conversions(name, arguments))
        .or_else(|| regex::call(name, arguments))
        .or_else(|| hashes::call(name, arguments))
        .or_else(|| network::call(name, arguments))
        .or_else(|| time::call(name, arguments))
        .or_else(|| files::call(name, arguments, evaluator));
    // What takes null has answered by now.
    match result {
        Some(result) => result,
        None if arguments.iter().any(Value::is_null) => error(format!("an argument of {name}() is null")),
        None => Ok(Value::Unknown(format!("{name}()").into())),
    }
}

fn within_elements(count: usize) -> Result<(), EvalError> {
    if count > MAX_ELEMENTS { error(format!("makes more than {MAX_ELEMENTS} elements")) } else { Ok(()) }
}

fn within_string(bytes: usize) -> Result<(), EvalError> {
    if bytes > MAX_STRING { error("a string grows over its bound") } else { Ok(()) }
}

/// The elements of a list, a tuple or a set.
fn list(value: &Value) -> Result<Vec<Value>, EvalError> {
    match value {
        Value::Array(list) => Ok(list.iter().cloned().collect()),
        Value::Set(set) => Ok(set.iter().cloned().collect()),
        other => error(format!("expected a list, found a {}", other.kind())),
    }
}

fn int(value: &Value) -> Result<i64, EvalError> {
    to_number(value)?.as_i64().ok_or_else(|| EvalError("expected a whole number".to_owned()))
}

fn count(length: usize) -> Value {
    i64::try_from(length).unwrap_or(i64::MAX).into()
}

fn conversions(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    let [value] = arguments else { return None };
    let wanted = match name {
        "tostring" => Type::String,
        "tonumber" => Type::Number,
        "tobool" => Type::Bool,
        "tolist" => Type::List(Box::new(Type::Any)),
        "toset" => Type::Set(Box::new(Type::Any)),
        "tomap" => Type::Map(Box::new(Type::Any)),
        _ => return None,
    };
    Some(wanted.convert(value))
}
