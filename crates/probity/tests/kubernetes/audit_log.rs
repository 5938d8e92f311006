//! The audit log of a real API server: what it confirms, and which rights nobody uses.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::cluster::{ADMIN, ALICE, AuditWebhook, BOB, Cluster, Ran, eventually, free_port};
use crate::gate::Gate;

const SIGNED: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: require-image-signature}
spec:
  rules:
    - name: signed
      match: {any: [{resources: {kinds: [Deployment]}}]}
      validate:
        failureAction: Enforce
        message: image not signed
        pattern: {metadata: {annotations: {signed: 'true'}}}
";

const CONFIG: &str = "
admission: {cluster: eu-1, unused_rights: {after: 2s, interval: 1s}}
policies: {exclude: ['PRB-*']}
labels: [{path: 'eu-1/**', environment: production}]
";

/// A service account with more rights than it needs: by a role, by an aggregated one, and all over the cluster.
const ACCOUNTS: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer}
rules:
- {apiGroups: [''], resources: [configmaps], verbs: [get, list, create, delete]}
- {apiGroups: [''], resources: [secrets], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
subjects: [{kind: ServiceAccount, name: deployer}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: clinic-watcher}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {clinic.example.com/aggregate: 'true'}}]}
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: clinic-watcher-pods, labels: {clinic.example.com/aggregate: 'true'}}
rules:
- {apiGroups: [''], resources: [pods], verbs: [get, list, watch]}
- {apiGroups: [''], resources: [pods/exec], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: clinic-watcher}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: clinic-watcher}
subjects: [{kind: ServiceAccount, name: deployer, namespace: NAMESPACE}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: operator}
rules:
- {apiGroups: [''], resources: [serviceaccounts], verbs: [impersonate]}
- {apiGroups: [''], resources: [users], verbs: [impersonate]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator}
subjects: [{kind: User, name: bob@company.com, apiGroup: rbac.authorization.k8s.io}]
";

fn deployment(name: &str, signed: bool) -> String {
    format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: {name}, annotations: {{signed: '{signed}'}}}}, spec: {{
          selector: {{matchLabels: {{app: {name}}}}}, template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{
          containers: [{{name: web, image: 'registry.example.com/clinic/{name}:1.2'}}]}}}}}}}}"
    )
}

/// A cluster whose API server sends its audit log to the server of a gate. Without TLS it would leave the token out.
fn start() -> Option<(Cluster, Gate)> {
    let api = free_port();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("audit.crt");
    fs::write(&certificate, made.cert.pem()).unwrap();
    let token = "an-api-server-that-sends-what-it-did-is-who-this-is".to_owned();
    let url = format!("https://127.0.0.1:{api}/api/v1/audit-log/eu-1");
    let webhook = AuditWebhook { url, authority: certificate, token: token.clone() };
    let cluster = Cluster::start(Some(&webhook))?;
    let mut gate = Gate::install(&cluster, &[("signed.yaml", SIGNED)], CONFIG);
    for (name, text) in
        [("audit.token", &token), ("audit.crt", &made.cert.pem()), ("audit.key", &made.signing_key.serialize_pem())]
    {
        fs::write(gate.folder().join(name), text).unwrap();
    }
    gate.api = api;
    gate.start(&cluster, &["--gate-token-file=audit.token", "--tls-cert=audit.crt", "--tls-key=audit.key"]);
    Some((cluster, gate))
}

fn probity(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_probity")).current_dir(folder).args(arguments).output().unwrap()
}

/// What a command prints that must go well.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = probity(folder, arguments);
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{arguments:?}: {}{said}", String::from_utf8_lossy(&stdout));
    String::from_utf8(stdout).unwrap()
}

