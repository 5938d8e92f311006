//! The bundle cases of sigstore's conformance suite.
//!
//! They lie in the folder `sigstore/bundle-verify` of what `PROBITY_CORPUS` names, by default `../shared/conformance` beside
//! the workspace. Without it these tests do nothing.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_model::{Value, json};
use probity_trust::{
    Artifact, Digest, Form, Identity, Matcher, PublicKey, Signer, Trust, TrustError, TrustedRoot, Verified,
    verify_bundle, verify_image,
};

use crate::support::Memory;

const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// The folder of the cases, if it is there.
fn cases() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let corpus =
        std::env::var_os("PROBITY_CORPUS").map_or_else(|| workspace.join("../shared/conformance"), PathBuf::from);
    let folder = corpus.join("sigstore/bundle-verify");
    if !folder.is_dir() {
        eprintln!("skipped: no bundle cases in {}", folder.display());
        return None;
    }
    Some(folder)
}

struct Case {
    name: String,
    folder: PathBuf,
}

impl Case {
    fn all(folder: &Path) -> Vec<Self> {
        let mut cases: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("bundle.sigstore.json").is_file())
            .map(|path| Self { name: path.file_name().unwrap().to_string_lossy().into_owned(), folder: path })
            .collect();
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        cases
    }

    fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(file)).ok()
    }

    fn artifact(&self) -> Vec<u8> {
        let own = self.folder.join("artifact");
        fs::read(&own).or_else(|_| fs::read(self.folder.join("../a.txt"))).unwrap()
    }

    fn root(&self) -> Result<TrustedRoot, TrustError> {
        self.text("trusted_root.json").map_or_else(TrustedRoot::public_good, |text| TrustedRoot::from_json(&text))
    }

    fn trust(&self) -> Result<Trust, TrustError> {
        let root = self.root()?;
        if let Some(key) = self.text("key.pub") {
            return Ok(Trust::keys_in_log(vec![PublicKey::from_pem(&key)?], root));
        }
        let line =
            |file, default: &str| self.text(file).map_or_else(|| default.to_owned(), |text| text.trim().to_owned());
        Ok(Trust::identities(vec![Identity::exact(line("identity", IDENTITY), line("issuer", ISSUER))], root))
    }

    fn verify(&self) -> Result<Verified, TrustError> {
        let bundle = fs::read(self.folder.join("bundle.sigstore.json")).unwrap();
        verify_bundle(&bundle, Artifact::Bytes(&self.artifact()), &self.trust()?)
    }

    fn must_fail(&self) -> bool {
        self.name.ends_with("_fail")
    }
}

#[test]
fn every_bundle_case_has_the_right_answer() {
    let Some(folder) = cases() else { return };
    let cases = Case::all(&folder);
    assert!(cases.len() >= 54, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let outcome = case.verify();
        if let Err(error) = &outcome {
            eprintln!("{}: {}: {error}", case.name, error.reason());
        }
        if outcome.is_ok() == case.must_fail() {
            wrong.push(&case.name);
        }
    }
    assert!(wrong.is_empty(), "wrong: {wrong:?}");
}

/// Refusals name what is wrong, not only that something is.
#[test]
fn refusals_name_their_reason() {
    let Some(folder) = cases() else { return };
    let reasons = [
        ("bundle-unknown-version_fail", "malformed"),
        ("checkpoint-bad-keyhint_fail", "inclusion-proof"),
        ("dsse-invalid-sig_fail", "forged"),
        ("dsse-mismatch-envelope_fail", "other-log-entry"),
        ("intoto-missing-inclusion-proof_fail", "no-inclusion-proof"),
        ("intoto-tsa-timestamp-outside-cert-validity_fail", "expired-certificate"),
        ("invalid-ct-key_fail", "certificate-transparency"),
        ("message-digest-mismatch_fail", "other-digest"),
        ("rekor2-timestamp-payload-mismatch_fail", "no-time"),
        ("signature-mismatch_fail", "forged"),
        ("trust-root-tlog-missing-validity-start_fail", "trusted-root"),
    ];
    for (name, reason) in reasons {
        let case = Case { name: name.into(), folder: folder.join(name) };
        assert_eq!(case.verify().unwrap_err().reason(), reason, "{name}");
    }
}

