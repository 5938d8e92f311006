//! Rules as a webhook asks them: real requests, with a cluster behind.

use probity_model::Value;
use probity_model::node::Node;
use probity_policy_core::testing::{self, Asked, Objects, document, told};
use probity_policy_core::{ClusterError, FailMode, Mutator, Named, Operation, Policy as _, Watched};
use probity_policy_kyverno::{RulePolicy, cel, read, read_mutator};

use crate::registry::{Registries, key};
use crate::support::documents;

fn nodes(documents: &[probity_model::yaml::Document]) -> Vec<Node<'_>> {
    documents.iter().map(|document| Node::root(&document.value, document.span)).collect()
}

fn text(kinds: &str, more: &str, does: &str) -> String {
    format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n  \
         rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [{kinds}]}}{more}}}]}}\n    {does}\n"
    )
}

fn rule(text: &str) -> RulePolicy {
    let documents = documents(text);
    read(&nodes(&documents)).unwrap_or_else(|problems| panic!("{problems:?}\n{text}")).remove(0)
}

/// A rule that denies when a condition holds.
fn denies(kinds: &str, more: &str, context: &str, key: &str, operator: &str, value: &str) -> RulePolicy {
    let does = format!(
        "context: [{context}]\n    validate: {{message: 'no', deny: {{conditions: {{all: [{{key: \"{key}\", operator: \
         {operator}, value: {value}}}]}}}}}}"
    );
    rule(&text(kinds, more, &does))
}

fn pod() -> Value {
    document(
        r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
            "spec": {"containers": [{"name": "a", "image": "a:1"}]}}"#,
    )
}

fn cluster() -> Objects {
    let objects = [
        r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "a"}}}"#,
        r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "limits", "namespace": "shop"},
            "data": {"most": "3"}}"#,
        r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}}"#,
        r#"{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "b", "namespace": "shop"}, "roleRef": {"kind": "Role", "name": "deployer"},
            "subjects": [{"kind": "User", "name": "alice"}]}"#,
        r#"{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "b"},
            "roleRef": {"kind": "ClusterRole", "name": "admin"},
            "subjects": [{"kind": "Group", "name": "system:authenticated"}]}"#,
        r#"{"apiVersion": "kyverno.io/v2alpha1", "kind": "GlobalContextEntry", "metadata": {"name": "services"},
            "spec": {"kubernetesResource": {"group": "", "version": "v1", "resource": "services"},
                     "projections": [{"name": "names", "jmesPath": "[].metadata.name"}]}}"#,
    ];
    let review = document(r#"{"status": {"allowed": true}}"#);
    Objects {
        answers: vec![("POST".to_owned(), "/apis/authorization.k8s.io/v1/subjectaccessreviews".to_owned(), review)],
        allowed: vec![("alice".to_owned(), "delete".to_owned(), "pods".to_owned())],
        ..Objects::of(objects.map(document))
    }
}

fn created() -> Asked {
    Asked::pod(Operation::Create, pod(), Value::Null)
}

fn judged(policy: &RulePolicy, asked: &Asked) -> String {
    told(&testing::judge(policy, Ok(&asked.request()), &cluster()))
}

