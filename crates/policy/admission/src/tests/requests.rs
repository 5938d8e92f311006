//! Policies as a webhook asks them: real requests, with a cluster behind.

use probity_model::Value;
use probity_model::node::Node;
use probity_policy_core::testing::{self, Asked, Objects, document, told};
use probity_policy_core::{ClusterError, FailMode, Mutator, Named, Operation, Policy};

use super::documents;
use crate::policy::AdmissionPolicy;
use crate::{read, read_mutator};

const POD: &str = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"containers": [{"name": "a", "image": "a:1"}]}}"#;

const SHOP: &str =
    r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "a"}}}"#;

fn policy(spec: &str, binding: &str) -> AdmissionPolicy {
    let text = format!(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: p}}\nspec: {spec}\n---\n\
         apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {{name: b}}\n\
         spec: {{policyName: p, validationActions: [Deny]{binding}}}\n"
    );
    let documents = documents(&text);
    let nodes: Vec<Node<'_>> = documents.iter().map(|one| Node::root(&one.value, one.span)).collect();
    read(&nodes).unwrap_or_else(|problems| panic!("{problems:?}\n{text}")).remove(0)
}

fn about(resources: &str, operations: &str, more: &str) -> String {
    format!(
        "{{matchConstraints: {{resourceRules: [{{apiGroups: ['', apps], apiVersions: [v1], operations: [{operations}], \
         resources: [{resources}]}}]}}, {more}}}"
    )
}

fn says(expression: &str) -> String {
    format!("validations: [{{expression: \"{expression}\", message: 'no'}}]")
}

fn cluster() -> Objects {
    Objects {
        allowed: vec![("alice".to_owned(), "delete".to_owned(), "pods".to_owned())],
        ..Objects::of([document(SHOP)])
    }
}

#[test]
fn requests_are_judged_as_they_are_asked() {
    let pod = || document(POD);
    let create = Asked::pod(Operation::Create, pod(), Value::Null);
    let update = Asked::pod(Operation::Update, pod(), pod());
    let delete = Asked::pod(Operation::Delete, Value::Null, pod());
    let ephemeral = Asked { subresource: "ephemeralcontainers", ..update.clone() };
    let exec = Asked::exec(&["sh"]);
    for (name, asked, resources, operations, expression, expected) in [
        ("made", &create, "pods", "CREATE", "request.userInfo.username == 'alice'", "pass"),
        ("made by another", &create, "pods", "CREATE", "request.userInfo.username == 'bob'", "fail: no"),
        ("not about it", &create, "pods", "UPDATE, DELETE", "false", ""),
        ("changed", &update, "pods", "UPDATE", "object.spec == oldObject.spec", "pass"),
        ("deleted", &delete, "pods", "DELETE", "object == null && oldObject.metadata.name == 'web'", "pass"),
        ("run in", &exec, "pods/exec", "CONNECT", "object.command[0] != 'sh'", "fail: no"),
        ("run in, by its kind", &exec, "pods/*", "'*'", "request.kind.kind == 'PodExecOptions'", "pass"),
        ("a pod is not what is run in it", &exec, "pods", "'*'", "false", ""),
        ("added to", &ephemeral, "pods/ephemeralcontainers", "UPDATE", "request.subResource == ''", "fail: no"),
        ("scaled", &Asked::scale(9), "deployments/scale", "UPDATE", "object.spec.replicas < 5", "fail: no"),
        ("in a namespace", &create, "pods", "CREATE", "namespaceObject.metadata.labels.team == 'a'", "pass"),
        ("may", &create, "pods", "CREATE", "authorizer.requestResource.check('delete').allowed()", "pass"),
        (
            "another may not",
            &create,
            "pods",
            "CREATE",
            "authorizer.serviceAccount('shop', 'web').group('').resource('pods').check('delete').allowed()",
            "fail: no",
        ),
        ("may not", &create, "pods", "CREATE", "authorizer.requestResource.check('get').allowed()", "fail: no"),
    ] {
        let policy = policy(&about(resources, operations, &says(expression)), "");
        let request = asked.request();
        assert_eq!(told(&testing::judge(&policy, Ok(&request), &cluster())), expected, "{name}");
    }
}

#[test]
fn a_request_in_another_version_is_found() {
    let spec = about("deployments", "CREATE", &says("request.kind.version == 'v1' && object.apiVersion == 'apps/v1'"));
    let object = document(r#"{"apiVersion": "apps/v1beta2", "kind": "Deployment", "metadata": {"name": "web"}}"#);
    let asked = Asked {
        kind: ["apps", "v1beta2", "Deployment"],
        resource: ["apps", "v1beta2", "deployments"],
        ..Asked::pod(Operation::Create, object, Value::Null)
    };
    let policy = policy(&spec, "");
    assert_eq!(told(&testing::judge(&policy, Ok(&asked.request()), &cluster())), "pass");
}

#[test]
fn parameters_come_from_the_cluster() {
    let spec = format!(
        "{{paramKind: {{apiVersion: v1, kind: ConfigMap}}, {}",
        about("pods", "CREATE", &says("params.data.most == '3'")).trim_start_matches('{')
    );
    let binding = ", paramRef: {name: limits, parameterNotFoundAction: Deny}";
    let limits = |namespace: &str, most: &str| {
        document(&format!(
            r#"{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "limits", "namespace": "{namespace}"}},
                "data": {{"most": "{most}"}}}}"#
        ))
    };
    let request = Asked::pod(Operation::Create, document(POD), Value::Null).request();
    let not_ready = Objects { failing: Some(ClusterError::NotReady("ConfigMap".to_owned())), ..cluster() };
    for (cluster, expected) in [
        (Objects::of([limits("shop", "3"), limits("other", "4")]), "pass"),
        (Objects::of([limits("shop", "4")]), "fail: no"),
        (
            Objects::of([limits("other", "3")]),
            "error: no params found for policy binding with `Deny` parameterNotFoundAction",
        ),
        (not_ready, "error: ConfigMap is not known yet"),
    ] {
        let policy = policy(&spec, binding);
        assert_eq!(told(&testing::judge(&policy, Ok(&request), &cluster)), expected);
        let watched: Vec<String> =
            policy.watches().iter().map(|one| format!("{} {}", one.api_version, one.kind)).collect();
        assert_eq!(watched, ["v1 ConfigMap"]);
    }
}

