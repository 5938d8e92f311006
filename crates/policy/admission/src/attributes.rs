//! An admission request: what policies are asked about (`admission.k8s.io/v1`, `AdmissionRequest`).

use probity_kubernetes::kind::{self, GroupVersionKind};
use probity_model::Value;
use probity_model::value::{Key, Object, SmolStr};
pub use probity_policy_core::Operation;
use probity_policy_core::{AdmissionRequest, Cluster};

use crate::object;

/// A resource in its group and version: the name under which the API serves a kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct GroupVersionResource {
    /// Empty for the core group.
    pub group: String,
    /// Such as `v1`.
    pub version: String,
    /// Such as `pods`.
    pub resource: String,
}

impl GroupVersionResource {
    /// The resource of a kind; guessed for kinds that are not Kubernetes' own.
    pub fn of(kind: &GroupVersionKind) -> Self {
        Self { group: kind.group.clone(), version: kind.version.clone(), resource: kind::plural(kind) }
    }

    fn is_namespace(&self) -> bool {
        self.group.is_empty() && self.resource == "namespaces"
    }
}

/// A namespace of a cluster: null when it has no name, unknown when it is not there or cannot be told.
pub fn namespace_in(cluster: &dyn Cluster, name: &str) -> Value {
    if name.is_empty() {
        return Value::Null;
    }
    match cluster.namespace(name) {
        Ok(Some(namespace)) => namespace,
        Ok(None) => Value::Unknown(format!("the namespace `{name}`, which is not there").into()),
        Err(error) => Value::Unknown(format!("the namespace `{name}`: {error}").into()),
    }
}

/// What is asked for, by whom, and on which object. Values that are not there are null.
#[derive(Debug, Clone)]
pub struct Attributes {
    /// What the object is.
    pub kind: GroupVersionKind,
    /// Under which name the API serves it.
    pub resource: GroupVersionResource,
    /// Such as `scale`; empty for the object itself.
    pub subresource: SmolStr,
    /// The object's name; empty when the server will make one.
    pub name: SmolStr,
    /// The namespace asked in; empty for objects of the cluster, the name itself for a namespace.
    pub namespace: SmolStr,
    /// What is done.
    pub operation: Operation,
    /// The object as it will be; null when it is deleted.
    pub object: Value,
    /// The object as it was; null when it is made.
    pub old_object: Value,
    /// Who asks: `username`, `uid`, `groups` and `extra`.
    pub user: Value,
    /// Whether nothing will be kept.
    pub dry_run: bool,
    /// The options of the operation.
    pub options: Value,
    /// The namespace that the object is in; null when there is none or it is not known.
    pub namespace_object: Value,
}

impl Attributes {
    /// The request that makes an object, as far as the object tells.
    pub fn of_object(object: &Value) -> Self {
        let kind = GroupVersionKind::new(object::text(object, "apiVersion"), object::text(object, "kind"));
        let name = SmolStr::from(object::name(object));
        let is_namespace = kind.group.is_empty() && kind.kind == "Namespace";
        let namespace = if is_namespace { name.clone() } else { object::namespace(object).into() };
        Self {
            resource: GroupVersionResource::of(&kind),
            kind,
            subresource: SmolStr::default(),
            name,
            namespace,
            operation: Operation::Create,
            object: object.clone(),
            old_object: Value::Null,
            user: Value::object::<&str>([]),
            dry_run: false,
            options: Value::Null,
            namespace_object: Value::Null,
        }
    }