/// A bundle that is genuine, by someone who is not meant.
#[test]
fn the_identity_and_its_issuer_must_both_be_meant() {
    let Some(folder) = cases() else { return };
    let case = Case { name: "happy-path-v0.3".into(), folder: folder.join("happy-path-v0.3") };
    let bundle = fs::read(case.folder.join("bundle.sigstore.json")).unwrap();
    let root = case.root().unwrap();
    let pattern = |pattern: &str| Matcher::regex(pattern).unwrap();
    let exact = |text: &str| Matcher::Exact(text.into());
    let beacon = r"^https://github\.com/sigstore-conformance/.+@refs/heads/main$";
    let outcome = |subject: Matcher, issuer: Matcher| {
        let trust = Trust::identities(vec![Identity { subject, issuer }], root.clone());
        verify_bundle(&bundle, Artifact::Bytes(&case.artifact()), &trust).map_err(|error| error.reason())
    };
    let verified = outcome(pattern(beacon), exact(ISSUER)).unwrap();
    let document = verified.document();
    assert_eq!(document.at(&["signer", "identity"]).and_then(Value::as_str), Some(IDENTITY));
    let repository = document.at(&["signer", "claims", "sourceRepositoryURI"]).and_then(Value::as_str).unwrap();
    assert!(repository.starts_with("https://github.com/sigstore-conformance/"), "{repository}");
    assert!(outcome(exact(IDENTITY), pattern("githubusercontent")).is_ok());
    assert_eq!(outcome(pattern("^https://gitlab"), exact(ISSUER)).unwrap_err(), "wrong-identity");
    assert_eq!(outcome(pattern(beacon), exact("https://accounts.google.com")).unwrap_err(), "wrong-issuer");
    let nobody = Trust::identities(Vec::new(), root.clone());
    let error = verify_bundle(&bundle, Artifact::Bytes(&case.artifact()), &nobody).unwrap_err();
    assert_eq!(error.reason(), "wrong-identity");
    // A key that is trusted verifies no certificate.
    let key = PublicKey::from_pem(&fs::read_to_string(folder.join("managed-key-happy-path/key.pub")).unwrap()).unwrap();
    for trust in [Trust::keys(vec![key.clone()]), Trust::keys_in_log(vec![key], root.clone())] {
        let error = verify_bundle(&bundle, Artifact::Bytes(&case.artifact()), &trust).unwrap_err();
        assert_eq!(error.reason(), "unsupported");
    }
    let other = verify_bundle(&bundle, Artifact::Digest(Digest::of(b"b")), &case.trust().unwrap()).unwrap_err();
    assert_eq!(other.reason(), "other-digest");
}

/// Without its log a bundle that was made with a key is verified by us, not by the crate.
#[test]
fn a_bundle_in_a_log_is_verified_without_it_too() {
    let Some(folder) = cases() else { return };
    let case = Case { name: "managed-key".into(), folder: folder.join("managed-key-happy-path") };
    let bundle = fs::read(case.folder.join("bundle.sigstore.json")).unwrap();
    let key = PublicKey::from_pem(&case.text("key.pub").unwrap()).unwrap();
    let trust = Trust::keys(vec![key]);
    let verified = verify_bundle(&bundle, Artifact::Bytes(&case.artifact()), &trust).unwrap();
    assert_eq!((verified.not_checked, verified.log), (vec!["transparency-log", "timestamp"], None));
    let error = verify_bundle(&bundle, Artifact::Bytes(b"else"), &trust).unwrap_err();
    assert_eq!(error.reason(), "other-digest");
}

