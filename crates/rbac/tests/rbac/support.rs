//! What the tests have in common.

use probity_model::node::Node;
use probity_model::source::Sources;
use probity_model::yaml::{self, Dialect};
use probity_rbac::{Object, Rights, Use, read_objects};

/// The objects of a YAML text.
pub(crate) fn objects(text: &str) -> Vec<Object> {
    let sources = Sources::default();
    let id = sources.add("objects.yaml", text);
    let documents = yaml::read(text, id, Dialect::Kubernetes).unwrap();
    documents.iter().flat_map(|document| read_objects(Node::root(&document.value, document.span)).unwrap()).collect()
}

pub(crate) fn rights(text: &str) -> Rights {
    objects(text).into_iter().collect()
}

/// A role of rules in YAML's flow form, with a namespace or none.
pub(crate) fn role(namespace: &str, name: &str, rules: &[&str]) -> String {
    let (kind, scope) = kind("Role", namespace);
    format!(
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: '{name}'{scope}}}\nrules: [{}]\n",
        rules.join(", ")
    )
}

/// A binding of a `ClusterRole`, in a namespace or in the cluster, to `shop/deployer` and the like, `user:nora` or `group:devs`.
pub(crate) fn binding(namespace: &str, name: &str, role: &str, subjects: &[&str]) -> String {
    let (binding, scope) = kind("RoleBinding", namespace);
    let subjects: Vec<String> = subjects.iter().map(|subject| subject_of(subject)).collect();
    let (role_kind, role) = role.split_once(' ').unwrap_or(("ClusterRole", role));
    format!(
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {binding}\nmetadata: {{name: '{name}'{scope}}}\nroleRef: {{kind: {role_kind}, name: \
         '{role}'}}\nsubjects: [{}]\n",
        subjects.join(", ")
    )
}

fn kind(kind: &str, namespace: &str) -> (String, String) {
    if namespace.is_empty() {
        (format!("Cluster{kind}"), String::new())
    } else {
        (kind.to_owned(), format!(", namespace: {namespace}"))
    }
}

fn subject_of(subject: &str) -> String {
    match subject.split_once(':') {
        Some(("user", name)) => format!("{{kind: User, name: '{name}'}}"),
        Some(("group", name)) => format!("{{kind: Group, name: '{name}'}}"),
        _ => {
            let (namespace, name) = subject.split_once('/').unwrap();
            format!("{{kind: ServiceAccount, name: {name}, namespace: {namespace}}}")
        }
    }
}

/// A rule on resources in flow form: verbs, groups, resources, each parted by commas.
pub(crate) fn on(verbs: &str, groups: &str, resources: &str) -> String {
    format!("{{verbs: [{}], apiGroups: [{}], resources: [{}]}}", quoted(verbs), quoted(groups), quoted(resources))
}

fn quoted(list: &str) -> String {
    list.split(',').map(|entry| format!("'{}'", entry.trim())).collect::<Vec<_>>().join(", ")
}

/// An event of a service account's request: `shop/deployer get apps deployments/scale shop web`, `-` for what is empty.
pub(crate) fn event(request: &str) -> String {
    event_at(request, "2026-11-01T10:00:00.000000Z")
}

pub(crate) fn event_at(request: &str, time: &str) -> String {
    let words: Vec<&str> = request.split(' ').map(|word| if word == "-" { "" } else { word }).collect();
    let [who, verb, group, resource, namespace, name] = words.as_slice() else { panic!("{request}") };
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let (own, account) = who.split_once('/').unwrap();
    serde_json::json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "1", "stage": "ResponseComplete",
        "requestURI": "/", "verb": verb,
        "user": {"username": format!("system:serviceaccount:{own}:{account}"),
                 "groups": ["system:serviceaccounts", format!("system:serviceaccounts:{own}"), "system:authenticated"]},
        "objectRef": {"resource": resource, "namespace": namespace, "name": name, "apiGroup": group, "subresource": subresource},
        "responseStatus": {"code": 200}, "requestReceivedTimestamp": time, "stageTimestamp": time,
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: allowed by a"}
    })
    .to_string()
}

/// The use that lines tell.
pub(crate) fn usage<S: AsRef<str>>(lines: &[S]) -> Use {
    let mut usage = Use::new();
    for line in lines {
        usage.add(line.as_ref().as_bytes()).unwrap();
    }
    usage
}

/// Requests as lines, sorted: `who verb group resource namespace names`.
pub(crate) fn listed(usage: &Use) -> Vec<String> {
    use probity_rbac::Request;
    let mut lines: Vec<String> = usage
        .used()
        .map(|used| {
            let mut names: Vec<&str> = used.names.iter().map(|name| name.as_str()).collect();
            names.sort_unstable();
            let what = match used.request {
                Request::Resource { verb, group, resource, subresource, namespace, .. } => {
                    let slash = if subresource.is_empty() { "" } else { "/" };
                    format!(
                        "{verb} {group}:{resource}{slash}{subresource} in [{namespace}] names [{}]",
                        names.join(" ")
                    )
                }
                Request::Path { verb, path } => format!("{verb} {path}"),
            };
            format!("{} {what} x{}", used.identity.user, used.count)
        })
        .collect();
    lines.sort();
    lines
}
