//! Constraints and mutators as a webhook asks them: real requests, with a cluster behind.

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect, Document};
use probity_model::{SourceId, Stage, Value};
use probity_policy_core::testing::{self, Asked, Objects, document, told};
use probity_policy_core::{ClusterError, FailMode, Mutator, Named, Operation, Policy};
use probity_policy_gatekeeper::{ConstraintPolicy, read_in_cluster, read_mutator};

fn documents(text: &str) -> Vec<Document> {
    yaml::read(text, SourceId(0), Dialect::Kubernetes).unwrap()
}

fn nodes(documents: &[Document]) -> Vec<Node<'_>> {
    documents.iter().map(|document| Node::root(&document.value, document.span)).collect()
}

const SYNC: &str = "
---
apiVersion: config.gatekeeper.sh/v1alpha1
kind: Config
metadata: {name: config, namespace: gatekeeper-system}
spec: {sync: {syncOnly: [{group: networking.k8s.io, version: v1, kind: Ingress}]}}
";

/// A constraint of a template with one rule.
fn text(rule: &str, spec: &str) -> String {
    format!(
        "apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\nmetadata: {{name: k8sno}}\nspec:\n  crd: {{spec: \
         {{names: {{kind: K8sNo}}}}}}\n  targets:\n  - target: admission.k8s.gatekeeper.sh\n    rego: |\n      package a\n      \
         violation[{{\"msg\": msg}}] {{ {rule} }}\n---\napiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sNo\nmetadata: \
         {{name: c}}\nspec: {{{spec}}}\n{SYNC}"
    )
}

fn constraint(rule: &str, spec: &str) -> ConstraintPolicy {
    let text = text(rule, spec);
    let documents = documents(&text);
    read_in_cluster(&nodes(&documents)).unwrap_or_else(|problems| panic!("{problems:?}\n{text}")).remove(0)
}

fn pod() -> Value {
    document(
        r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"containers": [{"name": "a", "image": "a:1"}]}}"#,
    )
}

fn cluster() -> Objects {
    Objects::of([
        document(r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "a"}}}"#),
        document(r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}}"#),
    ])
}

fn created() -> Asked {
    Asked::pod(Operation::Create, pod(), Value::Null)
}

fn judged(policy: &ConstraintPolicy, asked: &Asked) -> String {
    told(&testing::judge(policy, Ok(&asked.request()), &cluster()))
}

#[test]
fn requests_are_judged_as_they_are_asked() {
    let update = Asked::pod(Operation::Update, pod(), pod());
    let delete = Asked::pod(Operation::Delete, Value::Null, pod());
    let ephemeral = Asked { subresource: "ephemeralcontainers", ..update.clone() };
    let status = Asked { subresource: "status", ..update.clone() };
    for (name, asked, kind, rule, expected) in [
        ("by whom", created(), "Pod", "msg := input.review.userInfo.username", "fail: alice"),
        ("what for", update.clone(), "Pod", "msg := input.review.operation", "fail: UPDATE"),
        ("what it was", update.clone(), "Pod", "msg := input.review.oldObject.metadata.name", "fail: web"),
        ("another kind", update, "Service", "msg := \"no\"", ""),
        (
            "deleted",
            delete.clone(),
            "Pod",
            "input.review.operation == \"DELETE\"; msg := input.review.object.metadata.name",
            "fail: web",
        ),
        ("deleted, which is not asked for", delete, "Pod", "msg := \"no\"", ""),
        ("its status", status, "Pod", "msg := \"no\"", ""),
        ("run in, by any kind", Asked::exec(&["sh"]), "'*'", "msg := \"no\"", ""),
        ("added to", ephemeral, "Pod", "msg := input.review.subResource", "fail: ephemeralcontainers"),
        ("run in", Asked::exec(&["sh"]), "PodExecOptions", "msg := input.review.object.command[_]", "fail: sh"),
        ("scaled", Asked::scale(9), "Scale", "input.review.object.spec.replicas > 5; msg := \"no\"", "fail: no"),
        ("its namespace", created(), "Pod", "msg := input.review.namespaceObject.metadata.labels.team", "fail: a"),
        ("what is around", created(), "Pod", "data.inventory.namespace[\"shop\"].v1.Service[msg]", "fail: web"),
        ("nothing wrong", created(), "Pod", "msg := input.review.object.none", "pass"),
    ] {
        let spec = format!("match: {{kinds: [{{apiGroups: ['*'], kinds: [{kind}]}}]}}");
        assert_eq!(judged(&constraint(rule, &spec), &asked), expected, "{name}");
    }
}

