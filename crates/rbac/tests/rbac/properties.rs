//! What must hold of whatever roles and logs there are.

use probity_model::{SmolStr, Value};
use probity_rbac::{Binding, BindingKey, Change, Role, RoleKey, Scope, widening};
use probity_rbac::{Identity, Object, Options, Replay, Request, Rights, Rule, Subject, Use, excess_of, propose};
use proptest::prelude::*;

use crate::support::event;

const VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
const GROUPS: [&str; 2] = ["", "apps"];
const RESOURCES: [&str; 5] = ["pods", "deployments", "pods/log", "deployments/scale", "secrets"];
const NAMESPACES: [&str; 2] = ["shop", "ops"];
const NAMES: [&str; 3] = ["web", "db", "tls"];

fn some(from: &'static [&'static str]) -> impl Strategy<Value = Vec<SmolStr>> {
    prop::sample::subsequence(from, 1..=from.len().min(4))
        .prop_map(|list| list.into_iter().map(SmolStr::from).collect())
}

fn or_star(from: &'static [&'static str], star: u32) -> impl Strategy<Value = Vec<SmolStr>> {
    prop_oneof![(10 - star) => some(from), star => Just(vec![SmolStr::from("*")])]
}

fn rule() -> impl Strategy<Value = Rule> {
    let resources = prop_oneof![8 => some(&RESOURCES), 1 => Just(vec!["*".into()]), 1 => Just(vec!["*/scale".into(), "pods/*".into()])];
    let names = prop_oneof![3 => Just(Vec::new()), 1 => some(&NAMES)];
    (or_star(&VERBS, 2), or_star(&GROUPS, 2), resources, names).prop_map(
        |(verbs, api_groups, resources, resource_names)| Rule {
            verbs,
            api_groups,
            resources,
            resource_names,
            ..Rule::default()
        },
    )
}

fn subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        (prop::sample::select(&NAMESPACES[..]), prop::sample::select(&["a", "b"][..]))
            .prop_map(|(namespace, name)| Subject::service_account(namespace, name)),
        prop::sample::select(&["system:serviceaccounts", "system:serviceaccounts:shop"][..])
            .prop_map(|name| Subject::Group(name.into())),
    ]
}

/// Roles, each with its bindings.
fn objects() -> impl Strategy<Value = Vec<Object>> {
    let scope = || prop::option::of(prop::sample::select(&NAMESPACES[..]));
    let one = (
        prop::collection::vec(rule(), 1..4),
        prop::collection::vec((scope(), prop::collection::vec(subject(), 1..3)), 1..3),
    );
    prop::collection::vec(one, 1..4).prop_map(|all| {
        let mut objects = Vec::new();
        for (at, (rules, bindings)) in all.into_iter().enumerate() {
            let role = RoleKey { namespace: None, name: format!("r{at}").into() };
            objects.push(Object::Role(Role {
                key: role.clone(),
                labels: Value::Null,
                rules: rules.into(),
                aggregation: None,
            }));
            for (number, (namespace, subjects)) in bindings.into_iter().enumerate() {
                let key =
                    BindingKey { namespace: namespace.map(SmolStr::from), name: format!("b{at}-{number}").into() };
                objects.push(Object::Binding(Binding { key, role: role.clone(), subjects, is_default: false }));
            }
        }
        objects
    })
}

/// A request of a service account: who, verb, group, resource, namespace, name.
type Asked = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

fn asked() -> impl Strategy<Value = Asked> {
    (
        prop::sample::select(&["shop/a", "shop/b", "ops/a", "ops/b"][..]),
        prop::sample::select(&VERBS[..]),
        prop::sample::select(&GROUPS[..]),
        prop::sample::select(&RESOURCES[..]),
        prop::sample::select(&["", "shop", "ops"][..]),
        prop::sample::select(&NAMES[..]),
    )
        .prop_map(|(who, verb, group, resource, namespace, name)| {
            let is_nameless =
                matches!(verb, "list" | "watch" | "deletecollection") || (verb == "create" && !resource.contains('/'));
            (who, verb, group, resource, namespace, if is_nameless { "" } else { name })
        })
}