fn rows(gate: &Gate) -> Vec<Value> {
    let query =
        ["evidence", "query", "--kind", "admission", "--type", "Deployment", "--format", "json", "--limit", "0"];
    gate.probity(&query).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_was_decided_is_confirmed_by_what_the_server_did() {
    let Some((cluster, mut gate)) = start() else { return };
    let clinic = cluster.namespace("clinic");
    for user in [ALICE, BOB] {
        cluster.grant(user, "edit", &clinic);
    }
    cluster.apply(ALICE, &clinic, &deployment("patient-portal", true)).done();
    let denied = cluster.apply(BOB, &clinic, &deployment("legacy-app", false)).refused();
    assert!(denied.contains("image not signed"), "{denied}");

    let allowed = gate.evidence(&["ALLOWED alice@company.com patient-portal: 1 policy checked, passed"]);
    let rejected =
        gate.evidence(&["REJECTED bob@company.com legacy-app: ", "image not signed", "require-image-signature"]);
    for line in [allowed, rejected] {
        let time: Result<jiff::Timestamp, _> = line.split(' ').next().unwrap().parse();
        assert!(time.is_ok(), "{line}");
    }
    let confirmed = eventually("both are confirmed", || {
        let rows = rows(&gate);
        let code = |name: &str| {
            let of_name = rows.iter().filter(|row| row["admission"]["name"] == *name);
            of_name.map(|row| row["confirmation"]["confirmation"]["code"].clone()).find(|code| !code.is_null())
        };
        code("patient-portal").zip(code("legacy-app"))
    });
    assert_eq!(confirmed, (201.into(), 403.into()), "{:?}", rows(&gate));
    let deployed = gate.probity(&["evidence", "deployments", "--environment", "production"]);
    let portal: Vec<&str> = deployed.lines().filter(|line| line.contains("Deployment/patient-portal")).collect();
    assert!(portal.len() == 1 && portal[0].contains(ALICE.name) && portal[0].contains("confirmed"), "{deployed}");
    assert!(!deployed.contains("legacy-app"), "{deployed}");

    // Without anything to ask there is nothing to apply.
    let generation = ["get", "mutatingwebhookconfigurations", "probity", "--output=jsonpath={.metadata.generation}"];
    let first = cluster.kubectl(ADMIN, &generation).done();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(cluster.kubectl(ADMIN, &generation).done(), first, "a configuration is changed without a reason");

    // The server answers the API server only when it is kept, and who only reads leaves no entry.
    let before = gate.probity(&["evidence", "verify"]);
    for _ in 0..20 {
        cluster.kubectl(ALICE, &["get", "deployments", "--namespace", &clinic]).done();
    }
    let count =
        |said: &str| said.split(" entries").next().and_then(|text| text.rsplit(' ').next()?.parse::<u64>().ok());
    std::thread::sleep(Duration::from_secs(2));
    let after = gate.probity(&["evidence", "verify"]);
    let (before, after) = (count(&before).unwrap(), count(&after).unwrap());
    assert!(after - before < 10, "{before} entries, and {after} after 20 requests that read");

    // The log that the API server wrote says the same; what was sent is known, what was before the gate is added.
    gate.end(Signal::INT);
    let log = cluster.audit_log().display().to_string();
    let kept = printed(gate.folder(), &["evidence", "audit-log", &log, "--cluster", "eu-1"]);
    let known: u64 = kept.split(", ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(known >= 4, "{kept}");
    let again = printed(gate.folder(), &["evidence", "audit-log", &log, "--cluster", "eu-1"]);
    assert!(again.starts_with("0 confirmations kept"), "{again}");
    let once = gate.probity(&["evidence", "deployments", "--environment", "production"]);
    assert_eq!(once.matches("Deployment/patient-portal").count(), 1, "{once}");
    let verified = gate.probity(&["evidence", "verify"]);
    assert!(verified.contains("are whole") && verified.contains("0 with numbers missing"), "{verified}{}", gate.said());
}

/// The service account at its work, by its own token.
struct Deployer<'c> {
    cluster: &'c Cluster,
    namespace: &'c str,
    token: String,
}

impl Deployer<'_> {
    fn kubectl(&self, arguments: &[&str]) -> Ran {
        let own = ["--token", &self.token, "--namespace", self.namespace];
        self.cluster.kubectl(BOB, &[&own, arguments].concat())
    }

    /// What it does, day by day.
    fn works(&self, map: &str) {
        self.kubectl(&["create", "configmap", map, "--from-literal=a=b"]).done();
        self.kubectl(&["get", "configmaps"]).done();
        self.kubectl(&["get", "configmap", map]).done();
    }

    /// What somebody does in its place.
    fn is_impersonated(&self) {
        let account = format!("--as=system:serviceaccount:{}:deployer", self.namespace);
        self.cluster.kubectl(BOB, &["get", "pods", "--all-namespaces", &account]).done();
    }
}

/// What of a subject's rights is unused, as verbs on resources, and the names of what it leads to.
fn unused(folder: &Path, subject: &str, from: &[&str]) -> Vec<String> {
    let report = ["permissions", "report", "--objects", "objects.json", "--format", "json", "--subject", subject];
    let report: Value = serde_json::from_str(&printed(folder, &[&report, from].concat())).unwrap();
    let rules = report["subjects"][0]["excess"]["rules"].as_array().unwrap();
    let list = |value: &Value| {
        let texts = value.as_array().unwrap().iter().map(|text| text.as_str().unwrap());
        texts.collect::<Vec<_>>().join(",")
    };
    let mut unused: Vec<String> = rules
        .iter()
        .flat_map(|rule| rule["unused"].as_array().unwrap())
        .map(|rule| format!("{} {}", list(&rule["verbs"]), list(&rule["resources"])))
        .collect();
    unused.sort();
    unused
}

