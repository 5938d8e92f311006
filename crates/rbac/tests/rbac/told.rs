//! What is told of excess and proposed, as people read it.

use probity_rbac::{Options, Rule, Subject, excess_of, propose};
use serde_json::{Value, json};

use crate::support::{binding, event, on, rights, role, usage};

fn list(rules: &[Rule]) -> String {
    if rules.is_empty() { "-".to_owned() } else { rules.iter().map(Rule::to_string).collect::<Vec<_>>().join("; ") }
}

#[test]
fn excess_is_cut_as_finely_as_rules() {
    let own = Subject::service_account("shop", "a");
    let used = [
        "shop/a get - pods shop web",
        "shop/a list - pods shop -",
        "shop/a get - secrets shop tls",
        "shop/a update apps deployments/scale shop web",
        "shop/b delete - pods shop web",
    ];
    let named = on("get,update", "", "secrets").replace('}', ", resourceNames: ['tls', 'db']}");
    let cases = [
        (on("get,list", "", "pods"), "-", "-", "info"),
        (on("get,list,watch", "", "pods"), "watch pods", "-", "low"),
        (on("get,list", "", "pods,services"), "get, list services", "-", "low"),
        (
            on("get,list,delete", ",apps", "pods,deployments"),
            "delete pods; get, list, delete deployments of apps",
            "-",
            "medium",
        ),
        (on("get", "", "configmaps"), "get configmaps", "-", "low"),
        (on("*", "", "pods"), "every pods", "-", "high"),
        (on("update", "*", "*/scale"), "update */scale of every API group", "-", "medium"),
        (named, "get secrets named db; update secrets named db, tls", "-", "medium"),
        (on("approve", "certificates.k8s.io", "signers"), "-", "approve signers of certificates.k8s.io", "info"),
        (on("get,use", "", "pods"), "-", "use pods", "info"),
        (on("get,update", "", "pods,pods/finalizers"), "update pods", "get, update pods/finalizers", "high"),
        ("{verbs: [get], nonResourceURLs: ['/metrics']}".to_owned(), "get /metrics", "-", "low"),
    ];
    let usage = usage(&used.map(event));
    for (rule, unused, unseen, severity) in cases {
        let objects = [role("", "r", &[&rule]), binding("", "b", "r", &["shop/a"])].concat();
        let excess = excess_of(&own, &rights(&objects), &usage.by_subject());
        let told = &excess.rules[0];
        assert_eq!((list(&told.unused).as_str(), list(&told.unseen).as_str()), (unused, unseen), "{rule}");
        assert_eq!(told.severity.as_str(), severity, "{rule}");
    }
}

#[test]
fn bindings_of_roles_that_are_missing_are_told() {
    let objects = binding("shop", "b", "Role absent", &["shop/a"]);
    let own = Subject::service_account("shop", "a");
    let excess = excess_of(&own, &rights(&objects), &usage::<&str>(&[]).by_subject());
    let told: Vec<String> =
        excess.missing_roles.iter().map(|missing| format!("{} {}", missing.binding, missing.role)).collect();
    assert_eq!((told, excess.rules.len()), (vec!["RoleBinding shop/b Role shop/absent".to_owned()], 0));
}

#[test]
fn proposals_hold_what_was_used_where_it_was_used() {
    let used = [
        "shop/a get - pods shop web",
        "shop/a list - pods shop -",
        "shop/a list - services shop -",
        "shop/a get - services shop web",
        "shop/a get - pods lab web",
        "shop/a get - pods den web",
        "shop/a watch - nodes - -",
        "shop/a update coordination.k8s.io leases shop lock",
        "shop/a get - secrets shop tls",
        "shop/a get discovery.k8s.io endpointslices shop x",
    ];
    let named = on("get", "", "secrets").replace('}', ", resourceNames: ['tls', 'db']}");
    let objects = [
        role("", "wide", &[&on("*", ",coordination.k8s.io,certificates.k8s.io", "pods,services,nodes,leases,signers")]),
        role("shop", "named", &[&named]),
        role("", "everybody", &[&on("get", "discovery.k8s.io", "endpointslices")]),
        binding("", "wide", "wide", &["shop/a", "shop/b"]),
        binding("shop", "named", "Role named", &["shop/a"]),
        binding("", "everybody", "everybody", &["group:system:authenticated"]),
    ]
    .concat();
    let (rights, usage) = (rights(&objects), usage(&used.map(event)));
    let own = Subject::service_account("shop", "a");
    let proposal = propose(&own, &rights, &usage.by_subject(), Options::default());
    insta::assert_snapshot!(proposal.yaml());
    let names = propose(&own, &rights, &usage.by_subject(), Options { names: true, ..Options::default() });
    insta::assert_snapshot!(names.yaml());
}

