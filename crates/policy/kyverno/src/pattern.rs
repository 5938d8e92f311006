//! Overlays: documents that look like the resource and say what its values must be (Kyverno, `pkg/engine/validate`).

mod compile;
mod leaf;
mod mismatch;
mod walk;

pub use compile::Pattern;
pub(crate) use leaf::{Comparison, Leaf};
pub use mismatch::Mismatch;

use probity_model::{Key, SmolStr};

use crate::anchor::Anchor;

/// A part of a pattern, compiled.
#[derive(Debug, Clone)]
enum Node {
    Map(Map),
    List(List),
    Leaf(Leaf),
    /// A text with variables: the position among those of the pattern.
    Slot(usize),
}

/// What is said of an object.
#[derive(Debug, Clone, Default)]
struct Map {
    /// Keys that are anchors, in the order of their texts. They are asked first.
    anchors: Vec<Entry>,
    /// All other keys, global anchors among them: first those with anchors within, backwards, then the rest.
    fields: Vec<Entry>,
    /// Whether these are labels or annotations: keys may have wildcards, and what is not said as a text is not asked.
    is_texts: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    /// The key as it is written.
    written: SmolStr,
    anchor: Option<Anchor>,
    /// The field that is meant.
    key: Key,
    has_wildcard: bool,
    node: Node,
}

/// What is said of a list.
#[derive(Debug, Clone)]
enum List {
    /// Nothing: no list can be such.
    Empty,
    /// The first element is an object: every element of the resource must be so.
    Maps(Box<Node>, Vec<Node>),
    /// The first element is a scalar: every element of the resource must be so.
    Scalars(Box<Node>),
    /// Element by element.
    Each(Vec<Node>),
}

/// A slot of a pattern, as it is for one request.
#[derive(Debug, Clone)]
enum Filled {
    Leaf(Leaf),
    /// The variable is an object or a list.
    Pattern(Box<Node>),
}
