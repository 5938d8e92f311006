//! Lists and maps: shared, and changed in place. What a document holds becomes a value when it is looked at.

use std::cell::{Cell, Ref, RefCell};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use foldhash::fast::FixedState;
use indexmap::{Equivalent, IndexMap};
use probity_model::value::{Array, Object};

use super::{Text, Value, of_document};

/// A list.
#[derive(Clone)]
pub(crate) struct List(Rc<ListCell>);

struct ListCell {
    content: RefCell<ListContent>,
    watched: Cell<bool>,
}

enum ListContent {
    Own(Vec<Value>),
    /// Not looked into yet, but for what is neither list nor map.
    Document(Array),
}

impl List {
    pub(crate) fn new(elements: Vec<Value>) -> Self {
        Self::of(ListContent::Own(elements))
    }

    pub(crate) fn of_document(array: Array) -> Self {
        Self::of(ListContent::Document(array))
    }

    fn of(content: ListContent) -> Self {
        Self(Rc::new(ListCell { content: RefCell::new(content), watched: Cell::new(false) }))
    }

    pub(crate) fn len(&self) -> usize {
        match &*self.0.content.borrow() {
            ListContent::Own(elements) => elements.len(),
            ListContent::Document(array) => array.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Value> {
        match &*self.0.content.borrow() {
            ListContent::Own(elements) => return elements.get(index).cloned(),
            ListContent::Document(array) => {
                let element = array.get(index)?;
                if !is_container(element) {
                    return Some(of_document(element));
                }
            }
        }
        self.elements().get(index).cloned()
    }

    /// All elements, as they are now.
    pub(crate) fn to_vec(&self) -> Vec<Value> {
        self.elements().clone()
    }

    /// The elements, each made a value of its own.
    fn elements(&self) -> Ref<'_, Vec<Value>> {
        self.own();
        Ref::map(self.0.content.borrow(), |content| match content {
            ListContent::Own(elements) => elements,
            ListContent::Document(_) => unreachable!("made its own right above"),
        })
    }

    fn own(&self) {
        let elements = match &*self.0.content.borrow() {
            ListContent::Own(_) => return,
            ListContent::Document(array) => array.iter().map(of_document).collect(),
        };
        *self.0.content.borrow_mut() = ListContent::Own(elements);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Value>) -> T) -> T {
        self.own();
        match &mut *self.0.content.borrow_mut() {
            ListContent::Own(elements) => change(elements),
            ListContent::Document(_) => unreachable!("made its own right above"),
        }
    }

    pub(crate) fn push(&self, element: Value) {
        self.change(|elements| elements.push(element));
    }

    /// Puts a value at a place that exists; whether it does.
    pub(crate) fn set(&self, index: usize, element: Value) -> bool {
        let before = self.change(|elements| elements.get_mut(index).map(|place| std::mem::replace(place, element)));
        before.is_some()
    }

    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Whether this is the first time that it is asked: what is changed may hold itself, and is emptied in the end.
    pub(crate) fn watch(&self) -> bool {
        !self.0.watched.replace(true)
    }

    /// Lets go of every element.
    pub(crate) fn clear(&self) {
        let before = self.0.content.replace(ListContent::Own(Vec::new()));
        drop(before);
    }
}

fn is_container(value: &probity_model::Value) -> bool {
    use probity_model::Value as Model;
    matches!(value, Model::Array(_) | Model::Object(_) | Model::Set(_))
}

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
struct TextKey<'t>(&'t str);

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

pub(crate) type Entries = IndexMap<MapKey, Value, FixedState>;

/// A map, in the order in which keys were added.
#[derive(Clone)]
pub(crate) struct Map(Rc<MapCell>);

struct MapCell {
    content: RefCell<MapContent>,
    watched: Cell<bool>,
}

enum MapContent {
    Own(Entries),
    Document(Object),
}

impl Map {
    pub(crate) fn empty() -> Self {
        Self::new(Entries::default())
    }

    pub(crate) fn new(entries: Entries) -> Self {
        Self::of(MapContent::Own(entries))
    }

    pub(crate) fn of_document(object: Object) -> Self {
        Self::of(MapContent::Document(object))
    }

    fn of(content: MapContent) -> Self {
        Self(Rc::new(MapCell { content: RefCell::new(content), watched: Cell::new(false) }))
    }

