//! Probity's server, which replicas of a gate share.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::cluster::{Cluster, PROBITY};
use crate::gate::Gate;

/// A process that is killed when this is dropped.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server with a ledger, in the folder `server` of a gate that is installed.
pub(crate) struct Server {
    url: String,
    token: String,
    _process: Running,
}

fn probity(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

impl Server {
    pub(crate) fn start(installed: &Gate) -> Self {
        let token = installed.probity(&["serve", "token", "create", "gates", "--role", "gate", "--data", "server"]);
        let mut command = probity(installed.folder(), &["serve", "--listen", "127.0.0.1:0", "--data", "server"]);
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let process = Running(process);
        let opened = |line: String| Some(line.strip_prefix("open ")?.split(' ').next()?.to_owned());
        let url = lines.find_map(|line| opened(line.unwrap())).unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self { url, token: token.trim().to_owned(), _process: process }
    }

    /// Starts a replica that sends its decisions here, with the data folder `NUMBER` and the log `NUMBER.log` of the
    /// installed gate's folder. It listens at the first port; the API server asks at the second.
    pub(crate) fn replica(
        &self,
        (cluster, installed): (&Cluster, &Gate),
        number: usize,
        (port, asked_at): (u16, u16),
    ) -> Running {
        let log = installed.folder().join(format!("{number}.log"));
        let arguments = ["serve", "--gate", "admission", "--gate-policy", "policies", "--server", &self.url];
        let mut command = probity(installed.folder(), &arguments);
        command
            .arg(format!("--data={number}"))
            .arg("--kubeconfig")
            .arg(cluster.kubeconfig(PROBITY))
            .arg(format!("--admission-listen=127.0.0.1:{port}"))
            .arg(format!("--webhook-url=https://127.0.0.1:{asked_at}"))
            .env("PROBITY_TOKEN", &self.token)
            .env("HOSTNAME", format!("replica-{number}"))
            .stderr(File::create(log).unwrap());
        Running(command.spawn().unwrap())
    }
}
