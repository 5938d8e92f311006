//! A rule of a role, and what it allows: the semantics of the API server's authorizer
//! (`pkg/apis/rbac/v1/evaluation_helpers.go`) and of its check against escalation (`pkg/registry/rbac/validation`).

use std::fmt;

use probity_model::SmolStr;
use serde::Serialize;

use crate::cells::Cells;

/// Most cells (verb, group, resource, name) of one rule that are looked at one by one; what has more is taken as a whole.
const MAX_CELLS: usize = 20_000;

/// A rule of a Role or `ClusterRole` (`rbac.authorization.k8s.io/v1`, `PolicyRule`).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// API groups; the core group is empty, `*` is every group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<SmolStr>,
    /// Resources such as `pods`, `pods/exec`, `*/scale` or `*`. The authorizer knows no `pods/*`: it allows nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<SmolStr>,
    /// Names of objects; none is any name. A request without a name, such as `create` or `deletecollection`, is not allowed by a
    /// rule that has names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<SmolStr>,
    /// Paths that are no resources, such as `/metrics` or `/healthz/*`.
    #[serde(rename = "nonResourceURLs", skip_serializing_if = "Vec::is_empty")]
    pub non_resource_urls: Vec<SmolStr>,
    /// Verbs; `*` is every verb.
    pub verbs: Vec<SmolStr>,
}

/// What is asked of the authorizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request<'a> {
    /// A request for a resource.
    Resource {
        /// Such as `get`.
        verb: &'a str,
        /// Empty for the core group.
        group: &'a str,
        /// The plural name.
        resource: &'a str,
        /// Empty when there is none.
        subresource: &'a str,
        /// Empty for resources that are in none, and for all namespaces.
        namespace: &'a str,
        /// Empty when the request names no object.
        name: &'a str,
    },
    /// A request for a path that is no resource.
    Path {
        /// The method, in lower case.
        verb: &'a str,
        /// The path without its query.
        path: &'a str,
    },
}

impl Request<'_> {
    /// The namespace whose `RoleBindings` count; empty when only `ClusterRoleBindings` do.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Resource { namespace, .. } => namespace,
            Self::Path { .. } => "",
        }
    }
}

/// Whether a list has an entry, or `*`.
fn has(list: &[SmolStr], entry: &str) -> bool {
    list.iter().any(|known| known == entry || known == "*")
}

/// Whether a pattern of a rule names a resource and subresource.
fn names_resource(pattern: &str, resource: &str, subresource: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    if subresource.is_empty() {
        return pattern == resource;
    }
    match pattern.split_once('/') {
        Some((first, rest)) => rest == subresource && (first == "*" || first == resource),
        None => false,
    }
}

/// Whether a pattern covers a path, or another pattern.
pub(crate) fn covers_path(pattern: &str, path: &str) -> bool {
    pattern == path || (pattern.ends_with('*') && path.starts_with(pattern.trim_end_matches('*')))
}

impl Rule {
    /// Whether the rule allows a request, as the authorizer says.
    pub fn allows(&self, request: &Request<'_>) -> bool {
        match *request {
            Request::Resource { verb, group, resource, subresource, name, .. } => {
                self.allows_cell(verb, group, resource, subresource)
                    && (self.resource_names.is_empty() || self.resource_names.iter().any(|known| known == name))
            }
            Request::Path { verb, path } => {
                has(&self.verbs, verb) && self.non_resource_urls.iter().any(|pattern| covers_path(pattern, path))
            }
        }
    }

    /// Whether the rule allows this of some object at least.
    pub(crate) fn allows_cell(&self, verb: &str, group: &str, resource: &str, subresource: &str) -> bool {
        has(&self.verbs, verb)
            && has(&self.api_groups, group)
            && self.resources.iter().any(|pattern| names_resource(pattern, resource, subresource))
    }

    /// Whether it allows everything on every resource.
    pub fn is_everything(&self) -> bool {
        let is_star = |list: &[SmolStr]| list.iter().any(|entry| entry == "*");
        is_star(&self.verbs) && is_star(&self.api_groups) && is_star(&self.resources) && self.resource_names.is_empty()
    }

    /// Whether whoever has this rule has all of `other`.
    pub fn covers(&self, other: &Self) -> bool {
        let verbs = other.verbs.iter().all(|verb| has(&self.verbs, verb));
        let names = self.resource_names.is_empty()
            || (!other.resource_names.is_empty()
                && other.resource_names.iter().all(|name| self.resource_names.contains(name)));
        let resources = other.resources.is_empty()
            || (names
                && other.api_groups.iter().all(|group| has(&self.api_groups, group))
                && other.resources.iter().all(|resource| self.covers_resource(resource)));
        let paths = other
            .non_resource_urls
            .iter()
            .all(|path| self.non_resource_urls.iter().any(|pattern| covers_path(pattern, path)));
        verbs && resources && paths
    }

