//! The one value type that every reader produces and every policy language evaluates over.
//!
//! Immutable JSON plus sets and unknowns. Containers are shared: cloning any value costs a reference count at most.
//! Numbers are exact, object keys are ordered and interned, and a value read from a text can tell where its entries
//! stand in it.

mod collections;
mod key;
mod number;

use std::fmt;
use std::sync::Arc;

pub use collections::{Array, Object, Set};
pub use key::Key;
pub use number::{Number, ParseNumberError};
pub use smol_str::SmolStr;

/// A JSON-like value.
///
/// The derived order is total: null, booleans, numbers, strings, arrays, objects, sets, unknowns; within a kind by
/// value, the order that Rego defines for the kinds it has.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An exact number.
    Number(Number),
    /// A text; up to 23 bytes are kept in place.
    String(SmolStr),
    /// An ordered list.
    Array(Array),
    /// A mapping from keys to values.
    Object(Object),
    /// A set of values.
    Set(Set),
    /// A value that exists but cannot be known yet, with what it waits for, such as `var.region` or
    /// `aws_vpc.main.id`. Neither equal nor unequal to anything in a policy: what depends on it is unknown too.
    Unknown(Arc<str>),
}

impl Value {
    /// The entry under `key`, when this is an object that has one.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// The value found by following keys from here.
    pub fn at(&self, keys: &[&str]) -> Option<&Value> {
        keys.iter().try_fold(self, |value, key| value.get(key))
    }

    /// The text, when this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, when this is a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The number, when this is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The list, when this is one.
    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The object, when this is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The set, when this is one.
    pub fn as_set(&self) -> Option<&Set> {
        match self {
            Self::Set(set) => Some(set),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What kind of value this is, as an error message would say it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "list",
            Self::Object(_) => "object",
            Self::Set(_) => "set",
            Self::Unknown(_) => "unknown value",
        }
    }

    /// An object of these entries.
    pub fn object<K: AsRef<str>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Object(entries.into_iter().map(|(key, value)| (Key::new(key.as_ref()), value)).collect())
    }

    /// A list of these elements.
    pub fn array(elements: impl IntoIterator<Item = Value>) -> Self {
        Self::Array(elements.into_iter().collect())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Number(int.into())
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<SmolStr> for Value {
    fn from(text: SmolStr) -> Self {
        Self::String(text)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::String(text) => write!(f, "{text:?}"),
            Self::Array(array) => write!(f, "{array:?}"),
            Self::Object(object) => write!(f, "{object:?}"),
            Self::Set(set) => write!(f, "{set:?}"),
            Self::Unknown(what) => write!(f, "<unknown: {what}>"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_three_words() {
        assert_eq!(size_of::<Value>(), 24);
    }

    #[test]
    fn objects_are_ordered_and_the_last_of_equal_keys_wins() {
        let object = Value::object([("b", 1.into()), ("a", 2.into()), ("b", 3.into())]);
        assert_eq!(format!("{object:?}"), r#"{"a": 2, "b": 3}"#);
    }

    #[test]
    fn lookup_finds_by_text_and_by_key_in_short_and_long_objects() {
        for size in [1_i64, 12, 13, 200] {
            let object: Object = (0..size).map(|n| (Key::new(&format!("key{n}")), n.into())).collect();
            for n in 0..size {
                let name = format!("key{n}");
                assert_eq!(object.get(&name), Some(&n.into()));
                assert_eq!(object.get_key(&Key::new(&name)), Some(&n.into()));
            }
            assert_eq!(object.get("absent"), None);
            assert_eq!(object.get_key(&Key::new("absent")), None);
        }
    }

    #[test]
    fn cloning_shares() {
        let object: Object = [(Key::new("list"), Value::array([1.into(), 2.into()]))].into_iter().collect();
        assert!(object.clone().ptr_eq(&object));
        let list = object.get("list").unwrap().clone();
        assert!(list.as_array().unwrap().ptr_eq(object.get("list").unwrap().as_array().unwrap()));
    }

    #[test]
    fn kinds_are_ordered_as_in_rego() {
        let mut values = [
            Value::Set(Set::default()),
            Value::object::<&str>([]),
            Value::array([]),
            "a".into(),
            1.into(),
            true.into(),
            Value::Null,
        ];
        values.sort();
        let kinds: Vec<_> = values.iter().map(Value::kind).collect();
        assert_eq!(kinds, ["null", "boolean", "number", "string", "list", "object", "set"]);
    }
}
