//! Requests to an API server, as Kyverno sees them (Kyverno, `pkg/webhooks/utils`).

use probity_kubernetes::kind::{self, GroupVersionKind};
use probity_model::{SmolStr, Value};
use probity_policy_core::{AdmissionRequest, Called, Cluster, Operation, Query};

use super::roles::with_roles;
use crate::object;
use crate::request::{Request, UserInfo};

/// A request in the form that Kyverno has for it; all its policies share one.
#[derive(Debug)]
pub(crate) struct Requested {
    pub(crate) request: Request,
    /// Why the labels of the namespace are not known.
    pub(crate) namespace: Result<(), String>,
}

/// The same, with the roles of who asks: they are looked for only where a policy wants them.
#[derive(Debug)]
pub(crate) struct WithRoles(pub(crate) Result<Request, String>);

impl Requested {
    pub(crate) fn new(asked: &AdmissionRequest, cluster: &dyn Cluster) -> Self {
        let subresource = asked.text(&["subResource"]);
        let namespace = asked.text(&["namespace"]);
        let gvk = kind_of(asked, cluster);
        // What is written says where it is; the options of a connection do not.
        let connects = asked.operation() == Operation::Connect;
        let placed = |object: Option<&Value>| {
            object.map(|object| if connects { within(object, namespace) } else { object.clone() })
        };
        let mut request = Request {
            object: placed(asked.object()),
            old_object: placed(asked.old_object()),
            operation: asked.operation(),
            subresource: subresource.into(),
            user: Some(user(asked)),
            fields: asked.value().as_object().cloned().unwrap_or_default(),
            ..Request::default()
        };
        let mut known = Ok(());
        if gvk.kind != "Namespace" && !namespace.is_empty() {
            match cluster.namespace(namespace) {
                Ok(found) => {
                    let labels = found.as_ref().and_then(object::labels).cloned();
                    request.namespace_labels = labels.unwrap_or_default();
                    if found.is_none() {
                        known = Err(format!("the namespace `{namespace}` is not there"));
                    }
                }
                Err(error) => known = Err(format!("the namespace `{namespace}`: {error}")),
            }
        }
        request.gvk = gvk;
        Self { request, namespace: known }
    }
}

impl WithRoles {
    pub(crate) fn new(requested: &Requested, cluster: &dyn Cluster) -> Self {
        let user = requested.request.user.clone().unwrap_or_default();
        Self(with_roles(user, cluster).map(|user| Request { user: Some(user), ..requested.request.clone() }))
    }
}

fn user(asked: &AdmissionRequest) -> UserInfo {
    UserInfo {
        username: asked.username().to_owned(),
        uid: asked.text(&["userInfo", "uid"]).to_owned(),
        groups: asked.groups().map(str::to_owned).collect(),
        extra: asked.value().at(&["userInfo", "extra"]).cloned(),
        roles: Vec::new(),
        cluster_roles: Vec::new(),
    }
}

/// The kind of what is asked about; of a subresource, that of what it belongs to.
fn kind_of(asked: &AdmissionRequest, cluster: &dyn Cluster) -> GroupVersionKind {
    let text = |path: &[&str]| asked.text(path).to_owned();
    let own = GroupVersionKind {
        group: text(&["kind", "group"]),
        version: text(&["kind", "version"]),
        kind: text(&["kind", "kind"]),
    };
    if asked.text(&["subResource"]).is_empty() {
        return own;
    }
    let (group, version) = (text(&["resource", "group"]), text(&["resource", "version"]));
    let plural = asked.text(&["resource", "resource"]);
    let native = kind::by_plural(&group, plural).map(|resource| resource.kind.to_owned());
    // Of a kind that only the cluster knows, only its objects tell.
    let looked_up = || {
        let api_version = GroupVersionKind { group: group.clone(), version: version.clone(), kind: String::new() };
        let api_version = api_version.api_version();
        let query =
            Query { api_version: &api_version, called: Called::Plural(plural), namespace: asked.text(&["namespace"]) };
        let found = cluster.get(query, asked.text(&["name"])).ok()??;
        Some(object::text(&found, "kind").to_owned())
    };
    let kind = native.or_else(looked_up).unwrap_or(own.kind);
    GroupVersionKind { group, version, kind }
}

/// An object in the namespace that is asked in.
fn within(object: &Value, namespace: &str) -> Value {
    if namespace.is_empty() {
        return object.clone();
    }
    let path = ["metadata", "namespace"].map(SmolStr::from);
    object::merged_at(object, &path, &namespace.into())
}
