//! Kyverno's and Gatekeeper's kinds as they ship them: what teams apply with kubectl counts, unmodified.

use std::time::{Duration, Instant};

use crate::cluster::{ADMIN, Cluster, eventually};
use crate::gate::Gate;

const CLUSTER_POLICY: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: require-labels}
spec:
  rules:
    - name: check-team
      match: {any: [{resources: {kinds: [ConfigMap]}}]}
      validate:
        failureAction: Enforce
        message: the label team is required
        pattern: {metadata: {labels: {team: '?*'}}}
";

/// Kept by Kyverno's webhook of old policies too: `validationFailureAction` and one rule that changes.
const POLICY: &str = "
apiVersion: kyverno.io/v1
kind: Policy
metadata: {name: services}
spec:
  validationFailureAction: Enforce
  rules:
    - name: no-node-port
      match: {any: [{resources: {kinds: [Service]}}]}
      validate:
        message: a Service of type NodePort is reached from outside
        pattern: {spec: {type: '!NodePort'}}
    - name: add-owner
      match: {any: [{resources: {kinds: [Service]}}]}
      mutate:
        patchStrategicMerge: {metadata: {labels: {+(owner): clinic}}}
";

const EXCEPTION: &str = "
apiVersion: kyverno.io/v2
kind: PolicyException
metadata: {name: legacy}
spec:
  exceptions: [{policyName: require-labels, ruleNames: [check-team]}]
  match: {any: [{resources: {kinds: [ConfigMap], names: [legacy]}}]}
";

const VALIDATING_POLICY: &str = "
apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: replicas}
spec:
  validationActions: [Deny]
  matchConstraints:
    resourceRules:
      - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  validations:
    - {expression: object.spec.replicas <= 5, message: more than five replicas}
";

const MUTATING_POLICY: &str = "
apiVersion: policies.kyverno.io/v1
kind: MutatingPolicy
metadata: {name: tier}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration:
        expression: 'Object{metadata: Object.metadata{labels: Object.metadata.labels{tier: \"web\"}}}'
";

