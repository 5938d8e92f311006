//! What giving rights takes: who writes a binding or a role must have its rights, or `bind` or `escalate` on the role
//! (`pkg/registry/rbac/{rolebinding,role}/policybased`). The log shows only the write; the rest is told from the objects.

use probity_model::SmolStr;

use crate::event::{RBAC, Written};
use crate::object::{BindingKey, RoleKey};
use crate::rights::{MASTERS, Rights, Scope};
use crate::rule::{Request, Rule};
use crate::subject::Identity;

/// What a write of a binding or role was allowed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Giving {
    /// By `bind` or `escalate`: this rule.
    ByVerb(Rule),
    /// By having the rights: these rules.
    ByHaving(Vec<Rule>),
    /// By neither; what is not held.
    Denied(Vec<Rule>),
    /// The role is not known.
    Unknown,
}

/// The scope in which a write gives rights.
pub(crate) fn scope(written: &Written) -> Scope {
    if written.namespace.is_empty() { Scope::Cluster } else { Scope::Namespace(written.namespace.as_str().into()) }
}

/// What an identity needs for a write, by these rights.
pub(crate) fn giving(rights: &Rights, identity: &Identity, written: &Written) -> Giving {
    let is_binding = written.resource.ends_with("bindings");
    let role = if is_binding { bound(rights, written) } else { Some(own(written)) };
    let Some(role) = role else { return Giving::Unknown };
    let verb = if is_binding { "bind" } else { "escalate" };
    let resource = if role.namespace.is_some() { "roles" } else { "clusterroles" };
    // What is made has no name yet when the authorizer is asked for `escalate`.
    let name = if !is_binding && written.is_new { "" } else { role.name.as_str() };
    let namespace = written.namespace.as_str();
    let request = Request::Resource { verb, group: RBAC, resource, subresource: "", namespace, name };
    let is_master = identity.groups.iter().any(|group| group == MASTERS);
    if !is_master && rights.allows(identity, &request) {
        return Giving::ByVerb(Rule {
            api_groups: vec![RBAC.into()],
            resources: vec![resource.into()],
            resource_names: Some(SmolStr::from(name)).filter(|name| !name.is_empty()).into_iter().collect(),
            verbs: vec![verb.into()],
            ..Rule::default()
        });
    }
    let rules = match rights.rules(&role) {
        // A role of roles that may become anything takes every right.
        Some(_) if !is_binding && rights.is_aggregated(&role) => everything(),
        Some(rules) => rules.to_vec(),
        None => return Giving::Unknown,
    };
    let missing = rights.missing(identity, &rules, &scope(written));
    if missing.is_empty() { Giving::ByHaving(rules) } else { Giving::Denied(missing) }
}

fn own(written: &Written) -> RoleKey {
    let namespace = Some(SmolStr::from(written.namespace.as_str())).filter(|_| written.resource == "roles");
    RoleKey { namespace, name: written.name.as_str().into() }
}

/// The role that was bound, by the log or else by the binding as it is now.
fn bound(rights: &Rights, written: &Written) -> Option<RoleKey> {
    let namespace = Some(SmolStr::from(written.namespace.as_str())).filter(|_| written.resource == "rolebindings");
    if let Some((kind, name)) = &written.role {
        let namespace = namespace.filter(|_| kind == "Role");
        return Some(RoleKey { namespace, name: name.as_str().into() });
    }
    let key = BindingKey { namespace, name: written.name.as_str().into() };
    rights.binding(&key).map(|binding| binding.role.clone())
}

fn everything() -> Vec<Rule> {
    let star = || vec![SmolStr::from("*")];
    vec![
        Rule { api_groups: star(), resources: star(), verbs: star(), ..Rule::default() },
        Rule { non_resource_urls: star(), verbs: star(), ..Rule::default() },
    ]
}
