//! A pattern and a resource, side by side.

use std::fmt::Write as _;

use probity_kubernetes::wildcard;
use probity_model::Value;
use probity_model::value::{Array, Object};

use super::mismatch::{Failure, Kind};
use super::{Entry, Filled, Leaf, List, Map, Mismatch, Node};
use crate::anchor::Anchor;
use crate::gofmt;

/// What stands for a field that is not there.
const ABSENT: &Value = &Value::Null;

/// The way to the place that is looked at; written out only for a failure.
#[derive(Clone, Copy)]
struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Field(&'p str),
    Index(usize),
}

impl<'p> Path<'p> {
    const ROOT: Path<'static> = Path { parent: None, step: Step::Root };

    fn field(&'p self, field: &'p str) -> Self {
        Self { parent: Some(self), step: Step::Field(field) }
    }

    fn index(&'p self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }

    fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        match self.step {
            Step::Root => {}
            Step::Field(field) => out.push_str(field),
            Step::Index(index) => {
                let _ = write!(out, "{index}");
            }
        }
        out.push('/');
    }

    fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }
}

/// One comparison of a pattern with a resource.
pub(super) struct Walk<'p> {
    filled: &'p [Filled],
    /// Keys with anchors that were met, and whether the resource has had them anywhere.
    met: Vec<(&'p str, bool)>,
}

type Walked = Result<(), Failure>;

impl<'p> Walk<'p> {
    pub(super) fn new(filled: &'p [Filled]) -> Self {
        Self { filled, met: Vec::new() }
    }

    pub(super) fn matches(mut self, node: &'p Node, value: &Value) -> Result<(), Mismatch> {
        let Err(failure) = self.node(node, value, &Path::ROOT) else { return Ok(()) };
        let is_skip = failure.is_skip();
        // Where anchors were met that the resource has nowhere, no place is told.
        let has_place = !is_skip && (failure.kind == Kind::Negation || self.met.iter().all(|(_, is_there)| *is_there));
        let path = if has_place { failure.path } else { String::new() };
        Err(Mismatch { message: failure.message, path, is_skip })
    }

    fn node(&mut self, node: &'p Node, value: &Value, path: &Path<'_>) -> Walked {
        match self.filled(node) {
            Ok(leaf) => self::leaf(leaf, value, path),
            Err(Node::Map(map)) => match value {
                Value::Object(object) => self.map(map, object, path),
                other => {
                    let (path, found) = (path.text(), gofmt::type_name(other));
                    let message = format!(
                        "pattern and resource have different structures. Path: {path}. Expected map[string]interface {{}}, found {found}"
                    );
                    Err(Failure::new(Kind::Value, message, path))
                }
            },
            Err(Node::List(list)) => {
                if let Value::Array(array) = value {
                    return self.list(list, array, path);
                }
                let path = path.text();
                let message = format!(
                    "validation rule failed at path {path}, resource does not satisfy the expected overlay pattern"
                );
                Err(Failure::new(Kind::Value, message, path))
            }
            Err(Node::Leaf(_) | Node::Slot(_)) => Ok(()),
        }
    }

    /// The leaf that a node is, or the node that it is instead.
    fn filled(&self, node: &'p Node) -> Result<&'p Leaf, &'p Node> {
        match node {
            Node::Leaf(leaf) => Ok(leaf),
            Node::Slot(slot) => match &self.filled[*slot] {
                Filled::Leaf(leaf) => Ok(leaf),
                Filled::Pattern(node) => Err(node),
            },
            other => Err(other),
        }
    }

    /// Remembers which anchors were met.
    fn meet(&mut self, map: &'p Map, object: &Object) {
        for entry in &map.anchors {
            let is_met = matches!(entry.anchor, Some(Anchor::Condition | Anchor::Existence));
            if !is_met || (map.is_texts && !self.is_text(entry)) {
                continue;
            }
            let is_there = entry.find(object, map.is_texts).1.is_some();
            match self.met.iter_mut().find(|(written, _)| *written == entry.written) {
                Some((_, known)) => *known |= is_there,
                None => self.met.push((&entry.written, is_there)),
            }
        }
    }