#[test]
fn requests_are_judged_as_they_are_asked() {
    let update = Asked::pod(Operation::Update, pod(), pod());
    let delete = Asked::pod(Operation::Delete, Value::Null, pod());
    let debugged = document(
        r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"ephemeralContainers": [{"name": "debug", "image": "b:1"}]}}"#,
    );
    let ephemeral = Asked { subresource: "ephemeralcontainers", ..Asked::pod(Operation::Update, debugged, pod()) };
    let generated = document(r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-"}}"#);
    let unnamed = Asked { name: "", ..Asked::pod(Operation::Create, generated, Value::Null) };
    for (name, asked, kinds, key, value, expected) in [
        ("by whom", created(), "Pod", "{{request.userInfo.username}}", "alice", "fail: no"),
        ("by another", created(), "Pod", "{{request.userInfo.username}}", "bob", "pass"),
        ("what for", update.clone(), "Pod", "{{request.operation}}", "UPDATE", "fail: no"),
        ("not the rule's kind", update.clone(), "Service", "a", "a", ""),
        ("what it was", update, "Pod", "{{request.oldObject.metadata.name}}", "web", "fail: no"),
        ("deleted", delete, "Pod", "{{request.oldObject.metadata.name}}", "web", "fail: no"),
        ("run in", Asked::exec(&["sh"]), "Pod/exec", "{{request.object.command[0]}}", "sh", "fail: no"),
        ("a pod is not what is run in it", Asked::exec(&["sh"]), "Pod", "a", "a", ""),
        ("added to", ephemeral, "Pod", "{{request.object.spec.ephemeralContainers[0].image}}", "'b:1'", "fail: no"),
        ("scaled", Asked::scale(9), "Deployment/scale", "{{request.object.spec.replicas}}", "9", "fail: no"),
        ("not scaled", Asked::scale(9), "Deployment", "a", "a", ""),
        ("named by the server", unnamed, "Pod", "{{request.object.metadata.generateName}}", "web-", "fail: no"),
        ("not kept", created(), "Pod", "{{request.dryRun}}", "false", "fail: no"),
    ] {
        let policy = denies(kinds, "", "", key, "Equals", value);
        assert_eq!(judged(&policy, &asked), expected, "{name}");
    }
}

#[test]
fn who_asks_is_matched_by_roles_of_the_cluster() {
    for (more, expected) in [
        (", roles: ['shop:deployer']", "fail: no"),
        (", roles: ['shop:other']", ""),
        (", clusterRoles: [admin]", "fail: no"),
        (", clusterRoles: [other]", ""),
        (", subjects: [{kind: User, name: alice}]", "fail: no"),
        (", subjects: [{kind: User, name: bob}]", ""),
    ] {
        assert_eq!(judged(&denies("Pod", more, "", "a", "Equals", "a"), &created()), expected, "{more}");
    }
    let roles = denies("Pod", "", "", "{{request.clusterRoles}}", "AnyIn", "[admin]");
    assert_eq!(judged(&roles, &created()), "fail: no");
    assert!(roles.watches().iter().any(|watched| watched.kind == "RoleBinding"));
    assert!(!roles.occasions().background);
    assert!(denies("Pod", "", "", "a", "Equals", "a").occasions().background);
}

#[test]
fn what_rules_look_at_is_asked_of_the_cluster() {
    let call = |path: &str, rest: &str| format!("{{name: x, apiCall: {{urlPath: \"{path}\", {rest}}}}}");
    let reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    for (context, key, value, expected, watched) in [
        (
            "{name: x, configMap: {name: limits, namespace: '{{request.namespace}}'}}".to_owned(),
            "{{x.data.most}}",
            "'3'",
            "fail: no",
            Some(("v1", "ConfigMap")),
        ),
        (
            call("/api/v1/namespaces/{{request.namespace}}/services", "jmesPath: 'items | length(@)'"),
            "{{x}}",
            "1",
            "fail: no",
            Some(("v1", "Service")),
        ),
        (
            call("/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies", "jmesPath: 'items | length(@)'"),
            "{{x}}",
            "0",
            "fail: no",
            Some(("networking.k8s.io/v1", "NetworkPolicy")),
        ),
        (
            call(reviews, "method: POST, data: [{key: kind, value: SubjectAccessReview}]"),
            "{{x.status.allowed}}",
            "true",
            "fail: no",
            None,
        ),
        (
            "{name: x, globalReference: {name: services.names}}".to_owned(),
            "{{x[0]}}",
            "web",
            "fail: no",
            Some(("kyverno.io/v2alpha1", "GlobalContextEntry")),
        ),
        (
            "{name: x, configMap: {name: none, namespace: shop}}".to_owned(),
            "{{x.data.most}}",
            "'3'",
            "error: failed to check deny conditions",
            Some(("v1", "ConfigMap")),
        ),
    ] {
        let policy = denies("Pod", "", &context, key, "Equals", value);
        let found = judged(&policy, &created());
        assert!(found.starts_with(expected) && !found.is_empty(), "{context}: {found}");
        let watches = policy.watches();
        let shown: Option<(&str, &str)> =
            watches.first().map(|one: &Watched| (one.api_version.as_str(), one.kind.as_str()));
        assert_eq!(shown, watched, "{context}");
    }
}

