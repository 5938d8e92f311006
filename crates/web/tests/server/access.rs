//! Who may do what.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use probity_controls::Frameworks;
use probity_evidence_ledger::Ledger;
use probity_evidence_usage::UsageStore;
use probity_web::{Config, Parts, Role, ServeError, Server, TlsFiles, revoke_token};
use serde_json::json;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::demo;
use crate::running::{Answer, Running, exchange, request};

#[test]
fn on_loopback_reading_needs_no_token_and_writing_does() {
    let server = Running::start(|_| {});
    let (auditor, gate) = (server.token(Role::Auditor, None), server.token(Role::Gate, None));
    let sent = json!({ "submissions": [] });
    for path in ["/", "/decisions", "/api/v1/decisions", "/metrics", "/healthz", "/readyz", "/assets/none"] {
        assert_ne!(server.get(path).status, 401, "{path}");
    }
    for (token, status) in [("", 401), ("probity_guess", 401), (auditor.as_str(), 403), (gate.as_str(), 200)] {
        assert_eq!(server.post("/api/v1/ingest", token, &sent).status, status, "{token}");
        assert_eq!(server.post("/api/v1/blobs/missing", token, &json!({ "digests": [] })).status, status, "{token}");
    }
    revoke_token(&server.tokens(), "gate None").unwrap();
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(server.post("/api/v1/ingest", &gate, &sent).status, 401);
}

#[test]
fn other_sites_cannot_make_a_browser_ask() {
    let server = Running::start(|_| {});
    for (host, status) in [
        ("localhost", 200),
        ("127.0.0.1:8181", 200),
        ("[::1]:8181", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
    ] {
        assert_eq!(server.send("GET", "/api/v1/gates", &[("Host", host)], b"").status, status, "{host}");
    }
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    for headers in [
        &[form, ("Origin", "https://evil.example")][..],
        &[form, ("Sec-Fetch-Site", "cross-site")],
        &[form, ("Sec-Fetch-Site", "same-site")],
        &[form, ("Origin", "null")],
    ] {
        assert_eq!(server.send("POST", "/sign-in", headers, b"token=a").status, 403, "{headers:?}");
    }
    assert_eq!(server.send("POST", "/sign-in", &[form, ("Sec-Fetch-Site", "same-origin")], b"token=a").status, 401);
}

#[test]
fn every_answer_says_what_browsers_may_do() {
    let server = Running::start(|_| {});
    for path in ["/", "/decisions", "/nothing", "/api/v1/gates", "/api/v1/nothing", "/healthz", "/ledger/checkpoint"] {
        let answer = server.get(path);
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
    }
}

#[test]
fn beyond_loopback_it_does_not_start_without_tls() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path().join("tokens.json"));
    config.listen = "0.0.0.0:0".parse().unwrap();
    let parts = Parts {
        ledger: Arc::new(demo::ledger(folder.path())),
        index: folder.path().join("index.db"),
        frameworks: Frameworks::builtin(),
        policies: Vec::new(),
        gate: None,
        signed: None,
        usage: Arc::new(UsageStore::new(&folder.path().join("usage"))),
    };
    let error = Server::new(config, parts).err().unwrap();
    assert!(matches!(&error, ServeError::Config(said) if said.contains("needs TLS")), "{error}");
}

/// A server that other machines can reach, and how to talk to it.
pub(crate) struct Reachable {
    pub(crate) server: Running,
    roots: RootCertStore,
}

impl Reachable {
    fn start() -> Self {
        Self::start_with(demo::fill)
    }

    /// The same on a ledger that is filled by `fill`.
    pub(crate) fn start_with(fill: impl FnOnce(&Ledger)) -> Self {
        let files = tempfile::tempdir().unwrap().keep();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(files.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(files.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let tls = TlsFiles { certificate: files.join("cert.pem"), key: files.join("key.pem") };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&tls.certificate).unwrap()).unwrap();
        let server = Running::start_with(fill, |config| {
            config.listen = "0.0.0.0:0".parse().unwrap();
            config.tls = Some(tls);
        });
        std::fs::remove_dir_all(files).unwrap();
        Self { server, roots }
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let address = (std::net::Ipv4Addr::LOCALHOST, self.server.address.port()).into();
        let config = ClientConfig::builder_with_provider(probity_crypto::tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(connection, TcpStream::connect(address).unwrap());
        exchange(&mut stream, &request(address, method, path, headers, body))
    }

    fn get(&self, path: &str, token: &str) -> u16 {
        self.send("GET", path, &[("Authorization", &format!("Bearer {token}"))], b"").status
    }
}

#[test]
fn beyond_loopback_everything_needs_tls_and_a_token() {
    let reachable = Reachable::start();
    let server = &reachable.server;
    let (auditor, gate, admin) =
        (server.token(Role::Auditor, None), server.token(Role::Gate, None), server.token(Role::Admin, None));

    let mut plain = TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, server.address.port())).unwrap();
    std::io::Write::write_all(&mut plain, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = std::io::Read::read_to_end(&mut plain, &mut answer);
    assert!(!answer.starts_with(b"HTTP"), "plain HTTP is answered");

    for path in ["/api/v1/decisions", "/metrics", "/ledger/checkpoint", "/api/v1/openapi.json", "/api/v1/nothing"] {
        assert_eq!(reachable.send("GET", path, &[], b"").status, 401, "{path}");
        assert_eq!(reachable.get(path, "probity_guess"), 401, "{path}");
        assert_eq!(reachable.get(path, &gate), 403, "{path}");
        assert_ne!(reachable.get(path, &auditor), 401, "{path}");
        assert_ne!(reachable.get(path, &admin), 401, "{path}");
    }
    for path in ["/healthz", "/readyz", "/sign-in"] {
        assert_ne!(reachable.send("GET", path, &[], b"").status, 401, "{path}");
    }
    let strict = reachable.send("GET", "/healthz", &[], b"");
    assert!(strict.header("strict-transport-security").is_some());
}

