//! What rules answer with, as it is built up by `Allowed()`, `Denied()` and what is called on them.

use probity_policy_cel::value::{List, Struct};
use probity_policy_cel::{Error, Type, Value};

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is let through.
    Allowed,
    /// It is refused: by a server with a reason, by Envoy with a status.
    Denied(Refusal),
}

/// How a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    Reason(String),
    Status(i64),
}

/// The names of the fields that tell both apart.
pub(super) const OK: &str = "ok";
pub(super) const DENIED: &str = "denied";

/// A part of an answer, whose fields may be anything.
pub(super) fn part(name: &'static str, fields: &[&'static str]) -> Type {
    Type::object(name, fields.iter().map(|field| (*field, Type::Dyn)))
}

/// A part of an answer with these fields.
pub(super) fn made<const N: usize>(name: &'static str, fields: [(&'static str, Value); N]) -> Value {
    let Value::Map(fields) = Value::map(fields) else { return Value::Null };
    Value::opaque(Struct::new(name.into(), fields))
}

/// The same part with another field.
pub(super) fn with(value: &Value, name: &'static str, field: Value) -> Result<Value, Error> {
    let Some(known) = value.downcast::<Struct>() else { return Err(Error::NoSuchOverload) };
    let others = known.fields().iter().filter(|(key, _)| key.as_str() != Some(name));
    let fields: Vec<(Value, Value)> = others.chain([(name.into(), field)]).collect();
    let type_name = probity_policy_cel::Opaque::type_name(known).into();
    Ok(Value::opaque(Struct::new(type_name, probity_policy_cel::value::Map::from_entries(fields)?)))
}

/// The same part with one more element in a list.
pub(super) fn with_one(value: &Value, name: &'static str, element: Value) -> Result<Value, Error> {
    let known = field(value, name);
    let known = known.as_ref().and_then(Value::as_list);
    with(value, name, Value::list(known.into_iter().flat_map(List::iter).chain([element])))
}

pub(super) fn field(value: &Value, name: &str) -> Option<Value> {
    value.downcast::<Struct>()?.fields().get_str(name)
}

impl Answer {
    /// What a rule's value answers; `None` when it leaves that to other rules.
    ///
    /// # Errors
    /// When it is no answer.
    pub(crate) fn of(value: &Value) -> Result<Option<Self>, String> {
        if *value == Value::Null {
            return Ok(None);
        }
        if field(value, OK).is_some() {
            return Ok(Some(Self::Allowed));
        }
        let denied = field(value, DENIED).ok_or_else(|| format!("a rule answers with a {}", value.type_name()))?;
        let refusal = match (field(&denied, "reason"), field(&denied, "code")) {
            (_, Some(Value::Int(code))) => Refusal::Status(code),
            (Some(Value::String(reason)), _) => Refusal::Reason(reason.to_string()),
            _ => Refusal::Reason(String::new()),
        };
        Ok(Some(Self::Denied(refusal)))
    }
}
