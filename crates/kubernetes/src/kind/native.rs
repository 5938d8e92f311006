//! What Kubernetes 1.36 serves by itself, as data.

/// A kind that Kubernetes serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// Empty for the core group.
    pub group: &'static str,
    /// The versions, preferred first.
    pub versions: &'static [&'static str],
    /// Such as `Pod`.
    pub kind: &'static str,
    /// The name in paths and rules, such as `pods`.
    pub plural: &'static str,
    /// Whether its objects stand in a namespace.
    pub namespaced: bool,
}

/// A subresource that Kubernetes serves, and the kind of objects that are sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subresource {
    /// Group of the resource it belongs to.
    pub parent_group: &'static str,
    /// Name of the resource it belongs to.
    pub parent: &'static str,
    /// Its own name, such as `scale`.
    pub name: &'static str,
    /// Group of what is sent.
    pub group: &'static str,
    /// Version of what is sent.
    pub version: &'static str,
    /// Kind of what is sent.
    pub kind: &'static str,
}

/// The kind of this name in this group.
pub fn by_kind(group: &str, kind: &str) -> Option<&'static Resource> {
    NATIVE.iter().find(|resource| resource.kind == kind && resource.group == group)
}

/// The kind that is served under this name in this group.
pub fn by_plural(group: &str, plural: &str) -> Option<&'static Resource> {
    NATIVE.iter().find(|resource| resource.plural == plural && resource.group == group)
}

/// A subresource of a resource.
pub fn subresource(group: &str, plural: &str, name: &str) -> Option<&'static Subresource> {
    SUBRESOURCES.iter().find(|known| known.name == name && known.parent == plural && known.parent_group == group)
}

const fn resource(
    group: &'static str,
    versions: &'static [&'static str],
    kind: &'static str,
    plural: &'static str,
    namespaced: bool,
) -> Resource {
    Resource { group, versions, kind, plural, namespaced }
}

const fn part(
    parent_group: &'static str,
    parent: &'static str,
    name: &'static str,
    group: &'static str,
    version: &'static str,
    kind: &'static str,
) -> Subresource {
    Subresource { parent_group, parent, name, group, version, kind }
}