    /// The request that an API server is asked. Its namespace is looked up, where there is a cluster to ask; what cannot be
    /// told of it is unknown.
    pub fn of_request(request: &AdmissionRequest, cluster: Option<&dyn Cluster>) -> Self {
        let part = |field: &'static str, last: &'static str| {
            // As it was asked, where rules may have had it converted to another version.
            let asked = match field {
                "kind" => "requestKind",
                _ => "requestResource",
            };
            let text = |name: &str| match request.text(&[asked, "version"]) {
                "" => request.text(&[field, name]).to_owned(),
                _ => request.text(&[asked, name]).to_owned(),
            };
            [text("group"), text("version"), text(last)]
        };
        let [group, version, kind] = part("kind", "kind");
        let kind = GroupVersionKind { group, version, kind };
        let [group, version, resource] = part("resource", "resource");
        let resource = GroupVersionResource { group, version, resource };
        let (namespace, operation) = (request.text(&["namespace"]), request.operation());
        let subresource = request.text(&["subResource"]);
        // A namespace is in none, but for selectors when it is not itself at hand.
        let is_written = matches!(operation, Operation::Create | Operation::Update) && subresource.is_empty();
        let namespace_object = match cluster {
            Some(cluster) if !(resource.is_namespace() && is_written) => namespace_in(cluster, namespace),
            _ => Value::Null,
        };
        Self {
            kind,
            resource,
            subresource: subresource.into(),
            name: request.text(&["name"]).into(),
            namespace: namespace.into(),
            operation,
            object: request.object().cloned().unwrap_or_default(),
            old_object: request.old_object().cloned().unwrap_or_default(),
            user: request.value().get("userInfo").cloned().unwrap_or_else(|| Value::object::<&str>([])),
            dry_run: request.is_dry_run(),
            options: request.value().get("options").cloned().unwrap_or_default(),
            namespace_object,
        }
    }

    /// Whether the object is a namespace.
    pub fn is_of_namespace(&self) -> bool {
        self.resource.is_namespace()
    }

    /// The namespace as expressions see it: that of a namespace is null.
    pub fn shown_namespace(&self) -> &Value {
        if self.resource.is_namespace() { &Value::Null } else { &self.namespace_object }
    }

    /// What expressions see as `request`, without the objects.
    pub fn request(&self, matched: &Matched) -> Value {
        let mut entries = vec![
            ("uid", Value::from("")),
            ("kind", kind_value(&matched.kind)),
            ("resource", resource_value(&matched.resource)),
            ("requestKind", kind_value(&self.kind)),
            ("requestResource", resource_value(&self.resource)),
            ("operation", self.operation.as_str().into()),
            ("userInfo", self.user.clone()),
            ("dryRun", self.dry_run.into()),
            ("options", self.options.clone()),
        ];
        let texts = [
            ("subResource", &self.subresource),
            ("requestSubResource", &self.subresource),
            ("name", &self.name),
            ("namespace", &self.namespace),
        ];
        for (field, text) in texts {
            if !text.is_empty() {
                entries.push((field, text.clone().into()));
            }
        }
        Value::object(entries)
    }

    /// The same request about another object: what a mutation made of it.
    #[must_use]
    pub fn with_object(&self, object: Value) -> Self {
        Self { object, ..self.clone() }
    }
}

/// As what a request is seen by a policy: rules may name another version of its resource than the request does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The kind that the rules name.
    pub kind: GroupVersionKind,
    /// The resource that the rules name.
    pub resource: GroupVersionResource,
}

impl Matched {
    /// As it is asked.
    pub fn exactly(attributes: &Attributes) -> Self {
        Self { kind: attributes.kind.clone(), resource: attributes.resource.clone() }
    }

    /// An object of the request in the version that the rules name. Only its `apiVersion` changes: conversion as custom
    /// resources have it by default.
    pub fn convert(&self, object: &Value) -> Value {
        let Value::Object(fields) = object else { return object.clone() };
        let version = self.kind.api_version();
        if fields.get("apiVersion").and_then(Value::as_str) == Some(&version) {
            return object.clone();
        }
        let converted = fields.iter().map(|(key, value)| match key.as_str() {
            "apiVersion" => (key.clone(), Value::from(version.as_str())),
            _ => (key.clone(), value.clone()),
        });
        Value::Object(converted.collect::<Object>())
    }
}

fn kind_value(kind: &GroupVersionKind) -> Value {
    triple("kind", &kind.group, &kind.version, &kind.kind)
}

fn resource_value(resource: &GroupVersionResource) -> Value {
    triple("resource", &resource.group, &resource.version, &resource.resource)
}

fn triple(last: &str, group: &str, version: &str, word: &str) -> Value {
    let entries = [("group", group), ("version", version), (last, word)];
    Value::Object(entries.into_iter().map(|(key, text)| (Key::new(key), Value::from(text))).collect())
}
