//! What policies look at beside the object that they judge: when that changes, the objects are judged anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use probity_cluster::{Change, Kind, What};
use probity_gate_admission::content_digest;
use probity_model::SmolStr;
use probity_policy_core::{Policy, TypeSelector, Watched};

/// How long nothing is judged after the first change: what goes or comes together is seen as a whole.
const SETTLE: Duration = Duration::from_secs(2);

/// Least time between two looks at the same objects because of what is around them.
const PAUSE: Duration = Duration::from_secs(1);

/// And more for each of the objects: however often something around many of them changes, they are judged for a small part
/// of the time.
const PAUSE_OF_EACH: Duration = Duration::from_millis(2);

/// Policies that judge the same types of objects and look at the same kinds besides.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    /// Groups and kinds.
    watched: BTreeSet<(SmolStr, SmolStr)>,
    types: Vec<TypeSelector>,
    /// Whether what it looks at is in the namespace of the object.
    is_near: bool,
}

/// Objects that are to be judged anew, by their types and namespace; in all of them when that is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stale {
    look: usize,
    namespace: SmolStr,
}

/// What is around the objects of a cluster.
#[derive(Default)]
pub(super) struct Around {
    looks: Vec<Look>,
    /// Each since when.
    stale: BTreeMap<Stale, Instant>,
    /// Until when those that were judged are not judged again.
    waits: HashMap<Stale, Instant>,
}

impl Around {
    pub(super) fn of<'p>(policies: impl Iterator<Item = &'p dyn Policy>) -> Self {
        let mut looks = Vec::new();
        for look in policies.filter_map(look) {
            if !looks.contains(&look) {
                looks.push(look);
            }
        }
        Self { looks, ..Self::default() }
    }

    /// Takes note of what an object is for those around it.
    pub(super) fn changed(&mut self, change: &Change, now: Instant) {
        let kind = (SmolStr::new(&change.kind.group), SmolStr::new(&change.kind.kind));
        let looks = self.looks.iter().enumerate().filter(|(_, look)| look.watched.contains(&kind));
        let stale = looks.map(|(position, look)| Stale {
            look: position,
            namespace: if look.is_near { SmolStr::new(&change.namespace) } else { SmolStr::default() },
        });
        let stale: Vec<Stale> = stale.collect();
        if !stale.is_empty() && !is_the_same(&change.what) {
            for one in stale {
                self.stale.entry(one).or_insert(now);
            }
        }
    }

    /// What is to be judged now; the others wait.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Stale> {
        self.waits.retain(|_, until| *until > now);
        let is_due = |stale: &Stale, since: &Instant| now >= *since + SETTLE && !self.waits.contains_key(stale);
        let due: Vec<Stale> =
            self.stale.iter().filter(|(stale, since)| is_due(stale, since)).map(|(stale, _)| stale.clone()).collect();
        self.stale.retain(|stale, _| !due.contains(stale));
        due
    }

    /// So many objects are judged for it from now on.
    pub(super) fn judged(&mut self, stale: Stale, count: usize, now: Instant) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.waits.insert(stale, now + PAUSE + PAUSE_OF_EACH.saturating_mul(count));
    }

    /// Whether an object of a kind in a namespace is one of these.
    pub(super) fn is_of(&self, stale: &Stale, kind: &Kind, namespace: &str) -> bool {
        let types = self.looks.get(stale.look).map_or(&[] as &[_], |look| &look.types);
        types.iter().any(|types| types.matches(&kind.kind))
            && (stale.namespace.is_empty() || stale.namespace == namespace)
    }
}

fn look(policy: &dyn Policy) -> Option<Look> {
    let watched = policy.watches();
    (!watched.is_empty()).then(|| Look {
        watched: watched.into_iter().map(group_and_kind).collect(),
        types: policy.types().to_vec(),
        is_near: policy.connects(),
    })
}

fn group_and_kind(Watched { api_version, kind }: Watched) -> (SmolStr, SmolStr) {
    let group = api_version.split_once('/').map(|(group, _)| SmolStr::new(group));
    (group.unwrap_or_default(), kind)
}

/// Whether nothing is another that somebody says of an object: what the server notes of it changes all the time.
fn is_the_same(what: &What) -> bool {
    matches!(what, What::Modified { old, new } if content_digest(old) == content_digest(new))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use probity_model::Value;

    use super::*;

    /// Of policies that judge Pods.
    fn look(group: &str, kind: &str, is_near: bool) -> Look {
        Look {
            watched: BTreeSet::from([(group.into(), kind.into())]),
            types: vec![TypeSelector::Exact("Pod".into())],
            is_near,
        }
    }

    fn kind(group: &str, kind: &str) -> Arc<Kind> {
        Arc::new(Kind {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: kind.to_owned(),
            plural: format!("{}s", kind.to_lowercase()),
            namespaced: true,
        })
    }

    fn change(of: &Arc<Kind>, namespace: &str, what: What) -> Change {
        let (kind, name, managers) = (Arc::clone(of), "one".to_owned(), Arc::from([]));
        Change { kind, namespace: namespace.to_owned(), name, what, listed: false, managers }
    }

    fn object(data: &str) -> Value {
        Value::object([("data", Value::from(data)), ("status", data.into())])
    }

    #[test]
    fn what_looks_at_a_change_is_judged_when_all_has_settled_and_not_without_end() {
        let looks = vec![look("networking.k8s.io", "NetworkPolicy", true), look("", "ConfigMap", false)];
        let mut around = Around { looks, ..Around::default() };
        let (network, map, pod) = (kind("networking.k8s.io", "NetworkPolicy"), kind("", "ConfigMap"), kind("", "Pod"));
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);

        // What nobody looks at, and what is as it was, is nothing.
        around.changed(&change(&pod, "shop", What::Added(object("a"))), start);
        let status = Value::object([("data", Value::from("a"))]);
        around.changed(&change(&network, "shop", What::Modified { old: object("a"), new: status }), start);
        assert!(around.due(at(60)).is_empty());

        around.changed(&change(&network, "shop", What::Deleted(object("a"))), start);
        around.changed(&change(&map, "shop", What::Modified { old: object("a"), new: object("b") }), start);
        assert!(around.due(at(1)).is_empty());
        let due = around.due(at(2));
        let of = |stale: &Stale| {
            [("Pod", "shop"), ("Pod", "clinic"), ("Job", "shop")]
                .map(|(name, namespace)| around.is_of(stale, &kind("", name), namespace))
        };
        assert_eq!(due.iter().map(of).collect::<Vec<_>>(), [[true, false, false], [true, true, false]]);
        assert!(around.due(at(3)).is_empty());

        // The more objects, the longer until they are judged again.
        for (stale, count) in due.into_iter().zip([0, 10_000]) {
            around.judged(stale, count, at(2));
        }
        around.changed(&change(&network, "shop", What::Added(object("a"))), at(2));
        around.changed(&change(&map, "shop", What::Deleted(object("a"))), at(2));
        assert_eq!([at(4), at(22), at(23)].map(|now| around.due(now).len()), [1, 0, 1]);
    }
}
