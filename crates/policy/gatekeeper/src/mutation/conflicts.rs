//! Mutators that contradict each other about what kind of value is where (Gatekeeper, `pkg/mutation/schema`).

use std::collections::{BTreeMap, BTreeSet};

use super::path::Step;

/// What kind of value a mutator takes something for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Object,
    List,
    Set,
    String,
    /// Contradicts nothing.
    Unknown,
}

/// Positions of mutators.
pub(super) type Ids = BTreeSet<usize>;

/// What the mutators of one kind of object say of a place and of those below it.
#[derive(Debug, Default)]
pub(super) struct Place {
    users: Ids,
    children: BTreeMap<String, BTreeMap<Kind, Place>>,
    /// Those for which nothing may be below.
    last: Ids,
}

impl Place {
    /// Adds the location of a mutator; gives all that contradict each other along it.
    pub(super) fn add(&mut self, id: usize, path: &[Step], end: Kind, is_last: bool) -> Ids {
        self.users.insert(id);
        let Some((first, rest)) = path.split_first() else {
            if is_last {
                self.last.insert(id);
            }
            return Ids::new();
        };
        let kind = match rest.first() {
            None => end,
            Some(next) if next.is_element() => Kind::List,
            Some(_) => Kind::Object,
        };
        let kinds = self.children.entry(first.name().to_owned()).or_default();
        let mut conflicts = kinds.entry(kind).or_default().add(id, rest, end, is_last);
        conflicts.extend(conflicts_among(kinds));
        conflicts
    }
}

fn conflicts_among(kinds: &BTreeMap<Kind, Place>) -> Ids {
    let mut conflicts = Ids::new();
    let known = kinds.keys().filter(|kind| **kind != Kind::Unknown).count();
    for (kind, place) in kinds.iter().filter(|(kind, _)| **kind != Kind::Unknown) {
        // The elements of a list are told apart by one field.
        if known > 1 || (*kind == Kind::List && place.children.len() > 1) {
            conflicts.extend(&place.users);
        }
    }
    let ends = kinds.values().any(|place| !place.last.is_empty());
    let goes_on = kinds.values().any(|place| !place.children.is_empty());
    if ends && goes_on {
        for place in kinds.values() {
            conflicts.extend(&place.last);
            place.children.values().flat_map(BTreeMap::values).for_each(|below| conflicts.extend(&below.users));
        }
    }
    conflicts
}
