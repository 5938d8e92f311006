//! Evidence from end to end: a scan is recorded, asked, proved, verified, judged again, reported and served.

#[path = "../../../evidence/redact/tests/kinds/mod.rs"]
mod kinds;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

const OPEN: &str = "resource \"aws_security_group\" \"open\" {\n  ingress {\n    from_port = 22\n    to_port = 22\n    \
                    protocol = \"tcp\"\n    cidr_blocks = [\"0.0.0.0/0\"]\n  }\n}\n\nresource \"aws_s3_bucket\" \"logs\" {\n  \
                    bucket = \"logs\"\n}\n";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("code/main.tf", OPEN);
        place
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
        for name in ["GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "CIRCLECI", "JENKINS_URL"] {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.0.path()).env("XDG_STATE_HOME", self.path("state"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must end with this code; gives what it said.
    fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }

    fn record(&self) -> String {
        self.expect(1, &["scan", "code", "--record"])
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn contains(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn a_scan_is_recorded_asked_proved_and_verified() {
    let place = Place::new();
    contains(&place.record(), &["made the ledger's key", "recorded 2 decisions", "3 entries"]);
    contains(&place.record(), &["6 entries"]);
    let said = place.expect(0, &["evidence", "query", "--type", "aws_security_group", "--outcome", "fail"]);
    contains(&said, &["aws_security_group.open", "deny", "2 of 2 decisions"]);
    contains(
        &place.expect(0, &["evidence", "query", "--text", "logs", "--format", "csv"]),
        &["entry,time", "aws_s3_bucket.logs"],
    );
    let json = place.run(&["evidence", "query", "--limit", "0", "--format", "json"]);
    let rows: Vec<serde_json::Value> =
        text(&json.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 4);
    contains(&place.expect(0, &["evidence", "show", "1"]), &["entry     1 (decision)", "main.tf"]);
    contains(&place.expect(0, &["evidence", "show", "2"]), &["(scan)", "\"decisions\": 2"]);
    place.expect(2, &["evidence", "show", "99"]);
    place.expect(0, &["evidence", "prove", "1", "--output", "p.tlog-proof"]);
    let proof = ["evidence", "verify", "--proof", "p.tlog-proof", "--key", ".probity/ledger/ledger.pub", "--entry"];
    contains(&place.expect(0, &[&proof[..], &["p.json"]].concat()), &["is entry 1 of 6"]);
    let changed = fs::read_to_string(place.path("p.json")).unwrap().replace("main.tf", "other.tf");
    place.write("p.json", &changed);
    contains(&place.expect(1, &[&proof[..], &["p.json"]].concat()), &["does NOT hold"]);
    contains(
        &place.expect(0, &["evidence", "verify"]),
        &["6 entries are whole", "gates      1, 0 with numbers missing"],
    );
    contains(&place.expect(0, &["evidence", "key"]), &["probity/ledger/", "fingerprint"]);
    contains(&place.expect(0, &["evidence", "key", "--rotate"]), &["signed that"]);
    contains(&place.expect(0, &["evidence", "verify"]), &["7 entries are whole", "then "]);
}

#[test]
fn a_reader_that_has_seen_enough_ends_any_command_quietly() {
    let place = Place::new();
    place.record();
    for arguments in [
        &["evidence", "verify"][..],
        &["evidence", "key"],
        &["evidence", "query"],
        &["evidence", "show", "1"],
        &["version"],
        &["controls"],
        &["policy", "list"],
        &["scan", "code"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = place.command(arguments).stdout(writer).output().unwrap();
        let said = text(&ended.stderr);
        assert_eq!((ended.status.code(), said.contains("panicked")), (Some(0), false), "{arguments:?}: {said}");
    }
}

#[test]
fn an_exported_ledger_is_verified_by_the_key_alone_and_tampering_is_found() {
    let place = Place::new();
    place.record();
    let key = fs::read_to_string(place.path(".probity/ledger/ledger.pub")).unwrap();
    place.expect(0, &["evidence", "export", "out"]);
    contains(&place.expect(2, &["evidence", "export", "out"]), &["something in it"]);
    contains(&place.expect(2, &["evidence", "verify", "out"]), &["--key"]);
    let verify = ["evidence", "verify", "out", "--key", key.trim()];
    place.expect(0, &verify);
    // A later checkpoint was seen: the older ledger, whole by itself, is known to be rolled back.
    place.record();
    place.expect(0, &["evidence", "verify"]);
    contains(&place.expect(1, &verify), &["rolled back", "NOT whole"]);
    place.expect(0, &[&verify[..], &["--forget"]].concat());
    for path in files(&place.path("out")) {
        let bytes = fs::read(&path).unwrap();
        let mut changed = bytes.clone();
        changed[bytes.len() / 2] ^= 4;
        fs::write(&path, changed).unwrap();
        let output = place.run(&[&verify[..], &["--forget"]].concat());
        assert_ne!(output.status.code(), Some(0), "{} was changed", path.display());
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn decisions_are_judged_again_by_the_same_policies_and_by_others() {
    let place = Place::new();
    let own = "policies:\n  - id: OWN-1\n    title: Groups have a name\n    severity: low\n    bindings:\n      - types: \
               [aws_security_group]\n        rule: {attribute: name, operator: exists}\n";
    place.write("own/a.yaml", own);
    place.expect(1, &["scan", "code", "--record", "--policy", "own"]);
    contains(&place.expect(0, &["evidence", "replay", "--all"]), &["2 decisions the same, 0 different, 0 could"]);
    // What was kept is judged, whatever the files say now.
    place.write("code/main.tf", "");
    place.write("own/a.yaml", &own.replace("exists", "not_exists"));
    contains(&place.expect(0, &["evidence", "replay", "0", "1"]), &["2 decisions the same"]);
    contains(
        &place.expect(1, &["evidence", "replay", "--all", "--policy", "own"]),
        &["OWN-1: fail then, pass now", "1 different"],
    );
    contains(&place.expect(2, &["evidence", "replay", "2"]), &["a scan, not a decision"]);
    place.expect(2, &["evidence", "replay"]);
    // A document that is gone is said, for each decision that needs it.
    fs::remove_dir_all(place.path(".probity/ledger/blobs")).unwrap();
    contains(&place.expect(2, &["evidence", "replay", "--all"]), &["is not in the ledger", "2 could not"]);
}

/// All bytes that a data folder has, documents decompressed.
fn all_bytes(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        let zstd = path.extension().is_some_and(|extension| extension == "zst");
        let bytes = if zstd { probity_evidence_ledger::decompress(&bytes).unwrap() } else { bytes };
        (path, bytes)
    };
    files(folder).into_iter().map(read).collect()
}

#[test]
fn no_secret_reaches_the_data_folder() {
    let place = Place::new();
    let planted = kinds::planted();
    assert!(planted.len() >= 50, "{} kinds", planted.len());
    let quoted = |text: &str| serde_json::to_string(text).unwrap().replace("${", "$${");
    let (mut terraform, mut kubernetes, mut dockerfile) = (String::new(), String::new(), "FROM scratch\n".to_owned());
    for (index, planted) in planted.iter().enumerate() {
        let (name, secret) = (&planted.name, &planted.secret);
        terraform += &format!("resource \"aws_instance\" \"i{index}\" {{\n  {name} = {}\n}}\n", quoted(secret));
        let script = format!("export {name}='{secret}'\n");
        terraform += &format!("resource \"aws_instance\" \"u{index}\" {{\n  user_data = {}\n}}\n", quoted(&script));
        kubernetes += &format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{index}}}\nspec:\n  containers:\n    - name: c\n      image: a\n      \
             env:\n        - {{name: {name}, value: {}}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s{index}}}\ndata: \
             {{value: {}}}\n",
            serde_json::to_string(secret).unwrap(),
            BASE64.encode(secret)
        );
        if !secret.contains('\n') {
            dockerfile += &format!("ENV {name}={}\n", serde_json::to_string(secret).unwrap());
        }
    }
    place.write("code/secrets.tf", &terraform);
    place.write("code/pods.yaml", &kubernetes);
    place.write("code/Dockerfile", &dockerfile);
    // A policy whose message quotes what it finds.
    let own = "policies:\n  - id: OWN-1\n    title: No setting\n    severity: low\n    bindings:\n      - types: [aws_instance]\n        \
               rule: {attribute: APP_SETTING, operator: not_exists}\n";
    place.write("own/a.yaml", own);
    let said = place.expect(1, &["scan", "code", "--record", "--policy", "own"]);
    contains(&said, &["recorded"]);
    place.expect(0, &["evidence", "query"]);
    let kept = all_bytes(&place.path(".probity"));
    let everything: Vec<&[u8]> = kept.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let marker = b"[redacted:".as_slice();
    assert!(everything.iter().any(|bytes| find(bytes, marker)), "nothing was redacted at all");
    assert!(everything.iter().any(|bytes| find(bytes, b"OWN-1")), "the findings are not there");
    // Those without a form stand under names that say what they are.
    assert!(planted.iter().any(|planted| planted.has_form) && planted.iter().any(|planted| !planted.has_form));
    for planted in &planted {
        // A secret of several lines must not be there by any of its lines.
        let parts = planted.secret.lines().filter(|line| line.len() >= 16 && !line.starts_with("-----"));
        let parts: Vec<&str> = if planted.secret.contains('\n') { parts.collect() } else { vec![&planted.secret] };
        for part in parts {
            for form in [part.to_owned(), BASE64.encode(part), json_escaped(part)] {
                for (path, bytes) in &kept {
                    assert!(!find(bytes, form.as_bytes()), "{}: in {}", planted.what, path.display());
                }
            }
        }
    }
}

