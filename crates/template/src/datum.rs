//! What templates compute with: Go's values as far as templates can tell them apart.
//!
//! Maps are shared and can be changed, as `set` and `merge` do; all else is immutable.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use probity_model::value::{Key, Value};

/// A value of a template.
#[derive(Clone, Default)]
pub enum Datum {
    /// Nothing at all: what a pipeline gives that has no value. Fields of it are nothing too.
    #[default]
    None,
    /// Go's `nil` in a map or a list. To ask for a field of it is an error.
    Nil,
    /// A truth value.
    Bool(bool),
    /// Go's `int`.
    Int(i64),
    /// Go's `int64`: what the arithmetic of sprig gives.
    Int64(i64),
    /// Go's `float64`: every number of a values file.
    Float(f64),
    /// A text.
    Text(Rc<str>),
    /// A list.
    List(Rc<[Datum]>),
    /// A map, shared.
    Map(Map),
    /// Something with fields and methods of its own.
    Native(Rc<dyn Native>),
}

/// Something that is neither data nor a map: it has fields, and methods that take arguments.
pub trait Native {
    /// Its type, as Go would print it.
    fn type_name(&self) -> &'static str;
    /// The field, or what the method answers.
    ///
    /// # Errors
    /// When the method fails.
    fn member(&self, name: &str, arguments: &[Datum]) -> Result<Option<Datum>, String>;
    /// What it looks like when it is printed.
    fn text(&self) -> String;
    /// What it is as data: for `range`, `index`, `toYaml` and equality.
    fn data(&self) -> Datum {
        Datum::Nil
    }
}

/// A map from texts to values that all who have it share.
#[derive(Clone, Default)]
pub struct Map(Rc<RefCell<BTreeMap<Rc<str>, Datum>>>);

impl Map {
    /// The value under the key.
    pub fn get(&self, key: &str) -> Option<Datum> {
        self.0.borrow().get(key).cloned()
    }

    /// Whether there is something under the key.
    pub fn has(&self, key: &str) -> bool {
        self.0.borrow().contains_key(key)
    }

    /// Puts a value under a key.
    pub fn set(&self, key: &str, value: Datum) {
        self.0.borrow_mut().insert(key.into(), value);
    }

    /// Takes away what is under the key.
    pub fn remove(&self, key: &str) {
        self.0.borrow_mut().remove(key);
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// The entries as they are now, in the order of their keys.
    pub fn entries(&self) -> Vec<(Rc<str>, Datum)> {
        self.0.borrow().iter().map(|(key, value)| (Rc::clone(key), value.clone())).collect()
    }

    /// The keys in their order.
    pub fn keys(&self) -> Vec<Rc<str>> {
        self.0.borrow().keys().cloned().collect()
    }

    /// Whether both are the same map.
    pub fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// A map of its own, with the same values.
    #[must_use]
    pub fn shallow_copy(&self) -> Self {
        Self(Rc::new(RefCell::new(self.0.borrow().clone())))
    }
}

impl FromIterator<(Rc<str>, Datum)> for Map {
    fn from_iter<I: IntoIterator<Item = (Rc<str>, Datum)>>(entries: I) -> Self {
        Self(Rc::new(RefCell::new(entries.into_iter().collect())))
    }
}

/// Deepest nesting that is looked into; maps that contain themselves have no end.
pub(crate) const MAX_DEPTH: usize = 256;

impl Datum {
    /// A text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().into())
    }

    /// A list.
    pub fn list(elements: Vec<Datum>) -> Self {
        Self::List(elements.into())
    }

    /// A map of these entries.
    pub fn map<K: AsRef<str>>(entries: impl IntoIterator<Item = (K, Datum)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.as_ref().into(), value)).collect())
    }

    /// Whether this is nothing or nil.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::None | Self::Nil)
    }

    /// The text, when this is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The map, when this is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, when this is one.
    pub fn as_list(&self) -> Option<&[Datum]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// Whether a condition takes this as true: not nothing, zero or empty.
    pub fn is_true(&self) -> bool {
        match self {
            Self::None | Self::Nil => false,
            Self::Bool(truth) => *truth,
            Self::Int(int) | Self::Int64(int) => *int != 0,
            Self::Float(float) => *float != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Native(native) => match native.data() {
                Self::Nil => true,
                data => data.is_true(),
            },
        }
    }

    /// The type, as Go's `%T` prints it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None | Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "[]interface {}",
            Self::Map(_) => "map[string]interface {}",
            Self::Native(native) => native.type_name(),
        }
    }

    /// The kind, as Go's reflection names it.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::None | Self::Nil => "invalid",
            Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Native(_) => "struct",
            other => other.type_name(),
        }
    }

    /// Values of a document. All numbers are Go's `float64`, as they are for Helm.
    pub fn from_value(value: &Value) -> Self {
        match value {
            Value::Null | Value::Unknown(_) => Self::Nil,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => Self::Float(number.as_f64()),
            Value::String(text) => Self::text(text),
            Value::Array(list) => Self::List(list.iter().map(Self::from_value).collect()),
            Value::Set(set) => Self::List(set.iter().map(Self::from_value).collect()),
            Value::Object(object) => {
                Self::map(object.iter().map(|(key, value): (&Key, &Value)| (key.as_str(), Self::from_value(value))))
            }
        }
    }

    /// A copy that shares no map with this one.
    #[must_use]
    pub fn deep_copy(&self) -> Self {
        self.copy_within(MAX_DEPTH)
    }

    fn copy_within(&self, depth: usize) -> Self {
        match self {
            _ if depth == 0 => self.clone(),
            Self::List(list) => Self::List(list.iter().map(|element| element.copy_within(depth - 1)).collect()),
            Self::Map(map) => {
                Self::map(map.entries().into_iter().map(|(key, value)| (key, value.copy_within(depth - 1))))
            }
            other => other.clone(),
        }
    }

    /// Whether both are the same type and, all the way down, the same value.
    pub fn deep_equal(&self, other: &Self) -> bool {
        self.equal_within(other, MAX_DEPTH)
    }

    fn equal_within(&self, other: &Self, depth: usize) -> bool {
        match (self, other) {
            _ if depth == 0 => false,
            (Self::None | Self::Nil, Self::None | Self::Nil) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) | (Self::Int64(a), Self::Int64(b)) => a == b,
            #[expect(clippy::float_cmp, reason = "as Go compares them")]
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.equal_within(b, depth - 1))
            }
            (Self::Map(a), Self::Map(b)) => {
                a.is_same(b)
                    || a.len() == b.len()
                        && a.entries().iter().all(|(key, a)| b.get(key).is_some_and(|b| a.equal_within(&b, depth - 1)))
            }
            (Self::Native(a), Self::Native(b)) => Rc::ptr_eq(a, b) || a.text() == b.text(),
            _ => false,
        }
    }
}

impl fmt::Debug for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::print::plain(self))
    }
}

impl From<bool> for Datum {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<String> for Datum {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}
