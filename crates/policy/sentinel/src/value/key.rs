//! Keys of maps.

use std::hash::{Hash, Hasher};

use indexmap::Equivalent;
use probity_model::Value as Model;
use probity_model::value::Key;

use super::{Text, Value, of_document};

/// A key of a map.
#[derive(Debug, Clone)]
pub(crate) enum MapKey {
    Bool(bool),
    Int(i64),
    /// Never a whole number that is an `i64`.
    Float(f64),
    String(Text),
}

impl MapKey {
    /// The key that a value is, if it can be one.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Int(int) => Self::Int(*int),
            #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number in range")]
            Value::Float(float) if float.fract() == 0.0 && float.abs() < 9e15 => Self::Int(*float as i64),
            Value::Float(float) => Self::Float(*float),
            Value::String(text) => Self::String(text.clone()),
            _ => return None,
        })
    }

    /// The key that one of a document is. Copies no text that is interned.
    pub(super) fn of_document(key: &Key) -> Self {
        match (key.as_other(), key.to_value()) {
            (None, Model::String(text)) => Self::String(text.into()),
            (_, other) => Self::of(&of_document(&other)).unwrap_or_else(|| Self::String(key.as_str().into())),
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Int(int) => Value::Int(*int),
            Self::Float(float) => Value::Float(*float),
            Self::String(text) => Value::String(text.clone()),
        }
    }

    /// The key as a text: what JSON would call it.
    pub(crate) fn to_text(&self) -> Text {
        match self {
            Self::Bool(truth) => truth.to_string().into(),
            Self::Int(int) => int.to_string().into(),
            Self::Float(float) => float.to_string().into(),
            Self::String(text) => text.clone(),
        }
    }
}

impl PartialEq for MapKey {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::String(a), Self::String(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for MapKey {}

impl Hash for MapKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Bool(truth) => truth.hash(state),
            Self::Int(int) => int.hash(state),
            Self::Float(float) => float.to_bits().hash(state),
            Self::String(text) => text.as_bytes().hash(state),
        }
    }
}

/// A text as a key, to look up without making one.
pub(super) struct TextKey<'t>(pub(super) &'t str);

impl Hash for TextKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_bytes().hash(state);
    }
}

impl Equivalent<MapKey> for TextKey<'_> {
    fn equivalent(&self, key: &MapKey) -> bool {
        matches!(key, MapKey::String(text) if text.as_bytes() == self.0.as_bytes())
    }
}