#[test]
fn expressions_ask_who_may_do_what() {
    let does = |verb: &str| {
        format!(
            "validate: {{cel: {{expressions: [{{expression: \"authorizer.requestResource.check('{verb}').allowed()\", message: \
             'may not'}}]}}}}"
        )
    };
    assert_eq!(judged(&rule(&text("Pod", "", &does("delete"))), &created()), "pass");
    assert_eq!(judged(&rule(&text("Pod", "", &does("get"))), &created()), "fail: may not");
}

#[test]
fn what_the_cluster_cannot_tell_is_an_error_where_it_counts() {
    let failing = Objects { failing: Some(ClusterError::NotReady("Namespace".to_owned())), ..cluster() };
    let request = || created().request();
    let by_label = ", namespaceSelector: {matchLabels: {team: a}}";
    let by_label = rule(
        &text("Pod", "", "validate: {pattern: {metadata: {name: web}}}").replace("[Pod]", &format!("[Pod]{by_label}")),
    );
    assert_eq!(told(&testing::judge(&by_label, Ok(&request()), &cluster())), "pass");
    assert_eq!(
        told(&testing::judge(&by_label, Ok(&request()), &failing)),
        "error: the namespace `shop`: Namespace is not known yet"
    );
    let plain = denies("Pod", "", "", "a", "Equals", "b");
    assert_eq!(told(&testing::judge(&plain, Ok(&request()), &failing)), "pass");
    let by_role = denies("Pod", ", roles: [x]", "", "a", "Equals", "a");
    assert!(told(&testing::judge(&by_role, Ok(&request()), &failing)).starts_with("error: the roles of alice"));
    // What is there already is judged in the same cluster.
    assert_eq!(told(&testing::judge(&by_label, Err(&pod()), &cluster())), "pass");
}

#[test]
fn rules_are_asked_where_their_policy_says() {
    let text = text("Pod", "", "validate: {pattern: {metadata: {name: web}}}");
    for (spec, of_request, of_object) in
        [("background: true", "pass", "pass"), ("admission: false", "", "pass"), ("background: false", "pass", "")]
    {
        let policy = rule(&text.replace("spec:\n", &format!("spec:\n  {spec}\n")));
        assert_eq!(judged(&policy, &created()), of_request, "{spec}");
        assert_eq!(told(&testing::judge(&policy, Err(&pod()), &cluster())), of_object, "{spec}");
    }
}

fn asked_for(policy: &RulePolicy) -> Vec<String> {
    let shown = policy.requests().into_iter().map(|rule| {
        let (Named::Kind(name) | Named::Plural(name)) = rule.named;
        let operations: Vec<&str> = rule.operations.iter().map(|operation| &operation.as_str()[..3]).collect();
        format!("{}/{}/{name}/{} {}", rule.group, rule.version, rule.subresource, operations.join(" "))
    });
    shown.collect()
}

#[test]
fn rules_ask_for_the_requests_that_kyverno_asks_for() {
    let does = "validate: {pattern: {metadata: {name: web}}}";
    let autogen = asked_for(&rule(&text("Pod", "", does)));
    assert_eq!(autogen[..2], ["*/*/Pod/ CRE UPD DEL CON", "/v1/Pod/ephemeralcontainers UPD"]);
    assert!(autogen.contains(&"apps/v1/Deployment/ CRE UPD DEL CON".to_owned()), "{autogen:?}");
    for (kinds, operations, expected) in [
        ("apps/v1/Deployment/scale", "UPDATE", "apps/v1/Deployment/scale UPD"),
        ("'*'", "DELETE", "*/*/*/ DEL"),
        ("batch/*/Cron*", "CREATE", "batch/*/*/ CRE"),
        ("Pod/exec", "CONNECT", "*/*/Pod/exec CON"),
    ] {
        let text =
            text(kinds, "", does).replace(&format!("[{kinds}]"), &format!("[{kinds}], operations: [{operations}]"));
        assert_eq!(asked_for(&rule(&text)), [expected]);
    }
    let without = text(
        "Service",
        "",
        &format!("exclude: {{any: [{{resources: {{operations: [DELETE, CONNECT]}}}}]}}\n    {does}"),
    );
    assert_eq!(asked_for(&rule(&without)), ["*/*/Service/ CRE UPD"]);
    let open = text("Pod", "", does).replace("spec:\n", "spec:\n  webhookConfiguration: {failurePolicy: Ignore}\n");
    assert_eq!(rule(&open).fail_mode(), FailMode::Open);
    assert_eq!(rule(&text("Pod", "", does)).fail_mode(), FailMode::Closed);
}