#[test]
fn rights_that_nobody_uses_are_found_told_and_taken_away() {
    let Some((cluster, gate)) = start() else { return };
    let shop = cluster.namespace("shop");
    cluster.apply(ADMIN, &shop, &ACCOUNTS.replace("NAMESPACE", &shop)).done();
    let token = cluster.kubectl(ADMIN, &["create", "token", "deployer", "--namespace", &shop]).done();
    let deployer = Deployer { cluster: &cluster, namespace: &shop, token: token.trim().to_owned() };
    eventually("the roles count", || {
        let account = format!("--as=system:serviceaccount:{shop}:deployer");
        let may = ["auth", "can-i", "create", "pods", "--subresource=exec", &account];
        cluster.kubectl(ADMIN, &may).status.success().then_some(())
    });
    deployer.works("first");
    deployer.is_impersonated();

    let objects = ["get", "roles,clusterroles,rolebindings,clusterrolebindings,serviceaccounts", "-A", "-o", "json"];
    let folder = gate.folder();
    fs::write(folder.join("objects.json"), cluster.kubectl(ADMIN, &objects).done()).unwrap();
    let (account, log) = (format!("{shop}/deployer"), cluster.audit_log().display().to_string());
    let planted = ["create pods/exec", "delete configmaps", "get,list secrets", "get,watch pods"];
    let (by_log, by_server) = (["--audit-log", log.as_str()], ["--used", "eu-1"]);
    eventually("the server knows what was used", || (unused(folder, &account, &by_server) == planted).then_some(()));
    assert_eq!(unused(folder, &account, &by_log), planted);
    // Of who impersonates, too: accounts were, users were not.
    for from in [&by_log[..], &by_server] {
        assert_eq!(unused(folder, "user:bob@company.com", from), ["impersonate users"], "{from:?}");
    }
    let text = printed(
        folder,
        &["permissions", "report", "--objects", "objects.json", "--used", "eu-1", "--subject", &account],
    );
    assert!(text.contains("the log is of 0 days, fewer than 30"), "{text}");

    // The gate tells it by itself, once.
    let drift = ["evidence", "query", "--kind", "drift", "--format", "json"];
    let of_account = || -> Vec<Value> {
        let rows = gate.probity(&drift);
        let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.filter(|row| {
            row["drift"]["what"] == "unused-rights"
                && row["drift"]["subject"]["address"] == *format!("ServiceAccount/{account}")
        })
        .collect()
    };
    let told = eventually("unused rights are told", || of_account().into_iter().next());
    let message = told["drift"]["message"].as_str().unwrap();
    assert!(message.contains("secrets") && message.contains("pods/exec"), "{message}");
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(of_account().len(), 1, "{:?}", of_account());

    // What is proposed denies nothing of what was asked, by the log as it is now.
    let role = ["permissions", "role", &account, "--objects", "objects.json", "--used", "eu-1", "-o", "proposed.yaml"];
    printed(folder, &role);
    let replay =
        ["permissions", "replay", "--objects", "objects.json", "--proposed", "proposed.yaml", "--audit-log", &log];
    let replayed = printed(folder, &replay);
    assert!(replayed.contains(" 0 would be denied"), "{replayed}");

    // Applied in place of what there was, the account does its work and no more.
    cluster.kubectl(ADMIN, &["apply", "-f", &folder.join("proposed.yaml").display().to_string()]).done();
    cluster.kubectl(ADMIN, &["delete", "rolebinding", "deployer", "--namespace", &shop]).done();
    cluster.kubectl(ADMIN, &["delete", "clusterrolebinding", "clinic-watcher"]).done();
    eventually("the planted right is gone", || {
        deployer.kubectl(&["get", "secrets"]).stderr.contains("Forbidden").then_some(())
    });
    deployer.works("second");
    deployer.is_impersonated();
    for planted in [
        &["delete", "configmap", "second"][..],
        &["get", "pods", "--all-namespaces", "--watch-only", "--request-timeout=2s"],
    ] {
        let refused = deployer.kubectl(planted).refused();
        assert!(refused.contains("Forbidden"), "{refused}");
    }
}
