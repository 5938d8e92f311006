//! What changes in a cluster without a request that was judged, told by the gate as it happens.

use std::time::{Duration, Instant};

use crate::cluster::{ADMIN, Cluster, eventually};
use crate::gate::Gate;

const TAGS: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: tags}
spec:
  rules:
    - name: require-tag
      match: {any: [{resources: {kinds: [Pod, Deployment, ConfigMap]}}]}
      validate:
        failureAction: Enforce
        message: the object has no name
        pattern: {metadata: {name: '?*'}}
";

const CONFIG: &str = "
admission: {cluster: eu-1}
stages: {default: enforce, rules: [{gate: admission, policies: ['PRB-*'], stage: observe}]}
";

/// The lines of drift that the ledger has.
fn drift(gate: &Gate) -> String {
    gate.probity(&["evidence", "query", "--kind", "drift", "--limit", "1000"])
}

/// The line that has all these words, once there is one.
fn told(gate: &Gate, words: &[&str]) -> String {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let lines = drift(gate);
        if let Some(line) = lines.lines().find(|line| words.iter().all(|word| line.contains(word))) {
            return line.to_owned();
        }
        assert!(Instant::now() < end, "{words:?} is not among\n{lines}\n{}", gate.said());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn who_gains_rights_and_who_touches_the_webhooks_is_told() {
    let Some(cluster) = Cluster::start(None) else { return };
    let mut gate = Gate::install(&cluster, &[("tags.yaml", TAGS)], CONFIG);
    gate.start(&cluster, &[]);
    let admin = |arguments: &[&str]| cluster.kubectl(ADMIN, arguments).done();
    eventually("rights are known", || gate.said().contains("rights are compared from now on").then_some(()));
    let started = Instant::now();
    admin(&["create", "clusterrolebinding", "ops", "--clusterrole=cluster-admin", "--serviceaccount=default:deployer"]);
    let line = told(&gate, &["rights-widened", "ClusterRoleBinding/ops"]);
    let took = started.elapsed();
    assert!(line.contains("gives ServiceAccount default/deployer cluster-admin"), "{line}");
    assert!(line.contains("critical") && line.contains("by the client kubectl-create"), "{line}");
    println!("a binding is an entry of the ledger after {took:?}, kubectl and the query among it");
    assert!(took < Duration::from_secs(5), "{took:?}");

    // What the controller-manager adds to a role of roles is told once, as what the part gives.
    admin(&["create", "clusterrolebinding", "viewers", "--clusterrole=view", "--user=bob@company.com"]);
    told(&gate, &["rights-widened", "ClusterRoleBinding/viewers"]);
    let part = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: nodes-too, labels: \
        {rbac.authorization.k8s.io/aggregate-to-view: 'true'}}, rules: [{apiGroups: ['example.com'], resources: [things], verbs: [get]}]}";
    cluster.apply(ADMIN, "default", part).done();
    let line = told(&gate, &["rights-widened", "ClusterRole/nodes-too"]);
    assert!(line.contains("ClusterRole view now gives User bob@company.com"), "{line}");
    let rules = ["get", "clusterrole", "view", "--output=jsonpath={.rules[*].resources}"];
    eventually("the role has the part", || admin(&rules).contains("things").then_some(()));

    // Taking rights away is nothing to tell.
    admin(&["delete", "clusterrolebinding", "ops"]);

    let webhooks = ["validatingwebhookconfigurations", "probity"];
    let fail_open = r#"[{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]"#;
    admin(&["patch", webhooks[0], webhooks[1], "--type=json", "--patch", fail_open]);
    let line = told(&gate, &["webhook-changed", "ValidatingWebhookConfiguration/probity"]);
    assert!(line.contains("failurePolicy") && line.contains("by the client kubectl-patch"), "{line}");
    admin(&["delete", webhooks[0], webhooks[1]]);
    told(&gate, &["webhook-changed", "was deleted"]);
    let list =
        ["get", webhooks[0], webhooks[1], "--ignore-not-found", "--output=jsonpath={.webhooks[*].failurePolicy}"];
    eventually("they are back", || admin(&list).contains("Fail").then_some(()));

    // One line for each of these, and none for what Probity did itself.
    let lines = drift(&gate);
    let count = |words: &str| lines.lines().filter(|line| line.contains(words)).count();
    assert_eq!((count("rights-widened"), count("webhook-changed")), (3, 2), "{lines}\n{}", gate.said());
}
