//! Lists and maps: shared, and changed in place. What a document holds becomes a value when it is looked at, a level at a time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use foldhash::fast::FixedState;
use indexmap::IndexMap;
use probity_model::Value as Model;
use probity_model::value::{Array, Object};

use super::key::TextKey;
use super::{MapKey, Value, of_document};

/// Lists and maps inside of one of a document, each made a value when it is first looked at: whoever looks has the same.
#[derive(Default)]
struct Children(Vec<Option<Value>>);

impl Children {
    /// The value at a position among so many.
    fn get(&mut self, index: usize, count: usize, value: &Model) -> Value {
        if !matches!(value, Model::Array(_) | Model::Object(_) | Model::Set(_)) {
            return of_document(value);
        }
        if self.0.is_empty() {
            self.0.resize_with(count, || None);
        }
        self.0[index].get_or_insert_with(|| of_document(value)).clone()
    }

    fn into_values(self) -> impl Iterator<Item = Value> {
        self.0.into_iter().flatten()
    }
}

/// A list.
#[derive(Clone)]
pub(crate) struct List(Rc<ListCell>);

struct ListCell {
    content: RefCell<ListContent>,
    watched: Cell<bool>,
}

enum ListContent {
    Own(Vec<Value>),
    /// Not changed since it was read.
    Document(Array, Children),
}

impl ListContent {
    /// All elements, as they are now.
    fn elements(&mut self) -> Vec<Value> {
        match self {
            Self::Own(elements) => elements.clone(),
            Self::Document(array, children) => {
                array.iter().enumerate().map(|(index, element)| children.get(index, array.len(), element)).collect()
            }
        }
    }

    /// The elements, to be changed.
    fn own(&mut self) -> &mut Vec<Value> {
        if matches!(self, Self::Document(..)) {
            *self = Self::Own(self.elements());
        }
        match self {
            Self::Own(elements) => elements,
            Self::Document(..) => unreachable!("made its own right above"),
        }
    }
}

impl List {
    pub(crate) fn new(elements: Vec<Value>) -> Self {
        Self::of(ListContent::Own(elements))
    }

    pub(crate) fn of_document(array: Array) -> Self {
        Self::of(ListContent::Document(array, Children::default()))
    }

    fn of(content: ListContent) -> Self {
        Self(Rc::new(ListCell { content: RefCell::new(content), watched: Cell::new(false) }))
    }

