//! A real OpenBao behind the proxy: its binary is the one that `PROBITY_OPENBAO` names.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::civil::date;
use probity_gate_vault::audit::lines::read;
use probity_gate_vault::audit::{Auditor, Step};
use probity_gate_vault::proxy::Upstream;
use probity_model::{Location, Outcome, Value};

use crate::proxied::{Answer, Kept, Running, ask};
use crate::support::Folder;

const ROOT: (&str, &str) = ("x-vault-token", "root");

struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server in development mode with audit devices; none when no binary is named.
fn start(folder: &Folder) -> Option<Server> {
    let Some(binary) = std::env::var_os("PROBITY_OPENBAO").map(PathBuf::from) else {
        eprintln!("skipped: PROBITY_OPENBAO names no binary of OpenBao");
        return None;
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let device = |name: &str, raw: bool| {
        let path = folder.path(&format!("{name}.log"));
        format!(
            "audit \"file\" \"{name}\" {{\n  options {{\n    file_path = \"{}\"\n    log_raw = \"{raw}\"\n  }}\n}}\n",
            path.display()
        )
    };
    std::fs::write(folder.path("audit.hcl"), device("hashed", false) + &device("raw", true)).unwrap();
    let address = format!("127.0.0.1:{port}");
    let child = Command::new(binary)
        .args(["server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token"])
        .arg(format!("-dev-listen-address={address}"))
        .arg(format!("-config={}", folder.path("audit.hcl").display()))
        .env("HOME", folder.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server { child, url: format!("http://{address}") };
    let begun = Instant::now();
    while std::net::TcpStream::connect(&address).is_err()
        || ask(&server.url, "GET", "/v1/sys/health", &[], "").status != 200
    {
        assert!(begun.elapsed() < Duration::from_mins(1), "the server does not start");
        std::thread::sleep(Duration::from_millis(100));
    }
    Some(server)
}

const CONFIG: &str = "version: 1
egp:
  - {name: long-words, policy: long.sentinel, paths: [\"secret/data/*\"], enforcement_level: hard-mandatory}
  - {name: soft, policy: false.sentinel, paths: [secret/data/soft], enforcement_level: soft-mandatory}
  - {name: local-login, policy: login.sentinel, paths: [\"auth/userpass/login/*\"], enforcement_level: hard-mandatory}
rgp:
  - {name: clinic-only, policy: clinic.sentinel, enforcement_level: hard-mandatory, policies: [ward]}
";

fn folder() -> Folder {
    Folder::new(&[
        ("vault.yaml", CONFIG),
        (
            "long.sentinel",
            "main = rule when request.operation in [\"create\", \"update\"] {\n\tlength(request.data.data.word) > 3\n}\n",
        ),
        ("false.sentinel", "main = rule { false }"),
        (
            "login.sentinel",
            "import \"sockaddr\"\nmain = rule {\n\tsockaddr.is_contained(\"127.0.0.0/8\", request.connection.remote_addr) and\n\t\
             request.path is not \"auth/userpass/login/mallory\"\n}\n",
        ),
        (
            "clinic.sentinel",
            "import \"strings\"\nmain = rule when strings.has_prefix(request.path, \"secret/\") {\n\t\
             strings.split(request.path, \"/\")[2] in [\"clinic\", \"soft\", \"\"] and identity.entity.id is token.entity_id\n}\n",
        ),
    ])
}

/// What is asked of a server: users with a policy, and things that the policies allow and deny.
struct Scene<'s> {
    url: &'s str,
    token: String,
}

impl Scene<'_> {
    fn ask(&self, method: &str, path: &str, body: &str, more: &[(&str, &str)]) -> Answer {
        let headers: Vec<(&str, &str)> =
            [("x-vault-token", self.token.as_str())].into_iter().chain(more.iter().copied()).collect();
        ask(self.url, method, path, &headers, body)
    }
}

fn set_up(server: &Server) {
    let root = |method: &str, path: &str, body: &str| {
        let answer = ask(&server.url, method, path, &[ROOT], body);
        assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.text);
    };
    let acl = r#"path \"secret/*\" { capabilities = [\"create\", \"update\", \"read\", \"delete\", \"list\"] }"#;
    root("PUT", "/v1/sys/policies/acl/ward", &format!("{{\"policy\": \"{acl}\"}}"));
    root("POST", "/v1/sys/auth/userpass", r#"{"type": "userpass"}"#);
    for user in ["nora", "mallory"] {
        let path = format!("/v1/auth/userpass/users/{user}");
        root("POST", &path, r#"{"password": "Geheim-1234", "token_policies": ["ward"]}"#);
    }
}

#[test]
fn a_real_server_is_governed_and_its_log_is_audited() {
    let folder = folder();
    let Some(server) = start(&folder) else { return };
    set_up(&server);
    let proxy = Running::start(&folder, Upstream::new(&server.url, None).unwrap(), Kept::default(), |_| {});
    let login = |user: &str| {
        ask(&proxy.url, "POST", &format!("/v1/auth/userpass/login/{user}"), &[], r#"{"password": "Geheim-1234"}"#)
    };
    let denied = login("mallory");
    assert_eq!(denied.status, 403);
    assert!(denied.errors().contains("local-login"), "{}", denied.errors());
    let nora = login("nora");
    assert_eq!(nora.status, 200, "{}", nora.text);
    let token = nora.body.at(&["auth", "client_token"]).and_then(Value::as_str).unwrap().to_owned();
    let scene = Scene { url: &proxy.url, token: token.clone() };
    for (method, path, body, more, status, said) in [
        ("POST", "/v1/secret/data/clinic/a", r#"{"data":{"word":"long enough"}}"#, &[][..], 200, ""),
        ("GET", "/v1/secret/data/clinic/a", "", &[], 200, ""),
        ("LIST", "/v1/secret/metadata/clinic", "", &[], 200, ""),
        ("GET", "/v1/secret/metadata/clinic?list=true", "", &[], 200, ""),
        ("POST", "/v1/secret/data/clinic/a", r#"{"data":{"word":"abc"}}"#, &[], 403, "EGP long-words"),
        ("GET", "/v1/secret/data/other", "", &[], 403, "RGP clinic-only"),
        ("GET", "/v1/secret/data/soft", "", &[], 403, "EGP soft (soft-mandatory)"),
        ("GET", "/v1/secret/data/soft", "", &[("X-Vault-Policy-Override", "true")], 404, ""),
        ("GET", "/v1/sys/mounts", "", &[], 403, "permission denied"),
        ("GET", "/v1/secret/data/clinic/a", "", &[("X-Vault-Wrap-TTL", "60s")], 200, ""),
    ] {
        let answer = scene.ask(method, path, body, more);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        if status == 403 {
            assert!(answer.errors().contains(said), "{path}: {}", answer.errors());
        }
    }
    // A token for wrapping is not spent by the proxy.
    let wrapped = scene.ask("GET", "/v1/secret/data/clinic/a", "", &[("X-Vault-Wrap-TTL", "60s")]);
    let once = wrapped.body.at(&["wrap_info", "token"]).and_then(Value::as_str).unwrap();
    let unwrapped = ask(&proxy.url, "POST", "/v1/sys/wrapping/unwrap", &[("x-vault-token", once)], "");
    let word = unwrapped.body.at(&["data", "data", "word"]).and_then(Value::as_str);
    assert_eq!(word, Some("long enough"), "{}", unwrapped.text);
    // Root is not governed, and the log has what went around the proxy.
    let around = ask(
        &server.url,
        "POST",
        "/v1/secret/data/clinic/b",
        &[("x-vault-token", token.as_str())],
        r#"{"data":{"word":"abc"}}"#,
    );
    assert_eq!(around.status, 200, "{}", around.text);
    assert_eq!(ask(&proxy.url, "POST", "/v1/secret/data/r", &[ROOT], r#"{"data":{"word":"a"}}"#).status, 200);
    audit(&folder);
}

/// The hashed log cannot say how long a word was, the raw one can.
fn audit(folder: &Folder) {
    for (name, wanted) in [("hashed", Outcome::Unknown), ("raw", Outcome::Fail)] {
        let mut auditor = Auditor::new(folder.set(), date(2026, 11, 27));
        let file = std::fs::File::open(folder.path(&format!("{name}.log"))).unwrap();
        let mut writes = Vec::new();
        read(file, &mut |line| {
            let place = Location { path: name.into(), line: 1, column: 1, end_line: 1, end_column: 1 };
            let text = line.text.unwrap();
            match auditor.line(&place, &text) {
                Step::Judged(judged) if judged.subject.address.ends_with(" secret/data/clinic/b") => {
                    writes.extend(
                        judged.decision.findings.iter().map(|finding| (finding.policy.to_string(), finding.outcome)),
                    );
                }
                Step::Problem(problem) => panic!("{problem}: {text}"),
                Step::Judged(_) | Step::Passed => {}
            }
            true
        })
        .unwrap();
        let clinic = ("clinic-only".to_owned(), Outcome::Pass);
        assert_eq!(writes, [clinic, ("long-words".to_owned(), wanted)], "{name}");
        let counts = auditor.counts();
        assert!(counts.judged > 10 && counts.refused >= 1 && counts.problems == 0, "{counts:?}");
    }
}
