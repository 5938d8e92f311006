//! Documents put together from many files.

use std::collections::BTreeMap;

use probity_model::value::{Key, Object, Value};

/// A document that grows.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    Leaf(Value),
    Branch(BTreeMap<Key, Tree>),
}

/// Where two documents want the same place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict(pub(crate) Vec<String>);

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the root of `data` must be an object");
        }
        write!(f, "there is another value for data.{} already", self.0.join("."))
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::Branch(BTreeMap::new())
    }
}

impl Tree {
    /// Puts a value under a path. Objects are put together; anything else that meets is a conflict.
    pub(crate) fn insert(&mut self, path: &[String], value: Value) -> Result<(), Conflict> {
        let mut node = self;
        for (depth, part) in path.iter().enumerate() {
            let branch = node.branch().ok_or_else(|| Conflict(path[..depth].to_vec()))?;
            node = branch.entry(Key::new(part)).or_default();
        }
        let mut place = path.to_vec();
        node.merge(value, &mut place)
    }

    fn merge(&mut self, value: Value, place: &mut Vec<String>) -> Result<(), Conflict> {
        if matches!(self, Self::Branch(branch) if branch.is_empty()) && !place.is_empty() {
            *self = Self::Leaf(value);
            return Ok(());
        }
        let Value::Object(object) = value else { return Err(Conflict(place.clone())) };
        let branch = self.branch().ok_or_else(|| Conflict(place.clone()))?;
        for (key, value) in object.iter() {
            match branch.get_mut(key) {
                None => {
                    branch.insert(key.clone(), Self::Leaf(value.clone()));
                }
                Some(known) => {
                    place.push(key.as_str().to_owned());
                    known.merge_known(value.clone(), place)?;
                    place.pop();
                }
            }
        }
        Ok(())
    }

    /// As [`Tree::merge`], where a value was given already, be it an empty one.
    fn merge_known(&mut self, value: Value, place: &mut Vec<String>) -> Result<(), Conflict> {
        if self.branch().is_none() || !matches!(value, Value::Object(_)) {
            return Err(Conflict(place.clone()));
        }
        self.merge(value, place)
    }

    /// The entries below, when there can be any.
    fn branch(&mut self) -> Option<&mut BTreeMap<Key, Self>> {
        if let Self::Leaf(Value::Object(object)) = self {
            let entries = object.iter().map(|(key, value)| (key.clone(), Self::Leaf(value.clone())));
            *self = Self::Branch(entries.collect());
        }
        match self {
            Self::Branch(branch) => Some(branch),
            Self::Leaf(_) => None,
        }
    }

    /// The whole document.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Leaf(value) => value,
            Self::Branch(branch) => {
                Value::Object(branch.into_iter().map(|(key, tree)| (key, tree.into_value())).collect::<Object>())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use probity_model::json;

    use super::*;

    fn put(entries: &[(&str, &str)]) -> Result<String, String> {
        let mut tree = Tree::default();
        for (path, text) in entries {
            let path: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
            tree.insert(&path, json::read(text.as_bytes()).unwrap()).map_err(|conflict| conflict.0.join("/"))?;
        }
        Ok(json::write(&tree.into_value()))
    }

    #[test]
    fn objects_are_put_together_and_nothing_else() {
        for (entries, wanted) in [
            (&[("", r#"{"a":1}"#), ("b/c", "[2]")][..], Ok(r#"{"a":1,"b":{"c":[2]}}"#)),
            (&[("a", r#"{"b":1}"#), ("", r#"{"a":{"c":2}}"#)], Ok(r#"{"a":{"b":1,"c":2}}"#)),
            (&[("a/b", "{}"), ("", r#"{"a":{"b":{"c":2}}}"#)], Ok(r#"{"a":{"b":{"c":2}}}"#)),
            (&[("", r#"{"a":1}"#), ("", r#"{"a":1}"#)], Err("a")),
            (&[("", r#"{"a":{}}"#), ("", r#"{"a":1}"#)], Err("a")),
            (&[("", r#"{"a":{"x":[]}}"#), ("a", r#"{"x":{}}"#)], Err("a/x")),
            (&[("a", "1"), ("a/b", "2")], Err("a")),
            (&[("", "[]")], Err("")),
        ] {
            assert_eq!(put(entries), wanted.map(str::to_owned).map_err(str::to_owned), "{entries:?}");
        }
    }
}
