//! The values of CEL. Documents stay trees of model values: what is taken out of them is a reference to a part.

mod compare;
mod list;
mod map;
mod model;
mod opaque;
mod time;

use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

pub(crate) use compare::{Comparison, MAX_PARTS};
pub use compare::{compare, equals};
pub use list::List;
pub use map::Map;
pub use opaque::{Opaque, Struct};
pub use time::{Civil, Duration, Timestamp};

/// A value of CEL.
#[derive(Clone, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A signed whole number.
    Int(i64),
    /// An unsigned whole number.
    Uint(u64),
    /// A double.
    Double(f64),
    /// A text.
    String(SmolStr),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A list, of its own or of a document.
    List(List),
    /// A map, of its own or of a document.
    Map(Map),
    /// A point in time.
    Timestamp(Timestamp),
    /// A span of time.
    Duration(Duration),
    /// A type, by its name.
    Type(SmolStr),
    /// A value that may be absent.
    Optional(Option<Arc<Value>>),
    /// A value of a type that a library adds.
    Opaque(Arc<dyn Opaque>),
    /// A part of a document that cannot be known yet, with what it waits for. Reading it is an error.
    Unknown(Arc<str>),
}

impl Value {
    /// A list of these elements.
    pub fn list(elements: impl IntoIterator<Item = Value>) -> Self {
        Self::List(elements.into_iter().collect())
    }

    /// A map of these entries with texts as keys.
    pub fn map<K: Into<SmolStr>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (Value::String(key.into()), value));
        Self::Map(Map::from_entries(entries.collect()).unwrap_or_default())
    }

    /// A value of a library's type.
    pub fn opaque(value: impl Opaque) -> Self {
        Self::Opaque(Arc::new(value))
    }

    /// An optional that has a value.
    pub fn some(value: Value) -> Self {
        Self::Optional(Some(Arc::new(value)))
    }

    /// The optional without a value.
    pub fn none() -> Self {
        Self::Optional(None)
    }

    /// The name of the value's type, as `type(x)` tells it.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Type(_) => "type",
            Self::Optional(_) => "optional_type",
            Self::Opaque(value) => value.type_name(),
            Self::Unknown(_) => "unknown",
        }
    }

    /// The truth value, when this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The text, when this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The signed whole number, when this is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            _ => None,
        }
    }

    /// The list, when this is one.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Self::List(list) => Some(list),
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

    /// The value of a library's type, when this is one of that type.
    pub fn downcast<T: Opaque>(&self) -> Option<&T> {
        match self {
            Self::Opaque(value) => {
                let value: &dyn std::any::Any = value.as_ref();
                value.downcast_ref()
            }
            _ => None,
        }
    }

    /// Whether this is the zero value of its type, which `optional.ofNonZeroValue` leaves out.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(truth) => !truth,
            Self::Int(int) => *int == 0,
            Self::Uint(uint) => *uint == 0,
            Self::Double(double) => *double == 0.0,
            Self::String(text) => text.is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Map(map) => map.is_empty(),
            Self::Timestamp(time) => time.is_zero(),
            Self::Duration(duration) => duration.nanoseconds() == 0,
            Self::Optional(value) => value.is_none(),
            Self::Opaque(value) => value.is_zero(),
            Self::Type(_) | Self::Unknown(_) => false,
        }
    }

    /// How many parts the value has: characters of a text, bytes, elements, entries; 1 for all else.
    pub fn size(&self) -> u64 {
        let size = match self {
            Self::String(text) => text.chars().count(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(list) => list.len(),
            Self::Map(map) => map.len(),
            Self::Optional(Some(value)) => return value.size(),
            Self::Opaque(value) => return value.size(),
            _ => 1,
        };
        size as u64
    }
}

/// Equality of CEL: numbers by value, whatever their types; values of different types are not equal.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        equals(self, other)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<u64> for Value {
    fn from(uint: u64) -> Self {
        Self::Uint(uint)
    }
}

impl From<f64> for Value {
    fn from(double: f64) -> Self {
        Self::Double(double)
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

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::Uint(uint) => write!(f, "{uint}u"),
            Self::Double(double) => write!(f, "{double:?}"),
            Self::String(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => write!(f, "b{:?}", String::from_utf8_lossy(bytes)),
            Self::List(list) => write!(f, "{list:?}"),
            Self::Map(map) => write!(f, "{map:?}"),
            Self::Timestamp(time) => write!(f, "timestamp({time})"),
            Self::Duration(duration) => write!(f, "duration({duration})"),
            Self::Type(name) => f.write_str(name),
            Self::Optional(None) => f.write_str("optional.none()"),
            Self::Optional(Some(value)) => write!(f, "optional.of({value:?})"),
            Self::Opaque(value) => write!(f, "{value:?}"),
            Self::Unknown(what) => write!(f, "<unknown: {what}>"),
        }
    }
}
