//! From a document to a pattern.

use probity_kubernetes::wildcard;
use probity_model::{Key, Value};

use super::walk::Walk;
use super::{Entry, Filled, Leaf, List, Map, Mismatch, Node};
use crate::anchor::Anchor;
use crate::context::Context;
use crate::template::{SubstituteError, Template, TemplateError, Text, has_variable};

/// A pattern, compiled.
#[derive(Debug, Clone)]
pub struct Pattern(Form);

#[derive(Debug, Clone)]
enum Form {
    /// Only texts at its ends have variables.
    Compiled { root: Node, slots: Vec<Text> },
    /// Keys have variables, or references lead nowhere: it is compiled for each request.
    Template(Template),
}

/// A pattern with its variables put in, for one request.
pub struct Ready<'p>(Made<'p>);

enum Made<'p> {
    Borrowed(&'p Node, Vec<Filled>),
    Owned(Node),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The first variable that is no expression, or anchor that is not where it may be.
    pub fn compile(document: &Value) -> Result<Self, TemplateError> {
        check_anchors(document, &mut String::new())?;
        let template = Template::compile(document)?;
        if template.constant().is_some() {
            let root = node(template.constant().unwrap_or(document), false, &mut None);
            return Ok(Self(Form::Compiled { root, slots: Vec::new() }));
        }
        if has_variable_key(document) || mentions_reference(document) {
            return Ok(Self(Form::Template(template)));
        }
        let mut slots = Some(SlotMaker { texts: Vec::new(), path: String::new(), error: None });
        let root = node(document, false, &mut slots);
        match slots {
            Some(SlotMaker { error: Some(error), .. }) => Err(error),
            Some(SlotMaker { texts, .. }) => Ok(Self(Form::Compiled { root, slots: texts })),
            None => Ok(Self(Form::Template(template))),
        }
    }

    /// Puts the variables in.
    ///
    /// # Errors
    /// When one has no value.
    pub fn fill(&self, context: &Context<'_>) -> Result<Ready<'_>, SubstituteError> {
        Ok(Ready(match &self.0 {
            Form::Compiled { root, slots } => {
                let fill = |text: &Text| -> Result<Filled, SubstituteError> {
                    let value = text.substitute(context)?;
                    Ok(match value {
                        Value::Object(_) | Value::Array(_) => Filled::Pattern(Box::new(node(&value, false, &mut None))),
                        other => Filled::Leaf(Leaf::of(&other)),
                    })
                };
                let filled: Result<Vec<Filled>, SubstituteError> = slots.iter().map(fill).collect();
                Made::Borrowed(root, filled?)
            }
            Form::Template(template) => Made::Owned(node(&template.substitute(context)?, false, &mut None)),
        }))
    }

    /// Whether a value is as a pattern without variables says.
    ///
    /// # Errors
    /// Why not.
    pub fn matches_constant(pattern: &Value, value: &Value) -> Result<(), Mismatch> {
        Walk::new(&[]).matches(&node(pattern, false, &mut None), value)
    }
}

impl Ready<'_> {
    /// Whether a resource is as the pattern says.
    ///
    /// # Errors
    /// Why not.
    pub fn matches(&self, resource: &Value) -> Result<(), Mismatch> {
        match &self.0 {
            Made::Borrowed(root, filled) => Walk::new(filled).matches(root, resource),
            Made::Owned(root) => Walk::new(&[]).matches(root, resource),
        }
    }
}

/// Takes texts with variables out of a pattern.
struct SlotMaker {
    texts: Vec<Text>,
    path: String,
    error: Option<TemplateError>,
}

impl SlotMaker {
    fn slot(&mut self, text: &str) -> Option<Node> {
        match Text::parse(text, &self.path) {
            Ok(found) => {
                self.texts.push(found?);
                Some(Node::Slot(self.texts.len() - 1))
            }
            Err(error) => {
                let error = TemplateError { path: self.path.clone(), message: error.message };
                self.error.get_or_insert(error);
                None
            }
        }
    }
}

/// Checks that anchors are those that patterns have, and that lists are said of where one of their elements is meant.
fn check_anchors(value: &Value, path: &mut String) -> Result<(), TemplateError> {
    let length = path.len();
    let wrong = |path: &str, message: String| Err(TemplateError { path: path.to_owned(), message });
    match value {
        Value::Array(array) => {
            for (index, element) in array.iter().enumerate() {
                path.push_str(&format!("/{index}"));
                check_anchors(element, path)?;
                path.truncate(length);
            }
        }
        Value::Object(object) => {
            for (key, element) in object.iter() {
                path.push_str(&format!("/{key}"));
                let is_list = element.as_array().is_some_and(|array| !array.is_empty());
                match Anchor::parse(key.as_str()) {
                    Some((Anchor::AddIfNotPresent, _)) => {
                        return wrong(path, format!("unsupported anchor {key}: fields are added by rules that mutate"));
                    }
                    Some((Anchor::Existence, _)) if !is_list => {
                        let message = format!("anchor {key} needs a list with what one of the elements must be");
                        return wrong(path, message);
                    }
                    _ => {}
                }
                check_anchors(element, path)?;
                path.truncate(length);
            }
        }
        _ => {}
    }
    Ok(())
}

