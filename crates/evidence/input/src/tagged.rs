//! Values that JSON does not have, as JSON.
//!
//! An unknown is `{"$unknown": "var.region"}`, a set `{"$set": [...]}`, and an object that has a key which begins with `$`
//! or is no text is `{"$object": [[key, value], ...]}`.

use probity_model::Value;
use probity_model::value::{Key, Object};

const UNKNOWN: &str = "$unknown";
const SET: &str = "$set";
const OBJECT: &str = "$object";

/// The value with tags.
pub(crate) fn write(value: &Value) -> Value {
    match value {
        Value::Array(array) => Value::array(array.iter().map(write)),
        Value::Set(set) => Value::object([(SET, Value::array(set.iter().map(write)))]),
        Value::Unknown(what) => Value::object([(UNKNOWN, Value::from(&**what))]),
        Value::Object(object) if object.iter().all(|(key, _)| is_plain(key)) => {
            Value::Object(object.iter().map(|(key, value)| (key.clone(), write(value))).collect())
        }
        Value::Object(object) => {
            let entries = object.iter().map(|(key, value)| Value::array([write(&key_value(key)), write(value)]));
            Value::object([(OBJECT, Value::array(entries))])
        }
        other => other.clone(),
    }
}

fn is_plain(key: &Key) -> bool {
    !key.as_str().starts_with('$')
}

fn key_value(key: &Key) -> Value {
    Value::from(key.as_str())
}

/// The value without tags; none when a tag is not known.
pub(crate) fn read(value: &Value) -> Option<Value> {
    match value {
        Value::Array(array) => array.iter().map(read).collect::<Option<Vec<_>>>().map(Value::array),
        Value::Object(object) => match object.iter().next() {
            Some((key, tagged)) if object.len() == 1 && !is_plain(key) => read_tag(key.as_str(), tagged),
            _ => {
                let entries = object.iter().map(|(key, value)| Some((key.clone(), read(value)?)));
                Some(Value::Object(entries.collect::<Option<Object>>()?))
            }
        },
        other => Some(other.clone()),
    }
}

fn read_tag(tag: &str, tagged: &Value) -> Option<Value> {
    match tag {
        UNKNOWN => Some(Value::Unknown(tagged.as_str()?.into())),
        SET => Some(Value::Set(tagged.as_array()?.iter().map(read).collect::<Option<_>>()?)),
        OBJECT => {
            let entries = tagged.as_array()?.iter().map(|entry| {
                let entry = entry.as_array()?;
                Some((Key::new(entry.get(0)?.as_str()?), read(entry.get(1)?)?))
            });
            Some(Value::Object(entries.collect::<Option<Object>>()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_model::json;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[$a-c]{0,3}".prop_map(Value::from),
            "[a-z.]{1,6}".prop_map(|what| Value::Unknown(what.into())),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|members| Value::Set(members.into_iter().collect())),
                prop::collection::vec(("[$a-c]{0,3}", inner), 0..4).prop_map(Value::object),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in values()) {
            let text = json::write(&write(&value));
            prop_assert_eq!(read(&json::read(text.as_bytes()).unwrap()), Some(value));
        }
    }
}
