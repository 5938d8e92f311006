//! An object while it is rendered, and how it is told from others.

use std::borrow::Cow;

use probity_model::value::Value;
use probity_model::{InlineSkip, Span};

use super::edit::{self, New, Outcome};
use super::origin::Origin;

/// The namespace of what belongs to none.
const NO_NAMESPACE: &str = "_non_namespaceable_";

/// Group, version and kind; empty ones are unknown, or match all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub(super) struct Gvk {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
}

impl Gvk {
    pub(super) fn of(object: &Value) -> Self {
        let version = object.get("apiVersion").map(edit::text).unwrap_or_default();
        let kind = object.get("kind").map(edit::text).unwrap_or_default();
        Self::new(&version, &kind)
    }

    pub(super) fn new(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }

    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether it has what the selector says.
    pub(super) fn is_selected(&self, selector: &Self) -> bool {
        let fits = |own: &str, wanted: &str| wanted.is_empty() || own == wanted;
        fits(&self.group, &selector.group) && fits(&self.version, &selector.version) && fits(&self.kind, &selector.kind)
    }

    /// Whether kustomize knows that it belongs to no namespace. It knows Kubernetes 1.21.
    pub(super) fn is_cluster_scoped(&self) -> bool {
        let kinds: &[&str] = match (self.group.as_str(), self.version.as_str()) {
            ("", "v1") => &["ComponentStatus", "Namespace", "Node", "NodeProxyOptions", "PersistentVolume"],
            ("admissionregistration.k8s.io", "v1" | "v1beta1") => {
                &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]
            }
            ("apiextensions.k8s.io", "v1" | "v1beta1") => &["CustomResourceDefinition"],
            ("apiregistration.k8s.io", "v1" | "v1beta1") => &["APIService"],
            ("certificates.k8s.io", "v1" | "v1beta1") => &["CertificateSigningRequest"],
            ("flowcontrol.apiserver.k8s.io", "v1beta1") => &["FlowSchema", "PriorityLevelConfiguration"],
            ("networking.k8s.io", "v1" | "v1beta1") => &["IngressClass"],
            ("node.k8s.io", "v1" | "v1beta1") => &["RuntimeClass"],
            ("policy", "v1beta1") => &["PodSecurityPolicy"],
            ("rbac.authorization.k8s.io", "v1" | "v1beta1") => &["ClusterRole", "ClusterRoleBinding"],
            ("scheduling.k8s.io", "v1" | "v1beta1") => &["PriorityClass"],
            ("storage.k8s.io", "v1" | "v1beta1") => &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
            _ => &[],
        };
        kinds.contains(&self.kind.as_str())
    }

    /// As kustomize writes it.
    pub(super) fn label(&self) -> String {
        let part = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
        let kind = part(&self.kind, "[noKind]");
        format!("{kind}.{}.{}", part(&self.version, "[noVer]"), part(&self.group, "[noGrp]"))
    }
}

/// What tells an object from others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Id {
    pub(super) gvk: Gvk,
    pub(super) name: String,
    pub(super) namespace: String,
    /// Whether its kind is known to belong to no namespace.
    pub(super) is_cluster_scoped: bool,
}

impl Id {
    pub(super) fn effective_namespace(&self) -> &str {
        match self.namespace.as_str() {
            _ if self.is_cluster_scoped => NO_NAMESPACE,
            "" => "default",
            namespace => namespace,
        }
    }

    /// Whether both mean one object.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.gvk == other.gvk && self.effective_namespace() == other.effective_namespace()
    }

    /// Whether it has what the selector says.
    pub(super) fn is_selected(&self, selector: &Self) -> bool {
        (selector.name.is_empty() || selector.name == self.name)
            && (selector.namespace.is_empty() || selector.effective_namespace() == self.effective_namespace())
            && self.gvk.is_selected(&selector.gvk)
    }

    /// What is equal for two that mean one object.
    pub(super) fn key(&self) -> (Gvk, String, String) {
        (self.gvk.clone(), self.name.clone(), self.effective_namespace().to_owned())
    }

    /// As people read it.
    pub(super) fn label(&self) -> String {
        let namespace = if self.namespace.is_empty() { "[noNs]" } else { &self.namespace };
        format!("{}/{}.{namespace}", self.gvk.label(), self.name)
    }
}

