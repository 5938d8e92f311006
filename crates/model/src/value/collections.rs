//! Arrays, objects and sets: immutable, one allocation each, shared by reference count.

use std::cmp::Ordering;
use std::fmt;

use triomphe::ThinArc;

use super::{Key, Value};
use crate::source::Span;

/// Where each element of a container stands in its source; absent when the value was not read from a text.
type Spans = Option<Box<[Span]>>;

/// Objects up to this many entries are searched from front to back, longer ones by halving.
const LINEAR: usize = 12;

/// An ordered list of values.
#[derive(Clone)]
pub struct Array(ThinArc<Spans, Value>);

impl Array {
    /// The elements as a slice.
    pub fn as_slice(&self) -> &[Value] {
        &self.0.slice
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.slice.len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.0.slice.is_empty()
    }

    /// The elements in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Value> {
        self.0.slice.iter()
    }

    /// The element at this position.
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.0.slice.get(index)
    }

    /// Where the element at this position stands in the source.
    pub fn span(&self, index: usize) -> Option<Span> {
        self.0.header.header.as_ref()?.get(index).copied()
    }

    /// A list whose elements know where they stand.
    ///
    /// # Panics
    /// When `elements` and `spans` differ in length.
    pub fn with_spans(elements: Vec<Value>, spans: Vec<Span>) -> Self {
        assert_eq!(elements.len(), spans.len(), "one span an element");
        Self(ThinArc::from_header_and_iter(Some(spans.into()), elements.into_iter()))
    }

    /// A list of which the places of some elements may be known. Those of the others are taken to be where the first known
    /// one is; with none known, it has none.
    pub fn with_known_spans(elements: Vec<(Value, Option<Span>)>) -> Self {
        match elements.iter().find_map(|(_, span)| *span) {
            Some(known) => {
                let (elements, spans) =
                    elements.into_iter().map(|(value, span)| (value, span.unwrap_or(known))).unzip();
                Self::with_spans(elements, spans)
            }
            None => elements.into_iter().map(|(value, _)| value).collect(),
        }
    }

    /// The elements with the place of each, when known.
    pub fn iter_spanned(&self) -> impl Iterator<Item = (&Value, Option<Span>)> {
        self.iter().enumerate().map(|(index, value)| (value, self.span(index)))
    }

    pub(crate) fn from_exact_iter(elements: impl ExactSizeIterator<Item = Value>) -> Self {
        Self(ThinArc::from_header_and_iter(None, elements))
    }

    /// Whether both are the same allocation.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0.slice.as_ptr(), other.0.slice.as_ptr())
    }
}

impl FromIterator<Value> for Array {
    fn from_iter<I: IntoIterator<Item = Value>>(elements: I) -> Self {
        Self::from_exact_iter(elements.into_iter().collect::<Vec<_>>().into_iter())
    }
}

impl<'a> IntoIterator for &'a Array {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A mapping from keys to values, ordered by key.
#[derive(Clone)]
pub struct Object(ThinArc<Spans, (Key, Value)>);

impl Object {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.slice.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.slice.is_empty()
    }

