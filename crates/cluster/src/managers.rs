//! Who wrote which fields of an object, as the API server keeps it in `metadata.managedFields`.
//!
//! It says what programs call themselves, not who used them, and a field that is written with the value it has is credited to
//! nobody new: it helps to find out, and proves nothing.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

/// A program that wrote fields of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Manager {
    /// What it calls itself, such as `kubectl-edit`.
    pub name: String,
    /// The part of the resource that it wrote through, such as `status`; empty for the object as a whole.
    pub subresource: String,
    /// When it last wrote some, to the second.
    pub time: Option<Timestamp>,
    fields: serde_json::Value,
}

impl Manager {
    /// Whether a field is its own, or some below it are. The path has names of fields, of the keys of maps, and for what is
    /// in a list nothing more than the list.
    pub fn owns(&self, path: &[&str]) -> bool {
        let mut at = &self.fields;
        for name in path {
            let Some(below) = at.get(format!("f:{name}")) else { return false };
            at = below;
        }
        true
    }

    /// Whether it wrote something since: it has other fields than before, or a later time, and has not just lost some to
    /// others.
    pub fn wrote_since(&self, before: &[Self]) -> bool {
        let same = |known: &&Self| known.name == self.name && known.subresource == self.subresource;
        !before.iter().filter(same).any(|known| known.time >= self.time && has_no_less(&known.fields, &self.fields))
    }
}

/// Whether all fields of the second are in the first.
fn has_no_less(all: &serde_json::Value, some: &serde_json::Value) -> bool {
    let Some(some) = some.as_object() else { return true };
    some.iter().all(|(name, below)| all.get(name).is_some_and(|own| has_no_less(own, below)))
}

pub(crate) fn of(entries: Option<Vec<ManagedFieldsEntry>>) -> Arc<[Manager]> {
    entries.unwrap_or_default().into_iter().map(manager).collect()
}

fn manager(entry: ManagedFieldsEntry) -> Manager {
    Manager {
        name: entry.manager.unwrap_or_default(),
        subresource: entry.subresource.unwrap_or_default(),
        time: entry.time.and_then(|time| Timestamp::from_second(time.0.as_second()).ok()),
        fields: entry.fields_v1.map(|fields| fields.0).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manager(name: &str, second: i64, fields: serde_json::Value) -> Manager {
        let time = Timestamp::from_second(second).ok();
        Manager { name: name.to_owned(), subresource: String::new(), time, fields }
    }

    #[test]
    fn fields_are_owned_by_name() {
        let manager = manager("kubectl", 1, json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {}}}}));
        for (path, owned) in [
            (&["spec", "replicas"][..], true),
            (&["spec", "template"], true),
            (&["spec", "template", "metadata"], false),
            (&["status"], false),
        ] {
            assert_eq!(manager.owns(path), owned, "{path:?}");
        }
    }

    #[test]
    fn who_only_lost_fields_wrote_nothing() {
        let before = [manager("probity", 1, json!({"f:webhooks": {"a": {}, "b": {}}}))];
        let lost = manager("probity", 1, json!({"f:webhooks": {"a": {}}}));
        let other = manager("kubectl-edit", 1, json!({"f:webhooks": {"b": {}}}));
        assert!(!lost.wrote_since(&before) && other.wrote_since(&before));
        let again = manager("probity", 2, json!({"f:webhooks": {"a": {}}}));
        let more = manager("probity", 1, json!({"f:webhooks": {"a": {}, "b": {}, "c": {}}}));
        assert!(again.wrote_since(&before) && more.wrote_since(&before));
        assert!(!before[0].wrote_since(&before));
    }
}