    pub(crate) fn len(&self) -> usize {
        match &*self.0.content.borrow() {
            MapContent::Own(entries) => entries.len(),
            MapContent::Document(object) => object.len(),
        }
    }

    /// The value under a text.
    pub(crate) fn get_str(&self, key: &str) -> Option<Value> {
        match &*self.0.content.borrow() {
            MapContent::Own(entries) => return entries.get(&TextKey(key)).cloned(),
            MapContent::Document(object) => {
                let value = object.get(key)?;
                if !is_container(value) {
                    return Some(of_document(value));
                }
            }
        }
        self.entries().get(&TextKey(key)).cloned()
    }

    pub(crate) fn get(&self, key: &MapKey) -> Option<Value> {
        match key {
            MapKey::String(Text::Utf8(text)) => self.get_str(text),
            _ => self.entries().get(key).cloned(),
        }
    }

    pub(crate) fn contains_key(&self, key: &MapKey) -> bool {
        match (&*self.0.content.borrow(), key) {
            (MapContent::Own(entries), _) => return entries.contains_key(key),
            (MapContent::Document(object), MapKey::String(Text::Utf8(text))) => return object.get(text).is_some(),
            _ => {}
        }
        self.entries().contains_key(key)
    }

    /// The keys, as they are now.
    pub(crate) fn keys(&self) -> Vec<MapKey> {
        self.entries().keys().cloned().collect()
    }

    /// All entries, as they are now.
    pub(crate) fn to_vec(&self) -> Vec<(MapKey, Value)> {
        self.entries().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// A copy whose own entries are changed alone.
    pub(crate) fn to_entries(&self) -> Entries {
        self.entries().clone()
    }

    fn entries(&self) -> Ref<'_, Entries> {
        self.own();
        Ref::map(self.0.content.borrow(), |content| match content {
            MapContent::Own(entries) => entries,
            MapContent::Document(_) => unreachable!("made its own right above"),
        })
    }

    fn own(&self) {
        let entries: Entries = match &*self.0.content.borrow() {
            MapContent::Own(_) => return,
            MapContent::Document(object) => object
                .iter()
                .map(|(key, value)| {
                    let key = match key.as_other() {
                        None => MapKey::String(key.as_str().into()),
                        Some(other) => MapKey::of(&of_document(other))
                            .unwrap_or_else(|| MapKey::String(format!("{other:?}").into())),
                    };
                    (key, of_document(value))
                })
                .collect(),
        };
        *self.0.content.borrow_mut() = MapContent::Own(entries);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Entries) -> T) -> T {
        self.own();
        match &mut *self.0.content.borrow_mut() {
            MapContent::Own(entries) => change(entries),
            MapContent::Document(_) => unreachable!("made its own right above"),
        }
    }

    pub(crate) fn insert(&self, key: MapKey, value: Value) {
        let before = self.change(|entries| entries.insert(key, value));
        drop(before);
    }

    pub(crate) fn remove(&self, key: &MapKey) {
        let before = self.change(|entries| entries.shift_remove(key));
        drop(before);
    }

    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// As [`List::watch`].
    pub(crate) fn watch(&self) -> bool {
        !self.0.watched.replace(true)
    }

    /// Lets go of every entry.
    pub(crate) fn clear(&self) {
        let before = self.0.content.replace(MapContent::Own(Entries::default()));
        drop(before);
    }
}

impl Drop for ListCell {
    fn drop(&mut self) {
        if let ListContent::Own(elements) = self.content.get_mut() {
            dismantle(std::mem::take(elements));
        }
    }
}

impl Drop for MapCell {
    fn drop(&mut self) {
        if let MapContent::Own(entries) = self.content.get_mut() {
            dismantle(std::mem::take(entries).into_values().collect());
        }
    }
}

/// Drops values one after the other, so that what is deeply nested takes no deep stack.
fn dismantle(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value {
            Value::List(List(cell)) => {
                if let Some(mut cell) = Rc::into_inner(cell)
                    && let ListContent::Own(elements) = cell.content.get_mut()
                {
                    values.append(elements);
                }
            }
            Value::Map(Map(cell)) => {
                if let Some(mut cell) = Rc::into_inner(cell)
                    && let MapContent::Own(entries) = cell.content.get_mut()
                {
                    values.extend(std::mem::take(entries).into_values());
                }
            }
            _ => {}
        }
    }
}
