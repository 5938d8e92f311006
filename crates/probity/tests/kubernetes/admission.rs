//! The gate in front of a real API server, asked by kubectl.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

use crate::cluster::{ADMIN, ALICE, Cluster, eventually};
use crate::gate::{Gate, TAGS};

const TEAM: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: team}
spec:
  rules:
    - name: add-team
      match: {any: [{resources: {kinds: [Pod]}}]}
      mutate:
        patchStrategicMerge:
          metadata: {labels: {+(team): clinic}}
";

const REPLICAS: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replicas}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments, deployments/scale]}
  validations:
    - {expression: object.spec.replicas <= 5, message: more than five replicas}
";

const NAMED: &str = "
package clinic

# METADATA
# title: Config maps say whose they are
deny contains msg if {
  input.kind == \"ConfigMap\"
  not input.metadata.labels.owner
  msg := \"the ConfigMap has no label owner\"
}
";

/// A bundle of one policy that keeps Services from being reached from outside.
const BUNDLE: &str = "
apiVersion: policies.probity.dev/v1
kind: PolicyBundle
metadata: {name: clinic}
spec:
  policies:
    services.yaml: |
      apiVersion: kyverno.io/v1
      kind: ClusterPolicy
      metadata: {name: services}
      spec:
        rules:
          - name: inside
            match: {any: [{resources: {kinds: [Service]}}]}
            validate:
              failureAction: Enforce
              message: a Service of type NodePort is reached from outside
              pattern: {spec: {type: '!NodePort'}}
";

const CONFIG: &str = "
admission: {cluster: eu-1}
stages: {default: enforce, rules: [{gate: admission, policies: ['PRB-*'], stage: observe}]}
";

fn pod(name: &str, image: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{containers: [{{name: web, image: '{image}'}}]}}}}"
    )
}

fn policies() -> Vec<(&'static str, &'static str)> {
    vec![("tags.yaml", TAGS), ("team.yaml", TEAM), ("replicas.yaml", REPLICAS), ("named.rego", NAMED)]
}

/// What changes without end.
fn noise(namespace: &str) -> [String; 2] {
    [
        "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: noise-lease}, spec: {holderIdentity: web}}"
            .to_owned(),
        format!(
            "{{apiVersion: v1, kind: Event, metadata: {{name: noise-event}}, reason: Started, message: it runs, type: Normal, \
             involvedObject: {{apiVersion: v1, kind: Pod, name: good, namespace: {namespace}}}}}"
        ),
    ]
}