fn json_escaped(text: &str) -> String {
    serde_json::to_string(text).unwrap().trim_matches('"').to_owned()
}

fn find(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_report_says_what_was_recorded() {
    let place = Place::new();
    let said = place.expect(1, &["scan", "code", "--record", "--report", "soc2"]);
    contains(&said, &["report", "report-soc2.html", "probity serve"]);
    let html = fs::read_to_string(place.path(".probity/report-soc2.html")).unwrap();
    contains(&html, &["CC6.1", "aws_security_group.open", "<svg"]);
    assert!(!html.contains("<script"));
    let json = place.run(&["report", "--framework", "soc2", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["framework"]["id"], "soc2");
    contains(
        &place.expect(0, &["report", "--framework", "soc2", "--format", "csv"]),
        &["framework,control", "\"soc2\",\"CC6.1\""],
    );
    contains(
        &place.expect(0, &["report", "--framework", "soc2", "--format", "csv", "--table", "population"]),
        &["aws_s3_bucket.logs"],
    );
    place.expect(
        0,
        &["report", "--framework", "soc2", "--from", "2020-01-01", "--to", "2020-03-31", "--output", "old.html"],
    );
    contains(&place.expect(2, &["report", "--framework", "soc3"]), &["soc3"]);
    place.expect(2, &["report", "--framework", "soc2", "--from", "2026-02-01", "--to", "2026-01-01"]);
    place.expect(2, &["report", "--framework", "soc2", "--from", "yesterday"]);
}

#[test]
fn evidence_that_is_not_there_is_said() {
    let place = Place::new();
    for arguments in [
        &["evidence", "query"][..],
        &["evidence", "show", "0"],
        &["report", "--framework", "soc2"],
        &["evidence", "replay", "--all"],
    ] {
        contains(&place.expect(2, arguments), &["no evidence is kept there yet", "probity scan --record"]);
    }
    place.write(".probity", "in the way");
    contains(&place.expect(2, &["scan", "code", "--record"]), &["cannot be written"]);
}

#[test]
fn an_index_that_is_gone_stale_or_broken_is_made_anew() {
    let place = Place::new();
    place.record();
    let first = place.expect(0, &["evidence", "query"]);
    let index = place.path(".probity/index.db");
    fs::remove_file(&index).unwrap();
    assert_eq!(place.expect(0, &["evidence", "query"]), first);
    fs::write(&index, "not an index").unwrap();
    let said = place.expect(0, &["evidence", "query"]);
    contains(&said, &["aws_security_group.open", "2 of 2 decisions"]);
}

/// A server of its own, ended when it is dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(place: &Place) -> Self {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", "server"];
        let mut child = place.command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.find_map(|line| line.unwrap().strip_prefix("open ").map(str::to_owned)).unwrap();
        let url = line.split(' ').next().unwrap().to_owned();
        Self { child, url }
    }

    fn get(&self, path: &str) -> String {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        text(&answer)
    }

    /// Waits until an answer has a part.
    fn wait_for(&self, path: &str, part: &str) {
        let started = Instant::now();
        while !self.get(path).contains(part) {
            assert!(started.elapsed() < Duration::from_secs(30), "{path} never has `{part}`: {}", self.get(path));
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn decisions_of_a_gate_elsewhere_arrive_once_whatever_happens() {
    let place = Place::new();
    let token = text(&place.run(&["serve", "token", "create", "ci", "--role", "gate", "--data", "server"]).stdout);
    let send = |url: &str, token: &str| {
        let mut command = place.command(&["scan", "code", "--server", url]);
        let output = command.env("PROBITY_TOKEN", token).output().unwrap();
        text(&output.stdout) + &text(&output.stderr)
    };
    // The server is away: what was decided waits on disk.
    contains(&send("http://127.0.0.1:9", token.trim()), &["3 entries wait", "evidence send"]);
    let server = Server::start(&place);
    contains(&send(&server.url, "wrong"), &["refuses the token"]);
    assert!(!send(&server.url, "s3cr3t-token").contains("s3cr3t-token"));
    contains(&send(&server.url, token.trim()), &["12 entries sent"]);
    server.wait_for("/api/v1/gates", "\"entries\":12");
    // Killed in the middle of everything; what was acknowledged is there.
    drop(server);
    let server = Server::start(&place);
    contains(&send(&server.url, token.trim()), &["3 entries sent"]);
    server.wait_for("/api/v1/gates", "\"entries\":15");
    contains(&server.get("/api/v1/decisions?text=open"), &["aws_security_group.open"]);
    contains(&server.get("/decisions/0"), &["aws_security_group"]);
    let busy = place.expect(1, &["scan", "code", "--record", "--data", "server"]);
    contains(&busy, &["in use by process", "probity serve", "evidence send"]);
    drop(server);
    contains(&place.expect(0, &["evidence", "send", "--data", "server"]), &["3 entries sent, 0 wait"]);
    contains(
        &place.expect(0, &["evidence", "verify", "--data", "server"]),
        &["18 entries are whole", "gates      2, 0 with"],
    );
}

#[test]
fn a_server_beyond_loopback_needs_a_certificate() {
    let place = Place::new();
    contains(&place.expect(2, &["serve", "--listen", "0.0.0.0:0"]), &["TLS"]);
    place.expect(2, &["serve", "--listen", "nowhere"]);
    place.expect(2, &["serve", "token", "create", "x", "--role", "king"]);
    place.expect(0, &["serve", "token", "create", "x", "--role", "auditor"]);
    place.expect(2, &["serve", "token", "create", "x", "--role", "auditor"]);
    contains(&place.expect(0, &["serve", "token", "list"]), &["x  auditor"]);
    place.expect(0, &["serve", "token", "revoke", "x"]);
    place.expect(2, &["serve", "token", "revoke", "x"]);
}
