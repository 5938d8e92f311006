//! Both ways with cosign itself, through a registry.
//!
//! `PROBITY_COSIGN` names the program; without it, or without `docker-registry`, these tests do nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jiff::Timestamp;
use probity_model::{Value, json};
use probity_trust::predicate::{CYCLONEDX, SLSA_PROVENANCE_V1};
use probity_trust::{
    Form, KeyKind, KeyPair, PrivateKey, PublicKey, Reference, Store, Target, Trust, attest, attest_under_tag, sign,
    sign_under_tag, verify_image,
};

use crate::registry::Registry;
use crate::support::every_kind;

const SBOM: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"openssl"}]}"#;
const PROVENANCE: &str = r#"{"buildDefinition":{"buildType":"t","externalParameters":{}},"runDetails":{"builder":{"id":"https://b.example"}}}"#;

/// cosign and a registry, if both are there.
struct Peers {
    cosign: PathBuf,
    registry: Registry,
}

impl Peers {
    fn find() -> Option<Self> {
        let Some(cosign) = std::env::var_os("PROBITY_COSIGN") else {
            eprintln!("skipped: PROBITY_COSIGN names no cosign");
            return None;
        };
        let Some(registry) = Registry::start() else {
            eprintln!("skipped: there is no docker-registry");
            return None;
        };
        Some(Self { cosign: cosign.into(), registry })
    }

