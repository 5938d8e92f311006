//! Which of the rights that a subject is given its use needs.

use std::collections::BTreeSet;

use probity_model::SmolStr;

use crate::cells::Cells;
use crate::event::RBAC;
use crate::giving::{Giving, giving, scope};
use crate::rights::{Rights, Scope};
use crate::rule::{Request, Rule, covers_path};
use crate::subject::Subject;
use crate::usage::{UseBySubject, Used};

/// What a subject used, seen and told.
pub(crate) struct Needs<'u> {
    /// Requests in the log.
    pub(crate) used: Vec<Used<'u>>,
    /// Rights that the writing of roles and bindings needed.
    pub(crate) told: Vec<(Scope, Rule)>,
    /// What could not be told, in words.
    pub(crate) doubts: Vec<String>,
}

impl<'u> Needs<'u> {
    pub(crate) fn of(subject: &Subject, rights: &Rights, usage: &UseBySubject<'u>) -> Self {
        let mut told = Vec::new();
        let mut doubts = BTreeSet::new();
        for (identity, written) in usage.written(subject) {
            let scope = scope(written);
            match giving(rights, identity, written) {
                Giving::ByVerb(rule) => told.push((scope, rule)),
                Giving::ByHaving(rules) => told.extend(rules.into_iter().map(|rule| (scope.clone(), rule))),
                Giving::Denied(_) | Giving::Unknown => {
                    doubts.insert(format!(
                        "{subject} wrote {} {}: the role it gave is not known, or is more than it may give now; `bind` and `escalate` \
                         are kept",
                        written.resource, written.name
                    ));
                    told.push((scope, any_giving()));
                }
            }
        }
        told.sort();
        told.dedup();
        Self { used: usage.of(subject), told, doubts: doubts.into_iter().collect() }
    }

    /// The part of a rule, given in a scope, that was used. Names stand only where the rule has them.
    pub(crate) fn part(&self, rule: &Rule, given: &Scope) -> Cells {
        let mut cells = Cells::default();
        for used in self.used.iter().filter(|used| given.includes(used.request.namespace())) {
            match used.request {
                Request::Resource { verb, group, resource, subresource, .. } => {
                    if !rule.allows_cell(verb, group, resource, subresource) {
                        continue;
                    }
                    let combined = combined(resource, subresource);
                    if rule.resource_names.is_empty() {
                        cells.add(group, &combined, verb, None);
                    }
                    for name in used.names_among(&rule.resource_names) {
                        cells.add(group, &combined, verb, Some(name));
                    }
                }
                Request::Path { verb, path } => {
                    if *given == Scope::Cluster && rule.allows(&used.request) {
                        cells.add_path(path, verb);
                    }
                }
            }
        }
        for (_, need) in self.told.iter().filter(|(scope, _)| given == scope || *given == Scope::Cluster) {
            add_common(rule, need, &mut cells);
        }
        cells
    }
}

impl Used<'_> {
    /// Those of these names that were used, or may have been.
    pub(crate) fn names_among<'n>(&self, names: &'n [SmolStr]) -> impl Iterator<Item = &'n SmolStr> {
        names.iter().filter(|name| self.has_more || self.names.contains(name))
    }
}

/// `bind` and `escalate` on every role.
fn any_giving() -> Rule {
    Rule {
        api_groups: vec![RBAC.into()],
        resources: vec!["clusterroles".into(), "roles".into()],
        verbs: vec!["bind".into(), "escalate".into()],
        ..Rule::default()
    }
}

/// A resource as rules have it.
pub(crate) fn combined(resource: &str, subresource: &str) -> String {
    if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") }
}

/// What two rules both allow.
pub(crate) fn add_common(a: &Rule, b: &Rule, cells: &mut Cells) {
    let verbs = common(&a.verbs, &b.verbs, |a, b| a == b || a == "*");
    for path in common(&a.non_resource_urls, &b.non_resource_urls, covers_path) {
        for verb in &verbs {
            cells.add_path(path, verb);
        }
    }
    let Some(names) = common_names(a, b) else { return };
    let groups = common(&a.api_groups, &b.api_groups, |a, b| a == b || a == "*");
    let resources = common(&a.resources, &b.resources, covers_resource);
    for group in groups {
        for resource in &resources {
            for verb in &verbs {
                if names.is_empty() {
                    cells.add(group, resource, verb, None);
                }
                for name in &names {
                    cells.add(group, resource, verb, Some(name));
                }
            }
        }
    }
}

/// The names that two rules have in common; empty for any name, none when they have nothing in common.
fn common_names(a: &Rule, b: &Rule) -> Option<Vec<SmolStr>> {
    if a.resource_names.is_empty() || b.resource_names.is_empty() {
        return Some(if a.resource_names.is_empty() { b.resource_names.clone() } else { a.resource_names.clone() });
    }
    let names: Vec<SmolStr> = a.resource_names.iter().filter(|name| b.resource_names.contains(name)).cloned().collect();
    (!names.is_empty()).then_some(names)
}

fn covers_resource(pattern: &str, resource: &str) -> bool {
    let of_all = resource.split_once('/').map(|(_, subresource)| subresource);
    pattern == resource || pattern == "*" || (of_all.is_some() && pattern.strip_prefix("*/") == of_all)
}

/// The narrower of each two entries of which one covers the other.
fn common<'r>(a: &'r [SmolStr], b: &'r [SmolStr], covers: fn(&str, &str) -> bool) -> BTreeSet<&'r SmolStr> {
    let of_a = a.iter().filter(|entry| b.iter().any(|other| covers(other, entry)));
    let of_b = b.iter().filter(|entry| a.iter().any(|other| covers(other, entry)));
    of_a.chain(of_b).collect()
}
