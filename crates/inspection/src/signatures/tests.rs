use std::fs;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use probity_model::{Value, json};
use probity_subject_image::{Image, Location, Options, Registry, RegistryOptions, Repository};
use probity_trust::predicate::SLSA_PROVENANCE_V1;
use probity_trust::{KeyPair, PrivateKey, Target, Trust, attest, sign};

use super::*;
use crate::{Inspection, store};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const TODAY: Date = Date::constant(2026, 11, 27);

/// A layout with an image that has nothing in it.
struct Kept {
    repository: Repository,
    image: Image,
    target: Target,
}

fn registry() -> Registry {
    Registry::new(RegistryOptions { docker_config: None, ..RegistryOptions::default() }).unwrap()
}

fn kept(folder: &Path) -> Kept {
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(folder.join("index.json"), r#"{"schemaVersion":2,"manifests":[]}"#).unwrap();
    let location: Location = format!("oci:{}", folder.display()).parse().unwrap();
    let repository = Repository::writable(&location, &registry()).unwrap();
    let config = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let digest = repository.push_blob(config).unwrap();
    let size = config.len();
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":{size}}},"layers":[]}}"#
    );
    repository.put_manifest(Some("v1"), MANIFEST, manifest.as_bytes()).unwrap();
    let options = Options { platform: Some("linux/amd64".parse().unwrap()), ..Options::default() };
    let image = Image::read(&location, &registry(), &options).unwrap();
    let target = store::target(&repository, &repository.resolve(&location).unwrap()).unwrap();
    Kept { repository, image, target }
}

fn key() -> PrivateKey {
    PrivateKey::from_pem(&KeyPair::generate(b"").unwrap().private_pem, b"").unwrap()
}

fn provenance(repository: &str, finished: &str) -> Value {
    let text = format!(
        r#"{{"buildDefinition":{{"buildType":"t","externalParameters":{{"source":{{"uri":"git+{repository}@refs/heads/main","digest":{{"gitCommit":"abc"}}}}}}}},
            "runDetails":{{"builder":{{"id":"https://b.example"}},"metadata":{{"finishedOn":"{finished}"}}}}}}"#
    );
    json::read(text.as_bytes()).unwrap()
}

fn signers(keys: &[(&str, &PrivateKey)]) -> Signers {
    let trust = |key: &PrivateKey| Trust::keys(vec![key.public().clone()]);
    Signers {
        approved: keys.iter().map(|(name, key)| ((*name).to_owned(), trust(key))).collect(),
        repository: Some("github.com/acme/portal".into()),
    }
}

#[test]
fn what_approved_signers_made_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let Kept { repository, image, target } = kept(folder.path());
    let (build, release, stranger) = (key(), key(), key());
    let now = Timestamp::now();
    let older = provenance("https://github.com/acme/other", "2026-11-25T00:00:00Z");
    let newer = provenance("https://GitHub.com/acme/portal.git", "2026-11-26T00:00:00Z");
    for attached in [
        sign(&target, &Value::Null, &release, now),
        sign(&target, &Value::Null, &stranger, now),
        attest(&target, SLSA_PROVENANCE_V1, newer, &build, now),
        attest(&target, SLSA_PROVENANCE_V1, older, &build, now),
    ] {
        store::push(&repository, &attached.unwrap()).unwrap();
    }
    let look_up = |keys: &[(&str, &PrivateKey)]| {
        let signatures = Some(Signatures::look_up(&image, &repository, &signers(keys)));
        Inspection { signatures, ..Inspection::new(image.clone()) }.document(TODAY)
    };
    let document = look_up(&[("build server", &build), ("release", &release)]);
    let at = |path: &[&str]| document.at(path).cloned().unwrap_or_else(|| panic!("{path:?}"));
    let length = |key: &str| at(&[key]).as_array().unwrap().iter().count();
    assert_eq!((length("signatures"), length("attestations"), length("refused")), (1, 2, 1));
    assert_eq!(at(&["signed"]), Value::from(true));
    assert_eq!(at(&["signatures"]).as_array().unwrap().as_slice()[0].get("approved"), Some(&Value::from("release")));
    assert_eq!(at(&["refused"]).as_array().unwrap().as_slice()[0].get("reason"), Some(&Value::from("unknown-key")));
    assert_eq!(at(&["provenance", "expected"]), Value::from(true));
    assert_eq!(at(&["provenance", "commit"]), Value::from("abc"));

    let unsigned = look_up(&[("build server", &build)]);
    assert_eq!(unsigned.get("signed"), Some(&Value::from(false)));
    let nobody = Inspection::new(image.clone()).document(TODAY);
    assert!(nobody.get("signed").is_some_and(|signed| *signed == Value::Null));
}

#[test]
fn what_could_not_be_found_out_is_not_unsigned() {
    let folder = tempfile::tempdir().unwrap();
    let Kept { image, .. } = kept(folder.path());
    // Nobody listens there.
    let away: Location = "127.0.0.1:1/a/b:1".parse().unwrap();
    let repository = Repository::open(&away, &registry()).unwrap();
    let key = key();
    let found = Signatures::look_up(&image, &repository, &signers(&[("build server", &key)]));
    assert_eq!((found.is_signed(), found.refused.len()), (None, 1));
    assert!(found.unknown.is_some_and(|why| why.contains("does not answer")));
    let entries = Inspection {
        signatures: Some(Signatures::look_up(&image, &repository, &signers(&[("b", &key)]))),
        ..Inspection::new(image)
    }
    .document(TODAY);
    assert_eq!(entries.get("signed"), Some(&Value::Null));
    assert_eq!(
        entries.get("refused").and_then(|refused| refused.as_array()?.as_slice().first()?.get("kind").cloned()),
        Some(Value::from("unknown"))
    );
}

#[test]
fn repositories_are_the_same_by_host_and_path() {
    for (found, expected, same) in [
        ("https://github.com/acme/portal", "github.com/acme/portal", true),
        ("https://GITHUB.com/acme/portal", "https://github.com/acme/portal.git", true),
        ("git+https://github.com/acme/portal@refs/heads/main", "github.com/acme/portal", true),
        ("ssh://git@github.com/acme/portal", "github.com/acme/portal", true),
        ("https://github.com/acme/Portal", "github.com/acme/portal", false),
        ("https://github.com/acme/portal-evil", "github.com/acme/portal", false),
        ("https://github.com@evil.example/acme/portal", "github.com/acme/portal", false),
        ("https://evil.example/github.com/acme/portal", "github.com/acme/portal", false),
        ("", "", false),
    ] {
        assert_eq!(is_same_repository(found, expected), same, "{found} {expected}");
    }
}
