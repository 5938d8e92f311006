//! `listObjToMap`, `parseServiceAccount` and `math.round`.

use std::any::Any;

use probity_model::value::SmolStr;
use probity_policy_cel::{Builder, Error, Evaluation, Opaque, Overload, Type, Value};

use super::text;

const SERVICE_ACCOUNT: &str = "user.ServiceAccount";

/// A user's name taken apart; empty when the user is no service account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ServiceAccount {
    namespace: SmolStr,
    name: SmolStr,
}

impl ServiceAccount {
    fn of(user: &str) -> Self {
        let parts = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
        parts.map(|(namespace, name)| Self { namespace: namespace.into(), name: name.into() }).unwrap_or_default()
    }
}

impl Opaque for ServiceAccount {
    fn type_name(&self) -> &str {
        SERVICE_ACCOUNT
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>() == Some(self)
    }

    fn field(&self, name: &str) -> Option<Result<Value, Error>> {
        match name {
            "Name" => Some(Ok(self.name.clone().into())),
            "Namespace" => Some(Ok(self.namespace.clone().into())),
            _ => None,
        }
    }
}

pub(super) fn add(builder: &mut Builder) {
    let account = || Type::object(SERVICE_ACCOUNT, [("Name", Type::String), ("Namespace", Type::String)]);
    for (name, id) in [
        ("parseServiceAccount", "parse_service_account_string"),
        ("user.parseServiceAccount", "parse_service_account_string_prefixed"),
    ] {
        let run = |_: &Evaluation<'_>, args: &[Value]| Ok(Value::opaque(ServiceAccount::of(text(args, 0)?)));
        builder.function(name, Overload::global(id, vec![Type::String], account(), run));
    }
    for (name, id) in
        [("listObjToMap", "list_of_object_to_map"), ("transform.listObjToMap", "list_of_object_to_map_prefixed")]
    {
        let list = || Type::list(Type::Dyn);
        let params = vec![list(), list(), Type::String, Type::String];
        let run = |_: &Evaluation<'_>, args: &[Value]| list_to_map(args);
        builder.function(name, Overload::global(id, params, Type::map(Type::Dyn, Type::Dyn), run));
    }
    let round = |_: &Evaluation<'_>, args: &[Value]| match (&args[0], &args[1]) {
        (Value::Double(number), Value::Int(digits)) => Ok(rounded(*number, *digits).into()),
        _ => Err(Error::NoSuchOverload),
    };
    let params = vec![Type::Double, Type::Int];
    builder.function("math.round", Overload::global("math_round_float_int", params, Type::Double, round));
}

fn rounded(number: f64, digits: i64) -> f64 {
    let digits = i32::try_from(digits.clamp(-400, 400)).unwrap_or_default();
    let shift = 10_f64.powi(digits);
    (number * shift).round() / shift
}

/// A map of what one list has under a name to what another has, at the same place, under another.
fn list_to_map(args: &[Value]) -> Result<Value, Error> {
    let [keys, values, key_name, value_name] = args else { return Err(Error::NoSuchOverload) };
    let (keys, values) = (list(keys)?, list(values)?);
    if keys.len() != values.len() {
        let message = format!("lists of equal length are needed. list1: {}, list2: {}", keys.len(), values.len());
        return Err(Error::new(message));
    }
    let (key_name, value_name) = (name(key_name)?, name(value_name)?);
    let mut entries: Vec<(SmolStr, Value)> = Vec::with_capacity(keys.len());
    for (key, value) in keys.iter().zip(values.iter()) {
        let key = key.as_map().and_then(|entry| entry.get_str(key_name));
        let key = key
            .as_ref()
            .and_then(Value::as_str)
            .ok_or_else(|| Error::new("the passed key name cannot be handled as a string in the key object list"))?;
        let value = value.as_map().ok_or_else(|| Error::new("the value object list has what is no object"))?;
        // Of equal keys the last wins.
        entries.retain(|(known, _)| known != key);
        entries.push((key.into(), value.get_str(value_name).unwrap_or_default()));
    }
    Ok(Value::map(entries))
}

fn list(value: &Value) -> Result<&probity_policy_cel::value::List, Error> {
    value.as_list().ok_or(Error::NoSuchOverload)
}

fn name(value: &Value) -> Result<&str, Error> {
    value.as_str().ok_or(Error::NoSuchOverload)
}