fn mutated(text: &str, asked: &Asked) -> (Option<Value>, Vec<String>, Option<bool>) {
    let documents = documents(text);
    let mutator =
        read_mutator(&nodes(&documents), None).unwrap_or_else(|problems| panic!("{problems:?}\n{text}")).unwrap();
    assert!(mutator.requests().iter().all(|(_, rule)| !rule.operations.contains(&Operation::Delete)));
    let mutation = testing::mutate(&mutator, &asked.request(), &cluster());
    let by = mutation.by.iter().map(ToString::to_string).collect();
    (mutation.object, by, mutation.failures.first().map(|failure| failure.denies))
}

#[test]
fn objects_are_changed_when_they_are_written() {
    let strategic = "mutate: {patchStrategicMerge: {metadata: {labels: {+(team): \"{{request.userInfo.username}}\"}}}}";
    let json = "mutate: {patchesJson6902: '- {op: add, path: /metadata/annotations/by, value: x}'}";
    let each = "mutate: {foreach: [{list: 'request.object.spec.containers', patchStrategicMerge: {spec: {containers: [{(name): '{{element.name}}', \
                imagePullPolicy: Always}]}}}]}";
    let wrong = "mutate: {patchStrategicMerge: {metadata: {labels: {team: '{{nothing.there}}'}}}}";
    let targets = "mutate: {targets: [{apiVersion: v1, kind: ConfigMap, name: x, namespace: shop}], patchStrategicMerge: {data: {a: b}}}";
    let delete = Asked::pod(Operation::Delete, Value::Null, pod());
    let at = |path: &'static [&'static str]| path;
    for (does, asked, path, expected, denies) in [
        (strategic, created(), at(&["metadata", "labels", "team"]), Some("alice"), None),
        (json, created(), at(&["metadata", "annotations", "by"]), Some("x"), None),
        (strategic, delete, at(&["metadata", "labels", "team"]), None, None),
        (wrong, created(), at(&["metadata", "labels", "team"]), None, Some(true)),
    ] {
        let (object, by, failed) = mutated(&text("Pod", "", does), &asked);
        let found = object.as_ref().and_then(|object| object.at(path)?.as_str());
        assert_eq!((found, failed), (expected, denies), "{does}");
        assert_eq!(by, expected.map(|_| "p/r").into_iter().collect::<Vec<_>>());
    }
    let (object, ..) = mutated(&text("Pod", "", each), &created());
    let policy = object
        .as_ref()
        .and_then(|object| object.at(&["spec", "containers"])?.as_array()?.get(0)?.get("imagePullPolicy"));
    assert_eq!(policy, Some(&"Always".into()));
    let documents = documents(&text("Pod", "", targets));
    assert!(read_mutator(&nodes(&documents), None).unwrap().is_none(), "others are not changed while a request waits");
}

fn cel_policy(kind: &str, spec: &str) -> String {
    format!("apiVersion: policies.kyverno.io/v1\nkind: {kind}\nmetadata: {{name: p}}\nspec: {{{spec}}}\n")
}

fn about(resources: &str, operations: &str) -> String {
    format!(
        "matchConstraints: {{resourceRules: [{{apiGroups: ['', apps], apiVersions: [v1], operations: [{operations}], \
         resources: [{resources}]}}]}}"
    )
}