#[test]
fn a_browser_signs_in_with_a_token_and_out() {
    let reachable = Reachable::start();
    let (auditor, gate) = (reachable.server.token(Role::Auditor, None), reachable.server.token(Role::Gate, None));
    let asked = reachable.send("GET", "/decisions?text=a", &[], b"");
    assert_eq!((asked.status, asked.header("location")), (303, Some("/sign-in?next=%2Fdecisions%3Ftext%3Da")));

    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Sec-Fetch-Site", "same-origin")];
    let sign_in = |token: &str| {
        reachable.send("POST", "/sign-in", &form, format!("token={token}&next=%2Fdecisions%3Ftext%3Da").as_bytes())
    };
    assert_eq!(sign_in("probity_guess").status, 401);
    assert_eq!(sign_in(&gate).status, 403);
    let signed_in = sign_in(&auditor);
    assert_eq!((signed_in.status, signed_in.header("location")), (303, Some("/decisions?text=a")));
    let cookie = signed_in.header("set-cookie").unwrap();
    for part in ["__Host-probity=", "HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains(&auditor), "the cookie is the token");

    let cookie = cookie.split(';').next().unwrap();
    let page = reachable.send("GET", "/decisions", &[("Cookie", cookie)], b"");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Signed in as"));
    let write = [("Cookie", cookie), ("Content-Type", "application/json")];
    assert_eq!(reachable.send("POST", "/api/v1/ingest", &write, br#"{"submissions":[]}"#).status, 401);

    let out = [("Cookie", cookie), ("Sec-Fetch-Site", "same-origin")];
    assert_eq!(reachable.send("POST", "/sign-out", &out, b"").status, 303);
    assert_eq!(reachable.send("GET", "/decisions", &[("Cookie", cookie)], b"").status, 303);

    let again = sign_in(&auditor);
    let cookie = again.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    revoke_token(&reachable.server.tokens(), "auditor None").unwrap();
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(
        reachable.send("GET", "/decisions", &[("Cookie", &cookie)], b"").status,
        303,
        "a session outlives its token"
    );
}

#[test]
fn what_is_too_large_or_too_slow_is_refused() {
    let server = Running::start_with(
        |_| {},
        |config| {
            config.limits.head_time = Duration::from_millis(300);
            config.limits.request_time = Duration::from_millis(500);
            config.limits.ingest_bytes = 10_000;
        },
    );
    let gate = server.token(Role::Gate, None);
    let large = json!({ "submissions": [], "blobs": [{ "digest": "x".repeat(20_000), "data": "" }] });
    assert_eq!(server.post("/api/v1/ingest", &gate, &large).status, 413);

    let long = "a".repeat(70_000);
    assert_eq!(server.send("GET", "/", &[("X-Long", &long)], b"").status, 431);

    let mut silent = TcpStream::connect(server.address).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    std::io::Write::write_all(&mut silent, b"GET / HTTP/1.1\r\nHost: local").unwrap();
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut silent, &mut rest).expect("a slow head is not waited for");

    let token = format!("Bearer {gate}");
    let mut slow = TcpStream::connect(server.address).unwrap();
    let head = format!(
        "POST /api/v1/ingest HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{{"
    );
    let answer = exchange(&mut slow, head.as_bytes());
    assert_eq!((answer.status, answer.json()["type"].as_str().unwrap().ends_with("timeout")), (503, true));
    assert!(answer.header("retry-after").is_some());
}

#[test]
fn open_requests_end_when_the_server_stops() {
    let server = Running::start(|_| {});
    let mut open = TcpStream::connect(server.address).unwrap();
    std::io::Write::write_all(&mut open, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut byte = [0];
    std::io::Read::read_exact(&mut open, &mut byte).unwrap();
    let start = std::time::Instant::now();
    server.stop();
    assert!(start.elapsed() < Duration::from_secs(5), "a connection without a request holds the server");
}