    fn covers_resource(&self, resource: &str) -> bool {
        let of_all = resource.split_once('/').map(|(_, subresource)| subresource);
        self.resources
            .iter()
            .any(|known| known == resource || known == "*" || (of_all.is_some() && known.strip_prefix("*/") == of_all))
    }

    /// How many cells the rule has.
    fn size(&self) -> usize {
        let resources = self.api_groups.len().saturating_mul(self.resources.len());
        let named = resources.saturating_mul(self.resource_names.len().max(1));
        named.saturating_add(self.non_resource_urls.len()).saturating_mul(self.verbs.len())
    }
}

/// What these rules allow that those held do not, cut as finely as rules can be.
pub fn uncovered(rules: &[Rule], held: &[&Rule]) -> Vec<Rule> {
    let mut cells = Cells::default();
    let mut whole = Vec::new();
    for rule in rules {
        if held.iter().any(|known| known.covers(rule)) {
            continue;
        }
        if rule.size() > MAX_CELLS {
            whole.push(rule.clone());
            continue;
        }
        let related: Vec<&Rule> = held.iter().copied().filter(|known| known.touches(rule)).collect();
        for_each_cell(rule, &mut |cell| {
            if !related.iter().any(|known| known.covers(&cell.rule())) {
                cell.add_to(&mut cells);
            }
        });
    }
    whole.extend(cells.rules());
    whole
}

/// The smallest part of a rule.
enum Cell<'r> {
    Resource { verb: &'r SmolStr, group: &'r SmolStr, resource: &'r SmolStr, name: Option<&'r SmolStr> },
    Path { verb: &'r SmolStr, path: &'r SmolStr },
}

impl Cell<'_> {
    fn rule(&self) -> Rule {
        match *self {
            Self::Resource { verb, group, resource, name } => Rule {
                api_groups: vec![group.clone()],
                resources: vec![resource.clone()],
                resource_names: name.cloned().into_iter().collect(),
                verbs: vec![verb.clone()],
                ..Rule::default()
            },
            Self::Path { verb, path } => {
                Rule { non_resource_urls: vec![path.clone()], verbs: vec![verb.clone()], ..Rule::default() }
            }
        }
    }

    fn add_to(&self, cells: &mut Cells) {
        match *self {
            Self::Resource { verb, group, resource, name } => cells.add(group, resource, verb, name),
            Self::Path { verb, path } => cells.add_path(path, verb),
        }
    }
}

fn for_each_cell(rule: &Rule, each: &mut dyn FnMut(Cell<'_>)) {
    for verb in &rule.verbs {
        for group in &rule.api_groups {
            for resource in &rule.resources {
                if rule.resource_names.is_empty() {
                    each(Cell::Resource { verb, group, resource, name: None });
                }
                for name in &rule.resource_names {
                    each(Cell::Resource { verb, group, resource, name: Some(name) });
                }
            }
        }
        for path in &rule.non_resource_urls {
            each(Cell::Path { verb, path });
        }
    }
}

impl Rule {
    /// Whether it may have a part in common with another rule.
    fn touches(&self, other: &Self) -> bool {
        let verbs = self.verbs.iter().any(|verb| verb == "*" || other.verbs.contains(verb));
        let groups = self.api_groups.iter().any(|group| group == "*" || other.api_groups.contains(group));
        verbs && (groups || !self.non_resource_urls.is_empty())
    }
}

/// As people say it: `get, list pods, services in apps`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", list(&self.verbs))?;
        if !self.non_resource_urls.is_empty() {
            write!(f, " {}", list(&self.non_resource_urls))?;
        }
        if self.resources.is_empty() {
            return Ok(());
        }
        write!(f, " {}", list(&self.resources))?;
        if !self.resource_names.is_empty() {
            write!(f, " named {}", list(&self.resource_names))?;
        }
        match self.api_groups.as_slice() {
            [core] if core.is_empty() => Ok(()),
            [every] if every == "*" => write!(f, " of every API group"),
            groups => {
                let named: Vec<SmolStr> =
                    groups.iter().map(|group| if group.is_empty() { "core".into() } else { group.clone() }).collect();
                write!(f, " of {}", list(&named))
            }
        }
    }
}

fn list(entries: &[SmolStr]) -> String {
    entries.iter().map(|entry| if entry == "*" { "every" } else { entry.as_str() }).collect::<Vec<_>>().join(", ")
}