#[test]
fn policies_in_cel_are_asked_with_the_cluster() {
    let delete = Asked::pod(Operation::Delete, Value::Null, pod());
    for (name, asked, resources, operations, expression, expected) in [
        ("by whom", created(), "pods", "CREATE", "request.userInfo.username == 'alice'", "pass"),
        ("deleted", delete, "pods", "DELETE", "oldObject.metadata.name != 'web'", "fail: no"),
        ("not about it", created(), "pods", "DELETE", "false", ""),
        ("run in", Asked::exec(&["sh"]), "pods/exec", "CONNECT", "object.command[0] != 'sh'", "fail: no"),
        ("scaled", Asked::scale(9), "deployments/scale", "UPDATE", "object.spec.replicas < 5", "fail: no"),
        ("its namespace", created(), "pods", "CREATE", "namespaceObject.metadata.labels['team'] == 'a'", "pass"),
        (
            "an object",
            created(),
            "pods",
            "CREATE",
            "resource.Get('v1', 'configmaps', 'shop', 'limits').data.most == '3'",
            "pass",
        ),
        ("a list", created(), "pods", "CREATE", "size(resource.List('v1', 'services', 'shop').items) == 1", "pass"),
        (
            "no object",
            created(),
            "pods",
            "CREATE",
            "resource.Get('v1', 'configmaps', 'shop', 'none').data.most == '3'",
            "error: error: failed to get resource",
        ),
        ("a context", created(), "pods", "CREATE", "globalContext.Get('services', 'names')[0] == 'web'", "pass"),
        (
            "a review",
            created(),
            "pods",
            "CREATE",
            "resource.Post('authorization.k8s.io/v1', 'subjectaccessreviews', {'kind': 'SubjectAccessReview'}).status.allowed == true",
            "pass",
        ),
        ("its uid", created(), "pods", "CREATE", "request.dryRun == false", "pass"),
    ] {
        let spec =
            format!("{}, validations: [{{expression: \"{expression}\", message: 'no'}}]", about(resources, operations));
        let text = cel_policy("ValidatingPolicy", &spec);
        let documents = documents(&text);
        let policy = cel::read(&nodes(&documents)).unwrap_or_else(|problems| panic!("{problems:?}\n{text}")).remove(0);
        let found = told(&testing::judge(&policy, Ok(&asked.request()), &cluster()));
        assert!(found.starts_with(expected) && found.is_empty() == expected.is_empty(), "{name}: {found}");
        let rules = policy.requests();
        assert!(rules.iter().any(|rule| rule.subresource == resources.split_once('/').map_or("", |(_, sub)| sub)));
        let watches = policy.watches().iter().any(|watched| watched.kind == "ConfigMap");
        assert_eq!(watches, expression.contains("configmaps"), "{name}");
    }
}

#[test]
fn where_policies_in_cel_are_asked() {
    let said = |is_asked: bool| if is_asked { "pass" } else { "" };
    let spec = |more: &str| format!("{}, validations: [{{expression: 'true'}}], {more}", about("pods", "CREATE"));
    for (more, admission, background, fail_mode) in [
        ("failurePolicy: Ignore", true, true, FailMode::Open),
        ("evaluation: {admission: {enabled: false}}", false, true, FailMode::Closed),
        ("evaluation: {background: {enabled: false}}", true, false, FailMode::Closed),
    ] {
        let documents = documents(&cel_policy("ValidatingPolicy", &spec(more)));
        let policy = cel::read(&nodes(&documents)).unwrap().remove(0);
        let occasions = policy.occasions();
        assert_eq!((occasions.admission, occasions.background, policy.fail_mode()), (admission, background, fail_mode));
        let of_request = told(&testing::judge(&policy, Ok(&created().request()), &cluster()));
        let of_object = told(&testing::judge(&policy, Err(&pod()), &cluster()));
        assert_eq!((of_request.as_str(), of_object.as_str()), (said(admission), said(background)));
    }
}

