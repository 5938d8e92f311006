//! What happens when something around the gate fails: nobody is locked out, what must be judged is not let in unjudged,
//! and what could not be kept is counted.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::cluster::{ADMIN, Cluster, eventually};
use crate::gate::{Gate, TAGS};
use crate::tools::run;

/// Fails open.
const LABELS: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: labels}
spec:
  failurePolicy: Ignore
  rules:
    - name: require-team
      match: {any: [{resources: {kinds: [ConfigMap]}}]}
      validate:
        failureAction: Audit
        message: the label team is missing
        pattern: {metadata: {labels: {team: '?*'}}}
";

const POD: &str =
    "{apiVersion: v1, kind: Pod, metadata: {name: NAME}, spec: {containers: [{name: web, image: 'portal:IMAGE'}]}}";

fn pod(name: &str, tag: &str) -> String {
    POD.replace("NAME", name).replace("IMAGE", tag)
}

/// What the API server posts of a Pod that a user makes.
fn review(namespace: &str, tag: &str, user: &str) -> Vec<u8> {
    let object = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": namespace},
        "spec": {"containers": [{"name": "web", "image": format!("portal:{tag}")}]}});
    let pods = json!({"group": "", "version": "v1", "resource": "pods"});
    let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
    let request = json!({"uid": "u-1", "kind": kind, "resource": pods, "requestKind": kind, "requestResource": pods,
        "name": "web", "namespace": namespace, "operation": "CREATE", "userInfo": {"username": user},
        "object": object, "oldObject": null, "dryRun": false});
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    serde_json::to_vec(&review).unwrap()
}