#[test]
fn requests_are_judged_changed_and_kept() {
    let Some(cluster) = Cluster::start(None) else { return };
    let mut gate = Gate::install(&cluster, &policies(), CONFIG);
    gate.start(&cluster, &[]);
    let clinic = cluster.namespace("clinic");
    cluster.grant(ALICE, "edit", &clinic);
    let alice = |arguments: &[&str]| {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--namespace", &clinic]).collect();
        cluster.kubectl(ALICE, &arguments)
    };

    let denied = cluster.apply(ALICE, &clinic, &pod("bad", "registry.example.com/portal:latest")).refused();
    assert!(denied.contains("tags/require-tag: ") && denied.contains("the image has the tag latest"), "{denied}");
    cluster.apply(ALICE, &clinic, &pod("good", "registry.example.com/portal:1.2")).done();
    let line = gate.evidence(&["REJECTED", ALICE.name, "bad"]);
    assert!(line.contains("the image has the tag latest") && line.contains("(tags/require-tag)"), "{line}");
    gate.evidence(&["ALLOWED", ALICE.name, "good"]);

    // What a policy adds is there, and the audit log says by which decision.
    let team = alice(&["get", "pod", "good", "--output=jsonpath={.metadata.labels.team}"]).done();
    assert_eq!(team, "clinic");
    let event = cluster.audited("the Pod was created", |event| {
        event["verb"] == "create" && event["objectRef"]["name"] == "good" && event["objectRef"]["resource"] == "pods"
    });
    let decision = event["annotations"]["validate.fail.admission.probity.dev/decision"].as_str().unwrap();
    let shown = gate.probity(&["evidence", "query", "--kind", "admission", "--format", "json"]);
    assert!(shown.contains(decision), "{decision} is not among {shown}");

    // Containers that are added, and what scales, are judged as well; what goes is let go.
    let debug =
        r#"{"spec":{"ephemeralContainers":[{"name":"debug","image":"busybox:latest","targetContainerName":"web"}]}}"#;
    let patch = ["patch", "pod", "good", "--subresource=ephemeralcontainers", "--patch", debug, "--namespace", &clinic];
    assert!(cluster.kubectl(ADMIN, &patch).refused().contains("the image has the tag latest"));
    alice(&["create", "deployment", "portal", "--image=registry.example.com/portal:1.2"]).done();
    let scaled = alice(&["scale", "deployment", "portal", "--replicas=6"]).refused();
    assert!(scaled.contains("more than five replicas"), "{scaled}");
    alice(&["scale", "deployment", "portal", "--replicas=2"]).done();
    alice(&["delete", "deployment", "portal"]).done();
    let map = alice(&["create", "configmap", "settings"]).refused();
    assert!(map.contains("the ConfigMap has no label owner"), "{map}");

    // What changes without end is not asked about, though a policy is about all kinds.
    for object in noise(&clinic) {
        cluster.apply(ADMIN, &clinic, &object).done();
    }
    let owned = "{apiVersion: v1, kind: ConfigMap, metadata: {name: owned, labels: {owner: web}}}";
    cluster.apply(ADMIN, &clinic, owned).done();
    gate.evidence(&["ALLOWED", "owned"]);
    let lines = gate.probity(&["evidence", "query", "--kind", "admission", "--limit", "1000"]);
    assert!(!lines.contains("noise-"), "{lines}");

    // A dry run is answered alike, and no evidence.
    let dry = cluster.kubectl_with(
        ALICE,
        &["apply", "--dry-run=server", "--namespace", &clinic, "-f", "-"],
        &pod("dry", "registry.example.com/portal:latest"),
    );
    assert!(dry.refused().contains("the image has the tag latest"));

    // Who breaks the glass passes, and so do the system's own namespaces; both are recorded.
    let glass = ["run", "glass", "--image=registry.example.com/portal:latest", "--as=root@company.com"];
    let groups = ["--as-group=probity:break-glass", "--as-group=system:masters", "--namespace", &clinic];
    cluster.kubectl(ADMIN, &[glass.as_slice(), &groups].concat()).done();
    let system = ["run", "repair", "--image=registry.example.com/repair:latest", "--namespace=kube-system"];
    eventually("the system's namespace has its service account", || {
        let ran = cluster.kubectl(ADMIN, &system);
        ran.status.success().then_some(())
    });
    gate.evidence(&["ALLOWED", "root@company.com", "break-glass"]);
    gate.evidence(&["ALLOWED", "repair", "kube-system is exempt"]);
    let lines = gate.probity(&["evidence", "query", "--kind", "admission", "--limit", "1000"]);
    assert!(!lines.contains(" dry:"), "{lines}");

    // What the gate cannot read is answered, and what is too large refused.
    let broken = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1"}}"#;
    let (status, answer) = gate.post("/validate/fail", broken.as_bytes());
    assert!(status == 200 && answer.contains(r#""allowed":false"#) && answer.contains("request.kind.kind"), "{answer}");
    let (status, answer) = gate.post("/validate/ignore", broken.as_bytes());
    assert!(status == 200 && answer.contains(r#""allowed":true"#), "{answer}");
    let (status, answer) = gate.post("/validate/fail", b"{");
    assert!(status == 400 && answer.contains(r#""kind":"Status""#), "{answer}");
    let (status, answer) = gate.post("/validate/fail", &vec![b' '; 9 << 20]);
    assert!(status == 413 && answer.contains("more than"), "{answer}");

    // It goes as it came.
    gate.end(Signal::INT);
    let left = cluster.kubectl(ADMIN, &["get", "validatingwebhookconfigurations", "probity"]).refused();
    assert!(left.contains("not found"), "{left}");
    let verified = gate.probity(&["evidence", "verify"]);
    assert!(verified.contains("are whole"), "{verified}{}", gate.said());
}

#[test]
fn policies_of_the_cluster_count_as_soon_as_they_are_applied() {
    let Some(cluster) = Cluster::start(None) else { return };
    let mut gate = Gate::install(&cluster, &[("tags.yaml", TAGS)], CONFIG);
    gate.start(&cluster, &[]);
    let clinic = cluster.namespace("clinic");
    let serve = ["create", "service", "nodeport", "portal", "--tcp=80", "--dry-run=server", "--namespace", &clinic];
    cluster.kubectl(ADMIN, &serve).done();
    cluster.apply(ADMIN, &clinic, BUNDLE).done();
    eventually("the policy is in force", || {
        let ran = cluster.kubectl(ADMIN, &serve);
        ran.stderr.contains("a Service of type NodePort is reached from outside").then_some(())
    });
    let ready = |status: &str, words: &str| {
        let format = "--output=jsonpath={.status.conditions[0].status}: {.status.conditions[0].message}";
        let said = cluster.kubectl(ADMIN, &["get", "policybundle", "clinic", format]).done();
        (said.starts_with(status) && said.contains(words)).then_some(())
    };
    eventually("the bundle is ready", || ready("True", "all of its policies are in force"));
    cluster.kubectl(ADMIN, &["delete", "policybundle", "clinic"]).done();
    eventually("the policy is gone", || cluster.kubectl(ADMIN, &serve).status.success().then_some(()));

    // What is wrong with one takes no other down, and whoever takes the webhooks away does not have his way for long.
    cluster.apply(ADMIN, &clinic, &BUNDLE.replace("failureAction: Enforce", "failureAction: Perhaps")).done();
    eventually("it is said what is wrong", || gate.said().contains("a policy is left out").then_some(()));
    eventually("the bundle says so", || ready("False", "services.yaml:"));
    cluster.kubectl(ADMIN, &["delete", "validatingwebhookconfigurations", "probity"]).done();
    let bad = pod("bad", "registry.example.com/portal:latest");
    let apply = ["apply", "--dry-run=server", "--namespace", &clinic, "-f", "-"];
    eventually("the webhooks are back", || {
        cluster.kubectl_with(ADMIN, &apply, &bad).stderr.contains("the image has the tag latest").then_some(())
    });

    // A file that changes is read again.
    std::fs::write(gate.folder().join("policies/tags.yaml"), TAGS.replace("tag latest", "tag of the day")).unwrap();
    eventually("the file is read again", || {
        cluster.kubectl_with(ADMIN, &apply, &bad).stderr.contains("tag of the day").then_some(())
    });
}

#[test]
fn certificates_change_and_the_gate_is_killed_while_it_is_asked() {
    let Some(mut cluster) = Cluster::start(None) else { return };
    let mut gate = Gate::install(&cluster, &[("tags.yaml", TAGS)], CONFIG);
    gate.start(&cluster, &["--certificate-seconds=60"]);
    let clinic = cluster.namespace("clinic");
    let bad = pod("bad", "registry.example.com/portal:latest");
    let apply = ["apply", "--dry-run=server", "--namespace", &clinic, "-f", "-"];
    let bundle =
        ["get", "validatingwebhookconfigurations", "probity", "--output=jsonpath={.webhooks[0].clientConfig.caBundle}"];
    let first = cluster.kubectl(ADMIN, &bundle).done();
    let changed = AtomicBool::new(false);
    // Asked without a pause until a second authority is served, and a little longer.
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0;
            let mut more = 60;
            while more > 0 {
                let said = cluster.kubectl_with(ADMIN, &apply, &bad).refused();
                assert!(said.contains("the image has the tag latest"), "{said}");
                asked += 1;
                more -= usize::from(changed.load(Ordering::Relaxed));
            }
            asked
        });
        eventually("there is a new authority", || (cluster.kubectl(ADMIN, &bundle).done() != first).then_some(()));
        changed.store(true, Ordering::Relaxed);
        assert!(asking.join().unwrap() > 60);
    });

    // A gate that is gone lets nothing pass, but for the system, which can mend it.
    gate.end(Signal::KILL);
    let said = cluster.kubectl_with(ADMIN, &apply, &bad).refused();
    assert!(said.contains("failed calling webhook"), "{said}");
    let good = pod("good", "registry.example.com/portal:1.2");
    cluster.kubectl_with(ADMIN, &["apply", "--namespace=kube-system", "-f", "-"], &good).done();
    gate.start(&cluster, &[]);
    eventually("the gate answers again", || cluster.kubectl_with(ADMIN, &apply, &good).status.success().then_some(()));

    // The API server may go and come back.
    cluster.stop_api_server();
    cluster.start_api_server();
    eventually("the gate is asked again", || {
        cluster.kubectl_with(ADMIN, &apply, &bad).stderr.contains("the image has the tag latest").then_some(())
    });
    let line = gate.probity(&["evidence", "verify"]);
    assert!(line.contains("are whole"), "{line}");
}