fn request(asked: Asked) -> Request<'static> {
    let (_, verb, group, resource, namespace, name) = asked;
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    Request::Resource { verb, group, resource, subresource, namespace, name }
}

fn line((who, verb, group, resource, namespace, name): Asked) -> String {
    let empty = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    event(&format!("{who} {verb} {} {resource} {} {}", empty(group), empty(namespace), empty(name)))
}

fn identity(asked: Asked) -> Identity {
    asked.0.parse::<Subject>().unwrap().identity()
}

/// A rule as the API server's code reads it, word for word.
fn oracle(rule: &Rule, request: &Request<'_>) -> bool {
    let Request::Resource { verb, group, resource, subresource, name, .. } = *request else { return false };
    let combined = if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") };
    let resource_matches = rule.resources.iter().any(|known| {
        known == "*"
            || *known == combined
            || (!subresource.is_empty()
                && known.len() == subresource.len() + 2
                && known.starts_with("*/")
                && known.ends_with(subresource))
    });
    rule.verbs.iter().any(|known| known == "*" || known == verb)
        && rule.api_groups.iter().any(|known| known == "*" || known == group)
        && resource_matches
        && (rule.resource_names.is_empty() || rule.resource_names.iter().any(|known| known == name))
}

/// Whether bindings of a subject itself allow a request.
fn own(rights: &Rights, subject: &Subject, request: &Request<'_>) -> bool {
    rights.grants(subject).iter().any(|grant| {
        let holds = match &grant.scope {
            Scope::Cluster => true,
            Scope::Namespace(name) => name == request.namespace(),
        };
        holds && grant.rules.iter().any(|rule| rule.allows(request))
    })
}