#[test]
fn namespaces_are_those_of_the_cluster() {
    let rule = "msg := \"no\"";
    for (spec, expected) in [
        ("match: {namespaceSelector: {matchLabels: {team: a}}}", "fail: no"),
        ("match: {namespaceSelector: {matchLabels: {team: b}}}", ""),
        ("match: {namespaces: [shop]}", "fail: no"),
        ("match: {excludedNamespaces: ['sh*']}", ""),
    ] {
        assert_eq!(judged(&constraint(rule, spec), &created()), expected, "{spec}");
        let connecting = spec.replacen('{', "{kinds: [{apiGroups: ['*'], kinds: [PodExecOptions]}], ", 1);
        assert_eq!(judged(&constraint(rule, &connecting), &Asked::exec(&["sh"])), expected, "{connecting}");
        assert_eq!(told(&testing::judge(&constraint(rule, spec), Err(&pod()), &cluster())), expected);
    }
}

#[test]
fn what_the_cluster_cannot_tell_is_an_error_where_it_counts() {
    let failing = Objects { failing: Some(ClusterError::NotReady("all".to_owned())), ..cluster() };
    for (rule, spec, expected) in [
        ("data.inventory.namespace[_].v1.Service[msg]", "", "error: the inventory: all is not known yet"),
        (
            "msg := \"no\"",
            "match: {namespaceSelector: {matchLabels: {team: a}}}",
            "error: the namespace `shop`: all is not known yet",
        ),
        ("msg := \"no\"", "", "fail: no"),
    ] {
        let policy = constraint(rule, spec);
        assert_eq!(told(&testing::judge(&policy, Ok(&created().request()), &failing)), expected);
        assert_eq!(policy.fail_mode(), FailMode::Open);
    }
}

#[test]
fn what_is_asked_for_and_looked_at() {
    let asked = |rule: &str, spec: &str| -> Vec<String> {
        let shown = constraint(rule, spec).requests().into_iter().map(|rule| {
            let (Named::Kind(name) | Named::Plural(name)) = rule.named;
            let operations: Vec<&str> = rule.operations.iter().map(|operation| &operation.as_str()[..3]).collect();
            format!("{}/{}/{name}/{} {}", rule.group, rule.version, rule.subresource, operations.join(" "))
        });
        shown.collect()
    };
    let kinds = |kind: &str| format!("match: {{kinds: [{{apiGroups: [''], kinds: [{kind}]}}]}}");
    let written = "msg := \"no\"";
    assert_eq!(asked(written, &kinds("Pod")), ["/*/Pod/ CRE UPD", "/*/pods/ephemeralcontainers CRE UPD"]);
    assert_eq!(asked(written, &kinds("Service")), ["/*/Service/ CRE UPD"]);
    let exec = asked(written, &kinds("PodExecOptions"));
    assert_eq!(exec[1], "/*/pods/exec CRE UPD CON");
    let gone = "input.review.operation == \"DELETE\"; msg := \"no\"";
    assert_eq!(asked(gone, &kinds("Service")), ["/*/Service/ CRE UPD DEL"]);
    assert_eq!(asked(written, "")[0], "*/*/*/ CRE UPD");
    let inventory = constraint("data.inventory.cluster[_][_][msg]", "");
    assert!(inventory.watches().iter().any(|one| one.kind == "Ingress" && one.api_version == "networking.k8s.io/v1"));
    assert!(constraint(written, "").watches().is_empty());
}

#[test]
fn constraints_say_where_they_are_asked() {
    let scoped = |point: &str, action: &str| {
        format!(
            "enforcementAction: scoped, scopedEnforcementActions: [{{action: {action}, enforcementPoints: [{{name: {point}}}]}}]"
        )
    };
    for (spec, admission, background, most) in [
        (scoped("validation.gatekeeper.sh", "deny"), true, false, Stage::Enforce),
        (scoped("audit.gatekeeper.sh", "warn"), false, true, Stage::Warn),
        ("enforcementAction: dryrun".to_owned(), true, true, Stage::Observe),
    ] {
        let policy = constraint("msg := \"no\"", &spec);
        let occasions = policy.occasions();
        assert_eq!((occasions.admission, occasions.background, policy.most()), (admission, background, most));
        let found = judged(&policy, &created());
        assert_eq!(found.is_empty(), !admission, "{found}");
    }
}

