//! What policies may know of a cluster beside the object that they judge.

use probity_model::{SmolStr, Value};

/// How a query names objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Called<'q> {
    /// By their kind, such as `Pod`.
    Kind(&'q str),
    /// By the name under which the API serves them, such as `pods`.
    Plural(&'q str),
}

/// Which objects are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'q> {
    /// Group and version, such as `apps/v1`, as an object has them.
    pub api_version: &'q str,
    /// What they are.
    pub called: Called<'q>,
    /// The namespace they are in; empty for objects of the cluster, and for those of all namespaces.
    pub namespace: &'q str,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterError {
    /// The cluster serves nothing of this name.
    NoSuchKind(String),
    /// It is not known in time: the cache is not filled yet, or the API server does not answer.
    NotReady(String),
    /// It was asked, and failed.
    Failed(String),
}

impl std::fmt::Display for ClusterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSuchKind(kind) => write!(f, "the cluster serves no {kind}"),
            Self::NotReady(what) => write!(f, "{what} is not known yet"),
            Self::Failed(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for ClusterError {}

/// Whether someone may do something, as a `SubjectAccessReview` asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Access {
    /// The user's name.
    pub user: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// The user's UID.
    pub uid: String,
    /// Such as `get`.
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The version; empty for any.
    pub version: String,
    /// Such as `pods`.
    pub resource: String,
    /// Such as `exec`; empty for the object itself.
    pub subresource: String,
    /// The namespace; empty for all or for objects of the cluster.
    pub namespace: String,
    /// The object's name; empty for any.
    pub name: String,
    /// The path, where no resource is asked about.
    pub path: String,
    /// Only objects that these selectors select, as a `SubjectAccessReview` writes them; empty for all.
    pub field_selector: String,
    /// As `field_selector`, for labels.
    pub label_selector: String,
}

/// What the authorizer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// Whether it may be done.
    pub allowed: bool,
    /// Why.
    pub reason: String,
}

/// A request to a service beside the API server, as a policy asks for it.
#[derive(Debug, Clone, Copy)]
pub struct ServiceCall<'c> {
    /// Such as `GET`.
    pub method: &'c str,
    /// The address: `http` or `https`.
    pub url: &'c str,
    /// The headers.
    pub headers: &'c [(SmolStr, String)],
    /// What is sent, as JSON; null for nothing.
    pub body: &'c Value,
    /// The certificates by which the service is believed, in PEM; those that are known to all when empty.
    pub authorities: &'c str,
}

/// A cluster, asked from watched caches where that can be, and otherwise within the time that the gate has left.
pub trait Cluster: Send + Sync {
    /// The object of this name; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be told.
    fn get(&self, query: Query<'_>, name: &str) -> Result<Option<Value>, ClusterError>;

    /// The objects, in the order of their namespaces and names.
    ///
    /// # Errors
    /// When they cannot be told.
    fn list(&self, query: Query<'_>) -> Result<Vec<Value>, ClusterError>;

    /// What the API server answers: `GET` of objects from the caches, all else from the server.
    ///
    /// # Errors
    /// When it does not, or denies it.
    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, ClusterError>;

    /// What a service beside the API server answers, read as JSON. Without leave none is asked.
    ///
    /// # Errors
    /// When it may not be asked, does not answer, or not with a status of success.
    fn service(&self, call: &ServiceCall<'_>) -> Result<Value, ClusterError> {
        Err(ClusterError::Failed(format!("{} {}: services are not asked here", call.method, call.url)))
    }

    /// Whether someone may do something.
    ///
    /// # Errors
    /// When the API server does not answer.
    fn may(&self, access: &Access) -> Result<Allowance, ClusterError>;

    /// All watched objects, as Gatekeeper's `data.inventory` shows them: `cluster`, group and version, kind, name; and
    /// `namespace`, its name, group and version, kind, name. `None` when there are none.
    ///
    /// # Errors
    /// When the caches are not filled yet.
    fn inventory(&self) -> Result<Option<Value>, ClusterError>;

    /// The namespace of this name; `None` when there is none.
    ///
    /// # Errors
    /// As [`Cluster::get`].
    fn namespace(&self, name: &str) -> Result<Option<Value>, ClusterError> {
        self.get(Query { api_version: "v1", called: Called::Kind("Namespace"), namespace: "" }, name)
    }

    /// The time, in nanoseconds since 1970.
    fn now_ns(&self) -> i64;
}

/// Objects that a policy looks at beside the one it judges, to be watched before it is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watched {
    /// Group and version, such as `networking.k8s.io/v1`.
    pub api_version: SmolStr,
    /// Such as `NetworkPolicy`.
    pub kind: SmolStr,
}
