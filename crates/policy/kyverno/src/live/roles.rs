//! The roles that are bound to a user (Kyverno, `pkg/userinfo/roleRef.go`).

use probity_model::Value;
use probity_policy_core::{Called, Cluster, Query};

use crate::object;
use crate::request::UserInfo;

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// The user with the roles and cluster roles that bindings of the cluster give.
///
/// # Errors
/// When the cluster cannot tell.
pub(super) fn with_roles(user: UserInfo, cluster: &dyn Cluster) -> Result<UserInfo, String> {
    let list = |kind| {
        let query = Query { api_version: RBAC, called: Called::Kind(kind), namespace: "" };
        cluster.list(query).map_err(|error| format!("the roles of {} are not known: {error}", user.username))
    };
    let (mut roles, mut cluster_roles) = (Vec::new(), Vec::new());
    for binding in list("RoleBinding")?.iter().filter(|binding| is_of(binding, &user)) {
        let role = text(binding, &["roleRef", "name"]);
        match text(binding, &["roleRef", "kind"]) {
            "Role" => roles.push(format!("{}:{role}", object::namespace(binding))),
            "ClusterRole" => cluster_roles.push(role.to_owned()),
            _ => {}
        }
    }
    let of_cluster = list("ClusterRoleBinding")?;
    let of_cluster = of_cluster.iter().filter(|binding| is_of(binding, &user));
    let of_cluster = of_cluster.filter(|binding| text(binding, &["roleRef", "kind"]) == "ClusterRole");
    cluster_roles.extend(of_cluster.map(|binding| text(binding, &["roleRef", "name"]).to_owned()));
    for list in [&mut roles, &mut cluster_roles] {
        list.sort();
        list.dedup();
    }
    Ok(UserInfo { roles, cluster_roles, ..user })
}

fn text<'v>(object: &'v Value, path: &[&str]) -> &'v str {
    object.at(path).and_then(Value::as_str).unwrap_or_default()
}

fn is_of(binding: &Value, user: &UserInfo) -> bool {
    let subjects = binding.get("subjects").and_then(Value::as_array);
    subjects.into_iter().flat_map(|subjects| subjects.iter()).any(|subject| {
        let name = text(subject, &["name"]);
        match text(subject, &["kind"]) {
            "ServiceAccount" => user.service_account() == (text(subject, &["namespace"]), name) && !name.is_empty(),
            "User" => user.username == name,
            "Group" => user.groups.iter().any(|group| group == name),
            _ => false,
        }
    })
}