#[test]
fn objects_are_changed_when_they_are_written() {
    let mutators = "
apiVersion: mutations.gatekeeper.sh/v1
kind: Assign
metadata: {name: pull}
spec:
  applyTo: [{groups: [''], versions: [v1], kinds: [Pod], operations: [CREATE]}]
  match: {namespaceSelector: {matchLabels: {team: a}}}
  location: 'spec.containers[name: *].imagePullPolicy'
  parameters: {assign: {value: Always}}
---
apiVersion: mutations.gatekeeper.sh/v1
kind: AssignMetadata
metadata: {name: owner}
spec:
  location: metadata.labels.owner
  parameters: {assign: {value: us}}
";
    let documents = documents(mutators);
    let mutator = read_mutator(&nodes(&documents)).unwrap().unwrap();
    let update = Asked::pod(Operation::Update, pod(), pod());
    let delete = Asked::pod(Operation::Delete, Value::Null, pod());
    let ephemeral = Asked { subresource: "ephemeralcontainers", ..update.clone() };
    for (name, asked, by) in [
        ("made", created(), vec!["Assign/pull", "AssignMetadata/owner"]),
        ("changed", update, vec!["AssignMetadata/owner"]),
        ("deleted", delete, vec![]),
        ("added to", ephemeral, vec![]),
        ("run in", Asked::exec(&["sh"]), vec![]),
    ] {
        let mutation = testing::mutate(&mutator, &asked.request(), &cluster());
        assert_eq!(mutation.by.iter().map(ToString::to_string).collect::<Vec<_>>(), by, "{name}");
        let owner = mutation.object.as_ref().and_then(|object| object.at(&["metadata", "labels", "owner"])?.as_str());
        assert_eq!(owner, (!by.is_empty()).then_some("us"), "{name}");
    }
    let requests = mutator.requests();
    assert!(requests.iter().all(|(mode, _)| *mode == FailMode::Open));
    assert_eq!(requests[0].1.operations, [Operation::Create]);
    let failing = Objects { failing: Some(ClusterError::Failed("away".to_owned())), ..cluster() };
    let mutation = testing::mutate(&mutator, &created().request(), &failing);
    assert_eq!((mutation.object, mutation.failures.len(), mutation.failures[0].denies), (None, 1, false));
}

#[test]
fn namespaces_that_the_config_leaves_out_are_left_out() {
    const OWNER: &str = "
---
apiVersion: mutations.gatekeeper.sh/v1
kind: AssignMetadata
metadata: {name: owner}
spec: {location: metadata.labels.owner, parameters: {assign: {value: us}}}
";
    for (excluded, processes, by_webhook, by_audit, changed) in [
        ("shop", "['*']", "", "", false),
        ("'sh*'", "[webhook]", "", "fail: no", true),
        ("shop", "[audit]", "fail: no", "", true),
        ("shop", "[mutation-webhook, sync]", "fail: no", "fail: no", false),
        ("other", "['*']", "fail: no", "fail: no", true),
    ] {
        let config = format!("match: [{{excludedNamespaces: [{excluded}], processes: {processes}}}]");
        let text = text("msg := \"no\"", "").replace("sync: {", &format!("{config}, sync: {{")) + OWNER;
        let documents = documents(&text);
        let policy = read_in_cluster(&nodes(&documents)).unwrap().remove(0);
        assert_eq!(judged(&policy, &created()), by_webhook, "{config}");
        assert_eq!(told(&testing::judge(&policy, Err(&pod()), &cluster())), by_audit, "{config}");
        let mutator = read_mutator(&nodes(&documents)).unwrap().unwrap();
        let mutation = testing::mutate(&mutator, &created().request(), &cluster());
        assert_eq!(mutation.object.is_some(), changed, "{config}");
    }
    let wrong = text("msg := \"no\"", "").replace("sync: {", "match: [{excludedNamespaces: ['a*b']}], sync: {");
    let documents = documents(&wrong);
    let problems = read_in_cluster(&nodes(&documents)).map(|_| ()).unwrap_err();
    assert!(problems[0].message.contains("`a*b` is not a name"), "{problems:?}");
}
