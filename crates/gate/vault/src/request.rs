//! A request as policies see it: the data that Vault gives Sentinel (Vault, "Sentinel properties for Vault").

use jiff::Timestamp;
use probity_model::{Labels, Subject, SubjectKind, Value};

/// The type of the subject.
pub const TYPE: &str = "vault_request";

/// The policy that makes a token one of root.
pub(crate) const ROOT: &str = "root";

/// A request to Vault or OpenBao. What is not known is [`Value::Unknown`] with the reason.
#[derive(Debug, Clone)]
pub struct VaultRequest {
    /// Vault's own name for it.
    pub id: Option<String>,
    /// When it came.
    pub time: Timestamp,
    /// `create`, `read`, `update`, `patch`, `delete`, `list` or another of Vault's words.
    pub operation: String,
    /// Whether it is an update only if what it writes is there already, and `create` otherwise.
    pub may_create: bool,
    /// The path without `v1/` and without the namespace.
    pub path: String,
    /// The body, or the parameters of the query; an empty object for none.
    pub data: Value,
    /// Address of the client, without its port.
    pub remote_addr: Value,
    /// Whether soft-mandatory policies are asked to be passed over.
    pub policy_override: bool,
    /// Whether it goes without a token.
    pub unauthenticated: bool,
    /// Seconds for which the response is asked to be wrapped; 0 for not at all.
    pub wrap_ttl: i64,
    /// Where it goes.
    pub namespace: Namespace,
    /// What is known of the token: the properties of `token`, and `identity_policies`.
    pub token: Option<Value>,
    /// Who asks: `entity` and `groups`.
    pub identity: Option<Value>,
    /// Why nothing is known of MFA, control groups and replication.
    pub elsewhere: &'static str,
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its id, such as `root`.
    pub id: Value,
    /// Its path with a slash at the end; empty for the root.
    pub path: String,
}

impl Namespace {
    /// The root.
    pub fn root() -> Self {
        Self { id: "root".into(), path: String::new() }
    }
}

impl VaultRequest {
    /// What it is called: the operation, and the path with its namespace.
    pub fn address(&self) -> String {
        format!("{} {}{}", self.operation, self.namespace.path, self.path)
    }

    /// The subject that policies judge.
    pub fn subject(&self) -> Subject {
        Subject {
            kind: SubjectKind::VaultRequest,
            resource_type: TYPE.into(),
            address: self.address().into(),
            document: self.document(),
            span: None,
            header: None,
            calls: Vec::new(),
            skips: Vec::new(),
            labels: Labels::default(),
            sensitive: Some(Value::object([("request", Value::object([("data", Value::from(true))]))])),
        }
    }

    fn document(&self) -> Value {
        let unknown = |what: &str| Value::Unknown(format!("{what}: {}", self.elsewhere).into());
        let seconds_and = |seconds: i64| [("ttl", nanoseconds(seconds)), ("ttl_seconds", seconds.into())];
        let request = [
            ("connection", Value::object([("remote_addr", self.remote_addr.clone())])),
            ("data", self.data.clone()),
            ("operation", self.operation.as_str().into()),
            ("path", self.path.as_str().into()),
            ("policy_override", self.policy_override.into()),
            ("unauthenticated", self.unauthenticated.into()),
            ("wrapping", Value::object(seconds_and(self.wrap_ttl))),
            ("may_create", self.may_create.into()),
        ];
        let id = self.id.as_deref().map(|id| ("id", Value::from(id)));
        let namespace = [("id", self.namespace.id.clone()), ("path", self.namespace.path.as_str().into())];
        let always = [
            ("time", Value::from(self.time.to_string())),
            ("request", Value::object(request.into_iter().chain(id))),
            ("namespace", Value::object(namespace)),
            ("mfa", Value::object([("methods", unknown("what was validated by MFA"))])),
            ("controlgroup", unknown("the control group")),
            ("replication", unknown("the state of replication")),
        ];
        let optional = [("token", &self.token), ("identity", &self.identity)];
        Value::object(
            always.into_iter().chain(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)))),
        )
    }
}

/// Seconds as Sentinel has durations.
pub(crate) fn nanoseconds(seconds: i64) -> Value {
    seconds.saturating_mul(1_000_000_000).into()
}

/// Both forms of a duration that a token has, in nanoseconds under its name and in seconds; `value` is seconds, or not
/// known.
pub(crate) fn duration(name: &str, value: &Value) -> [(String, Value); 2] {
    let long = match value {
        Value::Number(number) => number.as_i64().map_or_else(|| value.clone(), nanoseconds),
        other => other.clone(),
    };
    [(name.to_owned(), long), (format!("{name}_seconds"), value.clone())]
}
