//! Object keys, interned so that looking one up compares addresses.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// How many different keys are ever interned. Field names of every format together are a few thousand; what comes
/// after (labels and map keys chosen by users) is kept as an ordinary shared string, so that outside data cannot make
/// the table grow without end.
const MAX_INTERNED: usize = 1 << 16;

/// Longest key, in bytes, that is interned.
const MAX_INTERNED_LEN: usize = 64;

/// Slots of the table that each thread keeps in front of the shared one.
const LOCAL_SLOTS: usize = 1024;

/// A key of an [`Object`](super::Object).
///
/// Two keys that were interned are equal exactly when they are the same address. Cloning one copies a pointer, or
/// counts a reference for the rare key that is too long or came too late to be interned.
#[derive(Clone)]
pub struct Key(Repr);

#[derive(Clone)]
enum Repr {
    Interned(&'static Interned),
    Shared(Arc<str>),
}

struct Interned {
    text: Box<str>,
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
            return Self(Repr::Shared(text.into()));
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
            return Self(Repr::Shared(text.into()));
        }
        // Leaked on purpose: bounded by MAX_INTERNED * MAX_INTERNED_LEN for the life of the process.
        let interned: &'static Interned = Box::leak(Box::new(Interned { text: text.into() }));
        keys.insert_unique(hash, interned, |known| TABLE.hasher.hash_one(&*known.text));
        Self(Repr::Interned(interned))
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Interned(interned) => &interned.text,
            Repr::Shared(text) => text,
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
            _ => self.as_str() == other.as_str(),
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
        if self.same_address(other) { Ordering::Equal } else { self.as_str().cmp(other.as_str()) }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        self.as_str()
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
        fmt::Debug::fmt(self.as_str(), f)
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
    fn threads_agree() {
        let keys: Vec<Key> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..4).map(|_| scope.spawn(|| Key::new("spec.template"))).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).collect()
        });
        assert!(keys.windows(2).all(|pair| pair[0].same_address(&pair[1])));
    }
}
