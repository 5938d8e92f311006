//! The authorizer's answers, against what the API server's own code says.

use probity_model::SmolStr;
use probity_rbac::{Identity, Request, Rights, Rule, Subject, uncovered};

use crate::support::{binding, on, rights, role};

fn rule(verbs: &str, groups: &str, resources: &str, names: &str) -> Rule {
    let list = |text: &str| -> Vec<SmolStr> {
        if text.is_empty() { Vec::new() } else { text.split(',').map(|entry| entry.replace('-', "").into()).collect() }
    };
    Rule {
        verbs: list(verbs),
        api_groups: list(groups),
        resources: list(resources),
        resource_names: list(names),
        ..Rule::default()
    }
}

#[test]
fn a_rule_allows_what_the_authorizer_says() {
    // verbs, groups, resources, names; verb, group, resource, subresource, name.
    let cases = [
        (("get", "-", "pods", ""), ("get", "", "pods", "", "a"), true),
        (("get", "-", "pods", ""), ("list", "", "pods", "", ""), false),
        (("get", "-", "pods", ""), ("get", "apps", "pods", "", "a"), false),
        (("get", "-", "pods", ""), ("get", "", "pods", "log", "a"), false),
        (("get", "-", "pods/log", ""), ("get", "", "pods", "log", "a"), true),
        (("get", "-", "pods/log", ""), ("get", "", "pods", "", "a"), false),
        (("*", "*", "*", ""), ("anything", "any.group", "pods", "exec", "a"), true),
        (("update", "*", "*/scale", ""), ("update", "apps", "deployments", "scale", "a"), true),
        (("update", "*", "*/scale", ""), ("update", "apps", "deployments", "", "a"), false),
        (("update", "*", "*/scale", ""), ("update", "apps", "deployments", "status", "a"), false),
        (("update", "*", "*/scale", ""), ("update", "apps", "deployments", "downscale", "a"), false),
        // There is no wildcard of subresources.
        (("get", "-", "pods/*", ""), ("get", "", "pods", "log", "a"), false),
        (("get", "-", "pods/*", ""), ("get", "", "pods", "", "a"), false),
        (("get", "-", "po*", ""), ("get", "", "pods", "", "a"), false),
        (("get,create", "-", "secrets", "a,b"), ("get", "", "secrets", "", "b"), true),
        (("get,create", "-", "secrets", "a,b"), ("get", "", "secrets", "", "c"), false),
        (("get,create", "-", "secrets", "a,b"), ("create", "", "secrets", "", ""), false),
        (("list", "-", "secrets", "a"), ("list", "", "secrets", "", ""), false),
        (("list", "-", "secrets", "a"), ("list", "", "secrets", "", "a"), true),
        (("deletecollection", "-", "secrets", "a"), ("deletecollection", "", "secrets", "", ""), false),
        (("create", "-", "pods/exec", "a"), ("create", "", "pods", "exec", "a"), true),
    ];
    for ((verbs, groups, resources, names), (verb, group, resource, subresource, name), expected) in cases {
        let request = Request::Resource { verb, group, resource, subresource, namespace: "", name };
        assert_eq!(
            rule(verbs, groups, resources, names).allows(&request),
            expected,
            "{verbs} {resources} {names}: {request:?}"
        );
    }
    for (pattern, path, expected) in [
        ("/healthz", "/healthz", true),
        ("/healthz", "/healthz/etcd", false),
        ("/healthz/*", "/healthz/etcd", true),
        ("/healthz/*", "/healthz", false),
        ("/api*", "/apis", true),
        ("*", "/metrics", true),
        ("/a*b", "/axb", false),
    ] {
        let rule = Rule { verbs: vec!["get".into()], non_resource_urls: vec![pattern.into()], ..Rule::default() };
        assert_eq!(rule.allows(&Request::Path { verb: "get", path }), expected, "{pattern} {path}");
        assert!(!rule.allows(&Request::Path { verb: "post", path }));
    }
}

#[test]
fn what_is_not_held_is_told_in_its_smallest_part() {
    let cases = [
        (rule("get,list", "-", "pods", ""), rule("get", "-", "pods", ""), "list pods"),
        (rule("get,list", "-", "pods,services", ""), rule("get,list", "*", "pods", ""), "get, list services"),
        (rule("get", "-", "pods", ""), rule("get", "-", "pods", "a"), "get pods"),
        (rule("get", "-", "pods", "a,b"), rule("get", "-", "pods", "a"), "get pods named b"),
        (rule("get", "apps,batch", "jobs", ""), rule("get", "batch", "*", ""), "get jobs of apps"),
        (rule("update", "apps", "deployments/scale", ""), rule("update", "apps", "*/scale", ""), ""),
        (rule("*", "*", "*", ""), rule("get", "-", "pods", ""), "every every of every API group"),
    ];
    for (wanted, held, expected) in cases {
        let rest: Vec<String> =
            uncovered(std::slice::from_ref(&wanted), &[&held]).iter().map(Rule::to_string).collect();
        assert_eq!(rest.join("; "), expected, "{wanted} without {held}");
    }
}