/// Every kind, by group.
pub const NATIVE: &[Resource] = &[
    resource("", &["v1"], "Binding", "bindings", true),
    resource("", &["v1"], "ComponentStatus", "componentstatuses", false),
    resource("", &["v1"], "ConfigMap", "configmaps", true),
    resource("", &["v1"], "Endpoints", "endpoints", true),
    resource("", &["v1"], "Event", "events", true),
    resource("", &["v1"], "LimitRange", "limitranges", true),
    resource("", &["v1"], "Namespace", "namespaces", false),
    resource("", &["v1"], "Node", "nodes", false),
    resource("", &["v1"], "PersistentVolume", "persistentvolumes", false),
    resource("", &["v1"], "PersistentVolumeClaim", "persistentvolumeclaims", true),
    resource("", &["v1"], "Pod", "pods", true),
    resource("", &["v1"], "PodTemplate", "podtemplates", true),
    resource("", &["v1"], "ReplicationController", "replicationcontrollers", true),
    resource("", &["v1"], "ResourceQuota", "resourcequotas", true),
    resource("", &["v1"], "Secret", "secrets", true),
    resource("", &["v1"], "Service", "services", true),
    resource("", &["v1"], "ServiceAccount", "serviceaccounts", true),
    resource(
        "admissionregistration.k8s.io",
        &["v1"],
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        false,
    ),
    resource(
        "admissionregistration.k8s.io",
        &["v1"],
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        false,
    ),
    resource(
        "admissionregistration.k8s.io",
        &["v1"],
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        false,
    ),
    resource(
        "admissionregistration.k8s.io",
        &["v1"],
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        false,
    ),
    resource(
        "admissionregistration.k8s.io",
        &["v1", "v1beta1", "v1alpha1"],
        "MutatingAdmissionPolicy",
        "mutatingadmissionpolicies",
        false,
    ),
    resource(
        "admissionregistration.k8s.io",
        &["v1", "v1beta1", "v1alpha1"],
        "MutatingAdmissionPolicyBinding",
        "mutatingadmissionpolicybindings",
        false,
    ),
    resource("apiextensions.k8s.io", &["v1"], "CustomResourceDefinition", "customresourcedefinitions", false),
    resource("apiregistration.k8s.io", &["v1"], "APIService", "apiservices", false),
    resource("apps", &["v1"], "ControllerRevision", "controllerrevisions", true),
    resource("apps", &["v1"], "DaemonSet", "daemonsets", true),
    resource("apps", &["v1"], "Deployment", "deployments", true),
    resource("apps", &["v1"], "ReplicaSet", "replicasets", true),
    resource("apps", &["v1"], "StatefulSet", "statefulsets", true),
    resource("authentication.k8s.io", &["v1"], "SelfSubjectReview", "selfsubjectreviews", false),
    resource("authentication.k8s.io", &["v1"], "TokenReview", "tokenreviews", false),
    resource("authorization.k8s.io", &["v1"], "LocalSubjectAccessReview", "localsubjectaccessreviews", true),
    resource("authorization.k8s.io", &["v1"], "SelfSubjectAccessReview", "selfsubjectaccessreviews", false),
    resource("authorization.k8s.io", &["v1"], "SelfSubjectRulesReview", "selfsubjectrulesreviews", false),
    resource("authorization.k8s.io", &["v1"], "SubjectAccessReview", "subjectaccessreviews", false),
    resource("autoscaling", &["v2", "v1"], "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
    resource("batch", &["v1"], "CronJob", "cronjobs", true),
    resource("batch", &["v1"], "Job", "jobs", true),
    resource("certificates.k8s.io", &["v1"], "CertificateSigningRequest", "certificatesigningrequests", false),
    resource("certificates.k8s.io", &["v1beta1", "v1alpha1"], "ClusterTrustBundle", "clustertrustbundles", false),
    resource("certificates.k8s.io", &["v1beta1"], "PodCertificateRequest", "podcertificaterequests", true),
    resource("coordination.k8s.io", &["v1"], "Lease", "leases", true),
    resource("coordination.k8s.io", &["v1beta1", "v1alpha2"], "LeaseCandidate", "leasecandidates", true),
    resource("discovery.k8s.io", &["v1"], "EndpointSlice", "endpointslices", true),
    resource("events.k8s.io", &["v1"], "Event", "events", true),
    resource("flowcontrol.apiserver.k8s.io", &["v1"], "FlowSchema", "flowschemas", false),
    resource(
        "flowcontrol.apiserver.k8s.io",
        &["v1"],
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
        false,
    ),
    resource("internal.apiserver.k8s.io", &["v1alpha1"], "StorageVersion", "storageversions", false),
    resource("networking.k8s.io", &["v1"], "IPAddress", "ipaddresses", false),
    resource("networking.k8s.io", &["v1"], "Ingress", "ingresses", true),
    resource("networking.k8s.io", &["v1"], "IngressClass", "ingressclasses", false),
    resource("networking.k8s.io", &["v1"], "NetworkPolicy", "networkpolicies", true),
    resource("networking.k8s.io", &["v1"], "ServiceCIDR", "servicecidrs", false),
    resource("node.k8s.io", &["v1"], "RuntimeClass", "runtimeclasses", false),
    resource("policy", &["v1"], "PodDisruptionBudget", "poddisruptionbudgets", true),
    resource("rbac.authorization.k8s.io", &["v1"], "ClusterRole", "clusterroles", false),
    resource("rbac.authorization.k8s.io", &["v1"], "ClusterRoleBinding", "clusterrolebindings", false),
    resource("rbac.authorization.k8s.io", &["v1"], "Role", "roles", true),
    resource("rbac.authorization.k8s.io", &["v1"], "RoleBinding", "rolebindings", true),
    resource("resource.k8s.io", &["v1", "v1beta2", "v1beta1"], "DeviceClass", "deviceclasses", false),
    resource("resource.k8s.io", &["v1beta2", "v1alpha3"], "DeviceTaintRule", "devicetaintrules", false),
    resource("resource.k8s.io", &["v1", "v1beta2", "v1beta1"], "ResourceClaim", "resourceclaims", true),
    resource("resource.k8s.io", &["v1", "v1beta2", "v1beta1"], "ResourceClaimTemplate", "resourceclaimtemplates", true),
    resource("resource.k8s.io", &["v1", "v1beta2", "v1beta1"], "ResourceSlice", "resourceslices", false),
    resource("scheduling.k8s.io", &["v1"], "PriorityClass", "priorityclasses", false),
    resource("scheduling.k8s.io", &["v1alpha2"], "PodGroup", "podgroups", true),
    resource("scheduling.k8s.io", &["v1alpha2"], "Workload", "workloads", true),
    resource("storage.k8s.io", &["v1"], "CSIDriver", "csidrivers", false),
    resource("storage.k8s.io", &["v1"], "CSINode", "csinodes", false),
    resource("storage.k8s.io", &["v1"], "CSIStorageCapacity", "csistoragecapacities", true),
    resource("storage.k8s.io", &["v1"], "StorageClass", "storageclasses", false),
    resource("storage.k8s.io", &["v1"], "VolumeAttachment", "volumeattachments", false),
    resource("storage.k8s.io", &["v1"], "VolumeAttributesClass", "volumeattributesclasses", false),
    resource("storagemigration.k8s.io", &["v1beta1"], "StorageVersionMigration", "storageversionmigrations", false),
];

/// Every subresource.
pub const SUBRESOURCES: &[Subresource] = &[
    part("", "pods", "attach", "", "v1", "PodAttachOptions"),
    part("", "pods", "binding", "", "v1", "Binding"),
    part("", "pods", "ephemeralcontainers", "", "v1", "Pod"),
    part("", "pods", "eviction", "policy", "v1", "Eviction"),
    part("", "pods", "exec", "", "v1", "PodExecOptions"),
    part("", "pods", "log", "", "v1", "Pod"),
    part("", "pods", "portforward", "", "v1", "PodPortForwardOptions"),
    part("", "pods", "proxy", "", "v1", "PodProxyOptions"),
    part("", "pods", "resize", "", "v1", "Pod"),
    part("", "pods", "status", "", "v1", "Pod"),
    part("", "nodes", "proxy", "", "v1", "NodeProxyOptions"),
    part("", "nodes", "status", "", "v1", "Node"),
    part("", "namespaces", "finalize", "", "v1", "Namespace"),
    part("", "namespaces", "status", "", "v1", "Namespace"),
    part("", "services", "proxy", "", "v1", "ServiceProxyOptions"),
    part("", "services", "status", "", "v1", "Service"),
    part("", "serviceaccounts", "token", "authentication.k8s.io", "v1", "TokenRequest"),
    part("", "persistentvolumes", "status", "", "v1", "PersistentVolume"),
    part("", "persistentvolumeclaims", "status", "", "v1", "PersistentVolumeClaim"),
    part("", "resourcequotas", "status", "", "v1", "ResourceQuota"),
    part("", "replicationcontrollers", "scale", "autoscaling", "v1", "Scale"),
    part("", "replicationcontrollers", "status", "", "v1", "ReplicationController"),
    part("apps", "daemonsets", "status", "apps", "v1", "DaemonSet"),
    part("apps", "deployments", "scale", "autoscaling", "v1", "Scale"),
    part("apps", "deployments", "status", "apps", "v1", "Deployment"),
    part("apps", "replicasets", "scale", "autoscaling", "v1", "Scale"),
    part("apps", "replicasets", "status", "apps", "v1", "ReplicaSet"),
    part("apps", "statefulsets", "scale", "autoscaling", "v1", "Scale"),
    part("apps", "statefulsets", "status", "apps", "v1", "StatefulSet"),
    part("batch", "jobs", "status", "batch", "v1", "Job"),
    part("batch", "cronjobs", "status", "batch", "v1", "CronJob"),
    part("autoscaling", "horizontalpodautoscalers", "status", "autoscaling", "v2", "HorizontalPodAutoscaler"),
    part("networking.k8s.io", "ingresses", "status", "networking.k8s.io", "v1", "Ingress"),
    part("policy", "poddisruptionbudgets", "status", "policy", "v1", "PodDisruptionBudget"),
    part(
        "certificates.k8s.io",
        "certificatesigningrequests",
        "approval",
        "certificates.k8s.io",
        "v1",
        "CertificateSigningRequest",
    ),
    part(
        "certificates.k8s.io",
        "certificatesigningrequests",
        "status",
        "certificates.k8s.io",
        "v1",
        "CertificateSigningRequest",
    ),
    part(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "status",
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
    ),
];
