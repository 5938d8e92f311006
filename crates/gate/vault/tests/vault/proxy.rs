use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use probity_gate_vault::proxy::{Fail, Proxy, ServeError, Settings, TlsFiles, Upstream};
use probity_model::{Outcome, Value};

use crate::peer::Peer;
use crate::proxied::{Kept, Running, ask};
use crate::support::Folder;

const CONFIG: &str = "version: 1
egp:
  - {name: no-short-values, policy: short.sentinel, paths: [\"secret/data/*\"], enforcement_level: hard-mandatory}
  - {name: override-me, policy: false.sentinel, paths: [secret/data/soft], enforcement_level: soft-mandatory}
  - {name: mfa, policy: mfa.sentinel, paths: [secret/data/mfa], enforcement_level: hard-mandatory}
  - {name: login, policy: login.sentinel, paths: [\"auth/*\"], enforcement_level: hard-mandatory}
  - {name: advice, policy: false.sentinel, paths: [kv/advice], enforcement_level: advisory}
rgp:
  - {name: no-night, policy: night.sentinel, enforcement_level: hard-mandatory}
  - {name: by-group, policy: group.sentinel, enforcement_level: hard-mandatory, groups: [nurses]}
";

fn folder() -> Folder {
    Folder::new(&[
        ("vault.yaml", CONFIG),
        (
            "short.sentinel",
            "main = rule when request.operation in [\"create\", \"update\"] {\n\tlength(request.data.data.word) > 3\n}\n",
        ),
        ("false.sentinel", "main = rule { false }"),
        ("mfa.sentinel", "main = rule { mfa.methods.okta.valid }"),
        ("login.sentinel", "main = rule when request.unauthenticated { request.data.password is not \"1234\" }"),
        ("night.sentinel", "main = rule { request.path is not \"secret/data/night\" }"),
        (
            "group.sentinel",
            "main = rule when request.path is \"secret/data/lab\" {\n\tidentity.entity.metadata.org is \"lab\" and \"nurses\" in \
             keys(identity.groups.by_name)\n}\n",
        ),
    ])
}

fn upstream(peer: &Peer) -> Upstream {
    Upstream::new(&peer.url, None).unwrap()
}

const NORA: (&str, &str) = ("x-vault-token", "s.of-nora");
const ROOT: (&str, &str) = ("x-vault-token", "root");

#[test]
fn policies_are_enforced_before_a_request_passes() {
    let (peer, folder) = (Peer::start(), folder());
    let proxy = Running::start(&folder, upstream(&peer), Kept::default(), |_| {});
    let override_policies = ("X-Vault-Policy-Override", "true");
    for (method, path, headers, body, status, said) in [
        ("GET", "/v1/secret/data/a", &[NORA][..], "", 200, ""),
        ("POST", "/v1/secret/data/a", &[NORA], r#"{"data":{"word":"long enough"}}"#, 200, ""),
        (
            "POST",
            "/v1/secret/data/a",
            &[NORA],
            r#"{"data":{"word":"q-q"}}"#,
            403,
            "policy no-short-values: EGP no-short-values (hard-",
        ),
        ("POST", "/v1/secret%2Fdata/a", &[NORA], r#"{"data":{"word":"q-q"}}"#, 403, "no-short-values"),
        ("POST", "/v1/secret/data/a", &[NORA, override_policies], r#"{"data":{"word":"q-q"}}"#, 403, "no-short-values"),
        ("POST", "/v1/secret/data/a", &[ROOT], r#"{"data":{"word":"q-q"}}"#, 200, ""),
        ("POST", "/v1/secret/data/a", &[NORA], "{", 400, "no JSON"),
        ("GET", "/v1/secret/data/soft", &[NORA], "", 403, "override-me"),
        ("GET", "/v1/secret/data/soft", &[NORA, override_policies], "", 200, ""),
        ("GET", "/v1/secret/data/mfa", &[NORA], "", 403, "undecided: EGP mfa (hard-mandatory): `mfa.methods` "),
        ("POST", "/v1/auth/userpass/login/nora", &[], r#"{"password":"1234"}"#, 403, "policy login"),
        ("POST", "/v1/auth/userpass/login/nora", &[], r#"{"password":"12345"}"#, 200, ""),
        ("GET", "/v1/secret/data/night", &[NORA], "", 403, "RGP no-night"),
        ("GET", "/v1/secret/data/night", &[("authorization", "Bearer s.of-nora")], "", 403, "RGP no-night"),
        (
            "GET",
            "/v1/secret/data/lab",
            &[NORA],
            "",
            403,
            "RGP by-group (hard-mandatory): rule `main`: `identity.entity",
        ),
        (
            "GET",
            "/v1/secret/data/a",
            &[("x-vault-token", "nobody")],
            "",
            403,
            "RGP by-group (hard-mandatory): whether it is attached",
        ),
        ("GET", "/v1/secret/data/a", &[("x-vault-token", "sealed")], "", 403, "503 Service Unavailable"),
        ("GET", "/v1/kv/advice", &[NORA], "", 200, ""),
        ("GET", "/v1/sys/health", &[("x-vault-token", "nobody")], "", 200, ""),
        ("GET", "/ui/vault", &[], "", 200, ""),
    ] {
        let answer = ask(&proxy.url, method, path, headers, body);
        assert_eq!(answer.status, status, "{method} {path} {headers:?} {body}: {}", answer.text);
        if status != 200 {
            assert!(answer.errors().contains(said), "{path}: {}", answer.errors());
            assert!(!answer.text.contains("q-q"), "{}", answer.text);
        }
    }
    let denied = proxy.decisions().iter().filter(|(_, allowed)| !allowed).count();
    assert_eq!(denied, 11);
    for event in proxy.log.events.lock().unwrap().iter() {
        assert!(!format!("{:?}", event.decision).contains("s.of-nora"), "no tokens: {:?}", event.decision);
        let undecided = event.decision.findings.iter().any(|finding| finding.outcome == Outcome::Unknown);
        assert_eq!(event.note.is_some(), undecided, "{:?} {:?}", event.note, event.decision);
    }
    // A token is asked for once while it is remembered.
    let asked = peer.asked.lock().unwrap();
    let lookups = asked.iter().filter(|asked| asked.as_str() == "GET /v1/auth/token/lookup-self").count();
    assert!(lookups < 12, "{lookups}");
}

#[test]
fn what_passes_is_passed_on_as_it_is() {
    let (peer, folder) = (Peer::start(), folder());
    let proxy = Running::start(&folder, upstream(&peer), Kept::default(), |_| {});
    let headers = [
        NORA,
        ("x-vault-namespace", "clinic/"),
        ("x-vault-wrap-ttl", "60"),
        ("x-custom", "1"),
        ("connection", "x-vault-namespace"),
    ];
    for (method, path, body) in [
        ("LIST", "/v1/secret/metadata/a", ""),
        ("GET", "/v1/secret/metadata/a?list=true&after=x%20y", ""),
        ("PUT", "/v1/kv/a%20b", "{\"a\":1}"),
        ("PATCH", "/v1/secret/data/a", "{\"data\":{\"word\":\"longer\"}}"),
        ("POST", "/v1/sys/storage/raft/snapshot", "no json"),
    ] {
        let answer = ask(&proxy.url, method, path, &headers, body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        let said = |path: &[&str]| answer.body.at(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert_eq!((said(&["method"]).as_str(), said(&["path"]).as_str()), (method, path));
        assert_eq!(said(&["body"]), body);
        for (name, value) in &headers[..4] {
            assert_eq!(&said(&["headers", name]), value, "{name}");
        }
        assert_eq!(said(&["headers", "x-forwarded-for"]), "127.0.0.1");
    }
}

#[test]
fn answers_that_go_on_and_connections_that_change_are_passed_on() {
    let (peer, folder) = (Peer::start(), folder());
    let proxy = Running::start(&folder, upstream(&peer), Kept::default(), |_| {});
    let connect = || TcpStream::connect(proxy.url.trim_start_matches("http://")).unwrap();
    let mut stream = connect();
    stream.write_all(b"GET /v1/sys/monitor HTTP/1.1\r\nHost: a\r\nX-Vault-Token: root\r\n\r\n").unwrap();
    let (mut seen, mut bytes) = (String::new(), [0; 4096]);
    while !seen.contains("first") {
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    assert!(!seen.contains("second"), "what comes is not held back: {seen}");
    let mut stream = connect();
    stream
        .write_all(
            b"GET /v1/sys/events/subscribe/a HTTP/1.1\r\nHost: a\r\nX-Vault-Token: root\r\nConnection: upgrade\r\nUpgrade: \
              websocket\r\n\r\n",
        )
        .unwrap();
    let mut seen = String::new();
    while !seen.contains("\r\n\r\n") {
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    assert!(seen.starts_with("HTTP/1.1 101"), "{seen}");
    stream.write_all(b"ping").unwrap();
    let mut echo = [0; 4];
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"ping");
}

#[test]
fn what_cannot_be_decided_or_kept_fails_as_configured() {
    let (peer, folder) = (Peer::start(), folder());
    let broken = || Kept { broken: true, ..Kept::default() };
    for (fail, log, path, status) in [
        (Fail::Closed, Kept::default(), "/v1/secret/data/mfa", 403),
        (Fail::Open, Kept::default(), "/v1/secret/data/mfa", 200),
        (Fail::Open, Kept::default(), "/v1/secret/data/soft", 403),
        (Fail::Closed, broken(), "/v1/secret/data/a", 503),
        (Fail::Open, broken(), "/v1/secret/data/a", 200),
    ] {
        let proxy = Running::start(&folder, upstream(&peer), log, |settings| settings.fail = fail);
        let answer = ask(&proxy.url, "GET", path, &[NORA], "");
        assert_eq!(answer.status, status, "{fail:?} {path}: {}", answer.text);
        if path.ends_with("mfa") {
            let events = proxy.log.events.lock().unwrap();
            let note = events[0].note.as_deref().unwrap();
            assert!(note.contains(if fail == Fail::Open { "fail: open" } else { "fail: closed" }), "{note}");
        }
    }
}

#[test]
fn bodies_are_bounded_and_a_server_that_is_away_is_said() {
    let (peer, folder) = (Peer::start(), folder());
    let proxy = Running::start(&folder, upstream(&peer), Kept::default(), |settings| settings.body_bytes = 100);
    let large = format!("{{\"data\":{{\"word\":\"{}\"}}}}", "x".repeat(100));
    let answer = ask(&proxy.url, "POST", "/v1/secret/data/a", &[NORA], &large);
    assert_eq!(answer.status, 413);
    assert!(answer.errors().contains("larger than 100 bytes"));
    let away = Upstream::new("http://127.0.0.1:1", None).unwrap();
    let proxy = Running::start(&folder, away, Kept::default(), |_| {});
    let answer = ask(&proxy.url, "GET", "/v1/sys/health", &[], "");
    assert_eq!(answer.status, 502);
    assert!(answer.errors().contains("does not answer"), "{}", answer.errors());
}

#[test]
fn tls_is_spoken_on_both_sides() {
    let (peer, folder) = (Peer::start(), folder());
    let place = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (place.path().join("cert.pem"), place.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let files = TlsFiles { certificate: certificate.clone(), key };
    let inner = Running::start(&folder, upstream(&peer), Kept::default(), |settings| settings.tls = Some(files));
    assert!(inner.url.starts_with("https://"));
    let trusting = Upstream::new(&inner.url, Some(&certificate)).unwrap();
    let outer = Running::start(&folder, trusting, Kept::default(), |_| {});
    assert_eq!(ask(&outer.url, "GET", "/v1/secret/data/a", &[NORA], "").status, 200);
    let distrusting = Upstream::new(&inner.url, None).unwrap();
    let outer = Running::start(&folder, distrusting, Kept::default(), |_| {});
    assert_eq!(ask(&outer.url, "GET", "/v1/sys/health", &[], "").status, 502);
}

#[test]
fn secrets_do_not_pass_in_the_open() {
    let (peer, folder) = (Peer::start(), folder());
    let settings = Settings {
        listen: "0.0.0.0:0".parse().unwrap(),
        tls: None,
        upstream: upstream(&peer),
        fail: Fail::Closed,
        remember: Settings::REMEMBER,
        body_bytes: Settings::BODY_BYTES,
        set: folder.set(),
        governing: folder.read().unwrap(),
        judges_all: false,
        log: None,
    };
    assert!(matches!(Proxy::new(settings), Err(ServeError::Open(_))));
}
