//! The gate that is measured, and the API server as a client asks it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::cluster::{ADMIN, Cluster, PROBITY};
use super::load::agent;
use super::policies;

/// A gate with policies of its own.
pub(super) struct Gate {
    program: PathBuf,
    folder: TempDir,
    kubeconfig: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Gate {
    pub(super) fn new(program: &str, cluster: &Cluster, builtin: bool) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let policies = folder.path().join("policies");
        fs::create_dir(&policies)?;
        for (name, text) in policies::fifty() {
            fs::write(policies.join(name), text)?;
        }
        let excluded = if builtin { "" } else { "policies: {exclude: ['PRB-*']}\n" };
        fs::write(
            folder.path().join("probity.yaml"),
            format!("version: 1\n{excluded}admission: {{cluster: bench}}\n"),
        )?;
        // Who is there already from the round before, is.
        cluster.kubectl(ADMIN, &["create", "namespace", "probity-system"]);
        // It is somebody else than who is judged: it lets itself pass.
        let account = format!("--user={}", PROBITY.name);
        cluster.kubectl(ADMIN, &["create", "clusterrolebinding", "gate", "--clusterrole=cluster-admin", &account]);
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let program = fs::canonicalize(program).with_context(|| format!("{program} is not there"))?;
        Ok(Self { program, folder, kubeconfig: cluster.kubeconfig(PROBITY), port, process: None })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// Starts it, and waits until it answers; one that runs goes on.
    pub(super) fn start(&mut self) -> Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let log = File::options().append(true).create(true).open(self.folder.path().join("gate.log"))?;
        let process = Command::new(&self.program)
            .current_dir(self.folder.path())
            .args(["serve", "--gate", "admission", "--listen", "127.0.0.1:0", "--gate-policy", "policies"])
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg(format!("--admission-listen=127.0.0.1:{}", self.port))
            .arg(format!("--webhook-url=https://127.0.0.1:{}", self.port))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        self.process = Some(process);
        let end = Instant::now() + Duration::from_secs(30);
        while !agent().get(self.url("/readyz")).call().is_ok_and(|answer| answer.status() == 200) {
            ensure!(Instant::now() < end, "the gate is not ready: {}", self.log());
            sleep(Duration::from_millis(50));
        }
        // The API server learns of its webhooks by a watch.
        sleep(Duration::from_secs(1));
        Ok(())
    }

    /// Ends it; its webhooks go with it.
    pub(super) fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        kill_process(Pid::from_child(&process), Signal::INT)?;
        let ended = process.wait()?;
        ensure!(ended.success(), "the gate ended with {ended}: {}", self.log());
        sleep(Duration::from_secs(1));
        Ok(())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("gate.log")).unwrap_or_default()
    }

    /// KiB that are resident now.
    pub(super) fn resident(&self) -> Result<u64> {
        let process = self.process.as_ref().context("the gate does not run")?;
        let status = fs::read_to_string(format!("/proc/{}/status", process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// What is said of its ledger.
    pub(super) fn verified(&self) -> Result<String> {
        let printed =
            Command::new(&self.program).current_dir(self.folder.path()).args(["evidence", "verify"]).output()?;
        ensure!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        Ok(String::from_utf8_lossy(&printed.stdout).lines().next().unwrap_or_default().to_owned())
    }
}

/// The API server, as a client that keeps its connection asks it.
pub(super) struct Api {
    agent: ureq::Agent,
    address: String,
    token: String,
}

impl Api {
    pub(super) fn of(cluster: &Cluster) -> Result<Self> {
        let text = fs::read_to_string(cluster.kubeconfig(ADMIN))?;
        let after = |word: &str| {
            let rest = text.split_once(word).map(|(_, rest)| rest.trim_start());
            let rest = rest.with_context(|| format!("the kubeconfig has no {word}"))?;
            let end = |letter: char| letter.is_whitespace() || ",}\"".contains(letter);
            Ok::<_, anyhow::Error>(rest.trim_start_matches('"').split(end).next().unwrap_or_default().to_owned())
        };
        Ok(Self { agent: agent(), address: after("server:")?, token: after("token:")? })
    }

    pub(super) fn send(&self, method: &str, path: &str, body: &str) -> Result<()> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(body.to_owned())?;
        let mut answer = self.agent.run(request)?;
        let text = answer.body_mut().read_to_string()?;
        ensure!(answer.status().is_success(), "{method} {path}: {text}");
        Ok(())
    }
}
