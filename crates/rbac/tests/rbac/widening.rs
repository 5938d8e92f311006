//! Who gained rights by a change.

use std::time::Instant;

use probity_rbac::{Change, Rights, Widening, widening};

use crate::support::{binding, objects, on, rights, role};

fn base() -> String {
    [
        role("", "cluster-admin", &[&on("*", "*", "*")]),
        role("", "view", &[&on("get,list", "", "pods")]),
        role("shop", "run", &[&on("create", "", "pods")]),
        binding("shop", "look", "view", &["shop/deployer", "user:nora"]),
        binding("shop", "run", "Role run", &["lab/ci"]),
    ]
    .concat()
}

fn change(rights: &mut Rights, text: &str) -> Vec<Widening> {
    objects(text).into_iter().flat_map(|object| rights.change(Change::Apply(object))).collect()
}

fn messages(widenings: &[Widening]) -> Vec<String> {
    widenings.iter().map(|widening| format!("{} {}", widening.severity, widening.message())).collect()
}

#[test]
fn messages_say_who_gained_what_by_which_binding() {
    let cases = [
        (
            binding("", "ops", "cluster-admin", &["shop/deployer"]),
            vec![
                "critical ClusterRoleBinding ops gives ServiceAccount shop/deployer cluster-admin: was nothing in cluster scope",
            ],
        ),
        (
            role("", "view", &[&on("get,list,watch", "", "pods"), &on("get", "", "secrets")]),
            vec![
                "high ClusterRole view now gives ServiceAccount shop/deployer watch pods; get secrets by RoleBinding shop/look: had 1 rule in \
                 namespace shop",
                "high ClusterRole view now gives User nora watch pods; get secrets by RoleBinding shop/look: had 1 rule in namespace shop",
            ],
        ),
        // Another subject in a binding that is there.
        (
            binding("shop", "look", "view", &["shop/deployer", "user:nora", "user:vera"]),
            vec!["low RoleBinding shop/look gives User vera view: was nothing in namespace shop"],
        ),
        (
            binding("shop", "look", "cluster-admin", &["user:nora"]),
            vec!["high RoleBinding shop/look gives User nora cluster-admin: had 1 rule in namespace shop"],
        ),
        // Nothing more than before.
        (binding("shop", "again", "view", &["user:nora"]), vec![]),
        (role("", "view", &[&on("get", "", "pods")]), vec![]),
        (binding("shop", "later", "absent", &["user:nora"]), vec![]),
    ];
    for (text, expected) in cases {
        let before = rights(&base());
        let mut after = before.clone();
        let found = change(&mut after, &text);
        assert_eq!(messages(&found), expected, "{text}");
        assert_eq!(messages(&widening(&before, &after)), expected, "{text}");
    }
}

#[test]
fn a_missing_role_that_is_made_widens() {
    let mut rights = rights(&[base(), binding("", "later", "absent", &["user:vera"])].concat());
    let found = change(&mut rights, &role("", "absent", &[&on("get", "", "nodes")]));
    assert_eq!(
        messages(&found),
        [
            "low ClusterRole absent now gives User vera get nodes by ClusterRoleBinding later: was nothing in cluster scope"
        ]
    );
}

#[test]
fn new_paths_are_told_and_who_gains_them_too() {
    let mut rights = rights(&base());
    let found = change(&mut rights, &binding("", "ops", "cluster-admin", &["shop/deployer"]));
    let paths: Vec<String> =
        found[0].escalations.iter().map(|path| format!("{} {}", path.severity, path.reach)).collect();
    assert_eq!(paths, ["critical every right in the cluster"]);
    // It runs Pods in the namespace of the service account.
    let also: Vec<String> = found[0].also.iter().map(ToString::to_string).collect();
    assert_eq!(also, ["ServiceAccount lab/ci"]);
    // Once more is no news.
    assert!(change(&mut rights, &binding("", "ops", "cluster-admin", &["shop/deployer"])).is_empty());
}

#[test]
fn a_role_that_joins_an_aggregated_one_widens() {
    let aggregated = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\naggregationRule: \
                      {clusterRoleSelectors: [{matchLabels: {to-all: 'yes'}}]}\nrules: []\n";
    let mut rights = rights(&[base(), aggregated.to_owned(), binding("", "all", "all", &["user:vera"])].concat());
    let part =
        role("", "part", &[&on("get", "", "nodes")]).replace("name: 'part'", "name: part, labels: {to-all: 'yes'}");
    let found = change(&mut rights, &part);
    assert_eq!(
        messages(&found),
        ["low ClusterRole all now gives User vera get nodes by ClusterRoleBinding all: was nothing in cluster scope"]
    );
}

/// Figures are in ARCHITECTURE's measurements; this only holds it to a bound that a debug build on a busy machine keeps.
#[test]
fn a_change_among_ten_thousand_bindings_is_quick() {
    let mut text = base();
    for number in 0..10_000 {
        let namespace = format!("n{}", number % 500);
        text.push_str(&binding(&namespace, &format!("b{number}"), "view", &[&format!("{namespace}/a{number}")]));
    }
    let mut rights = rights(&text);
    let change = objects(&binding("", "ops", "cluster-admin", &["n7/a7"]));
    let begin = Instant::now();
    let found: Vec<Widening> = change.into_iter().flat_map(|object| rights.change(Change::Apply(object))).collect();
    let took = begin.elapsed();
    assert_eq!(found.len(), 1);
    assert!(took.as_millis() < 2_000, "{took:?}");
}
