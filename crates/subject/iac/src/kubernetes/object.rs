//! What every Kubernetes object has: a kind, a name, a place; and the Pod that some carry.

use probity_kubernetes::kind::WORKLOADS;
use probity_model::value::{Array, Object};
use probity_model::{SmolStr, Span, Value};

/// Kinds of the API server and of widespread extensions that belong to no namespace.
const CLUSTER_SCOPED: &[&str] = &[
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterIssuer",
    "ClusterPolicy",
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterSecretStore",
    "ClusterTrustBundle",
    "ComponentStatus",
    "CustomResourceDefinition",
    "DeviceClass",
    "FlowSchema",
    "GatewayClass",
    "IPAddress",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PodSecurityPolicy",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "ResourceSlice",
    "RuntimeClass",
    "ServiceCIDR",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
    "VolumeAttributesClass",
];

/// The kind of an object; `None` for anything else.
pub(super) fn kind(value: &Value) -> Option<&str> {
    value.get("apiVersion")?.as_str()?;
    value.get("kind")?.as_str().filter(|kind| !kind.is_empty())
}

/// Whether objects of this kind belong to no namespace.
pub(super) fn is_cluster_scoped(kind: &str) -> bool {
    CLUSTER_SCOPED.contains(&kind)
}

/// The namespace an object is in; none for kinds that belong to none.
pub(super) fn namespace<'v>(kind: &str, value: &'v Value) -> Option<&'v str> {
    if is_cluster_scoped(kind) {
        return None;
    }
    let given = value.at(&["metadata", "namespace"]).and_then(Value::as_str);
    Some(given.filter(|namespace| !namespace.is_empty()).unwrap_or("default"))
}

/// The name of an object, or what its generated name starts with.
pub(super) fn name(value: &Value) -> Option<&str> {
    let metadata = value.get("metadata")?;
    metadata.get("name").and_then(Value::as_str).or_else(|| metadata.get("generateName")?.as_str())
}

/// `Kind/namespace/name`, or `Kind/name` for what belongs to no namespace.
pub(super) fn address(kind: &str, value: &Value) -> SmolStr {
    let name = name(value).unwrap_or("(unnamed)");
    match namespace(kind, value) {
        Some(namespace) => SmolStr::new([kind, namespace, name].join("/")),
        None => SmolStr::new([kind, name].join("/")),
    }
}

/// The Pod, or the Pod template, that an object carries.
pub(super) fn pod<'v>(kind: &str, value: &'v Value) -> Option<&'v Value> {
    match kind {
        "Pod" => Some(value),
        "PodTemplate" => value.get("template"),
        "CronJob" => value.at(&["spec", "jobTemplate", "spec", "template"]),
        // Whatever else keeps a Pod template where Deployments do: rollouts and the like.
        _ => value.at(&["spec", "template"]).filter(|template| template.at(&["spec", "containers"]).is_some()),
    }
}

/// What is one object in every workload that the API server takes.
const OBJECTS: [&str; 5] = ["spec", "securityContext", "resources", "requests", "limits"];

/// What is a list there.
const LISTS: [&str; 6] = ["containers", "initContainers", "env", "envFrom", "volumes", "volumeMounts"];

/// Deepest nesting that is looked through.
const MAX_DEPTH: usize = 32;

/// A workload in which a list stands where an object belongs, or no list where one does, with what is there unknown: the API server
/// would refuse it, and it says nothing of what is in force. `None` when everything is in its place.
pub(super) fn without_misplaced(kind: &str, value: &Value, place: Span) -> Option<Value> {
    WORKLOADS.contains(&kind).then(|| mended(value, place, 0)).flatten()
}

fn mended(value: &Value, place: Span, depth: usize) -> Option<Value> {
    match value {
        _ if depth > MAX_DEPTH => None,
        Value::Object(object) => {
            let mut changed = false;
            let mut entries = Vec::with_capacity(object.len());
            for (key, inner, span) in object.iter_spanned() {
                let span = span.unwrap_or(place);
                let new = match inner {
                    Value::Array(_) if OBJECTS.contains(&key.as_str()) => {
                        Some(Value::Unknown(format!("`{key}`, which is a list and no object").into()))
                    }
                    Value::Object(_) | Value::String(_) if LISTS.contains(&key.as_str()) => {
                        Some(Value::Unknown(format!("`{key}`, which is no list").into()))
                    }
                    inner => mended(inner, span, depth + 1),
                };
                changed |= new.is_some();
                entries.push((key.clone(), new.unwrap_or_else(|| inner.clone()), span));
            }
            changed.then(|| Value::Object(Object::with_spans(entries)))
        }
        Value::Array(list) => {
            let spans: Vec<Span> = (0..list.len()).map(|index| list.span(index).unwrap_or(place)).collect();
            let new: Vec<Option<Value>> =
                list.iter().zip(&spans).map(|(inner, span)| mended(inner, *span, depth + 1)).collect();
            let element = |(inner, new): (&Value, Option<Value>)| new.unwrap_or_else(|| inner.clone());
            let changed = new.iter().any(Option::is_some);
            changed.then(|| Value::Array(Array::with_spans(list.iter().zip(new).map(element).collect(), spans)))
        }
        _ => None,
    }
}
