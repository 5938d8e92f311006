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

/// Objects that are to be judged anew: those of a namespace or of none, or all when what is looked at is anywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Stale {
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
        // What is in no namespace, such as a namespace itself, may look into all.
        let places = [change.namespace.as_str(), ""];
        let stale = looks.flat_map(|(position, look)| places.map(|place| look.stale(position, place)));
        let stale: BTreeSet<Stale> = stale.collect();
        if !stale.is_empty() && !is_the_same(&change.what) {
            for one in stale {
                self.stale.entry(one).or_insert(now);
            }
        }
    }

    /// What is to be judged now, if anything is; the others wait.
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        self.waits.retain(|_, until| *until > now);
        let is_due = |stale: &Stale, since: &Instant| now >= *since + SETTLE && !self.waits.contains_key(stale);
        let due = self.stale.extract_if(.., |stale, since| is_due(stale, since));
        let counts: HashMap<Stale, usize> = due.map(|(stale, _)| (stale, 0)).collect();
        (!counts.is_empty()).then_some(Due { counts })
    }

    /// Whether an object of a kind in a namespace is one of these, which counts it.
    pub(super) fn takes(&self, due: &mut Due, kind: &Kind, namespace: &str) -> bool {
        let mut is_one = false;
        for (position, look) in self.looks.iter().enumerate() {
            if look.types.iter().any(|types| types.matches(&kind.kind))
                && let Some(count) = due.counts.get_mut(&look.stale(position, namespace))
            {
                *count += 1;
                is_one = true;
            }
        }
        is_one
    }

    /// All of these are judged from now on.
    pub(super) fn judged(&mut self, due: Due, now: Instant) {
        let waits = due.counts.into_iter().map(|(stale, count)| {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            (stale, now + PAUSE + PAUSE_OF_EACH.saturating_mul(count))
        });
        self.waits.extend(waits);
    }
}

/// Objects that are to be judged now, and how many they are.
pub(super) struct Due {
    counts: HashMap<Stale, usize>,
}

impl Look {
    /// The objects that it judges by what is in a namespace.
    fn stale(&self, position: usize, namespace: &str) -> Stale {
        let namespace = if self.is_near { SmolStr::new(namespace) } else { SmolStr::default() };
        Stale { look: position, namespace }
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
        assert!(around.due(at(60)).is_none());

        around.changed(&change(&network, "shop", What::Deleted(object("a"))), start);
        around.changed(&change(&map, "shop", What::Modified { old: object("a"), new: object("b") }), start);
        assert!(around.due(at(1)).is_none());
        let mut due = around.due(at(2)).unwrap();
        let mut takes = |name: &str, namespace: &str| around.takes(&mut due, &kind("", name), namespace);
        assert!(takes("Pod", "shop") && takes("Pod", "clinic") && !takes("Job", "shop"));
        let places: BTreeSet<_> = due.counts.keys().map(|stale| (stale.look, &*stale.namespace)).collect();
        assert_eq!(places, [(0, ""), (0, "shop"), (1, "")].into());
        // Those of the namespace by one policy, and those of all by the other.
        assert_eq!(due.counts.values().sum::<usize>(), 3);
        assert!(around.due(at(3)).is_none());
        // The more they are, the longer until they are judged again.
        assert!((0..10_000).all(|_| around.takes(&mut due, &pod, "clinic")));
        around.judged(due, at(2));
        around.changed(&change(&network, "shop", What::Added(object("a"))), at(2));
        around.changed(&change(&map, "shop", What::Deleted(object("a"))), at(2));
        assert_eq!(
            [at(4), at(22), at(24)].map(|now| around.due(now).map(|due| due.counts.len())),
            [Some(2), None, Some(1)]
        );
    }
}
