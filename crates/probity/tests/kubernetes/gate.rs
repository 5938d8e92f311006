//! The gate, running as its own process in front of a cluster of a test.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::cluster::{ADMIN, Cluster, PROBITY, eventually};

/// Refuses Pods with an image of the tag `latest`, and what makes such Pods.
pub(crate) const TAGS: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: tags}
spec:
  rules:
    - name: require-tag
      match: {any: [{resources: {kinds: [Pod]}}]}
      validate:
        failureAction: Enforce
        message: the image has the tag latest
        pattern:
          spec:
            containers: [{image: '!*:latest'}]
            =(ephemeralContainers): [{image: '!*:latest'}]
";

/// A gate that is asked by the API server of a cluster. It is killed when this is dropped.
pub(crate) struct Gate {
    folder: TempDir,
    kubeconfig: PathBuf,
    port: u16,
    /// Where its server listens.
    pub(crate) api: u16,
    /// The port at which the API server asks.
    asked_at: u16,
    process: Option<Child>,
}

impl Gate {
    /// Installs in the cluster what a gate needs there, and prepares one with these files of policies and this configuration.
    pub(crate) fn install(cluster: &Cluster, policies: &[(&str, &str)], config: &str) -> Self {
        let printed = Command::new(env!("CARGO_BIN_EXE_probity")).args(["install", "kubernetes"]).output().unwrap();
        assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        let manifests = String::from_utf8(printed.stdout).unwrap();
        let applied = cluster.kubectl_with(ADMIN, &["apply", "--server-side", "-f", "-"], &manifests);
        // The Pods of the installation are within what its namespace enforces.
        assert!(!applied.stderr.contains("Warning"), "{}", applied.stderr);
        applied.done();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::grant(cluster);
        Self::prepare(cluster, policies, config, (port, port))
    }

    /// A second replica of an installed gate, with a folder of its own. It listens elsewhere, and the API server does not ask it.
    pub(crate) fn replica(&self, cluster: &Cluster, policies: &[(&str, &str)], config: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::prepare(cluster, policies, config, (port, self.port))
    }

    fn grant(cluster: &Cluster) {
        // The gate of the test has the rights of the one that was installed, and no others.
        let account = format!("--user={}", PROBITY.name);
        let role = "--clusterrole=probity-admission";
        cluster.kubectl(ADMIN, &["create", "clusterrolebinding", "gate", role, &account]).done();
        let own = ["create", "rolebinding", "gate", "--role=probity-admission", &account, "--namespace=probity-system"];
        cluster.kubectl(ADMIN, &own).done();
    }

    fn prepare(cluster: &Cluster, policies: &[(&str, &str)], config: &str, (port, asked_at): (u16, u16)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policies")).unwrap();
        for (name, text) in policies {
            fs::write(folder.path().join("policies").join(name), text).unwrap();
        }
        fs::write(folder.path().join("probity.yaml"), format!("version: 1\n{config}\n")).unwrap();
        Self { folder, kubeconfig: cluster.kubeconfig(PROBITY), port, api: 0, asked_at, process: None }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the gate, and waits until the API server asks it.
    pub(crate) fn start(&mut self, cluster: &Cluster, options: &[&str]) {
        self.start_by(cluster, &[], options);
    }

    /// As [`start`](Self::start), by a program that becomes the gate.
    pub(crate) fn start_by(&mut self, cluster: &Cluster, program: &[&str], options: &[&str]) {
        let log = fs::File::options().append(true).create(true).open(self.log()).unwrap();
        // What is measured is measured with a release build.
        let binary = std::env::var("PROBITY_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_probity").to_owned());
        let words = [program, &[binary.as_str()]].concat();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .current_dir(self.folder())
            .args(["serve", "--gate", "admission"])
            .arg(format!("--listen=127.0.0.1:{}", self.api))
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg(format!("--admission-listen=127.0.0.1:{}", self.port))
            .arg(format!("--webhook-url=https://127.0.0.1:{}", self.asked_at))
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if fs::read_dir(self.folder().join("policies")).unwrap().next().is_some() {
            command.args(["--gate-policy", "policies"]);
        }
        self.process = Some(command.spawn().unwrap());
        let end = Instant::now() + Duration::from_mins(1);
        let list = ["get", "validatingwebhookconfigurations", "probity", "--output=jsonpath={.webhooks[*].name}"];
        while !cluster.kubectl(ADMIN, &list).stdout.contains("admission.probity.dev") {
            let ended = self.process.as_mut().and_then(|process| process.try_wait().unwrap());
            assert!(ended.is_none() && Instant::now() < end, "the gate does not start: {}", self.said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Its resident memory in KiB, as Linux tells it: now (`VmRSS`), or at most (`VmHWM`).
    pub(crate) fn memory(&self, which: &str) -> u64 {
        let pid = self.process.as_ref().unwrap().id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Whether it says of itself that it is ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.get("/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// A figure of its metrics.
    pub(crate) fn figure(&self, name: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics")?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        value.parse().ok()
    }

    /// All its figures, for whom something went wrong.
    pub(crate) fn metrics(&self) -> String {
        self.get("/metrics").map(|(_, text)| text).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.folder().join("gate.log")
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// What the gate printed.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Ends the gate with a signal, and waits for it.
    pub(crate) fn end(&mut self, signal: Signal) {
        let Some(mut process) = self.process.take() else { return };
        kill_process(Pid::from_child(&process), signal).unwrap();
        process.wait().unwrap();
    }

    /// Lines of `probity evidence query --kind admission`, once one of them has all these words.
    pub(crate) fn evidence(&self, words: &[&str]) -> String {
        eventually("the ledger has the decision", || {
            let lines = self.probity(&["evidence", "query", "--kind", "admission", "--limit", "1000"]);
            lines.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
        })
    }

    /// What a command prints in the folder of the gate.
    pub(crate) fn probity(&self, arguments: &[&str]) -> String {
        let printed = Command::new(env!("CARGO_BIN_EXE_probity")).current_dir(self.folder()).args(arguments).output();
        String::from_utf8(printed.unwrap().stdout).unwrap()
    }

    /// Posts to the gate as the API server does; gives the status and the answer.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> (u16, String) {
        let mut answer = Self::agent().post(format!("https://127.0.0.1:{}{path}", self.port)).send(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut answer = Self::agent().get(format!("https://127.0.0.1:{}{path}", self.port)).call().ok()?;
        Some((answer.status().as_u16(), answer.body_mut().read_to_string().ok()?))
    }

    fn agent() -> ureq::Agent {
        let tls = ureq::tls::TlsConfig::builder()
            .unversioned_rustls_crypto_provider(probity_crypto::tls::provider())
            .disable_verification(true)
            .build();
        ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).build().into()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