#[test]
fn what_the_cluster_cannot_tell_is_an_error_where_it_counts() {
    let failing = Objects { failing: Some(ClusterError::Failed("the API server is away".to_owned())), ..cluster() };
    let request = Asked::pod(Operation::Create, document(POD), Value::Null).request();
    let by_namespace = about("pods", "CREATE", &says("namespaceObject.metadata.name == 'shop'"));
    let judged = |spec: &str| told(&testing::judge(&policy(spec, ""), Ok(&request), &failing));
    assert!(judged(&by_namespace).contains("the API server is away"), "{}", judged(&by_namespace));
    assert_eq!(judged(&about("pods", "CREATE", &says("true"))), "pass");
}

#[test]
fn an_object_that_is_there_is_judged_without_who_asked() {
    let judged = |expression: &str| {
        told(&testing::judge(&policy(&about("pods", "CREATE", &says(expression)), ""), Err(&document(POD)), &cluster()))
    };
    assert_eq!(judged("namespaceObject.metadata.labels.team == 'a'"), "pass");
    assert!(judged("authorizer.requestResource.check('get').allowed()").starts_with("unknown: "));
}

#[test]
fn what_is_asked_for_and_how_failures_count() {
    let spec =
        about("pods, pods/exec, '*/scale'", "CREATE, DELETE", &format!("failurePolicy: Ignore, {}", says("true")));
    let policy = policy(&spec, "");
    let shown: Vec<String> = policy
        .requests()
        .iter()
        .map(|rule| {
            let Named::Plural(resource) = &rule.named else { panic!("rules name resources") };
            format!("{}/{}/{resource}/{} {:?}", rule.group, rule.version, rule.subresource, rule.operations)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "/v1/pods/ [Create, Delete]",
            "/v1/pods/exec [Create, Delete]",
            "/v1/*/scale [Create, Delete]",
            "apps/v1/pods/ [Create, Delete]",
            "apps/v1/pods/exec [Create, Delete]",
            "apps/v1/*/scale [Create, Delete]",
        ]
    );
    assert_eq!(policy.fail_mode(), FailMode::Open);
}

const MUTATING: &str = "
apiVersion: admissionregistration.k8s.io/v1beta1
kind: MutatingAdmissionPolicy
metadata: {name: labels}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE, DELETE], resources: [pods]}]
  failurePolicy: FAIL
  reinvocationPolicy: Never
  mutations:
  - {patchType: JSONPatch, jsonPatch: {expression: EXPRESSION}}
---
apiVersion: admissionregistration.k8s.io/v1beta1
kind: MutatingAdmissionPolicyBinding
metadata: {name: b}
spec: {policyName: labels}
";

#[test]
fn objects_are_changed_when_they_are_written() {
    let add = "'[JSONPatch{op: \"add\", path: \"/metadata/labels\", value: {\"team\": namespaceObject.metadata.labels.team}}]'";
    let wrong = "'[JSONPatch{op: \"add\", path: \"/metadata/labels/x\", value: \"y\"}]'";
    let create = Asked::pod(Operation::Create, document(POD), Value::Null);
    let delete = Asked::pod(Operation::Delete, Value::Null, document(POD));
    for (expression, fail, asked, by, denies) in [
        (add, "Fail", &create, 1, None),
        (add, "Fail", &delete, 0, None),
        (wrong, "Fail", &create, 0, Some(true)),
        (wrong, "Ignore", &create, 0, Some(false)),
    ] {
        let documents = documents(&MUTATING.replace("EXPRESSION", expression).replace("FAIL", fail));
        let nodes: Vec<Node<'_>> = documents.iter().map(|one| Node::root(&one.value, one.span)).collect();
        let mutator = read_mutator(&nodes).unwrap().unwrap();
        let mutation = testing::mutate(&mutator, &asked.request(), &cluster());
        assert_eq!(mutation.by.len(), by, "{mutation:?}");
        let label = mutation.object.as_ref().and_then(|object| object.at(&["metadata", "labels", "team"])?.as_str());
        assert_eq!(label, (by == 1).then_some("a"));
        assert_eq!(mutation.failures.first().map(|failure| failure.denies), denies, "{mutation:?}");
        assert_eq!(mutator.requests()[0].1.operations, [Operation::Create]);
    }
}