    /// The entries in the order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Key, &Value)> + ExactSizeIterator {
        self.0.slice.iter().map(|(key, value)| (key, value))
    }

    /// The value under this key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).map(|index| &self.0.slice[index].1)
    }

    /// The value under an interned key: for short objects a comparison of addresses.
    pub fn get_key(&self, key: &Key) -> Option<&Value> {
        self.position_key(key).map(|index| &self.0.slice[index].1)
    }

    /// The entry at this position in the order of the keys.
    pub fn entry(&self, index: usize) -> Option<(&Key, &Value)> {
        self.0.slice.get(index).map(|(key, value)| (key, value))
    }

    /// Where the entry under this key stands in the source, key and value together.
    pub fn span(&self, key: &str) -> Option<Span> {
        self.0.header.header.as_ref()?.get(self.position(key)?).copied()
    }

    /// The entries with the place of each, when known.
    pub fn iter_spanned(&self) -> impl Iterator<Item = (&Key, &Value, Option<Span>)> {
        let spans = self.0.header.header.as_deref();
        self.0
            .slice
            .iter()
            .enumerate()
            .map(move |(index, (key, value))| (key, value, spans.and_then(|spans| spans.get(index).copied())))
    }

    /// At which position in the order of the keys a key stands.
    pub fn position(&self, key: &str) -> Option<usize> {
        let entries = &self.0.slice;
        if entries.len() <= LINEAR {
            let same = |known: &Key| known.as_str() == key && known.as_other().is_none();
            return entries.iter().position(|(known, _)| same(known));
        }
        entries.binary_search_by(|(known, _)| known.cmp_text(key)).ok()
    }

    fn position_key(&self, key: &Key) -> Option<usize> {
        let entries = &self.0.slice;
        if entries.len() <= LINEAR && key.is_interned() {
            // An interned text is never also kept as a shared one, so addresses decide.
            return entries.iter().position(|(known, _)| known.same_address(key));
        }
        entries.binary_search_by(|(known, _)| known.cmp(key)).ok()
    }

    /// An object whose entries know where they stand. Of equal keys the last wins.
    pub fn with_spans(mut entries: Vec<(Key, Value, Span)>) -> Self {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        keep_last(&mut entries, |a, b| a.0 == b.0);
        let spans = entries.iter().map(|entry| entry.2).collect();
        Self(ThinArc::from_header_and_iter(Some(spans), entries.into_iter().map(|(key, value, _)| (key, value))))
    }

    /// An object of which the places of some entries may be known. Those of the others are taken to be where the first
    /// known one is; with none known, it has none. Of equal keys the last wins.
    pub fn with_known_spans(entries: Vec<(Key, Value, Option<Span>)>) -> Self {
        match entries.iter().find_map(|(.., span)| *span) {
            Some(known) => {
                let spanned = entries.into_iter().map(|(key, value, span)| (key, value, span.unwrap_or(known)));
                Self::with_spans(spanned.collect())
            }
            None => entries.into_iter().map(|(key, value, _)| (key, value)).collect(),
        }
    }

    /// Takes the entries above `base` off the stack. Of equal keys the last wins.
    pub(crate) fn from_stack(stack: &mut Vec<(Key, Value)>, base: usize) -> Self {
        let entries = &mut stack[base..];
        if !entries.is_sorted_by(|a, b| a.0 < b.0) {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            if entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                let mut entries = stack.split_off(base);
                keep_last(&mut entries, |a, b| a.0 == b.0);
                return Self(ThinArc::from_header_and_iter(None, entries.into_iter()));
            }
        }
        Self(ThinArc::from_header_and_iter(None, stack.drain(base..)))
    }

    /// Whether both are the same allocation.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0.slice.as_ptr(), other.0.slice.as_ptr())
    }
}

/// Drops every element that is followed by an equal one.
fn keep_last<T>(sorted: &mut Vec<T>, mut same: impl FnMut(&T, &T) -> bool) {
    sorted.reverse();
    sorted.dedup_by(|later, earlier| same(later, earlier));
    sorted.reverse();
}

impl FromIterator<(Key, Value)> for Object {
    /// Of equal keys the last wins.
    fn from_iter<I: IntoIterator<Item = (Key, Value)>>(entries: I) -> Self {
        Self::from_stack(&mut entries.into_iter().collect(), 0)
    }
}

/// A set of values, ordered.
#[derive(Clone)]
pub struct Set(ThinArc<(), Value>);

impl Set {
    /// Number of members.
    pub fn len(&self) -> usize {
        self.0.slice.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.slice.is_empty()
    }

    /// The members in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Value> {
        self.0.slice.iter()
    }

    /// The members in order, as a slice.
    pub fn as_slice(&self) -> &[Value] {
        &self.0.slice
    }

    /// Whether the value is a member.
    pub fn contains(&self, value: &Value) -> bool {
        self.0.slice.binary_search(value).is_ok()
    }
}

impl<'a> IntoIterator for &'a Set {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<Value> for Set {
    fn from_iter<I: IntoIterator<Item = Value>>(members: I) -> Self {
        let mut members: Vec<Value> = members.into_iter().collect();
        members.sort();
        members.dedup();
        Self(ThinArc::from_header_and_iter((), members.into_iter()))
    }
}

macro_rules! by_elements {
    ($type:ident) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.0.slice.as_ptr() == other.0.slice.as_ptr() || self.0.slice == other.0.slice
            }
        }
        impl Eq for $type {}
        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
        impl Ord for $type {
            fn cmp(&self, other: &Self) -> Ordering {
                if self.0.slice.as_ptr() == other.0.slice.as_ptr() {
                    return Ordering::Equal;
                }
                self.0.slice.cmp(&other.0.slice)
            }
        }
        impl std::hash::Hash for $type {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.0.slice.hash(state);
            }
        }
        impl Default for $type {
            fn default() -> Self {
                Self::from_iter([])
            }
        }
    };
}

by_elements!(Array);
by_elements!(Object);
by_elements!(Set);

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
