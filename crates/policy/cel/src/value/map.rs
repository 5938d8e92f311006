//! Maps: of CEL's own values, or an object of a document as it is.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use probity_model::value::{Key, Object};
use smol_str::SmolStr;

use super::{Value, compare};
use crate::Error;

/// A map. Its keys are booleans, whole numbers and texts; it is read in the order of its keys.
#[derive(Clone)]
pub struct Map(Repr);

#[derive(Clone)]
enum Repr {
    /// Sorted by key.
    Own(Arc<[(Value, Value)]>),
    Tree(Object),
}

impl Map {
    /// A map of these entries.
    ///
    /// # Errors
    /// When two keys are equal, or one is of a type that no key has.
    pub fn from_entries(mut entries: Vec<(Value, Value)>) -> Result<Self, Error> {
        if let Some((key, _)) = entries.iter().find(|(key, _)| !is_key(key)) {
            return Err(Error::Other(format!("unsupported key type: {}", key.type_name()).into()));
        }
        entries.sort_by(|a, b| order(&a.0, &b.0));
        if let Some(pair) = entries.windows(2).find(|pair| order(&pair[0].0, &pair[1].0).is_eq()) {
            return Err(Error::Other(format!("Failed with repeated key: {:?}", pair[0].0).into()));
        }
        Ok(Self(Repr::Own(entries.into())))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Own(entries) => entries.len(),
            Repr::Tree(object) => object.len(),
        }
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value under a key; numbers find each other whatever their types.
    pub fn get(&self, key: &Value) -> Option<Value> {
        match (&self.0, key) {
            (Repr::Tree(object), Value::String(name)) => object.get(name).map(Value::from),
            (Repr::Tree(_), _) => None,
            (Repr::Own(entries), key) => {
                let key = whole(key);
                let key = key.as_ref();
                if !is_key(key) {
                    return None;
                }
                let at = entries.binary_search_by(|(known, _)| order(known, key)).ok()?;
                Some(entries[at].1.clone())
            }
        }
    }

    /// The value under a text, which is also given as an interned key.
    pub fn get_field(&self, name: &SmolStr, key: &Key) -> Option<Value> {
        match &self.0 {
            Repr::Tree(object) => object.get_key(key).map(Value::from),
            Repr::Own(_) => self.get(&Value::String(name.clone())),
        }
    }

    /// The value under a text.
    pub fn get_str(&self, name: &str) -> Option<Value> {
        match &self.0 {
            Repr::Tree(object) => object.get(name).map(Value::from),
            Repr::Own(_) => self.get(&Value::from(name)),
        }
    }

    /// The entries in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Value, Value)> + '_ {
        (0..self.len()).map(|index| self.entry(index).unwrap_or_default())
    }

    /// The entry at this position in the order of the keys.
    pub fn entry(&self, index: usize) -> Option<(Value, Value)> {
        match &self.0 {
            Repr::Own(entries) => entries.get(index).cloned(),
            Repr::Tree(object) => {
                object.entry(index).map(|(key, value)| (Value::from(&key.to_value()), Value::from(value)))
            }
        }
    }

    /// The key at this position in the order of the keys.
    pub fn key(&self, index: usize) -> Option<Value> {
        match &self.0 {
            Repr::Own(entries) => entries.get(index).map(|(key, _)| key.clone()),
            Repr::Tree(object) => object.entry(index).map(|(key, _)| Value::from(&key.to_value())),
        }
    }

    /// The object of the document, when it is one.
    pub fn as_tree(&self) -> Option<&Object> {
        match &self.0 {
            Repr::Own(_) => None,
            Repr::Tree(object) => Some(object),
        }
    }
}

impl Default for Map {
    fn default() -> Self {
        Self(Repr::Own(Arc::new([])))
    }
}

impl From<Object> for Map {
    fn from(object: Object) -> Self {
        Self(Repr::Tree(object))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

fn is_key(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::String(_))
}

/// A double that is a whole number finds the entry of that number.
fn whole(key: &Value) -> std::borrow::Cow<'_, Value> {
    #[expect(clippy::cast_possible_truncation, reason = "only whole numbers in range are converted")]
    match key {
        Value::Double(double) if double.fract() == 0.0 && (-9.2e18..9.2e18).contains(double) => {
            std::borrow::Cow::Owned(Value::Int(*double as i64))
        }
        _ => std::borrow::Cow::Borrowed(key),
    }
}

/// Booleans, then numbers, then texts.
fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Bool(_) => 0,
        Value::Int(_) | Value::Uint(_) => 1,
        _ => 2,
    };
    rank(a).cmp(&rank(b)).then_with(|| compare(a, b).unwrap_or(Ordering::Equal))
}