    fn map(&mut self, map: &'p Map, object: &Object, path: &Path<'_>) -> Walked {
        self.meet(map, object);
        let (mut skips, mut held): (Vec<Failure>, usize) = (Vec::new(), 0);
        for entry in &map.anchors {
            if map.is_texts && !self.is_text(entry) {
                continue;
            }
            match self.anchored(entry, object, map.is_texts, path) {
                Ok(()) => held += 1,
                Err(failure) if failure.is_skip() => skips.push(failure),
                // What a condition does not let through is not asked.
                Err(_) if has_condition(&skips) => {}
                Err(failure) => return Err(failure),
            }
        }
        if !skips.is_empty() && (held == 0 || has_condition(&skips)) {
            return Err(Failure::all(&skips, path.text()));
        }
        for entry in &map.fields {
            if map.is_texts && !self.is_text(entry) {
                continue;
            }
            match entry.anchor {
                Some(_) => self.anchored(entry, object, map.is_texts, path)?,
                None => self.field(entry, object, map.is_texts, path)?,
            }
        }
        Ok(())
    }

    fn is_text(&self, entry: &'p Entry) -> bool {
        matches!(self.filled(&entry.node), Ok(Leaf::Text(_)))
    }

    fn field(&mut self, entry: &'p Entry, object: &Object, is_wild: bool, path: &Path<'_>) -> Walked {
        let (name, value) = entry.find(object, is_wild);
        let value = value.unwrap_or(ABSENT);
        if matches!(self.filled(&entry.node), Ok(leaf) if leaf.is_anything()) {
            if !value.is_null() {
                return Ok(());
            }
            let path = path.text();
            return Err(Failure::new(Kind::Value, format!("{path}/{name} not found"), path));
        }
        self.node(&entry.node, value, &path.field(name))
    }

    fn anchored(&mut self, entry: &'p Entry, object: &Object, is_wild: bool, path: &Path<'_>) -> Walked {
        let (name, value) = entry.find(object, is_wild);
        let path = path.field(name);
        let condition = |prefix: &str, message: &str, path: String| {
            Failure::new(Kind::Condition, format!("{prefix} anchor mismatch: {message}"), path)
        };
        match (entry.anchor, value) {
            (Some(Anchor::Negation), Some(_)) => {
                let path = path.text();
                let message = format!("negation anchor matched in resource: {path} is not allowed");
                Err(Failure::new(Kind::Negation, message, path))
            }
            (Some(Anchor::Condition), None) => {
                let message = "conditional anchor key doesn't exist in the resource";
                Err(condition("conditional", message, path.text()))
            }
            (Some(Anchor::Condition), Some(value)) => self
                .node(&entry.node, value, &path)
                .map_err(|failure| condition("conditional", &failure.message, failure.path)),
            (Some(Anchor::Global), Some(value)) => self
                .node(&entry.node, value, &path)
                .map_err(|failure| condition("global", &failure.message, failure.path)),
            (Some(Anchor::Existence), Some(value)) => self.existence(&entry.node, value, &path),
            (_, Some(value)) => self.node(&entry.node, value, &path),
            (_, None) => Ok(()),
        }
    }