/// Writes until the disk is full.
fn fill(file: &Path) {
    let mut file = File::create(file).unwrap();
    for size in [1 << 16, 1 << 10, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

#[test]
fn a_full_disk_locks_nobody_out_and_is_counted() {
    let Some(cluster) = Cluster::start(None) else { return };
    let clinic = cluster.namespace("clinic");
    let mut gate =
        Gate::install(&cluster, &[("tags.yaml", TAGS), ("labels.yaml", LABELS)], "admission: {cluster: eu-1}");
    // A disk of its own, which only the gate sees, and this test through it.
    fs::create_dir(gate.folder().join("disk")).unwrap();
    let mount = "mount -t tmpfs -o size=48m tmpfs disk && exec \"$0\" \"$@\"";
    gate.start_by(&cluster, &["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount], &["--data=disk"]);
    let disk = PathBuf::from(format!("/proc/{}/root{}", gate.process_id(), gate.folder().join("disk").display()));
    cluster.apply(ADMIN, &clinic, &pod("before", "1")).done();

    fill(&disk.join("fill"));
    let refused = eventually("what must be judged is refused", || {
        // Room that was made beforehand is used up first.
        gate.post("/validate/fail", &review(&clinic, "1", &"long".repeat(100 << 10)));
        let ran = cluster.apply(ADMIN, &clinic, &pod("full", "1"));
        let _ = cluster.kubectl(ADMIN, &["delete", "pod", "full", "--now", "--namespace", &clinic]);
        (!ran.status.success()).then_some(ran.stderr)
    });
    assert!(refused.contains("the decision cannot be kept"), "{refused}");
    // What fails open passes; so do the system and whoever breaks the glass.
    cluster.kubectl(ADMIN, &["create", "configmap", "settings", "--namespace", &clinic]).done();
    cluster.apply(ADMIN, "kube-system", &pod("repair", "1")).done();
    let glass = ["run", "glass", "--image=portal:1", "--as=root@company.com", "--namespace", &clinic];
    let groups = ["--as-group=probity:break-glass", "--as-group=system:masters"];
    cluster.kubectl(ADMIN, &[glass.as_slice(), &groups].concat()).done();

    fs::remove_file(disk.join("fill")).unwrap();
    eventually("the gate keeps decisions again", || {
        cluster.apply(ADMIN, &clinic, &pod("after", "1")).status.success().then_some(())
    });
    // It may be one entry, or several when the disk took something in between.
    let is_told = |gaps: &str, what: &str| gaps.replace(&format!(" 0{what}"), "").contains(what);
    eventually("the gap is an entry", || {
        // The index finds no way through another's disk, and is made anew of a ledger.
        let copy = tempfile::tempdir().unwrap();
        run("cp", &["-r", &disk.join("ledger").display().to_string(), &copy.path().display().to_string()]);
        let data = format!("--data={}", copy.path().display());
        let lines = gate.probity(&["evidence", "query", "--kind", "gap", &data]);
        let gaps: Vec<&str> = lines.lines().filter(|line| line.contains("UNRECORDED eu-1/")).collect();
        let gaps = gaps.join("\n");
        (is_told(&gaps, " passed and ") && is_told(&gaps, " were refused")).then_some(())
    });
    let verified = gate.probity(&["evidence", "verify", &format!("--data={}", disk.display())]);
    assert!(verified.contains("are whole"), "{verified}{}", gate.said());
}

#[test]
fn a_slow_etcd_keeps_no_answer() {
    let Some(cluster) = Cluster::start(None) else { return };
    let clinic = cluster.namespace("clinic");
    let mut gate =
        Gate::install(&cluster, &[("tags.yaml", TAGS), ("labels.yaml", LABELS)], "admission: {cluster: eu-1}");
    gate.start(&cluster, &[]);
    let answer = |tag: &str| {
        let asked = Instant::now();
        let (status, answer) = gate.post("/validate/fail", &review(&clinic, tag, "alice"));
        assert!(status == 200 && asked.elapsed() < Duration::from_secs(3), "{status} after {:?}", asked.elapsed());
        answer
    };
    assert!(answer("1").contains(r#""allowed":true"#));
    cluster.pause_etcd();
    for _ in 0..5 {
        assert!(answer("1").contains(r#""allowed":true"#));
        assert!(answer("latest").contains("the image has the tag latest"));
    }
    cluster.resume_etcd();
    eventually("the cluster goes on", || {
        cluster.apply(ADMIN, &clinic, &pod("late", "1")).status.success().then_some(())
    });
    cluster.apply(ADMIN, &clinic, &pod("bad", "latest")).refused();
}

#[test]
fn a_gate_that_is_gone_locks_nobody_out() {
    let Some(cluster) = Cluster::start(None) else { return };
    let clinic = cluster.namespace("clinic");
    let mut gate =
        Gate::install(&cluster, &[("tags.yaml", TAGS), ("labels.yaml", LABELS)], "admission: {cluster: eu-1}");
    gate.start(&cluster, &[]);
    gate.end(Signal::KILL);
    let refused = cluster.apply(ADMIN, &clinic, &pod("web", "1")).refused();
    assert!(refused.contains("failed calling webhook"), "{refused}");
    cluster.kubectl(ADMIN, &["create", "configmap", "settings", "--namespace", &clinic]).done();
    for namespace in ["kube-system", "probity-system"] {
        eventually("the namespace has its service account", || {
            let get = ["get", "serviceaccount", "default", "--namespace", namespace];
            cluster.kubectl(ADMIN, &get).status.success().then_some(())
        });
    }
    cluster.apply(ADMIN, "kube-system", &pod("repair", "1")).done();
    // The gate itself can be mended: its Pods are not judged, and its webhooks can be taken away.
    let restart = ["rollout", "restart", "deployment", "probity-admission", "--namespace=probity-system"];
    cluster.kubectl(ADMIN, &restart).done();
    let glass = ["run", "glass", "--image=portal:1", "--as=root@company.com", "--namespace", &clinic];
    let groups = ["--as-group=probity:break-glass", "--as-group=system:masters"];
    cluster.kubectl(ADMIN, &[glass.as_slice(), &groups].concat()).done();
    let webhooks = "validatingwebhookconfigurations,mutatingwebhookconfigurations";
    cluster.kubectl(ADMIN, &["delete", webhooks, "--selector=app.kubernetes.io/part-of=probity"]).done();
    eventually("nobody is asked any more", || {
        cluster.apply(ADMIN, &clinic, &pod("web", "1")).status.success().then_some(())
    });
}
