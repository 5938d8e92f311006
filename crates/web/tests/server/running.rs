//! A server that runs for a test, and a client that sends exactly what it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use probity_controls::Frameworks;
use probity_evidence_ledger::Ledger;
use probity_evidence_usage::UsageStore;
use probity_web::{Config, NewToken, Parts, Role, Server, Stopper, create_token};
use serde_json::Value;

use crate::demo;

/// A running server; stopped when it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) folder: tempfile::TempDir,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts a server on a ledger that is filled by `fill`.
    pub(crate) fn start(fill: impl FnOnce(&Ledger)) -> Self {
        Self::start_with(fill, |_| {})
    }

    /// The same with another configuration than the usual.
    pub(crate) fn start_with(fill: impl FnOnce(&Ledger), change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Arc::new(demo::ledger(folder.path()));
        fill(&ledger);
        Self::on(folder, ledger, change)
    }

    /// Starts a server on the folder of one that was stopped.
    pub(crate) fn again(folder: tempfile::TempDir) -> Self {
        let ledger = Arc::new(demo::ledger(folder.path()));
        Self::on(folder, ledger, |_| {})
    }

    fn on(folder: tempfile::TempDir, ledger: Arc<Ledger>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(folder.path().join("tokens.json"));
        config.listen.set_port(0);
        change(&mut config);
        let parts = Parts {
            ledger: Arc::clone(&ledger),
            index: folder.path().join("index.db"),
            frameworks: Frameworks::builtin(),
            policies: demo::policies(),
            gate: None,
            signed: None,
            usage: Arc::new(UsageStore::new(&folder.path().join("usage"))),
        };
        let server = Server::new(config, parts).unwrap();
        let (address, stopper) = (server.address(), server.stopper());
        let thread = std::thread::spawn(move || server.run().unwrap());
        Self { address, ledger, folder, stopper, thread: Some(thread) }
    }

    pub(crate) fn tokens(&self) -> PathBuf {
        self.folder.path().join("tokens.json")
    }

    /// Makes a token that the server accepts by now.
    pub(crate) fn token(&self, role: Role, gate_prefix: Option<&str>) -> String {
        let name = format!("{role} {gate_prefix:?}");
        let new = NewToken { name, role, expires: None, gate_prefix: gate_prefix.map(str::to_owned) };
        let token = create_token(&self.tokens(), new).unwrap();
        // The server looks at the file once a second.
        std::thread::sleep(Duration::from_millis(1_050));
        token
    }

    /// Waits until the index has everything that was appended.
    pub(crate) fn level(&self) {
        self.ledger.publish().unwrap();
        let wanted = format!("probity_indexed_entries {}\n", self.ledger.appended());
        let start = Instant::now();
        while !self.get("/metrics").text().contains(&wanted) {
            assert!(start.elapsed() < Duration::from_mins(1), "the index is not level with the ledger");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        let token = format!("Bearer {token}");
        let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
        self.send("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Sends one request on a connection of its own.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        exchange(&mut stream, &request(self.address, method, path, headers, body))
    }

    /// Has the server stop, and waits until it has.
    pub(crate) fn stop(mut self) -> tempfile::TempDir {
        self.end();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    fn end(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// A request as it goes over the wire.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// Sends a request and reads the answer to its end.
pub(crate) fn exchange(stream: &mut (impl Read + Write), request: &[u8]) -> Answer {
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    Answer::parse(&bytes)
}

/// An answer of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.lines();
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("an answer has a status");
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let body = &bytes[end + 4..];
        Self { status, headers, body: if chunked { unchunk(body) } else { body.to_vec() } }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(&String::from_utf8_lossy(&body[..end]), 16).unwrap();
        if size == 0 {
            break;
        }
        whole.extend(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
    whole
}