#[test]
fn who_used_nothing_needs_no_role() {
    let objects = [
        role("", "seen", &[&on("get", "", "pods")]),
        role(
            "",
            "unseen",
            &[&on("use", "policy", "podsecuritypolicies"), &on("update", "apps", "deployments/finalizers")],
        ),
        binding("", "seen", "seen", &["shop/a"]),
        binding("", "unseen", "unseen", &["shop/a"]),
    ]
    .concat();
    let (rights, usage) = (rights(&objects), usage::<&str>(&[]));
    let own = Subject::service_account("shop", "a");
    insta::assert_snapshot!(propose(&own, &rights, &usage.by_subject(), Options::default()).yaml());
    let kept = propose(&own, &rights, &usage.by_subject(), Options { keep_unseen: true, ..Options::default() });
    let rules: Vec<String> = kept.rules.iter().map(|(_, rules)| list(rules)).collect();
    assert_eq!(rules, ["update deployments/finalizers of apps; use podsecuritypolicies of policy"]);
}

/// A service account that makes a binding, as the log tells it.
fn binds(role: Option<&str>) -> String {
    let mut event: Value =
        serde_json::from_str(&event("shop/a create rbac.authorization.k8s.io rolebindings lab ci")).unwrap();
    if let Some(role) = role {
        event["requestObject"] = json!({"kind": "RoleBinding", "roleRef": {"kind": "ClusterRole", "name": role}});
    }
    event.to_string()
}

#[test]
fn giving_rights_takes_bind_or_the_rights() {
    let rbac = "rbac.authorization.k8s.io";
    let make = on("create", rbac, "rolebindings");
    let view = on("get,list", "", "pods");
    // What it has besides; the role that the log shows; what it needs.
    let cases = [
        // It may bind: it need not have the rights.
        (
            vec![on("bind", rbac, "clusterroles"), view.clone()],
            Some("view"),
            "bind clusterroles named view of rbac.authorization.k8s.io; create rolebindings of rbac.authorization.k8s.io",
        ),
        // It may not bind: it must keep what it gives, though it never uses it.
        (
            vec![on("get,list,watch", "", "pods,nodes")],
            Some("view"),
            "create rolebindings of rbac.authorization.k8s.io; get, list pods",
        ),
        (
            vec![on("*", "*", "*")],
            Some("view"),
            "bind clusterroles named view of rbac.authorization.k8s.io; create rolebindings of rbac.authorization.k8s.io",
        ),
        // The log does not show the role, and the binding is no more.
        (
            vec![on("bind,escalate", rbac, "clusterroles"), view.clone()],
            None,
            "bind, escalate clusterroles of rbac.authorization.k8s.io; create rolebindings of rbac.authorization.k8s.io",
        ),
    ];
    for (rules, bound, expected) in cases {
        let mut all: Vec<&str> = vec![&make];
        all.extend(rules.iter().map(String::as_str));
        let objects =
            [role("", "view", &[&view]), role("", "own", &all), binding("", "own", "own", &["shop/a"])].concat();
        let (rights, usage) = (rights(&objects), usage(&[binds(bound)]));
        let own = Subject::service_account("shop", "a");
        let proposal = propose(&own, &rights, &usage.by_subject(), Options::default());
        let mut needed: Vec<String> = proposal.rules.iter().flat_map(|(_, rules)| rules).map(Rule::to_string).collect();
        needed.sort();
        assert_eq!(needed.join("; "), expected);
        assert_eq!(proposal.doubts.is_empty(), bound.is_some());
        let applied = proposal.applied(&rights);
        let mut replay = probity_rbac::Replay::new(&applied);
        replay.add(binds(bound).as_bytes()).unwrap();
        assert_eq!(replay.counts().denied, 0, "{:?}", replay.denials().collect::<Vec<_>>());
        assert_eq!(replay.counts().unknown, u64::from(bound.is_none()));
    }
}

#[test]
fn a_replay_says_what_would_be_denied() {
    let objects = [role("", "r", &[&on("get", "", "pods")]), binding("", "b", "r", &["shop/a"])].concat();
    let rights = rights(&objects);
    let mut replay = probity_rbac::Replay::new(&rights);
    let requests = [
        "shop/a get - pods shop web",
        "shop/a list - pods shop -",
        "shop/a list - pods shop -",
        "ops/c update apps deployments/scale ops web",
    ];
    for line in requests.map(event) {
        replay.add(line.as_bytes()).unwrap();
    }
    assert!(replay.add(b"{").is_err());
    // What it binds is more than it has.
    replay.add(binds(Some("r")).replace("shop:a", "shop:z").as_bytes()).unwrap();
    let denials: Vec<String> = replay.denials().map(|(denied, count)| format!("{count} {denied}")).collect();
    assert_eq!(
        denials,
        [
            "1 ServiceAccount ops/c may not update deployments.apps/scale web in namespace ops",
            "2 ServiceAccount shop/a may not list pods in namespace shop",
            "1 ServiceAccount shop/z may not bind what rolebindings gives ci in namespace lab",
            "1 ServiceAccount shop/z may not create rolebindings.rbac.authorization.k8s.io in namespace lab",
        ]
    );
    assert_eq!((replay.counts().asked, replay.counts().denied, replay.counts().broken), (5, 5, 1));
}
