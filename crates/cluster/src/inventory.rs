//! All watched objects in the shape of Gatekeeper's `data.inventory`, made anew only where something changed.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use probity_model::Value;

use crate::kinds::Kind;
use crate::store::Store;

/// The objects of a kind in a namespace, by name.
type Leaves = BTreeMap<(String, Kind), Value>;

#[derive(Default)]
struct State {
    leaves: Leaves,
    /// What changed since: namespaces of kinds. A kind that was never read is in `new`.
    touched: HashSet<(Kind, String)>,
    known: HashSet<Kind>,
    whole: Option<Value>,
}

/// The inventory.
#[derive(Default)]
pub(crate) struct Inventory(Mutex<State>);

impl Inventory {
    /// Something of a kind in a namespace changed.
    pub(crate) fn touched(&self, kind: &Kind, namespace: &str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.known.contains(kind) {
            state.touched.insert((kind.clone(), namespace.to_owned()));
        }
        state.whole = None;
    }

    /// A kind is not there any more.
    pub(crate) fn gone(&self, kind: &Kind) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.known.remove(kind);
        state.leaves.retain(|(_, of), _| of != kind);
        state.touched.retain(|(of, _)| of != kind);
        state.whole = None;
    }

    /// The inventory of these objects; `None` when there are none.
    pub(crate) fn value<'s>(&self, stores: impl Iterator<Item = (&'s Kind, &'s Store)>) -> Option<Value> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stores: Vec<_> = stores.collect();
        let is_new = stores.iter().any(|(kind, _)| !state.known.contains(*kind));
        if let (Some(whole), false) = (&state.whole, is_new) {
            return Some(whole.clone());
        }
        let touched = std::mem::take(&mut state.touched);
        for (kind, store) in stores {
            if state.known.insert(kind.clone()) {
                add_all(&mut state.leaves, kind, store.list(""));
            } else {
                for (_, namespace) in touched.iter().filter(|(of, _)| of == kind) {
                    let objects = if kind.namespaced { store.list(namespace) } else { store.list("") };
                    state.leaves.remove(&(namespace.clone(), kind.clone()));
                    add_all(&mut state.leaves, kind, objects);
                }
            }
        }
        let whole = nested(&state.leaves);
        state.whole.clone_from(&whole);
        whole
    }
}

fn add_all(leaves: &mut Leaves, kind: &Kind, objects: Vec<Value>) {
    let mut by_namespace: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
    for object in objects {
        let text = |field: &str| object.at(&["metadata", field]).and_then(Value::as_str).unwrap_or_default().to_owned();
        by_namespace.entry(text("namespace")).or_default().push((text("name"), object));
    }
    for (namespace, objects) in by_namespace {
        leaves.insert((namespace, kind.clone()), Value::object(objects));
    }
}

type Versions<'l> = BTreeMap<String, BTreeMap<&'l str, Value>>;

fn nested(leaves: &Leaves) -> Option<Value> {
    let mut namespaces: BTreeMap<&str, Versions<'_>> = BTreeMap::new();
    for ((namespace, kind), leaf) in leaves {
        let versions = namespaces.entry(namespace).or_default();
        versions.entry(kind.api_version()).or_default().insert(&kind.kind, leaf.clone());
    }
    let versions = |versions: Versions<'_>| {
        Value::object(versions.into_iter().map(|(version, kinds)| (version, Value::object(kinds))))
    };
    let cluster = namespaces.remove("").map(versions);
    let within: Vec<_> = namespaces.into_iter().map(|(namespace, own)| (namespace, versions(own))).collect();
    let within = (!within.is_empty()).then(|| Value::object(within));
    let parts: Vec<_> = [("cluster", cluster), ("namespace", within)]
        .into_iter()
        .filter_map(|(name, part)| Some((name, part?)))
        .collect();
    (!parts.is_empty()).then(|| Value::object(parts))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(name: &str, namespaced: bool) -> Kind {
        let plural = format!("{}s", name.to_lowercase());
        Kind { group: String::new(), version: "v1".to_owned(), kind: name.to_owned(), plural, namespaced }
    }

    fn object(namespace: &str, name: &str, value: u8) -> Value {
        let mut metadata = vec![("name", Value::from(name))];
        if !namespace.is_empty() {
            metadata.push(("namespace", namespace.into()));
        }
        Value::object([("metadata", Value::object(metadata)), ("value", i64::from(value).into())])
    }

    proptest! {
        #[test]
        fn it_is_what_one_made_from_scratch_is(steps in prop::collection::vec((any::<bool>(), 0u8..3, 0u8..3, prop::option::of(0u8..3), 0u8..4), 0..30)) {
            let (pods, nodes) = (kind("Pod", true), kind("Node", false));
            let (of_pods, of_nodes) = (Store::default(), Store::default());
            let inventory = Inventory::default();
            let stores = [(&pods, &of_pods), (&nodes, &of_nodes)];
            for (is_pod, namespace, name, value, look) in steps {
                let (kind, store) = stores[usize::from(!is_pod)];
                let namespace = if is_pod { format!("ns{namespace}") } else { String::new() };
                let key = (namespace.clone(), format!("n{name}"));
                match value {
                    Some(value) => drop(store.put(key.clone(), object(&namespace, &key.1, value))),
                    None => drop(store.remove(key)),
                }
                inventory.touched(kind, &namespace);
                if look == 0 && !is_pod {
                    // The kind goes with its objects, and comes again.
                    store.begin();
                    store.finish();
                    inventory.gone(kind);
                    let left = || stores.into_iter().filter(|(of, _)| *of != kind);
                    prop_assert_eq!(inventory.value(left()), Inventory::default().value(left()));
                }
                if look < 2 {
                    prop_assert_eq!(inventory.value(stores.into_iter()), Inventory::default().value(stores.into_iter()));
                }
            }
        }
    }
}
