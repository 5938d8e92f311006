//! What the API server serves.

use std::collections::HashMap;

use kube::Client;
use kube::discovery::{ApiResource, Discovery, Scope, verbs};
use probity_kubernetes::kind::split_api_version;
use probity_policy_core::Called;

/// A kind that is served, in one of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    /// Empty for the core group.
    pub group: String,
    /// Such as `v1`.
    pub version: String,
    /// Such as `Pod`.
    pub kind: String,
    /// Such as `pods`.
    pub plural: String,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
}

impl Kind {
    /// Group and version as objects have them.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    pub(crate) fn resource(&self) -> ApiResource {
        ApiResource {
            group: self.group.clone(),
            version: self.version.clone(),
            api_version: self.api_version(),
            kind: self.kind.clone(),
            plural: self.plural.clone(),
        }
    }

    fn of(resource: &ApiResource, scope: &Scope) -> Self {
        Self {
            group: resource.group.clone(),
            version: resource.version.clone(),
            kind: resource.kind.clone(),
            plural: resource.plural.clone(),
            namespaced: *scope == Scope::Namespaced,
        }
    }
}

/// All kinds that can be watched, in every version, with the versions that the server prefers.
#[derive(Debug, Default)]
pub(crate) struct Kinds {
    all: Vec<Kind>,
    preferred: HashMap<(String, String), usize>,
}

impl Kinds {
    pub(crate) async fn discover(client: &Client) -> Result<Self, kube::Error> {
        let found = match Discovery::new(client.clone()).run_aggregated().await {
            Ok(found) => found,
            // An older server, or one in front of it that knows no aggregation.
            Err(_) => Discovery::new(client.clone()).run().await?,
        };
        let mut kinds = Self::default();
        for group in found.groups() {
            // The version that a group prefers need not have all of its kinds.
            for (resource, capabilities) in
                group.recommended_resources().into_iter().chain(group.resources_by_stability())
            {
                let key = (resource.group.clone(), resource.plural.clone());
                if capabilities.supports_operation(verbs::LIST) && !kinds.preferred.contains_key(&key) {
                    kinds.preferred.insert(key, kinds.all.len());
                    kinds.all.push(Kind::of(&resource, &capabilities.scope));
                }
            }
            for version in group.versions() {
                for (resource, capabilities) in group.versioned_resources(version) {
                    let kind = Kind::of(&resource, &capabilities.scope);
                    if capabilities.supports_operation(verbs::LIST) && !kinds.all.contains(&kind) {
                        kinds.all.push(kind);
                    }
                }
            }
        }
        Ok(kinds)
    }

    /// The kind that a query means. A version that is not served is taken as the one that is preferred of its group:
    /// the objects are the same.
    pub(crate) fn find(&self, api_version: &str, called: Called<'_>) -> Option<&Kind> {
        let (group, version) = split_api_version(api_version);
        let is_called = |kind: &&Kind| match called {
            Called::Kind(name) => kind.kind == name,
            Called::Plural(name) => kind.plural == name,
        };
        let mut of_group = self.all.iter().filter(|kind| kind.group == group).filter(is_called);
        let exact = of_group.clone().find(|kind| kind.version == version);
        exact.or_else(|| of_group.next())
    }

    /// The kinds of this name in any group, in their preferred versions; all for `*`.
    pub(crate) fn named<'k>(&'k self, name: &'k str) -> impl Iterator<Item = &'k Kind> {
        self.preferred
            .values()
            .map(|&position| &self.all[position])
            .filter(move |kind| name == "*" || kind.kind == name)
    }

    /// The kinds of a group, in their preferred versions.
    pub(crate) fn of_group<'k>(&'k self, group: &'k str) -> impl Iterator<Item = &'k Kind> {
        self.named("*").filter(move |kind| kind.group == group)
    }

    pub(crate) fn has(&self, kind: &Kind) -> bool {
        self.all.contains(kind)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}