    fn existence(&mut self, node: &'p Node, value: &Value, path: &Path<'_>) -> Walked {
        let wrong = |message: String| Err(Failure::new(Kind::Value, message, path.text()));
        let Value::Array(array) = value else {
            return wrong(format!(
                "invalid resource type {}: Existence ^ () anchor can be used only on list/array type resource",
                gofmt::type_name(value)
            ));
        };
        let Err(Node::List(list)) = self.filled(node) else {
            return wrong("invalid pattern type: Pattern has to be of list to compare against resource".to_owned());
        };
        let wanted: Vec<&'p Node> = match list {
            List::Empty => Vec::new(),
            List::Maps(first, rest) => std::iter::once(&**first).chain(rest).collect(),
            List::Scalars(first) => vec![first],
            List::Each(nodes) => nodes.iter().collect(),
        };
        for node in wanted {
            if !matches!(self.filled(node), Err(Node::Map(_))) {
                let message =
                    "invalid pattern type: Pattern has to be of type map to compare against items in resource";
                return wrong(message.to_owned());
            }
            let is_such = |(index, element): (usize, &Value)| self.node(node, element, &path.index(index)).is_ok();
            if !array.iter().enumerate().any(is_such) {
                return wrong(format!("existence anchor validation failed at path {}", path.text()));
            }
        }
        Ok(())
    }

    fn list(&mut self, list: &'p List, array: &Array, path: &Path<'_>) -> Walked {
        match list {
            List::Empty => Err(Failure::new(Kind::Value, "pattern Array empty".to_owned(), path.text())),
            List::Maps(first, _) => self.every(first, array, path),
            List::Scalars(first) => match self.filled(first) {
                Ok(leaf) => self::leaf(leaf, &Value::Array(array.clone()), path),
                // A variable that is an object or a list.
                Err(node @ Node::List(_)) => self.each(std::slice::from_ref(node), array, path),
                Err(node) => self.every(node, array, path),
            },
            List::Each(nodes) => self.each(nodes, array, path),
        }
    }

    /// Every element is as one pattern says.
    fn every(&mut self, node: &'p Node, array: &Array, path: &Path<'_>) -> Walked {
        let elements = array.iter().map(|element| (node, element));
        self.elements(elements, path)
    }

    /// Each element is as the pattern at its place says.
    fn each(&mut self, nodes: &'p [Node], array: &Array, path: &Path<'_>) -> Walked {
        let (wanted, found) = (nodes.len(), array.len());
        if found < wanted {
            let message = format!(
                "validate Array failed, array length mismatch, resource Array len is {found} and pattern Array len is {wanted}"
            );
            return Err(Failure::new(Kind::Value, message, String::new()));
        }
        self.elements(nodes.iter().zip(array), path)
    }

    fn elements<'v>(&mut self, pairs: impl Iterator<Item = (&'p Node, &'v Value)>, path: &Path<'_>) -> Walked {
        let (mut skips, mut held) = (Vec::new(), 0_usize);
        for (index, (node, element)) in pairs.enumerate() {
            match self.node(node, element, &path.index(index)) {
                Ok(()) => held += 1,
                Err(failure) if failure.is_skip() => skips.push(failure),
                Err(failure) => return Err(failure),
            }
        }
        if held == 0 && !skips.is_empty() {
            return Err(Failure::all(&skips, path.text()));
        }
        Ok(())
    }
}

fn has_condition(skips: &[Failure]) -> bool {
    skips.iter().any(|skip| skip.kind == Kind::Condition)
}

impl Entry {
    /// The field of an object that is meant: the first that a wildcard matches.
    fn find<'e>(&'e self, object: &'e Object, is_wild: bool) -> (&'e str, Option<&'e Value>) {
        if is_wild && self.has_wildcard {
            let mut texts = object.iter().filter(|(_, value)| value.as_str().is_some());
            if let Some((key, value)) = texts.find(|(key, _)| wildcard::matches(self.key.as_str(), key.as_str())) {
                return (key.as_str(), Some(value));
            }
        }
        (self.key.as_str(), object.get_key(&self.key))
    }
}

fn leaf(leaf: &Leaf, value: &Value, path: &Path<'_>) -> Walked {
    let is_such = match value {
        Value::Array(array) => array.iter().all(|element| leaf.matches(element)),
        other => leaf.matches(other),
    };
    if is_such { Ok(()) } else { Err(unlike(value, leaf, path)) }
}

fn unlike(value: &Value, leaf: &Leaf, path: &Path<'_>) -> Failure {
    let path = path.text();
    let message = format!("resource value '{}' does not match '{}' at path {path}", gofmt::print(value), leaf.print());
    Failure::new(Kind::Value, message, path)
}
