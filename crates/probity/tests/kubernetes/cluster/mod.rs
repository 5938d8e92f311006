//! A cluster of one API server, one etcd and the controllers that Kubernetes brings.
//!
//! There is no node and no scheduler: Pods stay pending. Webhooks are reached by address, as there is no network of Services.

mod audit;
mod credentials;
mod process;

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use process::{Process, Reaper};

pub(crate) use audit::AuditWebhook;
pub(crate) use credentials::{ADMIN, ALICE, BOB, PROBITY, User};

/// A running cluster, which ends when it is dropped and when the test does, however that ends.
pub(crate) struct Cluster {
    /// Where Kubernetes' programs are.
    programs: PathBuf,
    // In the order in which they end: the folder goes last.
    controller_manager: Option<Process>,
    api_server: Option<Process>,
    etcd: Option<Process>,
    reaper: Reaper,
    port: u16,
    audit_webhook: bool,
}

/// What kubectl printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: ExitStatus,
}

impl Ran {
    /// What it printed; it must have gone well.
    pub(crate) fn done(self) -> String {
        assert!(self.status.success(), "kubectl: {}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// What it complained of; it must have failed.
    pub(crate) fn refused(self) -> String {
        assert!(!self.status.success(), "kubectl did it: {}{}", self.stdout, self.stderr);
        self.stderr
    }
}

impl Cluster {
    /// The cluster that all tests may use which do not disturb the others: what they make is in a [`namespace`](Self::namespace)
    /// of theirs, or has a name of theirs. `None` when the programs are not there.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(None)).as_ref()
    }

    /// A cluster of the test's own, which it may stop and spoil, and which may send its audit events somewhere.
    pub(crate) fn start(audit_webhook: Option<&AuditWebhook>) -> Option<Self> {
        let programs = programs()?;
        let reaper = Reaper::start();
        let port = free_port();
        credentials::write_credentials(reaper.folder(), port);
        audit::write_audit(reaper.folder(), audit_webhook);
        let audit_webhook = audit_webhook.is_some();
        let (controller_manager, api_server, etcd) = (None, None, None);
        let mut cluster = Self { programs, controller_manager, api_server, etcd, reaper, port, audit_webhook };
        cluster.start_etcd();
        cluster.start_api_server();
        cluster.start_controller_manager();
        Some(cluster)
    }

    /// A folder that goes with the cluster, in which tests may put files; the logs of the servers are there, too.
    pub(crate) fn folder(&self) -> &Path {
        self.reaper.folder()
    }

    /// How one of the [users](credentials) reaches the cluster.
    pub(crate) fn kubeconfig(&self, user: User) -> PathBuf {
        user.kubeconfig(self.folder())
    }

    /// The address of the API server, its authority in PEM, and the token of a user, for who asks without kubectl.
    pub(crate) fn access(&self, user: User) -> (String, Vec<u8>, String) {
        let text = fs::read_to_string(self.kubeconfig(user)).unwrap();
        let token = text.split("token: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        (format!("https://127.0.0.1:{}", self.port), fs::read(self.folder().join("ca.crt")).unwrap(), token)
    }

    /// Asks as a user. Requests end after half a minute, unless the arguments say otherwise.
    pub(crate) fn kubectl(&self, user: User, arguments: &[&str]) -> Ran {
        self.kubectl_with(user, arguments, "")
    }

    /// As [`kubectl`](Self::kubectl), with something to read (`-f -`).
    pub(crate) fn kubectl_with(&self, user: User, arguments: &[&str], input: &str) -> Ran {
        let mut command = Command::new(self.programs.join("kubectl"));
        command.arg("--kubeconfig").arg(self.kubeconfig(user)).arg("--request-timeout=30s").args(arguments);
        // What it learns of the API is kept beside the cluster that it learns it of.
        command.env("KUBECACHEDIR", self.folder().join("kubectl")).env_remove("KUBECONFIG");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        // It may end without reading all.
        let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
        let Output { status, stdout, stderr } = process.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { stdout: text(stdout), stderr: text(stderr), status }
    }

    /// Applies objects written in YAML, in a namespace.
    pub(crate) fn apply(&self, user: User, namespace: &str, objects: &str) -> Ran {
        self.kubectl_with(user, &["apply", "--namespace", namespace, "-f", "-"], objects)
    }

    /// Applies the kinds of another engine, as it ships them: `kyverno` or `gatekeeper`.
    pub(crate) fn install_kinds(&self, engine: &str) {
        let file = self.programs.join(format!("{engine}-kinds.yaml")).display().to_string();
        self.kubectl(ADMIN, &["apply", "--server-side", "-f", &file]).done();
    }

    /// Makes a namespace that no other test has, `NAME-NUMBER`, and waits until Pods can be made in it.
    pub(crate) fn namespace(&self, name: &str) -> String {
        static MADE: AtomicUsize = AtomicUsize::new(1);
        let namespace = format!("{name}-{}", MADE.fetch_add(1, Ordering::Relaxed));
        self.kubectl(ADMIN, &["create", "namespace", &namespace]).done();
        self.wait_for_service_account(&namespace);
        namespace
    }

    /// Pods run as the default service account of their namespace, which a controller makes.
    fn wait_for_service_account(&self, namespace: &str) {
        let get = ["get", "serviceaccount", "default", "--namespace", namespace];
        eventually("the namespace has its service account", || {
            self.kubectl(ADMIN, &get).status.success().then_some(())
        });
    }

    /// Gives a user the rights of a `ClusterRole`, one of `admin`, `edit` and `view`, in a namespace.
    pub(crate) fn grant(&self, user: User, role: &str, namespace: &str) {
        let binding = format!("{}-{role}", user.file);
        let (role, as_user) = (format!("--clusterrole={role}"), format!("--user={}", user.name));
        self.kubectl(ADMIN, &["create", "rolebinding", &binding, &role, &as_user, "--namespace", namespace]).done();
        let may = ["auth", "can-i", "list", "pods", "--namespace", namespace];
        // The authorizer learns of it by a watch.
        eventually("the user has the rights", || self.kubectl(user, &may).status.success().then_some(()));
    }

    /// Starts the API server, on the port it had, and waits until it is ready.
    pub(crate) fn start_api_server(&mut self) {
        let mut command = Command::new(self.programs.join("kube-apiserver"));
        command.args(self.api_server_flags());
        self.api_server = Some(Process::start(command, self.folder(), "kube-apiserver"));
        eventually("the API server is ready", || {
            self.api_server.as_mut().unwrap().must_run();
            self.kubectl(ADMIN, &["get", "--raw", "/readyz"]).status.success().then_some(())
        });
    }

    fn api_server_flags(&self) -> Vec<String> {
        let file = |name: &str| self.folder().join(name).display().to_string();
        let mut flags = vec![
            format!("--etcd-servers=unix://{}", file("etcd.sock")),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", self.port),
            format!("--tls-cert-file={}", file("kube-apiserver.crt")),
            format!("--tls-private-key-file={}", file("kube-apiserver.key")),
            // Endpoints on loopback are none.
            "--endpoint-reconciler-type=none".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", file("service-accounts.pub")),
            format!("--service-account-signing-key-file={}", file("service-accounts.key")),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--allow-privileged=true".to_owned(),
            format!("--token-auth-file={}", file("tokens.csv")),
            format!("--audit-policy-file={}", file("audit-policy.yaml")),
            format!("--audit-log-path={}", file("audit.log")),
        ];
        if self.audit_webhook {
            flags.push(format!("--audit-webhook-config-file={}", file("audit-webhook.kubeconfig")));
            flags.push("--audit-webhook-batch-max-wait=200ms".to_owned());
            flags.push("--audit-webhook-initial-backoff=200ms".to_owned());
        }
        flags
    }

    /// Starts the controllers that tests can see at work, and waits for what they make first.
    fn start_controller_manager(&mut self) {
        const CONTROLLERS: &str = "clusterrole-aggregation-controller,cronjob-controller,deployment-controller,\
            garbage-collector-controller,job-controller,namespace-controller,replicaset-controller,\
            root-ca-certificate-publisher-controller,serviceaccount-controller";
        let folder = self.folder();
        let mut command = Command::new(self.programs.join("kube-controller-manager"));
        let file = |flag: &str, name: &str| format!("--{flag}={}", folder.join(name).display());
        command.arg(file("kubeconfig", "controller-manager.kubeconfig"));
        command.arg(file("service-account-private-key-file", "service-accounts.key"));
        command.arg(file("root-ca-file", "ca.crt"));
        command.arg(format!("--controllers={CONTROLLERS}"));
        // Each is seen in the audit log by its own name. They are alone, and nobody asks them how they are.
        command.args(["--use-service-account-credentials", "--leader-elect=false", "--secure-port=0"]);
        self.controller_manager = Some(Process::start(command, folder, "kube-controller-manager"));
        self.wait_for_service_account("default");
        let rules = ["get", "clusterrole", "admin", "edit", "view", "--output", "jsonpath={.items[*].rules[0].verbs}"];
        eventually("the roles for users have rules", || {
            self.controller_manager.as_mut().unwrap().must_run();
            (self.kubectl(ADMIN, &rules).done().matches('[').count() == 3).then_some(())
        });
    }

    /// Ends the API server as a rollout does: it finishes what it is asked. Its port is then free.
    pub(crate) fn stop_api_server(&mut self) {
        self.api_server.take().expect("the API server runs").stop();
    }

    /// Starts etcd with all that it knew. The API server finds it again by itself.
    pub(crate) fn start_etcd(&mut self) {
        let folder = self.folder();
        let mut command = Command::new(self.programs.join("etcd"));
        command.arg("--data-dir").arg(folder.join("etcd")).args(["--name", "etcd", "--log-level", "warn"]);
        // A socket in the folder is nobody else's; there is no peer, and nobody is told an address.
        for flag in ["--listen-client-urls", "--listen-peer-urls"] {
            let socket = if flag.contains("client") { "etcd.sock" } else { "peer.sock" };
            command.arg(flag).arg(format!("unix://{}", folder.join(socket).display()));
        }
        let nowhere = "http://127.0.0.1:1";
        command.args(["--advertise-client-urls", nowhere, "--initial-advertise-peer-urls", nowhere]);
        command.args(["--initial-cluster", &format!("etcd={nowhere}")]);
        // A crash of the machine ends the test, too.
        command.arg("--unsafe-no-fsync");
        self.etcd = Some(Process::start(command, folder, "etcd"));
    }

    /// Ends etcd at once, as a crash does.
    pub(crate) fn kill_etcd(&mut self) {
        drop(self.etcd.take().expect("etcd runs"));
    }

    /// Stops etcd in its tracks: to all who ask it, it is slow without end.
    pub(crate) fn pause_etcd(&self) {
        self.etcd.as_ref().expect("etcd runs").pause();
    }

    /// Lets etcd go on where it was paused.
    pub(crate) fn resume_etcd(&self) {
        self.etcd.as_ref().expect("etcd runs").resume();
    }
}

/// The folder with the programs of Kubernetes; `None` when the environment names none, which is said.
fn programs() -> Option<PathBuf> {
    let folder = std::env::var_os("PROBITY_KUBERNETES").map(PathBuf::from);
    if folder.is_none() {
        let why = "PROBITY_KUBERNETES names no folder; e2e/kubernetes/build makes it";
        assert!(std::env::var_os("CI").is_none(), "{why}");
        eprintln!("skipped: {why}");
    }
    folder
}

/// Waits until there is an answer, at most a minute.
pub(crate) fn eventually<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < end, "waited for a minute until {what}");
        sleep(Duration::from_millis(50));
    }
}

/// A port that is free, and stays so while a server that has it restarts: it is below those that systems give to connections.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 10_000;
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let port = FIRST + (start + TAKEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// Writes a file of the cluster's folder.
fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}