    pub(crate) fn len(&self) -> usize {
        match &*self.0.content.borrow() {
            ListContent::Own(elements) => elements.len(),
            ListContent::Document(array, _) => array.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Value> {
        match &mut *self.0.content.borrow_mut() {
            ListContent::Own(elements) => elements.get(index).cloned(),
            ListContent::Document(array, children) => Some(children.get(index, array.len(), array.get(index)?)),
        }
    }

    /// All elements, as they are now.
    pub(crate) fn to_vec(&self) -> Vec<Value> {
        self.0.content.borrow_mut().elements()
    }

    pub(crate) fn push(&self, element: Value) {
        self.0.content.borrow_mut().own().push(element);
    }

    /// Puts a value at a place that exists; whether it does.
    pub(crate) fn set(&self, index: usize, element: Value) -> bool {
        let mut content = self.0.content.borrow_mut();
        let before = content.own().get_mut(index).map(|place| std::mem::replace(place, element));
        drop(content);
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
    /// Not changed since it was read.
    Document(Object, Children),
}

impl MapContent {
    fn get(&mut self, key: &MapKey) -> Option<Value> {
        match self {
            Self::Own(entries) => entries.get(key).cloned(),
            Self::Document(object, children) => {
                let index = position(object, key)?;
                let (_, value) = object.entry(index)?;
                Some(children.get(index, object.len(), value))
            }
        }
    }

    fn values(&mut self) -> Vec<Value> {
        match self {
            Self::Own(entries) => entries.values().cloned().collect(),
            Self::Document(object, children) => {
                let values = object.iter().enumerate();
                values.map(|(index, (_, value))| children.get(index, object.len(), value)).collect()
            }
        }
    }

    fn keys(&self) -> Keys {
        match self {
            Self::Own(entries) => Keys::Own(entries.keys().cloned().collect()),
            Self::Document(object, _) => Keys::Document(object.clone()),
        }
    }

    /// The entries, to be changed.
    fn own(&mut self) -> &mut Entries {
        if matches!(self, Self::Document(..)) {
            let (keys, values) = (self.keys(), self.values());
            *self = Self::Own(keys.iter().zip(values).collect());
        }
        match self {
            Self::Own(entries) => entries,
            Self::Document(..) => unreachable!("made its own right above"),
        }
    }
}

/// Where an entry of a document stands.
fn position(object: &Object, key: &MapKey) -> Option<usize> {
    match key {
        MapKey::String(text) => object.position(text.as_utf8()?),
        _ => object.iter().position(|(known, _)| known.as_other().is_some() && MapKey::of_document(known) == *key),
    }
}

/// The keys of a collection as they were when it was asked for them.
pub(crate) enum Keys {
    /// Those of a list are positions.
    Positions(usize),
    Own(Vec<MapKey>),
    Document(Object),
}

impl Keys {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Positions(count) => *count,
            Self::Own(keys) => keys.len(),
            Self::Document(object) => object.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<MapKey> {
        match self {
            Self::Positions(_) => Some(MapKey::Int(i64::try_from(index).unwrap_or(i64::MAX))),
            Self::Own(keys) => keys.get(index).cloned(),
            Self::Document(object) => object.entry(index).map(|(key, _)| MapKey::of_document(key)),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = MapKey> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl Map {
    pub(crate) fn empty() -> Self {
        Self::new(Entries::default())
    }

    pub(crate) fn new(entries: Entries) -> Self {
        Self::of(MapContent::Own(entries))
    }

    pub(crate) fn of_document(object: Object) -> Self {
        Self::of(MapContent::Document(object, Children::default()))
    }

    fn of(content: MapContent) -> Self {
        Self(Rc::new(MapCell { content: RefCell::new(content), watched: Cell::new(false) }))
    }

    pub(crate) fn len(&self) -> usize {
        match &*self.0.content.borrow() {
            MapContent::Own(entries) => entries.len(),
            MapContent::Document(object, _) => object.len(),
        }
    }

    /// The value under a text.
    pub(crate) fn get_str(&self, key: &str) -> Option<Value> {
        match &mut *self.0.content.borrow_mut() {
            MapContent::Own(entries) => entries.get(&TextKey(key)).cloned(),
            MapContent::Document(object, children) => {
                let index = object.position(key)?;
                let (_, value) = object.entry(index)?;
                Some(children.get(index, object.len(), value))
            }
        }
    }

    pub(crate) fn get(&self, key: &MapKey) -> Option<Value> {
        self.0.content.borrow_mut().get(key)
    }

    pub(crate) fn contains_key(&self, key: &MapKey) -> bool {
        match &*self.0.content.borrow() {
            MapContent::Own(entries) => entries.contains_key(key),
            MapContent::Document(object, _) => position(object, key).is_some(),
        }
    }

    /// The keys, as they are now.
    pub(crate) fn keys(&self) -> Keys {
        self.0.content.borrow().keys()
    }

    /// The values in the order of the keys, as they are now.
    pub(crate) fn to_values(&self) -> Vec<Value> {
        self.0.content.borrow_mut().values()
    }

    /// All entries, as they are now.
    pub(crate) fn to_vec(&self) -> Vec<(MapKey, Value)> {
        let values = self.to_values();
        self.keys().iter().zip(values).collect()
    }

    /// A copy whose own entries are changed alone.
    pub(crate) fn to_entries(&self) -> Entries {
        self.to_vec().into_iter().collect()
    }

    pub(crate) fn insert(&self, key: MapKey, value: Value) {
        let before = self.0.content.borrow_mut().own().insert(key, value);
        drop(before);
    }

    pub(crate) fn remove(&self, key: &MapKey) {
        let before = self.0.content.borrow_mut().own().shift_remove(key);
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
        let mut values = Vec::new();
        self.content.get_mut().take_into(&mut values);
        dismantle(values);
    }
}

impl Drop for MapCell {
    fn drop(&mut self) {
        let mut values = Vec::new();
        self.content.get_mut().take_into(&mut values);
        dismantle(values);
    }
}

impl ListContent {
    /// Takes the values out that may hold others.
    fn take_into(&mut self, values: &mut Vec<Value>) {
        match self {
            Self::Own(elements) => values.append(elements),
            Self::Document(_, children) => values.extend(std::mem::take(children).into_values()),
        }
    }
}

impl MapContent {
    /// As [`ListContent::take_into`].
    fn take_into(&mut self, values: &mut Vec<Value>) {
        match self {
            Self::Own(entries) => values.extend(std::mem::take(entries).into_values()),
            Self::Document(_, children) => values.extend(std::mem::take(children).into_values()),
        }
    }
}

/// Drops values one after the other, so that what is deeply nested takes no deep stack.
fn dismantle(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value {
            Value::List(List(cell)) => {
                if let Some(mut cell) = Rc::into_inner(cell) {
                    cell.content.get_mut().take_into(&mut values);
                }
            }
            Value::Map(Map(cell)) => {
                if let Some(mut cell) = Rc::into_inner(cell) {
                    cell.content.get_mut().take_into(&mut values);
                }
            }
            _ => {}
        }
    }
}
