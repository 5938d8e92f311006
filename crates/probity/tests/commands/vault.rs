//! Requests to Vault, from audit logs and through the proxy.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::{folder, probity, text};

const POLICIES: &str = "version: 1\negp:\n  - {name: no-root, policy: no-root.sentinel, paths: [\"secret/*\"], \
                        enforcement_level: hard-mandatory}\n  - {name: word, policy: word.sentinel, paths: [\"secret/*\"], \
                        enforcement_level: hard-mandatory}\n";

const REGO: &str = "package main\n\n# METADATA\n# custom: {id: NO-LISTS, types: [vault_request]}\ndeny contains \"lists are not for \
                    everyone\" if input.request.operation == \"list\"\n";

fn policies() -> TempDir {
    folder(&[
        ("policies.yaml", POLICIES),
        ("no-root.sentinel", "main = rule { request.connection.remote_addr is not \"10.0.0.1\" }"),
        ("word.sentinel", "main = rule when \"word\" in keys(request.data) { request.data.word is \"right\" }"),
        ("rego/lists.rego", REGO),
    ])
}

fn entry(id: &str, operation: &str, address: &str, data: &str) -> String {
    format!(
        "{{\"time\":\"2026-11-27T09:26:03Z\",\"type\":\"request\",\"auth\":{{\"token_type\":\"default\"}},\"request\":{{\"id\":\"{id}\",\
         \"operation\":\"{operation}\",\"path\":\"secret/data/a\",\"data\":{data},\"remote_address\":\"{address}\"}}}}\n"
    )
}

const HASH: &str = "{\"word\":\"hmac-sha256:369b8aa9f03a2640f37d5c799ddf5d0b6600854aeb90db16200b3c0fee0c8066\"}";

