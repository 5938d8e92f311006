//! Lists: of CEL's own values, or a list of a document as it is.

use std::fmt;
use std::sync::Arc;

use probity_model::value::Array;

use super::Value;

/// A list.
#[derive(Clone)]
pub struct List(Repr);

#[derive(Clone)]
enum Repr {
    Own(Arc<[Value]>),
    Tree(Array),
}

impl List {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Own(elements) => elements.len(),
            Repr::Tree(array) => array.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at this position.
    pub fn get(&self, index: usize) -> Option<Value> {
        match &self.0 {
            Repr::Own(elements) => elements.get(index).cloned(),
            Repr::Tree(array) => array.get(index).map(Value::from),
        }
    }

    /// The elements in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator + '_ {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }

    /// The list of the document, when it is one.
    pub fn as_tree(&self) -> Option<&Array> {
        match &self.0 {
            Repr::Own(_) => None,
            Repr::Tree(array) => Some(array),
        }
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Default for List {
    fn default() -> Self {
        Self(Repr::Own(Arc::new([])))
    }
}

impl FromIterator<Value> for List {
    fn from_iter<I: IntoIterator<Item = Value>>(elements: I) -> Self {
        Self(Repr::Own(elements.into_iter().collect()))
    }
}

impl From<Vec<Value>> for List {
    fn from(elements: Vec<Value>) -> Self {
        Self(Repr::Own(elements.into()))
    }
}

impl From<Array> for List {
    fn from(array: Array) -> Self {
        Self(Repr::Tree(array))
    }
}
