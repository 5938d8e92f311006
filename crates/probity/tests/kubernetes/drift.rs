//! What changes in a cluster without a request that was judged, told by the gate as it happens.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::cluster::{ADMIN, Cluster, eventually, free_port};
use crate::gate::{Gate, TAGS};
use crate::server::Server;

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
    assert!(line.contains("critical") && line.contains(&format!(", by {}", ADMIN.name)), "{line}");
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

/// Waits until the gate compares what is changed with what it let in.
fn compares() {
    std::thread::sleep(Duration::from_secs(7));
}

fn pod(name: &str, image: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{containers: [{{name: web, image: '{image}'}}]}}}}"
    )
}

/// Makes a Pod `bad` that every gate would deny. The webhooks are put back within the second, so this is tried until it goes
/// past them.
fn go_past(cluster: &Cluster, namespace: &str) {
    let bad = pod("bad", "registry.example.com/portal:latest");
    eventually("it is made without a gate", || {
        std::thread::scope(|scope| {
            scope.spawn(|| cluster.kubectl(ADMIN, &["delete", "validatingwebhookconfigurations", "probity"]));
            (0..4).find_map(|_| cluster.apply(ADMIN, namespace, &bad).status.success().then_some(()))
        })
    });
}

#[test]
fn what_users_and_controllers_do_is_no_drift() {
    let Some(mut cluster) = Cluster::start(None) else { return };
    let mut gate = Gate::install(&cluster, &[("tags.yaml", TAGS)], CONFIG);
    gate.start(&cluster, &[]);
    compares();
    let clinic = cluster.namespace("clinic");
    let admin = |arguments: &[&str]| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--namespace", &clinic]).collect();
        cluster.kubectl(ADMIN, &arguments).done()
    };
    admin(&["create", "deployment", "portal", "--image=registry.example.com/portal:1.2", "--replicas=3"]);
    let pods = ["get", "pods", "--output=name", "--selector=app=portal"];
    eventually("the Pods are there", || (admin(&pods).lines().count() == 3).then_some(()));
    admin(&["scale", "deployment", "portal", "--replicas=2"]);
    admin(&["set", "image", "deployment/portal", "portal=registry.example.com/portal:1.3"]);
    admin(&["annotate", "deployment", "portal", "kubernetes.io/change-cause=a new version"]);
    admin(&["rollout", "undo", "deployment/portal"]);
    admin(&["autoscale", "deployment", "portal", "--min=1", "--max=3"]);
    admin(&["create", "job", "once", "--image=registry.example.com/once:1"]);
    admin(&["create", "cronjob", "daily", "--image=registry.example.com/once:1", "--schedule=0 1 * * *"]);
    admin(&["create", "service", "clusterip", "portal", "--tcp=80"]);
    // Applied twice, with server-side apply, and through parts: status, binding, containers that are added.
    cluster.apply(ADMIN, &clinic, &pod("alone", "registry.example.com/portal:1.2")).done();
    cluster.apply(ADMIN, &clinic, &pod("alone", "registry.example.com/portal:1.4")).done();
    let server_side = ["apply", "--server-side", "--force-conflicts", "--namespace", &clinic, "-f", "-"];
    cluster.kubectl_with(ADMIN, &server_side, &pod("alone", "registry.example.com/portal:1.5")).done();
    let status = r#"{"metadata": {"annotations": {"example.com/seen": "yes"}}, "status": {"message": "well"}}"#;
    admin(&["patch", "pod", "alone", "--subresource=status", "--patch", status]);
    admin(&["patch", "deployment", "portal", "--subresource=status", "--patch", status]);
    let debug =
        r#"{"spec":{"ephemeralContainers":[{"name":"debug","image":"busybox:1.37","targetContainerName":"web"}]}}"#;
    admin(&["patch", "pod", "alone", "--subresource=ephemeralcontainers", "--patch", debug]);
    let node = "{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {topology.kubernetes.io/zone: a}}}";
    cluster.apply(ADMIN, &clinic, node).done();
    let binding = r#"{"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "alone", "annotations": {"example.com/by": "hand"}},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"}}"#;
    let bind = ["create", "--raw", &format!("/api/v1/namespaces/{clinic}/pods/alone/binding"), "-f", "-"];
    cluster.kubectl_with(ADMIN, &bind, binding).done();
    let placed = ["get", "pod", "alone", "--output=jsonpath={.spec.nodeName} {.metadata.annotations.example\\.com/by}"];
    assert_eq!(admin(&placed), "n1 hand");
    // The system's own namespace and a member of the break-glass group.
    cluster.kubectl(ADMIN, &["run", "repair", "--image=repair:latest", "--namespace=kube-system"]);
    let glass = ["run", "glass", "--image=portal:latest", "--as=root@company.com", "--as-group=probity:break-glass"];
    admin(&[glass.as_slice(), &["--as-group=system:masters"]].concat());
    admin(&["delete", "deployment", "portal", "--cascade=foreground"]);
    admin(&["delete", "job", "once"]);
    cluster.kubectl(ADMIN, &["delete", "namespace", &clinic, "--wait=false"]).done();
    std::thread::sleep(Duration::from_secs(8));
    let lines = drift(&gate);
    assert!(!lines.contains("changed-out-of-band"), "{lines}\n{}", gate.said());
    // Nor is it when a gate starts anew and compares what is there.
    gate.end(Signal::KILL);
    gate.start(&cluster, &[]);
    std::thread::sleep(Duration::from_secs(10));
    let lines = drift(&gate);
    assert!(!lines.contains("changed-out-of-band"), "{lines}\n{}", gate.said());
    // Nor when the API server was away, and all is listed anew.
    let clinic = cluster.namespace("clinic");
    cluster.stop_api_server();
    cluster.start_api_server();
    let apply = || cluster.apply(ADMIN, &clinic, &pod("again", "registry.example.com/portal:1.2"));
    eventually("the gate is asked again", || apply().status.success().then_some(()));
    cluster.kubectl(ADMIN, &["label", "pod", "again", "team=clinic", "--namespace", &clinic]).done();
    std::thread::sleep(Duration::from_secs(12));
    let lines = drift(&gate);
    assert!(!lines.contains("changed-out-of-band") && !lines.contains("webhook-changed"), "{lines}\n{}", gate.said());
}