#[test]
fn an_audit_says_what_should_not_have_passed() {
    let place = policies();
    let log = [
        entry("1", "read", "10.0.0.2", "{}"),
        entry("2", "read", "10.0.0.1", "{}"),
        entry("2", "read", "10.0.0.1", "{}").replace("\"request\",\"auth", "\"response\",\"auth"),
        entry("3", "update", "10.0.0.2", HASH),
        entry("4", "list", "10.0.0.2", "{\"word\":\"right\"}"),
    ];
    std::fs::write(place.path().join("audit.log"), log.concat()).unwrap();
    let run = |more: &[&str]| {
        let arguments = ["gate", "vault", "audit", "audit.log", "--policies", "policies.yaml"];
        probity(place.path(), &[&arguments[..], more].concat())
    };
    let output = run(&["--policy", "rego", "--record", "--data", "data"]);
    let (shown, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{shown}{said}");
    for line in [
        "  audit.log:2 in read secret/data/a",
        "  audit.log:5 in list secret/data/a",
        "  lists are not for everyone",
        "4 requests judged, 0 refused by Vault itself, in 5 entries: 2 failed, 0 errors, 0 overridden or waived, 1 undecided (-v lists them)",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    assert!(said.contains("recorded 4 decisions; 4 entries in the ledger of data"), "{said}");
    let verified = probity(place.path(), &["evidence", "verify", "--data", "data"]);
    assert!(text(&verified.stdout).contains("4 entries are whole"), "{}", text(&verified.stdout));
    let denied =
        probity(place.path(), &["evidence", "query", "--data", "data", "--action", "deny", "--format", "json"]);
    let denied = text(&denied.stdout);
    assert!(denied.contains("read secret/data/a") && !denied.contains("right"), "{denied}");
    let undecided = run(&["-v"]);
    assert!(text(&undecided.stdout).contains("have it log raw, or use the proxy"), "{}", text(&undecided.stdout));
    let lines = text(&run(&["--format", "jsonl", "--soft-fail"]).stdout);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((&first["request_id"], &first["action"]), (&"2".into(), &"deny".into()));
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let place = policies();
    std::fs::write(place.path().join("audit.log"), entry("1", "read", "10.0.0.2", "{}") + "garbage\n{\"type\":")
        .unwrap();
    let audit = ["gate", "vault", "audit", "--policies", "policies.yaml"];
    let output = probity(place.path(), &[&audit[..], &["audit.log", "absent.log"]].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for problem in ["audit.log:2: no JSON", "audit.log:3: the line is cut off", "absent.log: cannot be read"] {
        assert!(said.contains(problem), "{problem}\n{said}");
    }
    assert!(text(&output.stdout).starts_with("1 request judged"), "{}", text(&output.stdout));
    for (arguments, said) in [
        (&["gate", "vault", "audit", "audit.log"][..], "no policy is named"),
        (&["gate", "vault", "audit", "--policies", "policies.yaml"], "name an audit log"),
        (&["gate", "vault", "audit", "--policies", "absent.yaml", "audit.log"], "absent.yaml cannot be read"),
        (&["gate", "vault", "audit", "--listen", "tcp://0.0.0.0:1"], "no loopback address"),
        (&["gate", "vault", "proxy", "--policies", "policies.yaml", "--upstream", "vault"], "no address of a server"),
    ] {
        let output = probity(place.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(said), "{arguments:?}: {}", text(&output.stderr));
    }
}

/// A command that runs until it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts a command; gives the address that it says after this text, too.
    fn start(place: &Path, arguments: &[&str], before: &str) -> (Self, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_probity"))
            .args(arguments)
            .current_dir(place)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = said.by_ref().find_map(|line| {
            let line = line.unwrap();
            let rest = line.split_once(before)?.1;
            Some(rest.split_whitespace().next().unwrap().to_owned())
        });
        std::thread::spawn(move || said.for_each(drop));
        (Self(child), address.unwrap_or_else(|| panic!("{arguments:?} does not start")))
    }

    /// Ends it as Ctrl-C does.
    fn interrupt(mut self) {
        Command::new("kill").arg("-INT").arg(self.0.id().to_string()).status().unwrap();
        self.0.wait().unwrap();
    }
}

/// The status and text of an answer.
fn send(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[cfg(unix)]
#[test]
fn audit_devices_are_listened_to() {
    let place = policies();
    let arguments = ["gate", "vault", "audit", "--policies", "policies.yaml", "--record", "--data", "data", "--listen"];
    let (running, address) =
        Running::start(place.path(), &[&arguments[..], &["http://127.0.0.1:0"]].concat(), "listening on ");
    let both = entry("1", "read", "10.0.0.1", "{}") + &entry("2", "read", "10.0.0.2", "{}");
    assert_eq!(send(&address, "POST", "/", &both).0, 204);
    running.interrupt();
    let (running, address) =
        Running::start(place.path(), &[&arguments[..], &["tcp://127.0.0.1:0"]].concat(), "listening on ");
    let mut device = TcpStream::connect(address.trim_start_matches("tcp://")).unwrap();
    device.write_all(entry("3", "read", "10.0.0.1", "{}").as_bytes()).unwrap();
    drop(device);
    std::thread::sleep(std::time::Duration::from_millis(500));
    running.interrupt();
    let verified = probity(place.path(), &["evidence", "verify", "--data", "data"]);
    let shown = text(&verified.stdout);
    assert!(shown.contains("3 entries are whole") && shown.contains("gates      1, 0 with numbers missing"), "{shown}");
}

#[cfg(unix)]
#[test]
fn the_proxy_denies_and_keeps_what_it_decided() {
    let place = policies();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("http://{}", server.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = [0; 4096];
            let _ = stream.read(&mut bytes);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        }
    });
    let arguments = [
        "gate",
        "vault",
        "proxy",
        "--policies",
        "policies.yaml",
        "--record",
        "--data",
        "data",
        "--policy",
        "rego",
        "--listen",
        "0",
    ];
    let (running, address) =
        Running::start(place.path(), &[&arguments[..], &["--upstream", &upstream]].concat(), "what passes from ");
    assert_eq!(send(&address, "POST", "/v1/secret/data/a", "{\"word\":\"right\"}").0, 204);
    let (status, answer) = send(&address, "POST", "/v1/secret/data/a", "{\"word\":\"hush-hush\"}");
    assert_eq!(status, 403, "{answer}");
    assert!(answer.contains("permission denied by policy word: EGP word (hard-mandatory)"), "{answer}");
    assert_eq!(send(&address, "POST", "/v1/kv/a", "{\"word\":\"wrong\"}").0, 204, "not governed");
    let (status, answer) = send(&address, "LIST", "/v1/kv/a", "");
    assert!(status == 403 && answer.contains("permission denied by policy NO-LISTS"), "{answer}");
    running.interrupt();
    let verified = probity(place.path(), &["evidence", "verify", "--data", "data"]);
    assert!(text(&verified.stdout).contains("4 entries are whole"), "{}", text(&verified.stdout));
    let shown = probity(place.path(), &["evidence", "show", "1", "--data", "data"]);
    let shown = text(&shown.stdout);
    assert!(shown.contains("update secret/data/a") && !shown.contains("hush-hush"), "{shown}");
}
