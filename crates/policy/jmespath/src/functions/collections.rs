//! Kyverno's functions of lists and objects.

use probity_model::Value;
use probity_model::value::{Key, Object};

use super::{Arguments, as_text, elements};
use crate::error::SearchError;

type Outcome = Result<Value, SearchError>;

/// Whether the second object has all that the first one has.
pub(super) fn label_match(arguments: &Arguments<'_>) -> Outcome {
    let (Value::Object(wanted), Value::Object(labels)) = (arguments.value(0), arguments.value(1)) else {
        return Err(arguments.not_of_type(0, "Object"));
    };
    for (key, value) in wanted.iter() {
        let same = labels.get_key(key).map(|label| arguments.interpreter.equal(label, value)).transpose()?;
        if same != Some(true) {
            return Ok(false.into());
        }
    }
    Ok(true.into())
}

pub(super) fn lookup(arguments: &Arguments<'_>) -> Outcome {
    match arguments.value(0) {
        Value::Object(object) => {
            let key = arguments.value(1).as_str().ok_or_else(|| arguments.not_of_type(1, "String"))?;
            Ok(object.get(key).cloned().unwrap_or_default())
        }
        list => {
            let index = arguments.value(1).as_number().ok_or_else(|| arguments.not_of_type(1, "Number"))?;
            let whole = index.as_i64().ok_or_else(|| {
                let shown = probity_go::float::plain(index.as_f64());
                arguments.failed(&format!("argument #2: expected an integer number but got: {shown}"))
            })?;
            let list = elements(list).ok_or_else(|| arguments.not_of_type(0, "Object or Array"))?;
            Ok(usize::try_from(whole).ok().and_then(|index| list.get(index)).cloned().unwrap_or_default())
        }
    }
}

/// The entries of an object, or the elements of a list, each as an object of two keys.
pub(super) fn items(arguments: &Arguments<'_>) -> Outcome {
    let (key_name, value_name) = (Key::new(arguments.string(1)?), Key::new(arguments.string(2)?));
    let item = |key: Value, value: &Value| {
        Value::Object([(key_name.clone(), key), (value_name.clone(), value.clone())].into_iter().collect())
    };
    match arguments.value(0) {
        Value::Object(object) => Ok(Value::array(object.iter().map(|(key, value)| item(key.as_str().into(), value)))),
        list => {
            let list = elements(list).ok_or_else(|| arguments.not_of_type(0, "Object or Array"))?;
            Ok(Value::array((0_i64..).zip(list).map(|(index, value)| item(index.into(), value))))
        }
    }
}

pub(super) fn object_from_lists(arguments: &Arguments<'_>) -> Outcome {
    let (keys, values) = (arguments.list(0)?, arguments.list(1)?);
    let entry = |(index, key): (usize, &Value)| {
        let key = as_text(key).ok_or_else(|| arguments.not_of_type(0, "StringArray"))?;
        Ok((Key::new(&key), values.get(index).cloned().unwrap_or_default()))
    };
    Ok(Value::Object(keys.iter().enumerate().map(entry).collect::<Result<Object, SearchError>>()?))
}
