//! Object keys, interned so that looking one up compares addresses.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smol_str::SmolStr;

use super::Value;

/// How many different keys are ever interned. Field names of every format together are a few thousand; what comes
/// after (labels and map keys chosen by users) is kept as an ordinary shared string, so that outside data cannot make
/// the table grow without end.
const MAX_INTERNED: usize = 1 << 16;

/// Longest key, in bytes, that is interned.
const MAX_INTERNED_LEN: usize = 64;

/// Slots of the table that each thread keeps in front of the shared one.
const LOCAL_SLOTS: usize = 1024;

/// A key of an [`Object`](super::Object): a text, as in JSON, or any other value, as Rego has it.
///
/// Two keys that were interned are equal exactly when they are the same address. Cloning one copies a pointer, or
/// counts a reference for the rare key that is too long or came too late to be interned, or is no text.
#[derive(Clone)]
pub struct Key(Repr);

#[derive(Clone)]
enum Repr {
    Interned(&'static Interned),
    Shared(Arc<Shared>),
}

struct Interned {
    text: Box<str>,
}

struct Shared {
    /// The key's text; the JSON of a key that is no text.
    text: Box<str>,
    /// The key, when it is no text.
    value: Option<Value>,
}

struct Table {
    keys: Mutex<HashTable<&'static Interned>>,
    hasher: RandomState,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| Table { keys: Mutex::new(HashTable::with_capacity(4096)), hasher: RandomState::default() });

thread_local! {
    static LOCAL: RefCell<Vec<Option<&'static Interned>>> = RefCell::new(vec![None; LOCAL_SLOTS]);
}

impl Key {
    /// The key with this text, interned when it is short and the table has room.
    pub fn new(text: &str) -> Self {
        if text.len() > MAX_INTERNED_LEN {
            return Self::shared(text);
        }
        let hash = TABLE.hasher.hash_one(text);
        #[expect(clippy::cast_possible_truncation, reason = "the low bits choose a slot")]
        let slot = hash as usize % LOCAL_SLOTS;
        LOCAL.with_borrow_mut(|local| {
            if let Some(known) = local[slot]
                && *known.text == *text
            {
                return Self(Repr::Interned(known));
            }
            let key = Self::intern(text, hash);
            if let Repr::Interned(interned) = key.0 {
                local[slot] = Some(interned);
            }
            key
        })
    }

    fn intern(text: &str, hash: u64) -> Self {
        let mut keys = TABLE.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = keys.find(hash, |known| *known.text == *text) {
            return Self(Repr::Interned(known));
        }
        if keys.len() >= MAX_INTERNED {
            return Self::shared(text);
        }
        // Leaked on purpose: bounded by MAX_INTERNED * MAX_INTERNED_LEN for the life of the process.
        let interned: &'static Interned = Box::leak(Box::new(Interned { text: text.into() }));
        keys.insert_unique(hash, interned, |known| TABLE.hasher.hash_one(&*known.text));
        Self(Repr::Interned(interned))
    }

    fn shared(text: &str) -> Self {
        Self(Repr::Shared(Arc::new(Shared { text: text.into(), value: None })))
    }

    /// The key that is this value: a string's text, anything else as it is.
    pub fn from_value(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::new(text),
            other => {
                let text = crate::json::write(other).into();
                Self(Repr::Shared(Arc::new(Shared { text, value: Some(other.clone()) })))
            }
        }
    }

    /// The key as a value, the inverse of [`Key::from_value`]. Copies no text that was interned.
    pub fn to_value(&self) -> Value {
        match &self.0 {
            Repr::Interned(interned) => Value::String(SmolStr::new_static(&interned.text)),
            Repr::Shared(shared) => shared.value.clone().unwrap_or_else(|| Value::from(&*shared.text)),
        }
    }

    /// The key's text. Of a key that is no text, its JSON: what stands for it where keys must be texts.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Interned(interned) => &interned.text,
            Repr::Shared(shared) => &shared.text,
        }
    }

    /// The key, when it is no text.
    pub fn as_other(&self) -> Option<&Value> {
        match &self.0 {
            Repr::Interned(_) => None,
            Repr::Shared(shared) => shared.value.as_ref(),
        }
    }

    /// Order against a key that is this text.
    pub(super) fn cmp_text(&self, text: &str) -> Ordering {
        match self.as_other() {
            None => self.as_str().cmp(text),
            Some(value) => kind_order(value),
        }
    }

    /// Whether both are the same interned key; `false` says nothing when one of them was not interned.
    pub(super) fn same_address(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Interned(a), Repr::Interned(b)) => std::ptr::eq(*a, *b),
            _ => false,
        }
    }

    pub(super) fn is_interned(&self) -> bool {
        matches!(self.0, Repr::Interned(_))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Interned(a), Repr::Interned(b)) => std::ptr::eq(*a, *b),
            _ => self.cmp(other) == Ordering::Equal,
        }
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.same_address(other) {
            return Ordering::Equal;
        }
        match (self.as_other(), other.as_other()) {
            (None, None) => self.as_str().cmp(other.as_str()),
            (Some(a), Some(b)) => a.cmp(b),
            (Some(a), None) => kind_order(a),
            (None, Some(b)) => kind_order(b).reverse(),
        }
    }
}

/// Where a value that is no string stands against all strings.
fn kind_order(value: &Value) -> Ordering {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ordering::Less,
        _ => Ordering::Greater,
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.as_other() {
            None => self.as_str().hash(state),
            Some(value) => value.hash(state),
        }
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_other() {
            None => fmt::Debug::fmt(self.as_str(), f),
            Some(value) => fmt::Debug::fmt(value, f),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_share_one_address() {
        let (a, b) = (Key::new("metadata"), Key::new(&String::from("metadata")));
        assert!(a.same_address(&b));
        assert_eq!(a, b);
        assert_ne!(a, Key::new("spec"));
    }

    #[test]
    fn long_keys_are_not_interned_and_still_compare() {
        let text = "x".repeat(MAX_INTERNED_LEN + 1);
        let (a, b) = (Key::new(&text), Key::new(&text));
        assert!(!a.is_interned());
        assert_eq!(a, b);
        assert_eq!(a.cmp(&b), Ordering::Equal);
    }

    #[test]
    fn other_values_are_keys_of_their_own() {
        let (number, text) = (Key::from_value(&1.into()), Key::new("1"));
        assert_ne!(number, text);
        assert_eq!(number.as_str(), text.as_str());
        assert_eq!(number.to_value(), Value::from(1));
        assert_eq!(text.to_value(), Value::from("1"));
        assert_eq!(Key::from_value(&Value::from("1")), text);
        let mut keys = [Key::from_value(&Value::array([])), text.clone(), Key::from_value(&2.into()), number];
        keys.sort();
        assert_eq!(format!("{keys:?}"), r#"[1, 2, "1", []]"#);
        let object: crate::value::Object = keys.iter().map(|key| (key.clone(), key.to_value())).collect();
        assert_eq!(object.get("1"), Some(&Value::from("1")));
        assert_eq!(object.get_key(&Key::from_value(&1.into())), Some(&Value::from(1)));
        assert_eq!(object.get("[]"), None);
    }

    #[test]
    fn threads_agree() {
        let keys: Vec<Key> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..4).map(|_| scope.spawn(|| Key::new("spec.template"))).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).collect()
        });
        assert!(keys.windows(2).all(|pair| pair[0].same_address(&pair[1])));
    }
}