/// A bundle of someone without a key as cosign kept it before there were bundles: an envelope under the tag `.att`, its
/// certificate and its entry of the log in annotations.
#[test]
fn keyless_attestations_under_a_tag_are_verified() {
    let Some(folder) = cases() else { return };
    let case = Case { name: "intoto".into(), folder: folder.join("intoto-with-custom-trust-root") };
    let image = Digest::of(&case.artifact());
    let store = |entry: Option<&str>| {
        let bundle = json::read(case.text("bundle.sigstore.json").unwrap().as_bytes()).unwrap();
        let envelope = json::write(bundle.get("dsseEnvelope").unwrap());
        let digest = Digest::of(envelope.as_bytes());
        let mut annotations = annotations(bundle.get("verificationMaterial").unwrap());
        match entry {
            Some(entry) => annotations.push(("dev.sigstore.cosign/bundle", entry.to_owned())),
            None => annotations.retain(|(name, _)| *name != "dev.sigstore.cosign/bundle"),
        }
        let annotations = annotations.iter().map(|(name, text)| (*name, Value::from(text.as_str())));
        let layer = Value::object([
            ("mediaType", Value::from("application/vnd.dsse.envelope.v1+json")),
            ("digest", Value::from(digest.to_string())),
            ("annotations", Value::object(annotations)),
        ]);
        let manifest = json::write(&Value::object([("layers", Value::array([layer]))]));
        let mut store = Memory::default();
        store.blobs.insert(digest, envelope.into_bytes());
        store.tags.insert(image.tag(".att"), manifest.into_bytes());
        store
    };
    let bundle = json::read(case.text("bundle.sigstore.json").unwrap().as_bytes()).unwrap();
    let kept = annotations(bundle.get("verificationMaterial").unwrap());
    let entry = &kept.iter().find(|(name, _)| *name == "dev.sigstore.cosign/bundle").unwrap().1;
    let trust = case.trust().unwrap();
    let found = verify_image(&store(Some(entry)), &image, &trust).unwrap();
    assert!(found.refused.is_empty(), "{:?}", found.refused);
    let verified = &found.verified[0];
    assert_eq!((verified.form, verified.is_attestation(), verified.log.is_some()), (Form::Cosign, true, true));
    assert!(matches!(&verified.signer, Signer::Identity { issuer, .. } if issuer == ISSUER));

    let refused = |store: &Memory, trust: &Trust| {
        let found = verify_image(store, &image, trust).unwrap();
        assert!(found.verified.is_empty());
        found.refused[0].error.reason()
    };
    assert_eq!(refused(&store(None), &trust), "no-inclusion-proof");
    let altered = entry.replace("4288993", "4288994");
    assert_ne!(&altered, entry);
    assert_eq!(refused(&store(Some(&altered)), &trust), "inclusion-proof");
    let someone = Trust::identities(vec![Identity::exact("someone", ISSUER)], case.root().unwrap());
    assert_eq!(refused(&store(Some(entry)), &someone), "wrong-identity");
}

/// The annotations in which cosign kept what a bundle has as its material.
fn annotations(material: &Value) -> Vec<(&'static str, String)> {
    let text = |value: &Value, path: &[&str]| value.at(path).and_then(Value::as_str).unwrap().to_owned();
    let number = |value: &Value, key: &str| Value::from(text(value, &[key]).parse::<i64>().unwrap());
    let certificates = material.at(&["x509CertificateChain", "certificates"]).and_then(Value::as_array).unwrap();
    let pem = |certificate: &Value| {
        let body = text(certificate, &["rawBytes"]);
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    };
    let entry = &material.get("tlogEntries").and_then(Value::as_array).unwrap().as_slice()[0];
    let log = STANDARD.decode(text(entry, &["logId", "keyId"])).unwrap();
    let payload = Value::object([
        ("body", Value::from(text(entry, &["canonicalizedBody"]))),
        ("integratedTime", number(entry, "integratedTime")),
        ("logIndex", number(entry, "logIndex")),
        ("logID", Value::from(log.iter().map(|byte| format!("{byte:02x}")).collect::<String>())),
    ]);
    let promise = Value::from(text(entry, &["inclusionPromise", "signedEntryTimestamp"]));
    let kept = Value::object([("SignedEntryTimestamp", promise), ("Payload", payload)]);
    vec![
        ("dev.cosignproject.cosign/signature", String::new()),
        ("dev.sigstore.cosign/certificate", pem(&certificates.as_slice()[0])),
        ("dev.sigstore.cosign/chain", certificates.iter().skip(1).map(pem).collect()),
        ("dev.sigstore.cosign/bundle", json::write(&kept)),
    ]
}
