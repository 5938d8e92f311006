//! How the fields of Kubernetes' own types are merged: which lists go by keys, which are sets, and what is replaced as a
//! whole (`x-kubernetes-list-type`, `x-kubernetes-map-type` and `x-kubernetes-list-map-keys` of its `OpenAPI` schema).

use std::collections::HashMap;
use std::sync::LazyLock;

/// The schema in short, generated from that of Kubernetes 1.36. First a root a line, its group and kind and its type; after
/// a line `--` a type a line with the fields that are not as usual: `field=Type` is of another type, `field[key,...]=Type`
/// a list by keys, `field[]` a set, `field!` replaced as a whole. Usual are structs and maps that are merged by field, and
/// lists that are replaced.
const NATIVE: &str = include_str!("native.schema");

/// How a value is merged into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Merge {
    /// Objects field by field, lists replaced.
    Usual,
    /// Field by field, as the type says.
    Struct(&'static str),
    /// Replaced as a whole.
    Atomic,
    /// A list whose elements have these keys, each of a type when that is not as usual.
    Keyed(Vec<&'static str>, Option<&'static str>),
    /// A list of which each element is there once.
    Set,
}

struct Schema {
    roots: HashMap<&'static str, &'static str>,
    types: HashMap<&'static str, HashMap<&'static str, Merge>>,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let (roots, types) = NATIVE.split_once("--\n").unwrap_or((NATIVE, ""));
    Schema {
        roots: roots.lines().filter_map(|line| line.split_once(' ')).collect(),
        types: types
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, fields)| (name, fields.split(' ').map(field).collect()))
            .collect(),
    }
});

fn field(text: &'static str) -> (&'static str, Merge) {
    let (left, target) = text.split_once('=').map_or((text, None), |(left, target)| (left, Some(target)));
    if let Some(name) = left.strip_suffix('!') {
        return (name, Merge::Atomic);
    }
    match left.strip_suffix(']').and_then(|left| left.split_once('[')) {
        Some((name, "")) => (name, Merge::Set),
        Some((name, keys)) => (name, Merge::Keyed(keys.split(',').collect(), target)),
        None => (left, target.map_or(Merge::Usual, Merge::Struct)),
    }
}

/// How an object of this group and kind is merged. Of what is not Kubernetes' own, only the metadata is known.
pub(crate) fn root(group: &str, kind: &str) -> Merge {
    let name = if group.is_empty() { kind.to_owned() } else { format!("{group}/{kind}") };
    // `ConfigMap` has nothing that is not as usual but its metadata.
    Merge::Struct(SCHEMA.roots.get(name.as_str()).copied().unwrap_or("ConfigMap"))
}

/// How a field of a type is merged.
pub(crate) fn field_of(owner: &str, name: &str) -> Merge {
    SCHEMA.types.get(owner).and_then(|fields| fields.get(name)).cloned().unwrap_or(Merge::Usual)
}

/// What stands for a key that an element does not have.
pub(crate) fn default_of(key: &str) -> Option<&'static str> {
    (key == "protocol").then_some("TCP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_named_is_there() {
        let known = |merge: &Merge| match merge {
            Merge::Struct(name) | Merge::Keyed(_, Some(name)) => SCHEMA.types.contains_key(name),
            _ => true,
        };
        assert!(SCHEMA.roots.values().all(|name| SCHEMA.types.contains_key(name)));
        assert!(SCHEMA.types.values().flat_map(HashMap::values).all(known));
        assert_eq!(field_of("PodSpec", "containers"), Merge::Keyed(vec!["name"], Some("Container")));
        assert_eq!(field_of("PodSpec", "tolerations"), Merge::Usual);
        assert_eq!(field_of("ObjectMeta", "finalizers"), Merge::Set);
        assert_eq!(field_of("ServiceSpec", "selector"), Merge::Atomic);
        assert_eq!(root("apps", "Deployment"), Merge::Struct("apps.Deployment"));
        assert_eq!(root("example.com", "Widget"), Merge::Struct("ConfigMap"));
    }
}
