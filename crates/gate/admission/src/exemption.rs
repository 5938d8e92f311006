//! What always passes, whatever policies say: the cluster must not be locked by its own guard.

use probity_policy_core::AdmissionRequest;

/// Whose requests and which namespaces' are not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemptions {
    /// Namespaces: Probity's own, and those of the system.
    pub namespaces: Vec<String>,
    /// Groups whose members may do what policies forbid.
    pub groups: Vec<String>,
    /// Users that are not judged, such as Probity's own service account.
    pub users: Vec<String>,
}

impl Exemptions {
    /// Why a request passes without being judged.
    pub fn reason(&self, request: &AdmissionRequest) -> Option<String> {
        let named = |names: &[String], name: &str| names.iter().any(|known| known == name);
        if let Some(group) = request.groups().find(|group| named(&self.groups, group)) {
            return Some(format!("{} is in the break-glass group {group}", request.username()));
        }
        if named(&self.users, request.username()) {
            return Some(format!("{} is exempt", request.username()));
        }
        let namespace = namespace(request);
        named(&self.namespaces, namespace).then(|| format!("the namespace {namespace} is exempt"))
    }

    /// The CEL expression that holds for what is exempt; `request` as in the match conditions of webhooks.
    pub(crate) fn expression(&self) -> String {
        let list = |names: &[String]| {
            let quoted: Vec<String> = names.iter().map(|name| quoted(name)).collect();
            format!("[{}]", quoted.join(", "))
        };
        let in_namespace = format!(
            "(has(request.namespace) && request.namespace in {0}) || (request.resource.resource == 'namespaces' && \
             request.resource.group == '' && has(request.name) && request.name in {0})",
            list(&self.namespaces)
        );
        let by_group = format!(
            "(has(request.userInfo.groups) && request.userInfo.groups.exists(group, group in {}))",
            list(&self.groups)
        );
        let by_user = format!("(has(request.userInfo.username) && request.userInfo.username in {})", list(&self.users));
        [in_namespace, by_group, by_user].join(" || ")
    }
}

/// The namespace that a request is about: of a Namespace, itself.
pub(crate) fn namespace(request: &AdmissionRequest) -> &str {
    let resource = (request.text(&["resource", "group"]), request.text(&["resource", "resource"]));
    if resource == ("", "namespaces") { request.text(&["name"]) } else { request.text(&["namespace"]) }
}

/// A text as a literal of CEL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
