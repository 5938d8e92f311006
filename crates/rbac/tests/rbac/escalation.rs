//! What rights lead to.

use probity_rbac::{Escalation, Subject, escalations, escalations_of};

use crate::support::{binding, on, rights, role};

fn shown(paths: &[Escalation]) -> Vec<String> {
    paths
        .iter()
        .map(|path| {
            let steps: Vec<String> = path.steps.iter().map(ToString::to_string).collect();
            format!("{} {}: {}", path.severity, path.reach, steps.join(" -> "))
        })
        .collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_power_is_found_where_it_holds() {
    let rbac = "rbac.authorization.k8s.io";
    let named = |verbs: &str, resource: &str, name: &str| {
        on(verbs, "", resource).replace('}', &format!(", resourceNames: ['{name}']}}"))
    };
    // Rules; what is reached when they hold in the cluster, and in namespace shop. `-` is nothing.
    let cases: [(Vec<String>, &str, &str); 27] = [
        (vec![on("*", "*", "*")], "critical every right in the cluster", "high every right in namespace shop"),
        (
            vec![on("escalate,update", rbac, "clusterroles,roles")],
            "critical every right in the cluster",
            "high every right in namespace shop",
        ),
        (vec![on("escalate", rbac, "clusterroles,roles")], "-", "-"),
        (
            vec![on("bind", rbac, "clusterroles"), on("create", rbac, "clusterrolebindings,rolebindings")],
            "critical every right in the cluster",
            "high every right in namespace shop",
        ),
        (vec![on("bind", rbac, "clusterroles")], "-", "-"),
        (vec![on("impersonate", "", "groups")], "critical every right in the cluster", "-"),
        (vec![named("impersonate", "groups", "system:masters")], "critical every right in the cluster", "-"),
        (vec![on("impersonate", "", "users")], "critical every right in the cluster", "-"),
        (vec![named("impersonate", "users", "root")], "critical every right in the cluster", "-"),
        (vec![named("impersonate", "users", "nobody")], "-", "-"),
        (
            vec![on("impersonate", "", "serviceaccounts")],
            "critical every right in the cluster",
            "medium the rights of others in namespace shop",
        ),
        (
            vec![on("create", "", "pods")],
            "critical every right in the cluster",
            "medium the rights of others in namespace shop",
        ),
        (
            vec![on("patch", "apps", "daemonsets")],
            "critical every right in the cluster",
            "medium the rights of others in namespace shop",
        ),
        (
            vec![on("create", "batch", "cronjobs")],
            "critical every right in the cluster",
            "medium the rights of others in namespace shop",
        ),
        (vec![named("create", "pods", "web")], "-", "-"),
        (
            vec![on("create", "", "serviceaccounts/token")],
            "critical every right in the cluster",
            "medium the rights of others in namespace shop",
        ),
        (vec![named("create", "serviceaccounts/token", "operator")], "critical every right in the cluster", "-"),
        (
            vec![on("create", "", "pods/exec")],
            "critical every right in the cluster",
            "medium the rights of others in namespace shop",
        ),
        (
            vec![on("update", "", "pods/ephemeralcontainers")],
            "critical every right in the cluster",
            "medium the rights of others in namespace shop",
        ),
        (
            vec![on("list", "", "secrets")],
            "critical every Secret in the cluster",
            "high every Secret in namespace shop",
        ),
        (
            vec![named("get", "secrets", "tls")],
            "medium what is named, in every namespace",
            "medium what is named, in namespace shop",
        ),
        (vec![on("get", "", "nodes/proxy")], "critical every pod on every node", "-"),
        (
            vec![
                on("create", "certificates.k8s.io", "certificatesigningrequests"),
                on("update", "certificates.k8s.io", "certificatesigningrequests/approval"),
                on("approve", "certificates.k8s.io", "signers"),
            ],
            "critical the rights of every user",
            "-",
        ),
        (vec![on("update", "certificates.k8s.io", "certificatesigningrequests/approval")], "-", "-"),
        (
            vec![on("patch", "admissionregistration.k8s.io", "mutatingwebhookconfigurations")],
            "critical every right in the cluster",
            "-",
        ),
        (
            vec![on("create", "admissionregistration.k8s.io", "validatingwebhookconfigurations")],
            "high everything that is written to the API server",
            "-",
        ),
        (vec![on("create", "", "persistentvolumes")], "high files of nodes", "-"),
    ];
    let others = [
        role("", "cluster-admin", &[&on("*", "*", "*")]),
        binding("", "operator", "cluster-admin", &["ops/operator", "user:root"]),
        role("shop", "look", &[&on("get", "", "services")]),
        binding("shop", "look", "Role look", &["shop/look"]),
    ]
    .concat();
    for (rules, in_cluster, in_namespace) in cases {
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        for (namespace, expected) in [("", in_cluster), ("shop", in_namespace)] {
            let objects = [role("", "tried", &rules), binding(namespace, "tried", "tried", &["shop/a"])].concat();
            let paths = escalations_of(&rights(&format!("{others}{objects}")), &"shop/a".parse().unwrap());
            let worst = paths.first().map_or("-".to_owned(), |path| format!("{} {}", path.severity, path.reach));
            assert_eq!(worst, expected, "{rules:?} in [{namespace}]: {:?}", shown(&paths));
        }
    }
}

#[test]
fn paths_go_over_service_accounts_and_groups() {
    let objects = [
        role("", "cluster-admin", &[&on("*", "*", "*")]),
        role("ops", "run", &[&on("create", "", "pods")]),
        role("lab", "exec", &[&on("create", "", "pods/exec")]),
        binding("ops", "ci", "Role run", &["shop/deployer"]),
        binding("lab", "exec", "Role exec", &["ops/runner"]),
        binding("", "operator", "cluster-admin", &["lab/operator"]),
        binding("", "everybody", "run-nothing", &["group:system:authenticated"]),
    ]
    .concat();
    let rights = rights(&objects);
    let of = |subject: Subject| shown(&escalations_of(&rights, &subject));
    assert_eq!(
        of(Subject::service_account("shop", "deployer")),
        [
            "critical every right in the cluster: ServiceAccount shop/deployer may write pods in namespace ops by RoleBinding ops/ci of Role \
             ops/run -> ServiceAccount ops/runner may run commands in pods in namespace lab by RoleBinding lab/exec of Role lab/exec -> \
             ServiceAccount lab/operator may do everything by ClusterRoleBinding operator of ClusterRole cluster-admin"
        ]
    );
    assert_eq!(
        of(Subject::service_account("lab", "operator")),
        [
            "critical every right in the cluster: ServiceAccount lab/operator may do everything by ClusterRoleBinding operator of ClusterRole \
             cluster-admin"
        ]
    );
    assert_eq!(escalations(&rights).len(), 3);
}

#[test]
fn rights_of_a_group_lead_on_for_who_is_in_it() {
    let objects = [
        role("", "cluster-admin", &[&on("*", "*", "*")]),
        role("shop", "run", &[&on("create", "", "pods")]),
        binding("shop", "ci", "Role run", &["shop/deployer"]),
        binding("", "careless", "cluster-admin", &["group:system:serviceaccounts:shop"]),
    ]
    .concat();
    let rights = rights(&objects);
    let paths = escalations_of(&rights, &Subject::service_account("shop", "deployer"));
    // It has them as a member: that is no escalation, and it is the group that is told.
    assert_eq!(
        shown(&paths)[0],
        "critical every right in the cluster: ServiceAccount shop/deployer may write pods in namespace shop by \
         RoleBinding shop/ci of Role shop/run -> Group system:serviceaccounts:shop may do everything by ClusterRoleBinding careless of \
         ClusterRole cluster-admin"
    );
    assert_eq!(escalations_of(&rights, &Subject::Group("system:serviceaccounts:shop".into())).len(), 1);
}
