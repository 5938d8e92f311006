use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;

use super::*;

/// A request: the target, and the headers in lower case, with the method as `:method` and the body as `:body`.
pub(super) type Asked = (String, BTreeMap<String, String>);

/// A server that answers with a status, headers and a body. It lives as long as the process.
pub(super) fn serve(
    answer: impl Fn(&Asked) -> (u16, Vec<(&'static str, String)>, Vec<u8>) + Send + Sync + 'static,
) -> (SocketAddr, Arc<Mutex<Vec<Asked>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let log: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let seen = Arc::clone(&log);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut lines = reader.by_ref().lines().map_while(Result::ok);
            let Some(first) = lines.next() else { continue };
            let mut words = first.split(' ').map(str::to_owned);
            let (Some(method), Some(target)) = (words.next(), words.next()) else { continue };
            let headers = lines.by_ref().take_while(|line| !line.is_empty());
            let headers = headers
                .filter_map(|line| line.split_once(": ").map(|(key, value)| (key.to_lowercase(), value.to_owned())));
            let mut headers: BTreeMap<String, String> = headers.collect();
            let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                continue;
            }
            headers.extend([(":method".into(), method), (":body".into(), String::from_utf8(body).unwrap())]);
            let asked = (target, headers);
            let (status, headers, body) = answer(&asked);
            seen.lock().unwrap().push(asked);
            let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            for (key, value) in headers {
                head.push_str(&format!("{key}: {value}\r\n"));
            }
            let _ = stream.write_all(&[head.as_bytes(), b"\r\n", &body].concat());
        }
    });
    (address, log)
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn manifest() -> Vec<u8> {
    br#"{"schemaVersion":2}"#.to_vec()
}

