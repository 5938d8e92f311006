//! Functions that Trivy adds for its checks: `result.new`, `isManaged`, `cidr.*`, `sh.parse_commands` and
//! `squealer.scan_string`. They are there only when [`Extensions`](crate::Extensions) has them.

mod address;
mod secrets;
mod shell;

use probity_model::value::{Key, Number, Object, Value};

use super::args::string;
use super::{Context, Failure, Outcome};

/// Parents within one another that are followed.
const MAX_PARENTS: usize = 64;

/// `result.new(msg, cause)`: the message with the place of its cause.
pub(super) fn new_result(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    string(args, 0)?;
    Ok(result(Some(&args[0]), &args[1], 0))
}

/// `isManaged(resource)`: whether the resource is made by the code that is judged.
pub(super) fn is_managed(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let result = result(None, &args[0], 0);
    Ok(result.as_object().and_then(|result| result.get("managed")).cloned().unwrap_or(Value::Bool(true)))
}

/// The fields of a result and what they are when the cause says nothing; later names of a field win.
fn result(message: Option<&Value>, cause: &Value, depth: usize) -> Value {
    let field = |value: &Value, name: &str| value.as_object().and_then(|object| object.get(name)).cloned();
    let place = field(cause, "__defsec_metadata").unwrap_or_else(|| cause.clone());
    let known =
        |names: &[&str], default: Value| names.iter().rev().find_map(|name| field(&place, name)).unwrap_or(default);
    let parent = field(&place, "parent").filter(|_| depth < MAX_PARENTS);
    let mut fields = vec![
        ("startline", known(&["startline", "StartLine"], 0.into())),
        ("endline", known(&["endline", "EndLine"], 0.into())),
        ("filepath", known(&["filepath", "Path"], "".into())),
        ("sourceprefix", known(&["sourceprefix"], "".into())),
        ("explicit", known(&["explicit"], false.into())),
        ("managed", known(&["managed"], true.into())),
        ("fskey", known(&["fskey"], "".into())),
        ("resource", known(&["resource"], "".into())),
        ("parent", parent.map_or(Value::Null, |parent| result(None, &parent, depth + 1))),
    ];
    fields.extend(message.map(|message| ("msg", message.clone())));
    Value::Object(fields.into_iter().map(|(name, value)| (Key::new(name), value)).collect::<Object>())
}

/// `cidr.count_addresses(range)`
pub(super) fn count_addresses(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let count = bigdecimal::BigDecimal::from(address::count(string(args, 0)?));
    Ok(Value::Number(Number::from(count)))
}

/// `cidr.is_public(range)`
pub(super) fn is_public(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(address::is_public(string(args, 0)?).into())
}

/// `sh.parse_commands(text)`: the words of each command.
pub(super) fn parse_commands(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let commands = shell::commands(string(args, 0)?).map_err(Failure::value)?;
    let words = |words: Vec<String>| Value::array(words.into_iter().map(Value::from));
    Ok(Value::array(commands.into_iter().map(words)))
}

/// `squealer.scan_string(text)`: whether there is something in it that looks like a secret.
pub(super) fn scan_string(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let found = secrets::find(string(args, 0)?);
    let description = found.unwrap_or_default();
    Ok(Value::object([("transgressionFound", Value::Bool(found.is_some())), ("description", description.into())]))
}
