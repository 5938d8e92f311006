//! What is written, against a server that is told how to answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::tests::{Asked, nobody, serve};
use super::*;
use crate::repository::Repository;
use crate::{Location, Name};

type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What a registry is like.
#[derive(Clone, Copy, Default)]
struct Kind {
    /// It knows the referrers API.
    referrers: bool,
    /// It looks at `If-Match`.
    conditional: bool,
    /// Someone else writes the index of referrers once, right before or right after us.
    contested: bool,
}

fn status(status: u16) -> Answer {
    (status, Vec::new(), Vec::new())
}

/// A registry with one repository, `a/b`.
fn registry(kind: Kind) -> (SocketAddr, Arc<Mutex<Vec<Asked>>>) {
    let manifests: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::default();
    let blobs: Mutex<BTreeMap<String, String>> = Mutex::default();
    let contested = AtomicBool::new(kind.contested);
    serve(move |(target, headers)| {
        let mut manifests = manifests.lock().unwrap();
        let body = &headers[":body"];
        let Some(part) = target.strip_prefix("/v2/a/b/") else { return status(200) };
        match (headers[":method"].as_str(), part.split_once('/')) {
            ("HEAD", Some(("blobs", digest))) => {
                status(if blobs.lock().unwrap().contains_key(digest) { 200 } else { 404 })
            }
            ("POST", _) => (202, vec![("location", "../uploads/1?_state=x%2By".into())], vec![]),
            ("PUT", Some(("blobs", rest))) => {
                let digest = rest.strip_prefix("uploads/1?_state=x%2By&digest=").unwrap().replace("%3A", ":");
                assert_eq!(digest, Digest::sha256(body.as_bytes()).to_string());
                blobs.lock().unwrap().insert(digest, body.clone());
                status(201)
            }
            ("PUT", Some(("manifests", name))) => {
                let is_index = name.starts_with("sha256-");
                let etag = manifests.get(name).map(|bytes| Digest::sha256(bytes).to_string());
                if is_index && kind.conditional && headers.get("if-match") != etag.as_ref() {
                    return status(412);
                }
                manifests.insert(name.to_owned(), body.clone().into_bytes());
                if is_index && contested.swap(false, Ordering::SeqCst) {
                    // Who wrote last did not see what we have written.
                    let theirs = format!(r#"{{"manifests":[{{"digest":"{}"}}]}}"#, Digest::sha256(b"theirs"));
                    manifests.insert(name.to_owned(), theirs.into_bytes());
                }
                let noted = kind.referrers.then(|| ("oci-subject", "sha256:…".replace('…', "0")));
                (201, noted.into_iter().collect(), vec![])
            }
            ("GET", Some(("manifests", name))) => match manifests.get(name) {
                Some(bytes) => {
                    let etag = ("etag", Digest::sha256(bytes).to_string());
                    (200, vec![("content-type", MANIFEST.into()), etag], bytes.clone())
                }
                None => status(404),
            },
            _ => status(404),
        }
    })
}

fn repository(address: SocketAddr) -> Repository {
    let location: Location = format!("{address}/a/b:1").parse().unwrap();
    Repository::writable(&location, &Registry::new(nobody()).unwrap()).unwrap()
}

fn referring(subject: &Digest) -> Vec<u8> {
    format!(r#"{{"schemaVersion":2,"artifactType":"t/t","subject":{{"digest":"{subject}"}}}}"#).into_bytes()
}

fn count(log: &Mutex<Vec<Asked>>, method: &str, part: &str) -> usize {
    let log = log.lock().unwrap();
    log.iter().filter(|(target, headers)| headers[":method"] == method && target.contains(part)).count()
}

#[test]
fn a_blob_is_written_once() {
    let (address, log) = registry(Kind::default());
    let repository = repository(address);
    for _ in 0..2 {
        assert_eq!(repository.push_blob(b"blob").unwrap(), Digest::sha256(b"blob"));
    }
    assert_eq!((count(&log, "PUT", "/blobs/"), count(&log, "POST", "/blobs/uploads/")), (1, 1));
}

#[test]
fn what_refers_to_an_image_is_found_whatever_the_registry_knows() {
    let subject = Digest::sha256(b"image");
    let ours = Digest::sha256(&referring(&subject));
    for (kind, indexes) in [
        (Kind { referrers: true, ..Kind::default() }, 0),
        (Kind::default(), 1),
        (Kind { conditional: true, ..Kind::default() }, 1),
        (Kind { contested: true, ..Kind::default() }, 2),
        (Kind { contested: true, conditional: true, ..Kind::default() }, 2),
    ] {
        let (address, log) = registry(kind);
        let repository = repository(address);
        assert_eq!(repository.put_manifest(None, MANIFEST, &referring(&subject)).unwrap(), ours);
        assert_eq!(count(&log, "PUT", "manifests/sha256-"), indexes);
        assert_eq!(repository.manifest(&Name::Digest(&ours)).unwrap().unwrap().bytes, referring(&subject));
        if indexes > 0 {
            let found = repository.referrers(&subject).unwrap();
            let theirs = usize::from(kind.contested);
            assert_eq!(found.len(), 1 + theirs);
            assert_eq!((&found[theirs].digest, found[theirs].artifact_type.as_str()), (&ours, "t/t"));
            // Written again, it is there already.
            repository.put_manifest(None, MANIFEST, &referring(&subject)).unwrap();
            assert_eq!(count(&log, "PUT", "manifests/sha256-"), indexes);
        }
    }
}

#[test]
fn a_token_is_asked_for_that_allows_writing_and_goes_to_no_other_server() {
    let (elsewhere, elsewhere_log) = serve(|_| status(201));
    let (tokens, token_log) = serve(|_| (200, vec![], br#"{"token":"t0k3n"}"#.to_vec()));
    let (address, _) = serve(move |(target, headers)| match headers[":method"].as_str() {
        _ if target == "/v2/" => status(401),
        _ if !headers.contains_key("authorization") => {
            let challenge = format!(r#"Bearer realm="http://{tokens}/t",scope="repository:a/b:pull""#);
            (401, vec![("www-authenticate", challenge)], vec![])
        }
        "POST" => (202, vec![("location", format!("http://{elsewhere}/upload"))], vec![]),
        _ => status(404),
    });
    repository(address).push_blob(b"blob").unwrap();
    assert_eq!(token_log.lock().unwrap()[0].0, "/t?scope=repository%3Aa%2Fb%3Apull%2Cpush");
    let sent = elsewhere_log.lock().unwrap().clone();
    assert_eq!((sent.len(), sent[0].1[":body"].as_str()), (1, "blob"));
    assert!(!sent[0].1.contains_key("authorization"));
}

#[test]
fn a_registry_of_this_machine_sends_nowhere_in_plain_words() {
    let (address, _) = serve(|(target, headers)| match headers[":method"].as_str() {
        _ if target == "/v2/" => status(200),
        "POST" => (202, vec![("location", "http://192.0.2.1/upload".into())], vec![]),
        "GET" => (307, vec![("location", "http://192.0.2.1/blob".into())], vec![]),
        _ => status(404),
    });
    let repository = repository(address);
    let error = repository.push_blob(b"blob").unwrap_err().to_string();
    assert!(error.contains("http://192.0.2.1, which is not https"), "{error}");
    let error = repository.blob(&Digest::sha256(b"blob"), 9).unwrap_err().to_string();
    assert!(error.contains("http://192.0.2.1, which is not https"), "{error}");
}

#[test]
fn pages_of_referrers_are_followed() {
    let (address, _) = serve(|(target, _)| {
        let entry = |name: &str| format!(r#"{{"manifests":[{{"digest":"{}"}}]}}"#, Digest::sha256(name.as_bytes()));
        let answer = |link: Option<&str>, name: &str| {
            let link = link.map(|link| ("link", format!("<{link}>; rel=\"next\"")));
            (200, link.into_iter().chain([("content-type", INDEX.to_owned())]).collect(), entry(name).into_bytes())
        };
        match target.as_str() {
            "/v2/" => status(200),
            "/v2/a/b/referrers/last" => answer(None, "two"),
            "/v2/a/b/referrers/round" => answer(Some("/v2/a/b/referrers/round"), "three"),
            target if target.ends_with(Digest::sha256(b"endless").as_str()) => answer(Some("round"), "one"),
            target if target.contains("/referrers/") => answer(Some("last"), "one"),
            _ => status(404),
        }
    });
    let repository = repository(address);
    let found = repository.referrers(&Digest::sha256(b"image")).unwrap();
    assert_eq!(
        found.iter().map(|one| &one.digest).collect::<Vec<_>>(),
        [&Digest::sha256(b"one"), &Digest::sha256(b"two")]
    );
    let error = repository.referrers(&Digest::sha256(b"endless")).unwrap_err();
    assert!(matches!(error, ImageError::TooMuch { .. }), "{error}");
}

#[test]
fn what_could_not_be_found_out_is_no_nothing() {
    let (address, _) = serve(|(target, _)| match target.as_str() {
        "/v2/" => status(200),
        target if target.contains("/referrers/") => status(403),
        target if target.contains("/blobs/") => (200, vec![], b"other".to_vec()),
        _ => (500, vec![("retry-after", "0".into())], vec![]),
    });
    let repository = repository(address);
    let digest = Digest::sha256(b"image");
    assert!(repository.referrers(&digest).is_err());
    assert!(repository.manifest(&Name::Tag("x")).is_err());
    assert!(matches!(repository.blob(&digest, 9).unwrap_err(), ImageError::Mismatch { .. }));
    assert!(matches!(repository.blob(&digest, 4).unwrap_err(), ImageError::TooMuch { .. }));
}
