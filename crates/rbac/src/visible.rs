//! What an audit log can show of the use of a right, and what it cannot.

/// Verbs that requests have, that impersonation asks for, or that are told from what was written.
const SEEN: [&str; 17] = [
    "*",
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "impersonate",
    "bind",
    "escalate",
    "head",
    "post",
    "put",
    "options",
    "proxy",
];

/// Parts of a node that the kubelet asks about for itself, as a review of somebody else's access.
const KUBELET: [&str; 8] = ["metrics", "stats", "log", "spec", "configz", "healthz", "pods", "checkpoint"];

/// Whether a request that uses this right stands in the log of the API server.
///
/// Verbs such as `use`, `approve`, `sign` and `attest` are asked for by admission plugins or by other programs; `finalizers` is
/// asked for by the plugin that guards owner references; parts of nodes by the kubelet.
pub(crate) fn is_seen(group: &str, resource: &str, verb: &str) -> bool {
    let subresource = resource.split_once('/').map_or("", |(_, subresource)| subresource);
    let of_node = group.is_empty() && resource.starts_with("nodes/") && KUBELET.contains(&subresource);
    let is_known = SEEN.contains(&verb) || verb.starts_with("impersonate:") || verb.starts_with("impersonate-on:");
    is_known && subresource != "finalizers" && !of_node
}
