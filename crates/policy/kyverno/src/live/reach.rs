//! Which requests rules are about, and which other objects they look at (Kyverno, `pkg/controllers/webhook`).

use probity_kubernetes::kind::{self, KindSelector};
use probity_kubernetes::wildcard;
use probity_model::{SmolStr, Value};
use probity_policy_core::{Named, Operation, RequestRule, TypeSelector, Watched};

use super::world::resources_in;
use crate::matching::{Filter, Matching};
use crate::rule::{Check, Rule};

/// The requests that a rule is about. Where it names no operations, these are meant.
pub(crate) fn requests_of(rule: &Rule, operations: &[Operation]) -> Vec<RequestRule> {
    let without = excluded(&rule.exclude);
    let mut requests = Vec::new();
    for filter in rule.matching.deciding() {
        let named: Vec<Operation> =
            filter.resources.operations.iter().filter_map(|word| Operation::named(word)).collect();
        let mut operations = if named.is_empty() { operations.to_vec() } else { named };
        operations.retain(|operation| !without.contains(operation));
        if operations.is_empty() {
            continue;
        }
        let kinds = &filter.resources.kinds;
        let any = [KindSelector::parse("*")];
        let kinds = if kinds.is_empty() { &any[..] } else { kinds.as_slice() };
        requests.extend(kinds.iter().flat_map(|kind| requests_for(kind, &operations)));
    }
    requests
}

/// The operations that a rule leaves out, whatever the object.
fn excluded(exclude: &Matching) -> Vec<Operation> {
    let only_operations = |filter: &&Filter| filter.names_only_operations();
    let operations = exclude.deciding_any().filter(only_operations).flat_map(|filter| &filter.resources.operations);
    operations.filter_map(|word| Operation::named(word)).collect()
}

fn requests_for(kind: &KindSelector, operations: &[Operation]) -> Vec<RequestRule> {
    // What a pattern means, only the cluster knows.
    let word = |text: &str| if wildcard::contains(text) { "*".into() } else { SmolStr::from(text) };
    let request = |subresource: &str, operations: &[Operation]| RequestRule {
        group: word(&kind.group),
        version: word(&kind.version),
        named: Named::Kind(word(&kind.kind)),
        subresource: subresource.into(),
        operations: operations.to_vec(),
    };
    let mut requests = vec![request(&word(&kind.subresource), operations)];
    // Ephemeral containers are part of a pod, whether or not they are asked for.
    if kind.subresource.is_empty() && wildcard::matches(&kind.kind, "Pod") && wildcard::matches(&kind.group, "") {
        let added: Vec<Operation> =
            operations.iter().copied().filter(|operation| *operation == Operation::Update).collect();
        if !added.is_empty() {
            requests.push(RequestRule {
                group: "".into(),
                version: "v1".into(),
                named: Named::Kind("Pod".into()),
                ..request("ephemeralcontainers", &added)
            });
        }
    }
    requests
}

/// The kinds of objects that a rule may judge, those sent to subresources among them.
pub(crate) fn types_of(rule: &Rule) -> Vec<TypeSelector> {
    let Some(kinds) = rule.kinds() else { return vec![TypeSelector::All] };
    let exact = |kind: &str| TypeSelector::Exact(kind.into());
    let mut types: Vec<TypeSelector> = kinds.into_iter().map(exact).collect();
    for kind in rule.matching.kinds().filter(|kind| !kind.subresource.is_empty()) {
        let is_sent = |known: &&kind::Subresource| {
            let parent = kind::by_plural(known.parent_group, known.parent);
            parent.is_some_and(|parent| parent.kind == kind.kind) && wildcard::matches(&kind.subresource, known.name)
        };
        types.extend(kind::SUBRESOURCES.iter().filter(is_sent).map(|known| exact(known.kind)));
        if wildcard::matches(&kind.subresource, "scale") {
            types.push(exact("Scale"));
        }
    }
    types
}

/// The other objects that a rule looks at, as far as it says so without variables.
pub(crate) fn watches_of(rule: &Rule) -> Vec<Watched> {
    let mut watched = Vec::new();
    collect(&rule.source.value, &mut watched);
    if let Some(Check::Cel(cel)) = rule.validate().map(|validate| &validate.check) {
        let params = cel.params.iter();
        watched.extend(params.map(|one| Watched { api_version: one.api_version.clone(), kind: one.kind.clone() }));
    }
    watched
}

fn collect(value: &Value, watched: &mut Vec<Watched>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, watched)),
        Value::Object(fields) => {
            for (key, value) in fields.iter() {
                match (key.as_str(), value) {
                    ("configMap", Value::Object(_)) => {
                        watched.push(Watched { api_version: "v1".into(), kind: "ConfigMap".into() });
                    }
                    ("globalReference", Value::Object(_)) => watched
                        .push(Watched { api_version: "kyverno.io/v2alpha1".into(), kind: "GlobalContextEntry".into() }),
                    ("urlPath", Value::String(path)) => watched.extend(resources_in(&without_variables(path))),
                    _ => collect(value, watched),
                }
            }
        }
        _ => {}
    }
}

/// A path with something in the place of each variable, which may have slashes of its own.
fn without_variables(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, behind)) = rest.split_once("{{") {
        plain.push_str(before);
        plain.push('x');
        rest = behind.split_once("}}").map_or("", |(_, after)| after);
    }
    plain + rest
}
