//! The servers as processes, and what ends them when the test cannot.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A server. It is killed when this is dropped.
pub(super) struct Process {
    child: Child,
    /// What it prints.
    log: PathBuf,
    /// Its number, for the [`Reaper`].
    pid_file: PathBuf,
}

impl Process {
    /// Starts a server, which logs to `NAME.log` in the folder.
    pub(super) fn start(mut command: Command, folder: &Path, name: &str) -> Self {
        let log = folder.join(format!("{name}.log"));
        let output = File::options().append(true).create(true).open(&log).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let pid_file = folder.join(format!("{name}.pid"));
        fs::write(&pid_file, child.id().to_string()).unwrap();
        Self { child, log, pid_file }
    }

    /// Panics with the end of its log when it has ended by itself.
    pub(super) fn must_run(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            let log = fs::read_to_string(&self.log).unwrap();
            let last: Vec<&str> = log.lines().rev().take(20).collect();
            panic!("{}: {status}\n{}", self.log.display(), last.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }

    /// Asks it to end, and makes it after three seconds: watches that are open hold it for longer.
    pub(super) fn stop(mut self) {
        self.signal(Signal::TERM);
        let end = Instant::now() + Duration::from_secs(3);
        while self.child.try_wait().unwrap().is_none() && Instant::now() < end {
            sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    pub(super) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.pid_file);
    }
}

/// Kills what still runs of a cluster and removes its folder, when it is dropped or the test is no more.
///
/// A test that is killed drops nothing, and neither does one that keeps its cluster in a static. So a shell waits for the
/// end of a pipe, the other side of which the system closes with the test.
pub(super) struct Reaper {
    shell: Child,
    folder: PathBuf,
}

/// A killed process may still write for a moment.
const REAP: &str = r#"
cat
for pid in "$0"/*.pid; do [ -f "$pid" ] && kill -KILL "$(cat "$pid")"; done
tries=0
until rm -rf "$0" || [ $((tries += 1)) -gt 50 ]; do sleep 0.1; done
"#;

impl Reaper {
    /// Makes a folder for a cluster, and waits for its end.
    pub(super) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("probity-kubernetes-").tempdir().unwrap().keep();
        let mut shell = Command::new("sh");
        shell.args(["-c", REAP]).arg(&folder);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // An interrupt of the terminal is for the test.
        shell.process_group(0);
        Self { shell: shell.spawn().unwrap(), folder }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        // Closes the pipe first.
        let _ = self.shell.wait();
    }
}
