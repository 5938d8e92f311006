//! Which kinds of objects are judged in the background.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use probity_cluster::{Cache, Connection, Kind};
use probity_gate_admission::asked;
use probity_kubernetes::kind::WORKLOADS;
use probity_policy_core::{FailMode, Mutator, Operation, Policy};

use crate::admission::upkeep::Kinds;
use crate::admission::webhook::InForce;

/// Objects that come and go all the time and that nobody writes as configuration, and groups of which all are like that.
const RESOURCES: [(&str, &str); 4] =
    [("", "events"), ("events.k8s.io", "events"), ("coordination.k8s.io", "leases"), ("", "componentstatuses")];
const GROUPS: [&str; 4] = ["metrics.k8s.io", "openreports.io", "reports.kyverno.io", "wgpolicyk8s.io"];

/// How long an answer of the authorizer counts.
const ALLOWED_FOR: Duration = Duration::from_mins(1);

/// The kinds that policies in force judge in the background, of those that the cluster serves.
pub(super) fn judged(in_force: &InForce, cluster: &Cache) -> Vec<Kind> {
    let policies =
        in_force.judge.background().policies().iter().map(|policy| (FailMode::Open, &**policy as &dyn Policy));
    let asked = asked(policies, std::iter::empty::<&dyn Mutator>(), &Kinds(cluster));
    let made = |operations: &BTreeSet<Operation>| {
        operations.contains(&Operation::Create) || operations.contains(&Operation::Update)
    };
    let rules: BTreeSet<(&str, &str)> = asked
        .values()
        .flatten()
        .filter(|(_, operations)| made(operations))
        .map(|((group, resource), _)| (group.as_str(), resource.as_str()))
        .collect();
    let runs_images = |kind: &Kind| in_force.images.is_some() && WORKLOADS.contains(&kind.kind.as_str());
    let mut kinds: Vec<Kind> = cluster
        .kinds("*")
        .into_iter()
        .filter(|kind| is_named(kind, |group, resource| rules.contains(&(group, resource))) || runs_images(kind))
        .filter(|kind| !is_left_out(kind))
        .collect();
    kinds.sort();
    kinds
}

/// Whether a rule names a kind, itself or with all others.
fn is_named(kind: &Kind, has: impl Fn(&str, &str) -> bool) -> bool {
    [kind.group.as_str(), "*"].iter().any(|group| [kind.plural.as_str(), "*"].iter().any(|plural| has(group, plural)))
}

fn is_left_out(kind: &Kind) -> bool {
    GROUPS.contains(&kind.group.as_str()) || RESOURCES.contains(&(kind.group.as_str(), kind.plural.as_str()))
}

/// What the gate may see.
#[derive(Default)]
pub(super) struct Sight {
    known: HashMap<Kind, (Instant, bool)>,
    /// What was said to be left out.
    said: Vec<String>,
}

impl Sight {
    /// Those of the kinds that may be listed and watched; says which may not.
    pub(super) async fn of(&mut self, connection: &Connection, kinds: Vec<Kind>) -> Vec<Kind> {
        let (mut seen, mut left_out) = (Vec::new(), Vec::new());
        for kind in kinds {
            let known = self.known.get(&kind).filter(|(since, _)| since.elapsed() < ALLOWED_FOR).map(|(_, may)| *may);
            let may = match known {
                Some(may) => may,
                // A server that does not answer is asked for the objects, and that is tried again until it does.
                None => connection.may_watch(&kind).await.unwrap_or(true),
            };
            self.known.insert(kind.clone(), (Instant::now(), may));
            if may {
                seen.push(kind);
            } else {
                left_out.push(kind.plural);
            }
        }
        if left_out != self.said && !left_out.is_empty() {
            eprintln!("probity: the audit leaves out what the gate may not list: {}", left_out.join(", "));
        }
        self.said = left_out;
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(group: &str, name: &str, plural: &str) -> Kind {
        Kind {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: name.to_owned(),
            plural: plural.to_owned(),
            namespaced: true,
        }
    }

    #[test]
    fn a_rule_names_a_kind_itself_or_with_others() {
        let deployment = kind("apps", "Deployment", "deployments");
        let cases = [
            (("apps", "deployments"), true),
            (("apps", "*"), true),
            (("*", "deployments"), true),
            (("*", "*"), true),
            (("", "deployments"), false),
            (("apps", "deployments/scale"), false),
            (("apps", "statefulsets"), false),
        ];
        for (rule, names) in cases {
            assert_eq!(is_named(&deployment, |group, plural| (group, plural) == rule), names, "{rule:?}");
        }
    }

    #[test]
    fn what_is_no_configuration_is_left_out() {
        for (group, name, plural) in [("", "Event", "events"), ("openreports.io", "Report", "reports")] {
            assert!(is_left_out(&kind(group, name, plural)));
        }
        assert!(!is_left_out(&kind("", "Pod", "pods")));
    }
}