#[test]
fn what_goes_past_the_gate_is_told() {
    let Some(cluster) = Cluster::start(None) else { return };
    let mut gate = Gate::install(&cluster, &[("tags.yaml", TAGS)], CONFIG);
    gate.start(&cluster, &[]);
    let clinic = cluster.namespace("clinic");
    cluster.apply(ADMIN, &clinic, &pod("portal", "registry.example.com/portal:1.2")).done();
    cluster.apply(ADMIN, &clinic, &pod("other", "registry.example.com/portal:1.2")).done();
    gate.evidence(&["ALLOWED", "other"]);
    compares();
    go_past(&cluster, &clinic);
    let line = told(&gate, &["changed-out-of-band", "/bad"]);
    assert!(line.contains("it was made and no gate was asked; it would be denied by tags/require-tag"), "{line}");

    // What is changed while no gate is there is told when one is again.
    gate.end(Signal::INT);
    std::thread::sleep(Duration::from_secs(3));
    cluster.apply(ADMIN, &clinic, &pod("portal", "registry.example.com/portal:latest")).done();
    gate.start(&cluster, &[]);
    let line = told(&gate, &["changed-out-of-band", "/portal"]);
    assert!(line.contains("while no gate was asked") && line.contains("tags/require-tag"), "{line}");
    let lines = drift(&gate);
    assert_eq!(lines.matches("changed-out-of-band").count(), 2, "{lines}\n{}", gate.said());
}

#[test]
fn replicas_that_share_a_server_know_what_the_others_let_in() {
    let Some(cluster) = Cluster::start(None) else { return };
    let installed = Gate::install(&cluster, &[("tags.yaml", TAGS)], CONFIG);
    let server = Server::start(&installed);

    // The API server asks the first of them; the second leads and looks for drift, and knows of the first by the server.
    let ports = [0, 1].map(|_| free_port());
    let start = |number: usize| server.replica((&cluster, &installed), number, (ports[number], ports[0]));
    let said = || {
        [0, 1].map(|number| fs::read_to_string(installed.folder().join(format!("{number}.log"))).unwrap_or_default())
    };
    let _leading = start(1);
    eventually("the second leads", || said()[1].contains("this replica leads").then_some(()));
    let _asked = start(0);
    eventually("both gates are there", || {
        said().iter().all(|said| said.contains("policies are in force")).then_some(())
    });
    compares();
    let clinic = cluster.namespace("clinic");
    let admin = |arguments: &[&str]| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--namespace", &clinic]).collect();
        cluster.kubectl(ADMIN, &arguments).done()
    };
    admin(&["create", "deployment", "portal", "--image=registry.example.com/portal:1.2", "--replicas=3"]);
    cluster.apply(ADMIN, &clinic, &pod("alone", "registry.example.com/portal:1.2")).done();
    admin(&["set", "image", "deployment/portal", "portal=registry.example.com/portal:1.3"]);
    cluster.apply(ADMIN, &clinic, &pod("alone", "registry.example.com/portal:1.4")).done();
    std::thread::sleep(Duration::from_secs(14));
    let drift = || installed.probity(&["evidence", "query", "--kind", "drift", "--limit", "1000", "--data", "server"]);
    let lines = drift();
    assert!(!lines.contains("changed-out-of-band"), "{lines}\n{:?}", said());
    go_past(&cluster, &clinic);
    eventually("it is told", || drift().contains("it would be denied by tags/require-tag").then_some(()));
    let lines = drift();
    assert_eq!(lines.matches("changed-out-of-band").count(), 1, "{lines}\n{:?}", said());
}
