//! `cargo xtask bench opa-api PROBITY OPA [SECONDS]`: decisions a second over loopback, by `probity serve` and by OPA in turn, with
//! the same policy, the same input and the same client; without a log of decisions, and with one (OPA's to its console). Ours is on
//! disk before a client is answered, so how many are answered depends on how many wait together.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Connections at once, each with a question after the other.
const CLIENTS: [usize; 2] = [64, 256];

/// Rounds that are measured of each server; one more before them warms it.
const ROUNDS: usize = 5;

const POLICY: &str = r"package authz

default allow := false

allow if {
	some role in data.users[input.user].roles
	some grant in data.roles[role]
	grant.action == input.action
	grant.resource == input.resource
}
";

const INPUT: &str = r#"{"input":{"user":"user-17","action":"write","resource":"records","request":{"method":"POST","path":["clinic","records","17"],"headers":{"accept":"application/json","host":"clinic.example"},"time":"2026-11-26T10:00:00Z"}}}"#;

/// Users, their roles, and what roles may do.
fn data() -> String {
    let users: Vec<String> = (0..100)
        .map(|user| format!(r#""user-{user}":{{"roles":["role-{}","role-{}"]}}"#, user % 10, user % 7))
        .collect();
    let grants = |role: usize| {
        let all = ["read", "write", "list"].iter().flat_map(|action| {
            ["records", "bills", "staff"].map(|resource| format!(r#"{{"action":"{action}","resource":"{resource}"}}"#))
        });
        all.take(3 + role % 7).collect::<Vec<_>>().join(",")
    };
    let roles: Vec<String> = (0..10).map(|role| format!(r#""role-{role}":[{}]"#, grants(role))).collect();
    format!(r#"{{"users":{{{}}},"roles":{{{}}}}}"#, users.join(","), roles.join(","))
}

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(program: &str, arguments: &[&str], folder: &Path) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let output = File::create(folder.join("server.log"))?;
        let child = Command::new(program)
            .args(arguments.iter().map(|argument| argument.replace("{address}", &address.to_string())))
            .current_dir(folder)
            .stdout(Stdio::from(output.try_clone()?))
            .stderr(Stdio::from(output))
            .spawn()
            .with_context(|| format!("{program} cannot be run"))?;
        let server = Self { child, address };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(start.elapsed() < Duration::from_secs(20), "{program} does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Decisions in one second, and the median time of one.
    fn measure(&self, clients: usize, time: Duration) -> Result<(f64, Duration)> {
        let stop = AtomicBool::new(false);
        let start = Instant::now();
        let counts = thread::scope(|scope| {
            let clients: Vec<_> = (0..clients).map(|_| scope.spawn(|| ask(self.address, &stop))).collect();
            thread::sleep(time);
            stop.store(true, Ordering::Relaxed);
            clients
                .into_iter()
                .map(|client| client.join().unwrap_or_else(|_| bail!("a client failed")))
                .collect::<Vec<_>>()
        });
        let elapsed = start.elapsed();
        let mut times = Vec::new();
        for client in counts {
            times.extend(client?);
        }
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().context("nothing was answered")?;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        Ok((times.len() as f64 / elapsed.as_secs_f64(), median))
    }
}

/// Asks until it is told to stop; how long each answer took.
fn ask(address: SocketAddr, stop: &AtomicBool) -> Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let request = format!(
        "POST /v1/data/authz/allow HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{INPUT}",
        INPUT.len()
    );
    let mut times = Vec::new();
    let (mut line, mut body) = (String::new(), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        stream.write_all(request.as_bytes())?;
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if lower.starts_with("http/") && !lower.contains(" 200") {
                bail!("it answers {line}");
            }
            if line.trim().is_empty() {
                break;
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        times.push(start.elapsed());
        ensure!(String::from_utf8_lossy(&body).contains("\"result\":true"), "a wrong answer");
    }
    Ok(times)
}

pub(crate) fn bench(probity: &str, opa: &str, seconds: u64) -> Result<()> {
    let time = Duration::from_secs(seconds);
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("p"))?;
    fs::write(folder.path().join("p/authz.rego"), POLICY)?;
    fs::write(folder.path().join("p/data.json"), data())?;
    let own = ["serve", "--listen", "{address}", "--policy", "p"];
    let own_quiet = ["serve", "--listen", "{address}", "--policy", "p", "--no-decision-log"];
    let peer = [
        "run",
        "--server",
        "--addr",
        "{address}",
        "--log-level",
        "error",
        "--disable-telemetry",
        "--set",
        "decision_logs.console=true",
        "p",
    ];
    let peer_quiet = ["run", "--server", "--addr", "{address}", "--log-level", "error", "--disable-telemetry", "p"];
    let logs =
        [("without a decision log", &own_quiet[..], &peer_quiet[..]), ("with a decision log", &own[..], &peer[..])];
    for (what, own, peer) in logs {
        for clients in CLIENTS {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for (program, arguments, results) in [(probity, own, &mut ours), (opa, peer, &mut theirs)] {
                let place = tempfile::tempdir_in(folder.path())?;
                fs::create_dir(place.path().join("p"))?;
                for file in ["p/authz.rego", "p/data.json"] {
                    fs::copy(folder.path().join(file), place.path().join(file))?;
                }
                let server = Server::start(program, arguments, place.path())?;
                server.measure(clients, Duration::from_secs(1))?;
                for _ in 0..ROUNDS {
                    results.push(server.measure(clients, time)?);
                }
            }
            let (ours, theirs) = (median(&mut ours), median(&mut theirs));
            println!(
                "{what}, {clients} clients: probity {:.0} a second, {:?} each; OPA {:.0} a second, {:?} each; {:.2} times as many",
                ours.0,
                ours.1,
                theirs.0,
                theirs.1,
                ours.0 / theirs.0
            );
        }
    }
    Ok(())
}

fn median(results: &mut [(f64, Duration)]) -> (f64, Duration) {
    results.sort_by(|a, b| a.0.total_cmp(&b.0));
    results[results.len() / 2]
}