fn has_variable_key(value: &Value) -> bool {
    match value {
        Value::Array(array) => array.iter().any(has_variable_key),
        Value::Object(object) => object
            .iter()
            .any(|(key, value)| key.as_str().contains("{{") && has_variable(key.as_str()) || has_variable_key(value)),
        _ => false,
    }
}

fn mentions_reference(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("$("),
        Value::Array(array) => array.iter().any(mentions_reference),
        Value::Object(object) => {
            object.iter().any(|(key, value)| key.as_str().contains("$(") || mentions_reference(value))
        }
        _ => false,
    }
}

type Slots = Option<SlotMaker>;

/// Runs with a segment added to the path of what is compiled.
fn within<T>(slots: &mut Slots, segment: &str, run: impl FnOnce(&mut Slots) -> T) -> T {
    let length = slots.as_ref().map_or(0, |slots| slots.path.len());
    if let Some(slots) = slots {
        slots.path.push('/');
        slots.path.push_str(&segment.replace('/', "\\/"));
    }
    let result = run(slots);
    if let Some(slots) = slots {
        slots.path.truncate(length);
    }
    result
}

/// `in_metadata` tells that the value stands under a key `metadata`.
fn node(value: &Value, in_metadata: bool, slots: &mut Slots) -> Node {
    match value {
        Value::Object(object) => {
            let entries = object.iter().map(|(key, value)| entry(key, value, in_metadata, slots)).collect();
            Node::Map(map(entries))
        }
        Value::Array(array) => {
            let mut nodes = Vec::with_capacity(array.len());
            for (index, element) in array.iter().enumerate() {
                nodes.push(within(slots, &index.to_string(), |slots| node(element, false, slots)));
            }
            Node::List(list(array.get(0), nodes))
        }
        Value::String(text) => {
            let slot = slots.as_mut().and_then(|slots| slots.slot(text));
            slot.unwrap_or_else(|| Node::Leaf(Leaf::of(value)))
        }
        other => Node::Leaf(Leaf::of(other)),
    }
}

fn list(first: Option<&Value>, mut nodes: Vec<Node>) -> List {
    match first {
        None => List::Empty,
        Some(Value::Array(_)) => List::Each(nodes),
        Some(Value::Object(_)) => {
            let first = nodes.remove(0);
            List::Maps(Box::new(first), nodes)
        }
        Some(_) => List::Scalars(Box::new(nodes.remove(0))),
    }
}

fn entry(written: &Key, value: &Value, in_metadata: bool, slots: &mut Slots) -> Entry {
    let (anchor, field) = match Anchor::parse(written.as_str()) {
        // Adding is for mutation: here the key is no anchor.
        Some((Anchor::AddIfNotPresent, _)) | None => (None, written.as_str()),
        Some((anchor, field)) => (Some(anchor), field),
    };
    let mut node = within(slots, written.as_str(), |slots| node(value, field == "metadata", slots));
    if in_metadata
        && matches!(field, "labels" | "annotations")
        && let Node::Map(map) = &mut node
    {
        map.is_texts = true;
    }
    let has_wildcard = wildcard::contains(field);
    Entry { written: written.as_str().into(), anchor, key: Key::new(field), has_wildcard, node }
}

/// The order in which the keys of an object are asked.
fn map(entries: Vec<Entry>) -> Map {
    let is_first = |entry: &Entry| !matches!(entry.anchor, None | Some(Anchor::Global));
    let (anchors, others): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(is_first);
    let is_front = |entry: &Entry| entry.anchor == Some(Anchor::Global) || has_anchor(&entry.node);
    let (front, back): (Vec<Entry>, Vec<Entry>) = others.into_iter().partition(is_front);
    Map { anchors, fields: front.into_iter().rev().chain(back).collect(), is_texts: false }
}

fn has_anchor(node: &Node) -> bool {
    match node {
        Node::Map(map) => {
            !map.anchors.is_empty() || map.fields.iter().any(|entry| entry.anchor.is_some() || has_anchor(&entry.node))
        }
        Node::List(List::Maps(first, rest)) => has_anchor(first) || rest.iter().any(has_anchor),
        Node::List(List::Each(nodes)) => nodes.iter().any(has_anchor),
        Node::List(_) | Node::Leaf(_) | Node::Slot(_) => false,
    }
}
