//! Excess: what is given and was not used, rule by rule.

use jiff::Timestamp;
use probity_kubernetes::kind::{NATIVE, by_plural};
use probity_model::{Severity, SmolStr};
use serde::Serialize;

use crate::cells::Cells;
use crate::needs::Needs;
use crate::object::{BindingKey, RoleKey};
use crate::power::severity_of;
use crate::rights::{Grant, Rights, Scope};
use crate::rule::Rule;
use crate::subject::Subject;
use crate::usage::{UseBySubject, Window};
use crate::visible::is_seen;

/// Most cells of a rule that are told one by one.
const MAX_CELLS: usize = 20_000;

/// What a subject has and did not use.
#[derive(Debug, Clone, Serialize)]
pub struct Excess {
    /// Who.
    pub subject: Subject,
    /// What of each rule.
    pub rules: Vec<RuleExcess>,
    /// Bindings whose role is missing: they give nothing, until somebody makes a role of that name.
    pub missing_roles: Vec<MissingRole>,
    /// When it was seen last; none when it was not.
    pub last_seen: Option<Timestamp>,
    /// What is not known, in words.
    pub doubts: Vec<String>,
}

/// A binding that gives a role which is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingRole {
    /// The binding.
    pub binding: BindingKey,
    /// The role that is not there.
    pub role: RoleKey,
}

/// What of a rule was used and what not.
#[derive(Debug, Clone, Serialize)]
pub struct RuleExcess {
    /// Where it holds.
    pub scope: Scope,
    /// The binding that gives it.
    pub binding: BindingKey,
    /// The role it stands in.
    pub role: RoleKey,
    /// Whether the binding is one that Kubernetes itself brings.
    pub is_default: bool,
    /// The rule.
    pub rule: Rule,
    /// What was used of it.
    pub used: Vec<Rule>,
    /// What was not. Of a rule with wildcards that was used, the rule itself: everything beyond `used` is excess.
    pub unused: Vec<Rule>,
    /// What an audit log cannot show the use of.
    pub unseen: Vec<Rule>,
    /// How much the unused part is worth to an attacker.
    pub severity: Severity,
}

/// What is known of everybody's rights and use.
#[derive(Debug, Clone, Serialize)]
pub struct ExcessReport {
    /// The time that was looked at.
    pub window: Window,
    /// What is not known of it, in words.
    pub doubts: Vec<String>,
    /// Everybody who is bound.
    pub subjects: Vec<Excess>,
}

/// Everybody's excess over a window that should be of so many days.
pub fn excess(rights: &Rights, usage: &UseBySubject<'_>, days: u32) -> ExcessReport {
    let mut subjects: Vec<&Subject> = rights.bound().collect();
    subjects.sort();
    let window = usage.window();
    let subjects = subjects.into_iter().map(|subject| excess_of(subject, rights, usage)).collect();
    ExcessReport { window, doubts: window.doubts(days), subjects }
}

/// A subject's excess.
pub fn excess_of(subject: &Subject, rights: &Rights, usage: &UseBySubject<'_>) -> Excess {
    let needs = Needs::of(subject, rights, usage);
    let grants = rights.grants(subject);
    let rules = grants.iter().flat_map(|grant| grant.rules.iter().map(|rule| cut(rule, grant, &needs))).collect();
    let missing = grants.iter().filter(|grant| grant.is_missing);
    let missing_roles =
        missing.map(|grant| MissingRole { binding: grant.binding.clone(), role: grant.role.clone() }).collect();
    let last_seen = needs.used.iter().map(|used| used.last).max();
    Excess { subject: subject.clone(), rules, missing_roles, last_seen, doubts: needs.doubts }
}

/// Takes a rule apart into what was used and what was not.
fn cut(rule: &Rule, grant: &Grant, needs: &Needs<'_>) -> RuleExcess {
    let part = needs.part(rule, &grant.scope);
    let used = part.rules();
    let (unused, unseen) = rest(rule, &part, &used);
    RuleExcess {
        scope: grant.scope.clone(),
        binding: grant.binding.clone(),
        role: grant.role.clone(),
        is_default: grant.is_default,
        rule: rule.clone(),
        severity: severity_of(&unused, &grant.scope),
        used,
        unused,
        unseen,
    }
}

