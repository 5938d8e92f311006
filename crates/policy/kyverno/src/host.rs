//! What policies want from outside: config maps, the API server, services, registries.

use probity_model::{SmolStr, Value};
use probity_policy_core::Cluster;

use crate::images::Images;

/// A call of an API or a service, with its variables put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiCall {
    /// The path at the API server, such as `/api/v1/namespaces`; empty when a service is called.
    pub url_path: String,
    /// The address of a service; empty when the API server is called.
    pub url: String,
    /// `GET` or `POST`.
    pub method: String,
    /// What is sent, an object.
    pub data: Value,
    /// The headers that are sent.
    pub headers: Vec<(SmolStr, String)>,
    /// The certificates by which the service is believed.
    pub ca_bundle: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// This host does not ask: the entry is as if it were not there, and values given from outside take its place.
    #[error("not asked for")]
    Disabled,
    /// It was asked, and failed.
    #[error("{0}")]
    Failed(String),
}

/// An answer from outside.
pub type Answer = Result<Value, HostError>;

fn needs_a_cluster(what: &str) -> Answer {
    Err(HostError::Failed(format!("{what} needs a cluster")))
}

/// What entries of a context may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// A config map.
    ConfigMap,
    /// The API server, or a service.
    ApiCall,
    /// A registry.
    ImageRegistry,
    /// A global context entry.
    GlobalContext,
}

/// What policies want from outside: as it is, nothing is to be had. What expressions may have of the clock and the like
/// is what the other trait gives.
pub trait Host: probity_policy_jmespath::Host + Sync {
    /// Values for a rule's variables, by their dotted paths: they are merged in before the rule's own entries. Within
    /// a `foreach`, they are asked for again.
    fn values(&self, _policy: &str, _rule: &str) -> Vec<(Vec<SmolStr>, Value)> {
        Vec::new()
    }

    /// Whether such things are asked for at all. Where they are not, entries for them are as if they were not there, even
    /// when what would be asked cannot be put together.
    fn asks(&self, _what: Outside) -> bool {
        true
    }

    /// The config map of this name: an object.
    fn config_map(&self, namespace: &str, name: &str) -> Answer {
        needs_a_cluster(&format!("the config map {namespace}/{name}"))
    }

    /// Whether the API server and services are asked at all. Where they are not, their entries are as if they were not
    /// there, whatever their variables.
    fn calls_apis(&self) -> bool {
        true
    }

    /// The answer of the API server or of a service.
    fn api_call(&self, call: &ApiCall) -> Answer {
        needs_a_cluster(&format!("the call of {}{}", call.url_path, call.url))
    }

    /// What a registry says of an image: `manifest`, `configData`, `registry`, `repository`, `identifier`,
    /// `resolvedImage`.
    fn image_data(&self, reference: &str) -> Answer {
        match self.images() {
            Some(images) => images.data(reference),
            None => {
                Err(HostError::Failed(format!("the image {reference} needs its registry, which is not asked here")))
            }
        }
    }

    /// What answers for registries; without it no image is looked up, and what must be signed fails.
    fn images(&self) -> Option<&dyn Images> {
        None
    }

    /// The content of a global context entry.
    fn global_context(&self, name: &str) -> Answer {
        needs_a_cluster(&format!("the global context entry {name}"))
    }

    /// What a global context entry projects under a name; null when the entry has no content.
    fn global_projection(&self, name: &str, projection: &str) -> Answer {
        let entry = self.global_context(name)?;
        if entry.is_null() {
            return Ok(entry);
        }
        entry.get(projection).cloned().ok_or_else(|| {
            HostError::Failed(format!("projection {projection:?} not found in global context entry {name:?}"))
        })
    }

    /// The cluster that is asked, when there is one.
    fn cluster(&self) -> Option<&dyn Cluster> {
        None
    }

    /// A resource by the name under which its kind is served, such as `pods`; null when there is none.
    fn resource(&self, api_version: &str, plural: &str, namespace: &str, name: &str) -> Answer {
        needs_a_cluster(&format!("{api_version} {plural} {namespace}/{name}"))
    }

    /// The resources that are served under a name: those of a namespace, or all when it is empty.
    fn resources(&self, api_version: &str, plural: &str, namespace: &str) -> Answer {
        needs_a_cluster(&format!("a list of {api_version} {plural} in `{namespace}`"))
    }

    /// What the cluster makes of a new resource.
    fn create(&self, api_version: &str, plural: &str, namespace: &str, _resource: &Value) -> Answer {
        needs_a_cluster(&format!("a new one of {api_version} {plural} in `{namespace}`"))
    }

    /// What an HTTP request is answered with.
    fn http(&self, method: &str, url: &str, _body: &Value, _headers: &[(SmolStr, String)]) -> Answer {
        Err(HostError::Failed(format!("{method} {url} needs a network")))
    }

    /// The objects of a kind, for parameters of CEL expressions: those of a namespace, or of the cluster when it is
    /// empty.
    fn objects(&self, api_version: &str, kind: &str, namespace: &str) -> Answer {
        needs_a_cluster(&format!("a list of {api_version} {kind} in `{namespace}`"))
    }
}

/// A host that has nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offline;

impl probity_policy_jmespath::Host for Offline {}

impl Host for Offline {}