fn used(lines: &[String]) -> Use {
    crate::support::usage(lines)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn rules_allow_what_the_oracle_says(rule in rule(), asked in asked()) {
        prop_assert_eq!(rule.allows(&request(asked)), oracle(&rule, &request(asked)));
    }

    /// The rest of a rule allows exactly what the rule allows and those held do not, where the rule has no wildcards.
    #[test]
    fn what_is_not_held_is_all_that_is_missing(wanted in rule(), held in rule(), asked in asked()) {
        let rest = probity_rbac::uncovered(std::slice::from_ref(&wanted), &[&held]);
        let request = request(asked);
        let is_missing = wanted.allows(&request) && !held.allows(&request);
        prop_assert!(!is_missing || rest.iter().any(|rule| rule.allows(&request)), "{wanted} without {held}");
        prop_assert!(rest.iter().all(|rule| !rule.allows(&request) || wanted.allows(&request)), "{wanted} without {held}");
    }

    /// A proposal in the place of a subject's bindings denies nothing of the log, and leaves nothing that was not used.
    #[test]
    fn proposals_deny_nothing_and_leave_nothing(
        objects in objects(),
        log in prop::collection::vec(asked(), 0..30),
        more in prop::collection::vec(asked(), 0..30),
        names in any::<bool>(),
    ) {
        let rights: Rights = objects.into_iter().collect();
        let log: Vec<Asked> = log.into_iter().filter(|asked| rights.allows(&identity(*asked), &request(*asked))).collect();
        let lines: Vec<String> = log.iter().map(|asked| line(*asked)).collect();
        let usage = used(&lines);
        for subject in rights.subjects() {
            let proposal = propose(&subject, &rights, &usage.by_subject(), Options { names, ..Options::default() });
            let applied = proposal.applied(&rights);
            let mut replay = Replay::new(&applied);
            for line in &lines {
                replay.add(line.as_bytes()).unwrap();
            }
            prop_assert_eq!(replay.counts().denied, 0, "{:?}\n{}", replay.denials().collect::<Vec<_>>(), proposal.yaml());
            for asked in &more {
                let request = request(*asked);
                let (_, verb, group, resource, namespace, name) = *asked;
                // Without names a right is used when it was used on any object, as far as it was given on any.
                let was_used = log.iter().any(|(who, a, b, c, d, e)| {
                    let is_own = subject.is(&who.parse::<Subject>().unwrap().identity());
                    let is_same = (*a, *b, *c) == (verb, group, resource);
                    // A right that was used in all namespaces at once holds in each.
                    let is_there = *d == namespace || d.is_empty();
                    is_own && is_same && is_there && (!names || *e == name || e.is_empty())
                });
                let may = own(&applied, &subject, &request);
                prop_assert!(!may || was_used, "{:?} left to {subject}\n{}", asked, proposal.yaml());
                prop_assert!(!may || own(&rights, &subject, &request), "{:?} new to {subject}\n{}", asked, proposal.yaml());
            }
        }
    }

    /// Every right that was given and not used is told; nothing that was used is.
    #[test]
    fn excess_is_what_was_given_and_not_used(
        objects in objects(),
        log in prop::collection::vec(asked(), 0..30),
        more in prop::collection::vec(asked(), 0..30),
    ) {
        let rights: Rights = objects.into_iter().collect();
        let log: Vec<Asked> = log.into_iter().filter(|asked| rights.allows(&identity(*asked), &request(*asked))).collect();
        let lines: Vec<String> = log.iter().map(|asked| line(*asked)).collect();
        let usage = used(&lines);
        for subject in rights.subjects() {
            let excess = excess_of(&subject, &rights, &usage.by_subject());
            for told in &excess.rules {
                let holds = |namespace: &str| told.scope.includes(namespace);
                for asked in log.iter().filter(|asked| subject.is(&identity(**asked)) && holds(asked.4)) {
                    let request = request(*asked);
                    prop_assert_eq!(told.rule.allows(&request), told.used.iter().any(|rule| rule.allows(&request)));
                    let is_broad = told.unused.first() == Some(&told.rule);
                    prop_assert!(is_broad || !told.unused.iter().any(|rule| rule.allows(&request)), "{:?} {told:?}", asked);
                }
                for asked in &more {
                    let request = request(*asked);
                    let exists = asked.2 == if asked.3.starts_with("deployments") { "apps" } else { "" };
                    if told.rule.allows(&request) && exists {
                        let is_told = told.unused.iter().chain(&told.used).any(|rule| rule.allows(&request));
                        prop_assert!(is_told, "{:?} {told:?}", asked);
                    }
                }
            }
        }
    }

    /// A change told as it comes is what a comparison of both states tells, and holds against the authorizer.
    #[test]
    fn changes_one_by_one_are_those_of_both_states(
        before in objects(),
        change in objects(),
        at in any::<prop::sample::Index>(),
        asked in prop::collection::vec(asked(), 0..20),
    ) {
        let before: Rights = before.into_iter().collect();
        let mut after = before.clone();
        let object = at.get(&change).clone();
        let told = after.change(Change::Apply(object));
        let compared = widening(&before, &after);
        let show = |all: &[probity_rbac::Widening]| -> Vec<String> {
            all.iter().map(|one| format!("{} {:?} {:?}", one.message(), one.gained, one.escalations)).collect()
        };
        prop_assert_eq!(show(&told), show(&compared));
        for asked in asked {
            let (who, request) = (identity(asked), request(asked));
            if after.allows(&who, &request) && !before.allows(&who, &request) {
                let is_told = told.iter().any(|one| {
                    one.subject.is(&who) && one.scope.includes(request.namespace()) && one.gained.iter().any(|rule| rule.allows(&request))
                });
                prop_assert!(is_told, "{:?}", asked);
            }
        }
    }

    #[test]
    fn nothing_panics_on_any_line(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut usage = Use::new();
        let _ = usage.add(&bytes);
        let mut line = event("shop/a get - pods shop web").into_bytes();
        let index = at.index(line.len());
        line[index] = byte;
        let _ = usage.add(&line);
        let rights = Rights::default();
        let _ = Replay::new(&rights).add(&line);
    }
}
