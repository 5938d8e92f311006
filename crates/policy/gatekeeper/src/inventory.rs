//! The objects around the one that is judged, as `data.inventory` shows them.

use std::collections::BTreeMap;

use probity_model::Value;

use crate::object::{self, Gvk};

/// Objects by namespace, group and version, kind and name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inventory {
    all: Option<Value>,
    /// The namespace of what is judged, where it is asked for by itself.
    namespace: Option<Value>,
}

type Named = BTreeMap<String, Value>;
type Kinds = BTreeMap<String, Named>;
type Versions = BTreeMap<String, Kinds>;

fn nested<T>(map: BTreeMap<String, T>, inner: impl Fn(T) -> Value) -> Value {
    Value::object(map.into_iter().map(|(key, value)| (key, inner(value))))
}

fn versions(versions: Versions) -> Value {
    nested(versions, |kinds| nested(kinds, |named| nested(named, |object| object)))
}

impl Inventory {
    /// An inventory of these objects; what has no version or kind is left out. Of two objects of the same name the last
    /// is kept.
    pub(crate) fn of<'v>(objects: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut cluster = Versions::new();
        let mut namespaces: BTreeMap<String, Versions> = BTreeMap::new();
        for object in objects {
            let gvk = Gvk::of(object);
            if gvk.version.is_empty() || gvk.kind.is_empty() {
                continue;
            }
            let versions = match object::namespace(object) {
                "" => &mut cluster,
                namespace => namespaces.entry(namespace.to_owned()).or_default(),
            };
            let named = versions.entry(gvk.api_version()).or_default().entry(gvk.kind).or_default();
            named.insert(object::name(object).to_owned(), object.clone());
        }
        let mut parts = Vec::new();
        if !cluster.is_empty() {
            parts.push(("cluster", versions(cluster)));
        }
        if !namespaces.is_empty() {
            parts.push(("namespace", nested(namespaces, versions)));
        }
        Self { all: (!parts.is_empty()).then(|| Value::object(parts)), namespace: None }
    }

    /// What a cluster has: all that is watched, where that is asked for, and a namespace.
    pub(crate) fn of_cluster(all: Option<Value>, namespace: Option<Value>) -> Self {
        Self { all, namespace }
    }

    /// What `data.inventory` is; undefined when there is nothing.
    pub(crate) fn value(&self) -> Option<Value> {
        self.all.clone()
    }

    /// The namespace of this name.
    pub(crate) fn namespace(&self, name: &str) -> Option<&Value> {
        match &self.namespace {
            Some(namespace) if object::name(namespace) == name => Some(namespace),
            _ => self.all.as_ref()?.at(&["cluster", "v1", "Namespace", name]),
        }
    }
}
