//! A document that is being changed in place.

use probity_model::{Key, Value};

use crate::anchor::Anchor;

/// A document; objects keep their fields in the order of the keys they began with.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    Map(Vec<(String, Tree)>),
    List(Vec<Tree>),
    Leaf(Value),
}

impl Tree {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Object(object) => {
                Self::Map(object.iter().map(|(key, value)| (key.as_str().to_owned(), Self::of(value))).collect())
            }
            Value::Array(array) => Self::List(array.iter().map(Self::of).collect()),
            other => Self::Leaf(other.clone()),
        }
    }

    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Map(fields) => {
                // Of equal keys the first is found, so it is put last.
                let fields = fields.into_iter().rev();
                Value::Object(fields.map(|(key, tree)| (Key::new(&key), tree.into_value())).collect())
            }
            Self::List(elements) => Value::array(elements.into_iter().map(Self::into_value)),
            Self::Leaf(value) => value,
        }
    }

    /// The keys, when this is an object.
    pub(super) fn keys(&self) -> Vec<String> {
        match self {
            Self::Map(fields) => fields.iter().map(|(key, _)| key.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// The keys that are anchors of some kind, with the fields they name.
    pub(super) fn anchors(&self, is_wanted: fn(Anchor) -> bool) -> Vec<(String, String)> {
        let anchor = |key: String| {
            let field = Anchor::parse(&key).filter(|(anchor, _)| is_wanted(*anchor))?.1.to_owned();
            Some((key, field))
        };
        self.keys().into_iter().filter_map(anchor).collect()
    }

    pub(super) fn field_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Map(fields) => fields.iter_mut().find(|(known, _)| known == key).map(|(_, tree)| tree),
            _ => None,
        }
    }

    pub(super) fn remove(&mut self, key: &str) {
        if let Self::Map(fields) = self
            && let Some(at) = fields.iter().position(|(known, _)| known == key)
        {
            fields.remove(at);
        }
    }

    pub(super) fn rename(&mut self, key: &str, name: &str) {
        if let Self::Map(fields) = self
            && let Some((known, _)) = fields.iter_mut().find(|(known, _)| known == key)
        {
            name.clone_into(known);
        }
    }

    pub(super) fn set(&mut self, key: &str, value: Value) {
        match (self.field_mut(key).is_some(), self) {
            (true, tree) => {
                if let Some(field) = tree.field_mut(key) {
                    *field = Self::Leaf(value);
                }
            }
            (false, Self::Map(fields)) => fields.push((key.to_owned(), Self::Leaf(value))),
            (false, _) => {}
        }
    }
}