fn ok_manifest() -> (u16, Vec<(&'static str, String)>, Vec<u8>) {
    (200, vec![("content-type", MANIFEST.into())], manifest())
}

fn open(options: RegistryOptions, reference: &str) -> Result<(Root, RegistryStore), ImageError> {
    Registry::new(options).unwrap().open(&reference.parse().unwrap(), &Limits::default())
}

pub(super) fn nobody() -> RegistryOptions {
    RegistryOptions { docker_config: None, timeout: Duration::from_secs(5), ..RegistryOptions::default() }
}

fn descriptor(content: &[u8]) -> Descriptor {
    let digest = Digest::sha256(content);
    let size = content.len() as u64;
    Descriptor { media_type: "".into(), digest, size, platform: None, annotations: None, artifact_type: None }
}

#[test]
fn a_registry_of_this_machine_may_speak_plainly() {
    let (address, _) = serve(|(target, _)| if target == "/v2/" { (200, vec![], vec![]) } else { ok_manifest() });
    let (root, _) = open(nobody(), &format!("{address}/a/b:1")).unwrap();
    assert_eq!((root.digest, root.media_type.as_str()), (Digest::sha256(&manifest()), MANIFEST));
}

#[test]
fn tokens_are_had_with_credentials_and_go_nowhere_else() {
    // Where blobs really are; it is never told who asks.
    let (elsewhere, elsewhere_log) = serve(|_| (200, vec![], b"blob".to_vec()));
    let (tokens, token_log) = serve(|_| (200, vec![], br#"{"token":"t0k3n"}"#.to_vec()));
    let (address, _) = serve(move |(target, headers)| match headers.get("authorization").map(String::as_str) {
        _ if target == "/v2/" => (401, vec![], vec![]),
        Some("Bearer t0k3n") if target.contains("/blobs/") => {
            (307, vec![("location", format!("http://{elsewhere}/x"))], vec![])
        }
        Some("Bearer t0k3n") => ok_manifest(),
        _ => {
            (401, vec![("www-authenticate", format!(r#"Bearer realm="http://{tokens}/t?a=b",service="s&s""#))], vec![])
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let auth = base64::engine::general_purpose::STANDARD.encode("me:secret");
    std::fs::write(&path, format!(r#"{{"auths":{{"{address}":{{"auth":"{auth}"}}}}}}"#)).unwrap();
    let options = RegistryOptions { docker_config: Some(path), ..nobody() };
    let (_, store) = open(options, &format!("{address}/a/b:1")).unwrap();
    let mut blob = Vec::new();
    store.open(&descriptor(b"blob")).unwrap().read_to_end(&mut blob).unwrap();
    assert_eq!(blob, b"blob");
    let (target, headers) = token_log.lock().unwrap()[0].clone();
    assert_eq!(target, "/t?a=b&service=s%26s&scope=repository%3Aa%2Fb%3Apull");
    assert_eq!(headers["authorization"], format!("Basic {auth}"));
    assert!(elsewhere_log.lock().unwrap().iter().all(|(_, headers)| !headers.contains_key("authorization")));
}

#[test]
fn answers_are_told_for_what_they_are() {
    let cases: [(u16, &str, &str); 4] = [
        (
            401,
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}"#,
            "nobody (no credentials are known) (401): UNAUTHORIZED no",
        ),
        (403, "", "403): it does not say why"),
        (404, "", "has no a/b manifests/1"),
        (418, "short\nand stout", "418: short and stout"),
    ];
    for (status, body, part) in cases {
        let (address, _) = serve(move |(target, _)| match target.as_str() {
            "/v2/" => (200, vec![], vec![]),
            _ => (status, vec![], body.as_bytes().to_vec()),
        });
        let error = open(nobody(), &format!("{address}/a/b:1")).err().unwrap().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn what_may_pass_is_tried_again() {
    let (address, log) = serve({
        let count = std::sync::atomic::AtomicUsize::new(0);
        move |(target, _)| match target.as_str() {
            "/v2/" => (200, vec![], vec![]),
            _ if count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2 => {
                (503, vec![("retry-after", "0".into())], vec![])
            }
            _ => ok_manifest(),
        }
    });
    open(nobody(), &format!("{address}/a/b:1")).unwrap();
    assert_eq!(log.lock().unwrap().iter().filter(|(target, _)| target.contains("manifests")).count(), 3);
}

#[test]
fn another_manifest_than_was_named_is_refused() {
    let (address, _) = serve(|(target, _)| match target.as_str() {
        "/v2/" => (200, vec![], vec![]),
        target if target.ends_with(":tag") || target.ends_with("/tag") => {
            (200, vec![("docker-content-digest", Digest::sha256(b"other").to_string())], manifest())
        }
        _ => ok_manifest(),
    });
    for wanted in [format!("@{}", Digest::sha256(b"other")), ":tag".to_owned()] {
        let error = open(nobody(), &format!("{address}/a/b{wanted}")).err().unwrap();
        assert!(matches!(error, ImageError::Mismatch { .. }), "{error}");
    }
}

#[test]
fn mirrors_are_asked_first_and_the_registry_after_them() {
    let (empty, empty_log) = serve(|_| (404, vec![], vec![]));
    let (address, _) = serve(|(target, _)| match target.as_str() {
        "/v2/" => (200, vec![], vec![]),
        target if target.contains("/blobs/") => (200, vec![], b"blob".to_vec()),
        _ => ok_manifest(),
    });
    let mirrors = BTreeMap::from([(address.to_string(), vec![format!("http://{empty}/hub")])]);
    let (_, store) = open(RegistryOptions { mirrors, ..nobody() }, &format!("{address}/a/b:1")).unwrap();
    store.open(&descriptor(b"blob")).unwrap();
    let asked = empty_log.lock().unwrap()[0].0.clone();
    let namespace: String = form_urlencoded::byte_serialize(address.to_string().as_bytes()).collect();
    assert_eq!(asked, format!("/v2/hub/a/b/manifests/1?ns={namespace}"));
}

#[test]
fn mirrors_are_held_to_the_rules() {
    for (address, part) in [
        ("http://mirror.example.com", "not https"),
        ("ftp://mirror.example.com", "neither"),
        ("https://u:p@mirror.example.com", "credentials"),
        ("nothing", "cannot be used"),
    ] {
        let mirrors = BTreeMap::from([("docker.io".to_owned(), vec![address.to_owned()])]);
        let error = open(RegistryOptions { mirrors, ..nobody() }, "alpine").err().unwrap().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_registry_that_sends_on_without_end_or_without_tls_is_left() {
    for (to, part) in [("/v2/again", "more than 5 times"), ("ftp://127.0.0.1/x", "which is not https")] {
        let (address, _) = serve(move |(target, _)| match target.as_str() {
            "/v2/" => (200, vec![], vec![]),
            _ => (302, vec![("location", to.into())], vec![]),
        });
        let error = open(nobody(), &format!("{address}/a/b:1")).err().unwrap().to_string();
        assert!(error.contains(part), "{error}");
    }
}
