//! In which order objects are written.

use std::cmp::Ordering;

use super::edit::Outcome;
use super::resource::{Gvk, Id, Resource};

/// Kinds that come first.
const FIRST: &[&str] = &[
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// Kinds that come last.
const LAST: &[&str] = &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// What `sortOptions` say.
#[derive(Debug, Clone)]
pub(super) struct SortOptions {
    pub(super) order: String,
    /// Kinds that come first and last.
    pub(super) legacy: Option<(Vec<String>, Vec<String>)>,
}

/// Puts objects in order: as `sortOptions` say, and without as kustomize always has.
pub(super) fn sort(resources: &mut [Resource], options: Option<&SortOptions>) -> Outcome<()> {
    let owned = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect::<Vec<_>>();
    let builtin = (owned(FIRST), owned(LAST));
    let (first, last) = match options {
        None => builtin,
        Some(SortOptions { order, legacy: None }) if order == "fifo" => return Ok(()),
        Some(SortOptions { order, legacy }) if order == "legacy" => legacy.clone().unwrap_or(builtin),
        Some(_) => return Err("the field 'sortOptions.order' must be one of [fifo, legacy]".to_owned()),
    };
    let rank = |kind: &str| rank(kind, &first, &last);
    resources.sort_by_cached_key(|resource| {
        let id = resource.id();
        Key { rank: rank(&id.gvk.kind), id }
    });
    Ok(())
}

fn rank<T: AsRef<str>>(kind: &str, first: &[T], last: &[T]) -> i64 {
    let position = |kinds: &[T]| kinds.iter().rposition(|known| known.as_ref() == kind);
    let number = |at: usize| i64::try_from(at).unwrap_or(i64::MAX / 2);
    match (position(first), position(last)) {
        (_, Some(at)) => 1 + number(at),
        (Some(at), None) => number(at) - number(first.len()),
        (None, None) => 0,
    }
}

#[derive(PartialEq, Eq)]
struct Key {
    rank: i64,
    id: Id,
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.id.gvk, &other.id.gvk);
        if a == b {
            return name_text(&self.id).cmp(&name_text(&other.id));
        }
        self.rank.cmp(&other.rank).then_with(|| {
            let order = kind_text(a).cmp(&kind_text(b));
            let is_reversed =
                [a, b].iter().all(|gvk| gvk.kind == "Namespace") && (a.group.is_empty() || b.group.is_empty());
            if is_reversed { order.reverse() } else { order }
        })
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order in which the kinds of field specs are taken.
pub(super) fn compare_kinds(a: &Gvk, b: &Gvk) -> Ordering {
    let rank = |gvk: &Gvk| rank(&gvk.kind, FIRST, LAST);
    rank(a).cmp(&rank(b)).then_with(|| kind_text(a).cmp(&kind_text(b)))
}

fn kind_text(gvk: &Gvk) -> String {
    let part = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
    [part(&gvk.group, "~G"), part(&gvk.version, "~V"), part(&gvk.kind, "~K")].join("_")
}

fn name_text(id: &Id) -> String {
    let part = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
    [id.gvk.label(), part(&id.namespace, "~X"), part(&id.name, "~N")].join("|")
}