#[test]
fn policies_in_cel_change_objects() {
    let label = "mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: \"Object{metadata: \
                 Object.metadata{labels: Object.metadata.labels{team: namespaceObject.metadata.labels['team']}}}\"}}]";
    let wrong = "mutations: [{patchType: JSONPatch, jsonPatch: {expression: \"[JSONPatch{op: 'remove', path: \
                 '/metadata/labels/none'}]\"}}]";
    let mutator = |mutations: &str, more: &str| {
        let documents = documents(&cel_policy(
            "MutatingPolicy",
            &format!("{}, {mutations}{more}", about("pods", "CREATE, DELETE")),
        ));
        cel::read_mutator(&nodes(&documents), None).unwrap_or_else(|problems| panic!("{problems:?}"))
    };
    let changed = testing::mutate(&mutator(label, "").unwrap(), &created().request(), &cluster());
    let team = changed.object.as_ref().and_then(|object| object.at(&["metadata", "labels", "team"]));
    assert_eq!((team, changed.by.len()), (Some(&"a".into()), 1), "{changed:?}");
    for (more, denies) in [("", true), (", failurePolicy: Ignore", false)] {
        let failed = testing::mutate(&mutator(wrong, more).unwrap(), &created().request(), &cluster());
        assert_eq!(failed.failures.first().map(|failure| failure.denies), Some(denies), "{failed:?}");
    }
    let delete = Asked::pod(Operation::Delete, Value::Null, pod()).request();
    assert_eq!(testing::mutate(&mutator(label, "").unwrap(), &delete, &cluster()).object, None);
    assert!(mutator(label, ", evaluation: {admission: {enabled: false}}").is_none());
    assert!(mutator(label, "").unwrap().requests().iter().all(|(_, rule)| rule.operations == [Operation::Create]));
}

#[test]
fn tags_of_images_become_digests_before_they_are_judged() {
    const PORTAL: &str = "registry.example/clinic/portal";
    let registries = Registries::default();
    let ours = key();
    let portal = registries.image(PORTAL, "v1", "65534");
    registries.sign(&portal, &ours, &[]);
    let pem = probity_model::json::write(&Value::from(ours.public().to_pem()));
    let rule_text = text(
        "Pod",
        "",
        &format!(
            "verifyImages: [{{imageReferences: ['registry.example/*'], attestors: [{{entries: [{{keys: {{publicKeys: {pem}, \
             rekor: {{url: 'https://rekor.example', ignoreTlog: true}}}}}}]}}]}}]"
        ),
    );
    let cel_text = cel_policy(
        "ImageValidatingPolicy",
        &format!(
            "{}, matchImageReferences: [{{glob: 'registry.example/*'}}], validations: [{{expression: 'true'}}]",
            about("pods", "CREATE")
        ),
    );
    let pod = document(&format!(
        r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "web", "namespace": "shop"}},
            "spec": {{"containers": [{{"name": "a", "image": "{PORTAL}:v1"}}]}}}}"#
    ));
    let request = Asked::pod(Operation::Create, pod, Value::Null).request();
    let images = || Some(registries.host().0);
    let rule_documents = documents(&rule_text);
    let cel_documents = documents(&cel_text);
    let of_rules = read_mutator(&nodes(&rule_documents), images()).unwrap().unwrap();
    let of_cel = cel::read_mutator(&nodes(&cel_documents), images()).unwrap().unwrap();
    let mutators: [(&dyn Mutator, &str); 2] = [(&of_rules, "p/r"), (&of_cel, "p")];
    for (mutator, id) in mutators {
        let mutation = testing::mutate(mutator, &request, &cluster());
        assert_eq!(mutation.by.iter().map(ToString::to_string).collect::<Vec<_>>(), [id], "{mutation:?}");
        let object = mutation.object.unwrap();
        let containers = object.at(&["spec", "containers"]).and_then(Value::as_array).unwrap();
        let image = containers.get(0).and_then(|one| one.get("image")?.as_str());
        assert_eq!(image, Some(format!("{PORTAL}:v1@{}", portal.digest).as_str()));
        let noted = object.at(&["metadata", "annotations", "kyverno.io/verify-images"]);
        assert_eq!(noted.is_some(), id == "p/r");
    }
    // What is left is then judged, and its signature found.
    let pinned = request.with_object(testing::mutate(&of_rules, &request, &cluster()).object.unwrap());
    let policy = rule(&rule_text).asking(images());
    assert_eq!(told(&testing::judge(&policy, Ok(&pinned), &cluster())), "pass");
}