fn rest(rule: &Rule, part: &Cells, used: &[Rule]) -> (Vec<Rule>, Vec<Rule>) {
    let (seen, unseen) = by_visibility(rule);
    let Some(seen) = seen else { return (Vec::new(), unseen) };
    if part.is_empty() {
        return (vec![seen], unseen);
    }
    let held: Vec<&Rule> = used.iter().collect();
    if is_broad(&seen) {
        let is_used = held.iter().any(|held| held.covers(&seen));
        return (if is_used { Vec::new() } else { vec![seen] }, unseen);
    }
    let mut unused = crate::rule::uncovered(std::slice::from_ref(&seen), &held);
    unused.iter_mut().for_each(leave_out_absent);
    unused.retain(|rule| !rule.resources.is_empty() || !rule.non_resource_urls.is_empty());
    (unused, unseen)
}

/// The parts of a rule of which a log shows the use, and of which it does not.
pub(crate) fn by_visibility(rule: &Rule) -> (Option<Rule>, Vec<Rule>) {
    let is_cell_seen = |group: &SmolStr, resource: &SmolStr, verb: &SmolStr| is_seen(group, resource, verb);
    let all_seen = rule.non_resource_urls.is_empty()
        && rule.api_groups.iter().all(|group| {
            rule.resources.iter().all(|resource| rule.verbs.iter().all(|verb| is_cell_seen(group, resource, verb)))
        });
    if all_seen || !rule.non_resource_urls.is_empty() || size(rule) > MAX_CELLS {
        return (Some(rule.clone()), Vec::new());
    }
    // Verbs that are never seen go as a whole, then resources that are not.
    let (seen_verbs, unseen_verbs): (Vec<SmolStr>, Vec<SmolStr>) =
        rule.verbs.iter().cloned().partition(|verb| is_seen("", "pods", verb));
    let (seen_resources, unseen_resources): (Vec<SmolStr>, Vec<SmolStr>) =
        rule.resources.iter().cloned().partition(|resource| is_seen("", resource, "get"));
    let part = |verbs: &[SmolStr], resources: &[SmolStr]| {
        let part = Rule { verbs: verbs.to_vec(), resources: resources.to_vec(), ..rule.clone() };
        (!verbs.is_empty() && !resources.is_empty()).then_some(part)
    };
    let unseen = part(&unseen_verbs, &rule.resources).into_iter().chain(part(&seen_verbs, &unseen_resources));
    (part(&seen_verbs, &seen_resources), unseen.collect())
}

fn size(rule: &Rule) -> usize {
    rule.verbs.len().saturating_mul(rule.api_groups.len()).saturating_mul(rule.resources.len())
}

/// Whether what a rule allows cannot be listed: it has wildcards, or too much in it.
fn is_broad(rule: &Rule) -> bool {
    let is_open = |list: &[SmolStr]| list.iter().any(|entry| entry == "*" || entry.starts_with("*/"));
    is_open(&rule.verbs)
        || is_open(&rule.api_groups)
        || is_open(&rule.resources)
        || rule.non_resource_urls.iter().any(|path| path.ends_with('*'))
        || size(rule) > MAX_CELLS
}

/// Leaves out what Kubernetes' own groups do not have: rules name several groups and several resources, and not every pair of
/// them exists.
fn leave_out_absent(rule: &mut Rule) {
    let exists = |group: &SmolStr, resource: &SmolStr| {
        let plural = resource.split('/').next().unwrap_or(resource);
        let is_native = NATIVE.iter().any(|known| known.group == group);
        let is_elsewhere = NATIVE.iter().any(|known| known.plural == plural);
        !is_native || !is_elsewhere || by_plural(group, plural).is_some()
    };
    let groups = rule.api_groups.clone();
    rule.resources.retain(|resource| groups.iter().any(|group| exists(group, resource)));
    let resources = rule.resources.clone();
    rule.api_groups.retain(|group| resources.iter().any(|resource| exists(group, resource)));
}