    fn folder(&self) -> &Path {
        self.registry.folder.path()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.cosign);
        command.current_dir(self.folder()).env("COSIGN_PASSWORD", "sesame").env("HOME", self.folder());
        command.args(arguments).output().unwrap()
    }

    /// Runs it on an image, with which it must go well.
    fn on(&self, arguments: &[&str], image: &Target) -> String {
        let reference = format!("{}@{}", image.repository, image.digest);
        let arguments: Vec<_> = arguments.iter().copied().chain(["--allow-http-registry", &reference]).collect();
        let output = self.run(&arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn what_cosign_signs_we_verify() {
    let Some(peers) = Peers::find() else { return };
    let generated = peers.run(&["generate-key-pair"]);
    assert!(generated.status.success(), "{}", String::from_utf8_lossy(&generated.stderr));
    fs::write(peers.folder().join("sbom.json"), SBOM).unwrap();
    let public = fs::read_to_string(peers.folder().join("cosign.pub")).unwrap();
    let private = fs::read_to_string(peers.folder().join("cosign.key")).unwrap();
    assert_eq!(PrivateKey::from_pem(&private, b"sesame").unwrap().public().to_pem(), public);

    let (image, other) = (peers.registry.push_image(b"app"), peers.registry.push_image(b"other"));
    for form in ["--new-bundle-format=false", "--new-bundle-format=true"] {
        let without_log = ["--key", "cosign.key", "--tlog-upload=false", "--use-signing-config=false", form, "-y"];
        peers.on(&[&["sign", "-a", "env=prod"][..], &without_log].concat(), &image);
        let attestation = ["attest", "--type", "cyclonedx", "--predicate", "sbom.json"];
        peers.on(&[&attestation[..], &without_log].concat(), &image);
    }
    let trust = Trust::keys(vec![PublicKey::from_pem(&public).unwrap()]);
    let found = verify_image(&peers.registry, &image.digest, &trust).unwrap();
    assert!(found.refused.is_empty(), "{:?}", found.refused);
    let forms = |attestations| {
        let of_kind = found.verified.iter().filter(move |one| one.is_attestation() == attestations);
        of_kind.map(|one| one.form).collect::<Vec<_>>()
    };
    assert_eq!((forms(false), forms(true)), (vec![Form::Cosign, Form::Bundle], vec![Form::Cosign, Form::Bundle]));
    for signature in found.signatures() {
        assert_eq!(signature.annotations.get("env"), Some(&Value::from("prod")));
    }
    let sbom = json::read(SBOM.as_bytes()).unwrap();
    assert!(found.attestations().all(|one| one.statement.as_ref().is_some_and(|said| said.predicate == sbom)));

    let none = verify_image(&peers.registry, &other.digest, &trust).unwrap();
    assert!(none.verified.is_empty() && none.refused.is_empty());
}

#[test]
fn what_we_sign_cosign_verifies() {
    let Some(peers) = Peers::find() else { return };
    let pair = KeyPair::generate(b"sesame").unwrap();
    fs::write(peers.folder().join("ours.pub"), &pair.public_pem).unwrap();
    let key = PrivateKey::from_pem(&pair.private_pem, b"sesame").unwrap();
    let image = peers.registry.push_image(b"app");
    let now = Timestamp::now();
    let sbom = json::read(SBOM.as_bytes()).unwrap();
    let provenance = json::read(PROVENANCE.as_bytes()).unwrap();

    let note = Value::object([("env", Value::from("prod"))]);
    peers.registry.push(&image, &sign_under_tag(&image, note.clone(), &key, None).unwrap());
    peers.registry.push(&image, &attest_under_tag(&image, CYCLONEDX, sbom.clone(), &key, None).unwrap());
    let tag = image.digest.tag(".att");
    let existing = peers.registry.manifest(&Reference::Tag(&tag)).unwrap();
    let second = attest_under_tag(&image, SLSA_PROVENANCE_V1, provenance.clone(), &key, existing.as_deref()).unwrap();
    peers.registry.push(&image, &second);
    verified_by_cosign(&peers, &image, "--new-bundle-format=false");

    peers.registry.push(&image, &sign(&image, &note, &key, now).unwrap());
    peers.registry.push(&image, &attest(&image, CYCLONEDX, sbom, &key, now).unwrap());
    peers.registry.push(&image, &attest(&image, SLSA_PROVENANCE_V1, provenance, &key, now).unwrap());
    verified_by_cosign(&peers, &image, "--new-bundle-format=true");

    // The key file that we write is one that cosign signs with.
    fs::write(peers.folder().join("ours.key"), &pair.private_pem).unwrap();
    let without_log = ["--tlog-upload=false", "--use-signing-config=false", "--new-bundle-format=false", "-y"];
    peers.on(&[&["sign", "--key", "ours.key"][..], &without_log].concat(), &image);
}

fn verified_by_cosign(peers: &Peers, image: &Target, form: &str) {
    let key = ["--key", "ours.pub", "--insecure-ignore-tlog=true", form];
    let signed = peers.on(&[&["verify"][..], &key].concat(), image);
    assert!(signed.contains(&image.digest.to_string()), "{signed}");
    for kind in ["cyclonedx", "slsaprovenance1"] {
        let stated = peers.on(&[&["verify-attestation", "--type", kind][..], &key].concat(), image);
        assert!(stated.contains("payload"), "{stated}");
    }
    // It refuses what is not by the key.
    let reference = format!("{}@{}", image.repository, image.digest);
    fs::write(peers.folder().join("other.pub"), KeyPair::generate(b"").unwrap().public_pem).unwrap();
    let other =
        ["verify", "--key", "other.pub", "--insecure-ignore-tlog=true", form, "--allow-http-registry", &reference];
    assert!(!peers.run(&other).status.success());
}

/// Keys that cosign did not make: it signs with them and we verify, and the other way round.
#[test]
fn keys_of_every_kind_go_both_ways() {
    let Some(peers) = Peers::find() else { return };
    for (kind, pem) in every_kind() {
        let (name, public) = (kind.to_string(), format!("{kind}.pub"));
        fs::write(peers.folder().join(format!("{kind}.pem")), &pem).unwrap();
        let import = ["import-key-pair", "--key", &format!("{kind}.pem"), "--output-key-prefix", &name, "-y"];
        let imported = peers.run(&import);
        assert!(imported.status.success(), "{kind}: {}", String::from_utf8_lossy(&imported.stderr));
        let sealed = fs::read_to_string(peers.folder().join(format!("{kind}.key"))).unwrap();
        let key = PrivateKey::from_pem(&sealed, b"sesame").unwrap();
        let trust = Trust::keys(vec![key.public().clone()]);
        for form in ["--new-bundle-format=false", "--new-bundle-format=true"] {
            let theirs = peers.registry.push_image(format!("theirs {kind} {form}").as_bytes());
            let private = format!("{kind}.key");
            let without_log = ["--tlog-upload=false", "--use-signing-config=false", form, "-y"];
            peers.on(&[&["sign", "--key", &private][..], &without_log].concat(), &theirs);
            let found = verify_image(&peers.registry, &theirs.digest, &trust).unwrap();
            assert_eq!((found.verified.len(), found.refused.len()), (1, 0), "{kind} {form}: {:?}", found.refused);

            let ours = peers.registry.push_image(format!("ours {kind} {form}").as_bytes());
            let attached = match form {
                "--new-bundle-format=false" => sign_under_tag(&ours, Value::Null, &key, None),
                _ => sign(&ours, &Value::Null, &key, Timestamp::now()),
            };
            peers.registry.push(&ours, &attached.unwrap());
            // It takes SHA-256 for granted unless it is told, whatever the curve.
            let hash = match kind {
                KeyKind::EcdsaP384 => "sha384",
                KeyKind::EcdsaP521 => "sha512",
                _ => "sha256",
            };
            let digest = ["--signature-digest-algorithm", hash];
            let verify = ["verify", "--key", &public, "--insecure-ignore-tlog=true", form];
            peers.on(&[&verify[..], &digest].concat(), &ours);
        }
    }
}