const TEMPLATE: &str = "
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8srequiredlabels}
spec:
  crd:
    spec:
      names: {kind: K8sRequiredLabels}
      validation:
        openAPIV3Schema:
          type: object
          properties: {labels: {type: array, items: {type: string}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package k8srequiredlabels

        violation[{\"msg\": msg}] {
          provided := {label | input.review.object.metadata.labels[label]}
          missing := {label | label := input.parameters.labels[_]} - provided
          count(missing) > 0
          msg := sprintf(\"you must provide labels: %v\", [missing])
        }
";

const CONSTRAINT: &str = "
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sRequiredLabels
metadata: {name: ns-must-have-gatekeeper}
spec:
  match: {kinds: [{apiGroups: [''], kinds: [Namespace]}]}
  parameters: {labels: [gatekeeper]}
";

const ASSIGN: &str = "
apiVersion: mutations.gatekeeper.sh/v1
kind: AssignMetadata
metadata: {name: cost-center}
spec:
  match: {scope: Namespaced, kinds: [{apiGroups: [''], kinds: [Secret]}]}
  location: metadata.labels.cost-center
  parameters: {assign: {value: clinic}}
";

const CONSTRAINT_OF_MAPS: &str = "
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sRequiredLabels
metadata: {name: accounts-have-owners}
spec:
  match: {kinds: [{apiGroups: [''], kinds: [ServiceAccount]}]}
  parameters: {labels: [owner]}
";

const EXCLUDED: &str = "
apiVersion: config.gatekeeper.sh/v1alpha1
kind: Config
metadata: {name: config, namespace: gatekeeper-system}
spec:
  match:
    - {excludedNamespaces: ['batch-*'], processes: [webhook]}
";

/// Applies a policy, and waits until a request is refused with these words: within two seconds.
fn counts(cluster: &Cluster, gate: &Gate, namespace: &str, policy: &str, request: &[&str], words: &str) {
    eventually("the kind is served", || cluster.apply(ADMIN, namespace, policy).status.success().then_some(()));
    let applied = Instant::now();
    let request: Vec<&str> = request.iter().copied().chain(["--dry-run=server", "--namespace", namespace]).collect();
    let mut said = String::new();
    while !said.contains(words) {
        assert!(applied.elapsed() < Duration::from_secs(2), "{words}: {said}{}", gate.said());
        said = cluster.kubectl(ADMIN, &request).stderr;
    }
}

#[test]
fn policies_of_kyverno_count_as_they_are() {
    let Some(cluster) = Cluster::start(None) else { return };
    cluster.install_kinds("kyverno");
    let mut gate = Gate::install(&cluster, &[], "admission: {cluster: eu-1}");
    gate.start(&cluster, &[]);
    let clinic = cluster.namespace("clinic");
    let map = |name| ["create", "configmap", name];
    counts(&cluster, &gate, &clinic, CLUSTER_POLICY, &map("settings"), "the label team is required");
    cluster.apply(ADMIN, &clinic, EXCEPTION).done();
    eventually("the exception counts", || {
        let made = [map("legacy").as_slice(), &["--dry-run=server", "--namespace", &clinic]].concat();
        cluster.kubectl(ADMIN, &made).status.success().then_some(())
    });

    let port = ["create", "service", "nodeport", "portal", "--tcp=80"];
    counts(&cluster, &gate, &clinic, POLICY, &port, "a Service of type NodePort is reached from outside");
    // A Policy is about its own namespace.
    let other = cluster.namespace("other");
    cluster.kubectl(ADMIN, &[port.as_slice(), &["--namespace", &other]].concat()).done();
    let labels = |arguments: &[&str]| {
        let end = ["--namespace", &clinic, "--output", "jsonpath={.metadata.labels}"];
        cluster.kubectl(ADMIN, &[arguments, &end].concat()).done()
    };
    let service = labels(&["create", "service", "clusterip", "portal", "--tcp=80"]);
    assert!(service.contains(r#""owner":"clinic""#), "{service}");

    let image = "--image=registry.example.com/portal:1.2";
    let six = ["create", "deployment", "portal", image, "--replicas=6"];
    counts(&cluster, &gate, &clinic, VALIDATING_POLICY, &six, "more than five replicas");
    cluster.apply(ADMIN, &clinic, MUTATING_POLICY).done();
    eventually("what is made is changed", || {
        let made = labels(&["create", "deployment", "portal", image, "--dry-run=server"]);
        made.contains(r#""tier":"web""#).then_some(())
    });

    // What is deleted counts no more.
    cluster.kubectl(ADMIN, &["delete", "clusterpolicy", "require-labels"]).done();
    eventually("the policy is gone", || {
        let made = [map("settings").as_slice(), &["--dry-run=server", "--namespace", &clinic]].concat();
        cluster.kubectl(ADMIN, &made).status.success().then_some(())
    });
    assert!(!gate.said().contains("left out"), "{}", gate.said());
}

#[test]
fn templates_constraints_and_mutations_of_gatekeeper_count_as_they_are() {
    let Some(cluster) = Cluster::start(None) else { return };
    cluster.install_kinds("gatekeeper");
    let mut gate = Gate::install(&cluster, &[], "admission: {cluster: eu-1}");
    gate.start(&cluster, &[]);
    let clinic = cluster.namespace("clinic");
    cluster.apply(ADMIN, &clinic, TEMPLATE).done();
    let namespace = ["create", "namespace", "plain"];
    counts(&cluster, &gate, &clinic, CONSTRAINT, &namespace, "you must provide labels: {\"gatekeeper\"}");

    cluster.apply(ADMIN, &clinic, ASSIGN).done();
    eventually("what is made is changed", || {
        let made = ["create", "secret", "generic", "key", "--namespace", &clinic, "--dry-run=server"];
        let made = [made.as_slice(), &["--output", "jsonpath={.metadata.labels}"]].concat();
        cluster.kubectl(ADMIN, &made).done().contains(r#""cost-center":"clinic""#).then_some(())
    });

    // Namespaces that Gatekeeper's Config leaves out are left out.
    counts(
        &cluster,
        &gate,
        &clinic,
        CONSTRAINT_OF_MAPS,
        &["create", "serviceaccount", "bot"],
        "you must provide labels",
    );
    for name in ["gatekeeper-system", "batch-1"] {
        let labelled =
            format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, labels: {{gatekeeper: set}}}}}}");
        cluster.apply(ADMIN, &clinic, &labelled).done();
    }
    let account = |namespace| {
        let made = ["create", "serviceaccount", "bot", "--dry-run=server", "--namespace", namespace];
        cluster.kubectl(ADMIN, &made)
    };
    account("batch-1").refused();
    cluster.apply(ADMIN, "gatekeeper-system", EXCLUDED).done();
    eventually("the namespace is left out", || account("batch-1").status.success().then_some(()));
    account(&clinic).refused();
    assert!(!gate.said().contains("left out"), "{}", gate.said());
}