fn allows(rights: &Rights, who: &str, namespace: &str) -> bool {
    let identity = who.parse::<Subject>().unwrap().identity();
    let request = Request::Resource { verb: "get", group: "", resource: "pods", subresource: "", namespace, name: "a" };
    rights.allows(&identity, &request)
}

#[test]
fn bindings_count_for_subjects_and_their_groups() {
    let read = on("get", "", "pods");
    let objects = [
        role("", "read", &[&read]),
        role("shop", "read", &[&read]),
        binding("shop", "own", "Role read", &["shop/a"]),
        binding("ops", "of-cluster-role", "read", &["shop/b"]),
        binding("", "all", "read", &["shop/c"]),
        binding("ops", "every-account", "read", &["group:system:serviceaccounts"]),
        binding("lab", "accounts-of-shop", "read", &["group:system:serviceaccounts:shop"]),
        binding("hall", "known", "read", &["group:system:authenticated"]),
        binding("den", "by-user-name", "read", &["user:system:serviceaccount:shop:a"]),
        binding("", "missing", "absent", &["user:nora"]),
    ];
    let rights = rights(&objects.concat());
    let cases = [
        ("shop/a", "shop", true),
        ("shop/a", "", false),
        ("ops/a", "shop", false),
        ("shop/b", "ops", true),
        ("shop/c", "", true),
        ("shop/c", "anywhere", true),
        ("any/one", "ops", true),
        ("shop/a", "lab", true),
        ("any/one", "lab", false),
        ("any/one", "hall", true),
        ("user:nora", "hall", true),
        ("user:nora", "shop", false),
        ("user:system:anonymous", "hall", false),
        ("shop/a", "den", true),
        ("group:system:masters", "", true),
    ];
    for (who, namespace, expected) in cases {
        assert_eq!(allows(&rights, who, namespace), expected, "{who} in {namespace}");
    }
    let grants = rights.grants(&"user:nora".parse().unwrap());
    assert!(grants[0].is_missing && grants[0].rules.is_empty());
}

#[test]
fn aggregated_roles_have_the_rules_of_those_selected_now() {
    let labelled = |name: &str, label: &str, rule: &str, aggregates: &str| {
        let aggregation = if aggregates.is_empty() {
            String::new()
        } else {
            format!("aggregationRule: {{clusterRoleSelectors: [{{matchLabels: {{{aggregates}: 'true'}}}}]}}\n")
        };
        format!(
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {name}, labels: {{{label}: 'true'}}}}\n\
             {aggregation}rules: [{rule}]\n"
        )
    };
    let stale = on("delete", "", "nodes");
    let objects = [
        labelled("admin", "none", &stale, "to-admin"),
        labelled("edit", "to-admin", &stale, "to-edit"),
        labelled("pods", "to-edit", &on("get", "", "pods"), ""),
        // Both select each other.
        labelled("loop", "to-edit", &stale, "to-admin"),
        binding("", "a", "admin", &["shop/a"]),
    ]
    .concat();
    let mut rights = rights(&objects);
    let rules = |rights: &Rights| -> Vec<String> {
        rights.grants(&"shop/a".parse().unwrap())[0].rules.iter().map(Rule::to_string).collect()
    };
    assert_eq!(rules(&rights), ["get pods"]);
    let more = labelled("more", "to-edit", &on("create", "", "pods"), "");
    for object in crate::support::objects(&more) {
        rights.apply(object);
    }
    assert_eq!(rules(&rights), ["create pods", "get pods"]);
    let unlabelled = labelled("more", "none", &on("create", "", "pods"), "");
    for object in crate::support::objects(&unlabelled) {
        rights.apply(object);
    }
    assert_eq!(rules(&rights), ["get pods"]);
    let key = crate::support::objects(&labelled("pods", "to-edit", "", ""))[0].key();
    rights.remove(&key);
    assert!(rules(&rights).is_empty());
}

#[test]
fn subjects_are_named_in_four_ways() {
    for (text, subject) in [
        ("shop/deployer", "ServiceAccount shop/deployer"),
        ("system:serviceaccount:shop:deployer", "ServiceAccount shop/deployer"),
        ("serviceaccount:shop/deployer", "ServiceAccount shop/deployer"),
        ("user:system:serviceaccount:shop:deployer", "ServiceAccount shop/deployer"),
        ("user:nora@example.com", "User nora@example.com"),
        ("group:devs/all", "Group devs/all"),
    ] {
        assert_eq!(text.parse::<Subject>().unwrap().to_string(), subject);
    }
    for text in ["nora", "", "/", "a/", "/a", "a/b/c", "user:", "group:", "system:serviceaccount::a"] {
        assert!(text.parse::<Subject>().is_err(), "{text}");
    }
    let identity = Identity { user: "system:serviceaccount:shop:a".into(), groups: vec!["devs".into()] };
    assert!(Subject::service_account("shop", "a").is(&identity) && Subject::Group("devs".into()).is(&identity));
    assert!(!Subject::service_account("shop", "b").is(&identity));
}
