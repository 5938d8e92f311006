//! The objects of a kind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, RwLock};
use std::time::Instant;

use probity_model::Value;

/// Namespace and name of an object; the namespace of objects of the cluster is empty.
pub(crate) type Name = (String, String);

/// What became of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Changed {
    pub(crate) name: Name,
    pub(crate) old: Option<Value>,
    pub(crate) new: Option<Value>,
}

/// The objects of a kind, as the API server last told them.
#[derive(Default)]
pub(crate) struct Store {
    objects: RwLock<BTreeMap<Name, Value>>,
    /// What a new list brought, until it is whole.
    listing: Mutex<BTreeMap<Name, Value>>,
    state: Mutex<State>,
    known: Condvar,
    /// Whether policies look at these objects; others are watched only to be judged.
    wanted: AtomicBool,
}

#[derive(Default)]
struct State {
    whole: bool,
    /// Why nothing is told.
    trouble: Option<String>,
}

impl Store {
    /// Waits until all objects are known.
    pub(crate) fn wait(&self, deadline: Instant) -> Result<(), String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.whole {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(state.trouble.clone().unwrap_or_else(|| "the list is still being read".to_owned()));
            }
            state = self.known.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// Policies look at these objects from now on.
    pub(crate) fn want(&self) {
        if !self.is_wanted() {
            self.wanted.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).whole
    }

    /// What is in the way of knowing.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }

    pub(crate) fn troubled(&self, why: String) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).trouble = Some(why);
    }

    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<Value> {
        let key = (namespace.to_owned(), name.to_owned());
        self.objects.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// The objects of a namespace, or of all.
    pub(crate) fn list(&self, namespace: &str) -> Vec<Value> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        if namespace.is_empty() {
            return objects.values().cloned().collect();
        }
        let from = (namespace.to_owned(), String::new());
        let own = objects.range(from..).take_while(|((of, _), _)| of == namespace);
        own.map(|(_, object)| object.clone()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.objects.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// A new list begins.
    pub(crate) fn begin(&self) {
        self.listing.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn listed(&self, name: Name, object: Value) {
        // What is the same is kept once while there are two lists.
        let known = self.objects.read().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        let object = known.filter(|known| *known == object).unwrap_or(object);
        self.listing.lock().unwrap_or_else(PoisonError::into_inner).insert(name, object);
    }

    /// The new list is whole: what is not in it is gone. Gives what is different now.
    pub(crate) fn finish(&self) -> Vec<Changed> {
        let new = std::mem::take(&mut *self.listing.lock().unwrap_or_else(PoisonError::into_inner));
        let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
        let gone = objects.iter().filter(|(name, _)| !new.contains_key(*name));
        let mut changes: Vec<Changed> =
            gone.map(|(name, object)| Changed { name: name.clone(), old: Some(object.clone()), new: None }).collect();
        for (name, object) in &new {
            let old = objects.get(name);
            if old != Some(object) {
                changes.push(Changed { name: name.clone(), old: old.cloned(), new: Some(object.clone()) });
            }
        }
        *objects = new;
        drop(objects);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { whole: true, trouble: None };
        self.known.notify_all();
        changes
    }

    pub(crate) fn put(&self, name: Name, object: Value) -> Option<Changed> {
        let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
        let old = objects.insert(name.clone(), object.clone());
        (old.as_ref() != Some(&object)).then_some(Changed { name, old, new: Some(object) })
    }

    pub(crate) fn remove(&self, name: Name) -> Option<Changed> {
        let old = self.objects.write().unwrap_or_else(PoisonError::into_inner).remove(&name)?;
        Some(Changed { name, old: Some(old), new: None })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Event {
        Put(u8, u8, u8),
        Remove(u8, u8),
        List(BTreeMap<(u8, u8), u8>),
    }

    fn name(namespace: u8, name: u8) -> Name {
        (format!("ns{namespace}"), format!("n{name}"))
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0u8..3, 0u8..4, 0u8..3).prop_map(|(a, b, c)| Event::Put(a, b, c)),
            (0u8..3, 0u8..4).prop_map(|(a, b)| Event::Remove(a, b)),
            prop::collection::btree_map((0u8..3, 0u8..4), 0u8..3, 0..6).prop_map(Event::List),
        ]
    }

    proptest! {
        #[test]
        fn it_is_what_a_plain_map_is_and_tells_every_change(events in prop::collection::vec(event(), 0..40)) {
            let store = Store::default();
            let (mut plain, mut told) = (BTreeMap::new(), BTreeMap::new());
            for event in events {
                let changes = match event {
                    Event::Put(a, b, c) => {
                        plain.insert(name(a, b), Value::from(i64::from(c)));
                        store.put(name(a, b), i64::from(c).into()).into_iter().collect()
                    }
                    Event::Remove(a, b) => {
                        plain.remove(&name(a, b));
                        store.remove(name(a, b)).into_iter().collect()
                    }
                    Event::List(list) => {
                        plain = list.iter().map(|((a, b), c)| (name(*a, *b), Value::from(i64::from(*c)))).collect();
                        store.begin();
                        for ((a, b), c) in &list {
                            store.listed(name(*a, *b), i64::from(*c).into());
                        }
                        store.finish()
                    }
                };
                for Changed { name, old, new } in changes {
                    prop_assert_eq!(told.get(&name), old.as_ref());
                    match new {
                        Some(new) => drop(told.insert(name, new)),
                        None => drop(told.remove(&name)),
                    }
                }
                prop_assert_eq!(&told, &plain);
                prop_assert_eq!(store.list("").len(), plain.len());
                let own = store.list("ns1");
                let of_one: Vec<Value> =
                    plain.iter().filter(|((of, _), _)| of == "ns1").map(|(_, object)| object.clone()).collect();
                prop_assert_eq!(own, of_one);
            }
        }
    }
}
