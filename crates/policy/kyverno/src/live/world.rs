//! What policies find outside of the request, asked of the cluster.

use probity_kubernetes::kind;
use probity_model::{SmolStr, Value};
use probity_policy_core::{Called, Cluster, ClusterError, Query, ServiceCall, Watched};
use probity_policy_jmespath::Evaluation;

use crate::host::{Answer, ApiCall, Host, HostError};
use crate::images::Images;
use crate::query;

/// The versions in which global context entries are kept, the newest first.
const GLOBAL_VERSIONS: &[&str] = &["kyverno.io/v2", "kyverno.io/v2beta1", "kyverno.io/v2alpha1"];

/// What answers for a cluster, and for registries where they are asked.
pub(crate) struct InCluster<'c> {
    cluster: &'c dyn Cluster,
    images: Option<&'c dyn Images>,
}

impl<'c> InCluster<'c> {
    pub(crate) fn new(cluster: &'c dyn Cluster, images: Option<&'c dyn Images>) -> Self {
        Self { cluster, images }
    }

    fn found(&self, query: Query<'_>, name: &str) -> Answer {
        let found = self.cluster.get(query, name).map_err(|error| failed(&error))?;
        let what = match query.called {
            Called::Kind(what) | Called::Plural(what) => what,
        };
        found.ok_or_else(|| HostError::Failed(format!("{what} {}/{name} not found", query.namespace)))
    }

    fn listed(&self, query: Query<'_>) -> Answer {
        self.cluster.list(query).map(Value::array).map_err(|error| failed(&error))
    }

    fn global_entry(&self, name: &str) -> Answer {
        for api_version in GLOBAL_VERSIONS {
            let query = Query { api_version, called: Called::Kind("GlobalContextEntry"), namespace: "" };
            match self.cluster.get(query, name) {
                Err(ClusterError::NoSuchKind(_)) | Ok(None) => {}
                Ok(Some(entry)) => return Ok(entry),
                Err(error) => return Err(failed(&error)),
            }
        }
        Err(HostError::Failed(format!("there is no global context entry `{name}`")))
    }

    /// What a global context entry is of: the objects that it names, or what a call is answered with.
    fn global_data(&self, entry: &Value) -> Answer {
        let text = |path: &[&str]| entry.at(path).and_then(Value::as_str).unwrap_or_default();
        if entry.at(&["spec", "kubernetesResource"]).is_some() {
            let of = |field| text(&["spec", "kubernetesResource", field]);
            let (group, version) = (of("group"), of("version"));
            let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
            let called = Called::Plural(of("resource"));
            return self.listed(Query { api_version: &api_version, called, namespace: of("namespace") });
        }
        let call = entry.at(&["spec", "apiCall"]);
        let call = call.ok_or_else(|| HostError::Failed("a global context entry without a source".to_owned()))?;
        self.api_call(&crate::entry::api_call(call))
    }
}

fn failed(error: &ClusterError) -> HostError {
    HostError::Failed(error.to_string())
}

fn path_of(api_version: &str, plural: &str, namespace: &str) -> String {
    let root = if api_version.contains('/') { "apis" } else { "api" };
    match namespace {
        "" => format!("/{root}/{api_version}/{plural}"),
        namespace => format!("/{root}/{api_version}/namespaces/{namespace}/{plural}"),
    }
}

impl probity_policy_jmespath::Host for InCluster<'_> {
    fn now_ns(&self) -> Result<i64, String> {
        Ok(self.cluster.now_ns())
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), String> {
        getrandom::fill(buffer).map_err(|error| error.to_string())
    }
}

impl Host for InCluster<'_> {
    fn cluster(&self) -> Option<&dyn Cluster> {
        Some(self.cluster)
    }

    fn images(&self) -> Option<&dyn Images> {
        self.images
    }

    fn config_map(&self, namespace: &str, name: &str) -> Answer {
        self.found(Query { api_version: "v1", called: Called::Kind("ConfigMap"), namespace }, name)
    }

    fn api_call(&self, call: &ApiCall) -> Answer {
        if call.url_path.is_empty() {
            let (method, url) = (&call.method, &call.url);
            let body = if method == "GET" { &Value::Null } else { &call.data };
            let call = ServiceCall { method, url, headers: &call.headers, body, authorities: &call.ca_bundle };
            return self.cluster.service(&call).map_err(|error| failed(&error));
        }
        let body = if call.method == "GET" { &Value::Null } else { &call.data };
        self.cluster.call(&call.method, &call.url_path, body).map_err(|error| failed(&error))
    }

    fn global_context(&self, name: &str) -> Answer {
        match name.split_once('.') {
            Some((entry, projection)) => self.global_projection(entry, projection),
            None => self.global_data(&self.global_entry(name)?),
        }
    }

    fn global_projection(&self, name: &str, projection: &str) -> Answer {
        let entry = self.global_entry(name)?;
        let projections = entry.at(&["spec", "projections"]).and_then(Value::as_array);
        let is_meant = |one: &&Value| one.get("name").and_then(Value::as_str) == Some(projection);
        let path = projections.and_then(|all| all.iter().find(is_meant)?.get("jmesPath")?.as_str());
        let path = path.ok_or_else(|| {
            HostError::Failed(format!("projection {projection:?} not found in global context entry {name:?}"))
        })?;
        let query = query::Query::parse(path).map_err(|error| HostError::Failed(error.message))?;
        let data = self.global_data(&entry)?;
        query.search(&data, &Evaluation::new(self)).map_err(|error| HostError::Failed(error.message))
    }

    fn resource(&self, api_version: &str, plural: &str, namespace: &str, name: &str) -> Answer {
        self.found(Query { api_version, called: Called::Plural(plural), namespace }, name)
    }

    fn resources(&self, api_version: &str, plural: &str, namespace: &str) -> Answer {
        self.listed(Query { api_version, called: Called::Plural(plural), namespace })
    }

    fn create(&self, api_version: &str, plural: &str, namespace: &str, resource: &Value) -> Answer {
        let path = path_of(api_version, plural, namespace);
        self.cluster.call("POST", &path, resource).map_err(|error| failed(&error))
    }

    fn http(&self, method: &str, url: &str, body: &Value, headers: &[(SmolStr, String)]) -> Answer {
        let call = ServiceCall { method, url, headers, body, authorities: "" };
        self.cluster.service(&call).map_err(|error| failed(&error))
    }

    fn objects(&self, api_version: &str, kind: &str, namespace: &str) -> Answer {
        self.listed(Query { api_version, called: Called::Kind(kind), namespace })
    }
}

/// What a path at the API server is about, as far as it is one of Kubernetes' own kinds. Variables in it may be anything.
pub(crate) fn resources_in(path: &str) -> Option<Watched> {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let plural = match rest {
        ["namespaces", _, plural, ..] | [plural, ..] => *plural,
        [] => return None,
    };
    watched(group, version, plural)
}

/// Groups of which nothing is kept: they only answer.
const ANSWERING: &[&str] = &["authorization.k8s.io", "authentication.k8s.io"];

/// What is served under a name, when it is one of Kubernetes' own kinds and there are objects of it.
pub(crate) fn watched(group: &str, version: &str, plural: &str) -> Option<Watched> {
    if ANSWERING.contains(&group) {
        return None;
    }
    let resource = kind::by_plural(group, plural)?;
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Some(Watched { api_version: api_version.into(), kind: resource.kind.into() })
}
