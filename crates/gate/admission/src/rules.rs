//! Which requests are asked about: what policies declare, in the words of the API.

use std::collections::{BTreeMap, BTreeSet};

use probity_kubernetes::kind::NATIVE;
use probity_policy_core::{FailMode, Mutator, Named, Operation, Policy, RequestRule};

/// What a cluster serves, to find a kind's name in the API.
pub trait Served {
    /// The resources that are served under a kind, or all kinds for `*`: group and plural.
    fn served(&self, kind: &str) -> Vec<(String, String)>;
}

/// Kubernetes' own kinds, when there is no cluster to ask.
impl Served for () {
    fn served(&self, kind: &str) -> Vec<(String, String)> {
        let own = NATIVE.iter().filter(|resource| resource.kind == kind);
        own.map(|resource| (resource.group.to_owned(), resource.plural.to_owned())).collect()
    }
}

/// Whether an object is judged or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// Judged.
    Validate,
    /// Changed.
    Mutate,
}

/// The requests that a webhook is asked about: for groups and resources, the operations.
pub type Asked = BTreeMap<(Call, FailMode), Rules>;

/// For groups and resources, the operations.
type Rules = BTreeMap<(String, String), BTreeSet<Operation>>;

/// What policies, each with how it fails, and mutators ask for, put together. Where a webhook that fails closed is asked, all
/// policies are, and no other webhook.
pub fn asked<'p>(
    policies: impl IntoIterator<Item = (FailMode, &'p dyn Policy)>,
    mutators: impl IntoIterator<Item = &'p dyn Mutator>,
    served: &dyn Served,
) -> Asked {
    let mut all = Asked::new();
    let mut add = |call, mode, rule: &RequestRule| {
        let rules = all.entry((call, mode)).or_default();
        for (group, resource) in resources(rule, served) {
            // A container that is added to a running Pod is as much a part of it.
            if (group.as_str(), resource.as_str()) == ("", "pods") && rule.operations.contains(&Operation::Update) {
                let part = rules.entry((group.clone(), "pods/ephemeralcontainers".to_owned())).or_default();
                part.insert(Operation::Update);
            }
            rules.entry((group, resource)).or_default().extend(rule.operations.iter().copied());
        }
    };
    for (mode, policy) in policies {
        for rule in policy.requests() {
            add(Call::Validate, mode, &rule);
        }
    }
    for (mode, rule) in mutators.into_iter().flat_map(Mutator::requests) {
        add(Call::Mutate, mode, &rule);
    }
    for rules in all.values_mut() {
        without_repeats(rules);
    }
    if let Some(closed) = all.get(&(Call::Validate, FailMode::Closed)).cloned()
        && let Some(open) = all.get_mut(&(Call::Validate, FailMode::Open))
    {
        without_those_of(open, &closed);
    }
    all.retain(|_, rules| !rules.is_empty());
    all
}

/// The groups and resources that a rule names, each with its subresource.
fn resources(rule: &RequestRule, served: &dyn Served) -> Vec<(String, String)> {
    let named = |plural: &str| match rule.subresource.as_str() {
        "" => plural.to_owned(),
        subresource => format!("{plural}/{subresource}"),
    };
    match &rule.named {
        Named::Plural(plural) => vec![(rule.group.to_string(), named(plural))],
        Named::Kind(kind) if kind == "*" => vec![(rule.group.to_string(), named("*"))],
        Named::Kind(kind) => served
            .served(kind)
            .into_iter()
            .filter(|(group, _)| rule.group == "*" || *group == rule.group)
            .map(|(group, plural)| (group, named(&plural)))
            .collect(),
    }
}

/// Leaves out what others ask already.
fn without_those_of(rules: &mut Rules, others: &Rules) {
    rules.retain(|(group, resource), operations| {
        let everything = if resource.contains('/') { "*/*" } else { "*" };
        for (others_group, others_resource) in
            [(group.as_str(), resource.as_str()), (group, everything), ("*", everything)]
        {
            let asked = others.get(&(others_group.to_owned(), others_resource.to_owned()));
            operations.retain(|operation| asked.is_none_or(|asked| !asked.contains(operation)));
        }
        !operations.is_empty()
    });
}

/// Leaves out what a rule for everything asks already.
fn without_repeats(rules: &mut Rules) {
    let Some(all) = rules.get(&("*".to_owned(), "*".to_owned())).cloned() else { return };
    rules.retain(|(group, resource), operations| {
        let is_all = group == "*" && resource == "*";
        if !is_all && !resource.contains('/') {
            operations.retain(|operation| !all.contains(operation));
        }
        !operations.is_empty()
    });
}
