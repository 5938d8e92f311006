//! What every Kubernetes object has: a kind, a name, a place; and the Pod that some carry.

use probity_model::{SmolStr, Value};

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