/// What a generated object does to the one that has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Behavior {
    #[default]
    Create,
    Replace,
    Merge,
}

/// What an object was called before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Previous {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) kind: String,
}

/// An object while it is rendered.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) value: Value,
    pub(super) previous: Vec<Previous>,
    pub(super) prefixes: Vec<String>,
    pub(super) suffixes: Vec<String>,
    pub(super) needs_hash: bool,
    pub(super) behavior: Behavior,
    /// Names of the variables that are read from it.
    pub(super) variables: Vec<String>,
    pub(super) origin: Option<Origin>,
    pub(super) transformations: Vec<Origin>,
    /// Its document, or what generates it.
    pub(super) span: Option<Span>,
    pub(super) skips: Vec<InlineSkip>,
    /// The entries of kustomizations that lead to it, the outermost first.
    pub(super) calls: Vec<Span>,
}

impl Resource {
    pub(super) fn new(value: Value, span: Option<Span>) -> Self {
        Self {
            value,
            previous: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            needs_hash: false,
            behavior: Behavior::default(),
            variables: Vec::new(),
            origin: None,
            transformations: Vec::new(),
            span,
            skips: Vec::new(),
            calls: Vec::new(),
        }
    }

    pub(super) fn gvk(&self) -> Gvk {
        Gvk::of(&self.value)
    }

    pub(super) fn kind(&self) -> Cow<'_, str> {
        scalar(self.value.get("kind"))
    }

    pub(super) fn name(&self) -> Cow<'_, str> {
        scalar(self.value.at(&["metadata", "name"]))
    }

    pub(super) fn namespace(&self) -> Cow<'_, str> {
        scalar(self.value.at(&["metadata", "namespace"]))
    }

    /// What it is called now.
    pub(super) fn id(&self) -> Id {
        let gvk = self.gvk();
        let is_cluster_scoped = gvk.is_cluster_scoped();
        Id { gvk, name: self.name().into_owned(), namespace: self.namespace().into_owned(), is_cluster_scoped }
    }

    /// What it was called, from the first time on.
    pub(super) fn previous_ids(&self) -> impl Iterator<Item = Id> {
        let own = self.gvk();
        self.previous.iter().map(move |previous| Id {
            gvk: Gvk { kind: previous.kind.clone(), ..own.clone() },
            name: previous.name.clone(),
            namespace: previous.namespace.clone(),
            is_cluster_scoped: false,
        })
    }

    /// What it was called first.
    pub(super) fn original_id(&self) -> Id {
        self.previous_ids().next().unwrap_or_else(|| self.id())
    }

    /// Whether any of its names fits.
    pub(super) fn any_id(&self, fits: impl Fn(&Id) -> bool) -> bool {
        self.previous_ids().any(|id| fits(&id)) || fits(&self.id())
    }

    /// Keeps what it is called now as one of its earlier names.
    pub(super) fn remember(&mut self) {
        let id = self.id();
        let namespace = id.effective_namespace().to_owned();
        self.previous.push(Previous { name: id.name, namespace, kind: id.gvk.kind });
    }

    pub(super) fn set_name(&mut self, name: &str, span: Option<Span>) {
        self.value = edit::put(&self.value, &["metadata", "name"], New::text(name, span));
    }

    /// Sets the namespace; an empty one is taken away.
    pub(super) fn set_namespace(&mut self, namespace: &str) {
        self.value = if namespace.is_empty() {
            edit::take(&self.value, &["metadata", "namespace"])
        } else {
            edit::put(&self.value, &["metadata", "namespace"], New::text(namespace, None))
        };
    }

    /// Puts what a change gave in place, when it gave something.
    pub(super) fn change(&mut self, changed: Outcome<Option<Value>>) -> Outcome<()> {
        if let Some(value) = changed.map_err(|message| format!("{}: {message}", self.id().label()))? {
            self.value = value;
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        edit::is_empty(&self.value)
    }
}

fn scalar(value: Option<&Value>) -> Cow<'_, str> {
    match value {
        Some(Value::String(text)) => Cow::Borrowed(text),
        Some(other) => Cow::Owned(edit::text(other)),
        None => Cow::Borrowed(""),
    }
}
