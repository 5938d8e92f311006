//! Sigstore bundles, versions 0.1 to 0.3.
//!
//! What is in a transparency log is verified by the `sigstore-verify` crate, with all of its checks: none of its
//! `skip_*` switches is used. Signatures by a key that are in no log are verified here.

mod claims;
mod outcome;
mod unlogged;

use probity_model::value::Array;
use probity_model::{Value, json};
use sigstore_verify::types::{ArtifactDigest, Bundle, DerPublicKey, HashAlgorithm, SignatureContent};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, VerificationResult};

use crate::dsse::IN_TOTO;
use crate::trust::{KeyTrust, KeylessTrust, Log};
use crate::verified::{Form, LogEntry, Signer};
use crate::{Digest, Statement, Trust, TrustError, TrustedRoot, Verified, limits};

const WHAT: &str = "the bundle";

/// What a bundle is about.
#[derive(Debug, Clone, Copy)]
pub enum Artifact<'a> {
    /// Something with this digest, such as an image.
    Digest(Digest),
    /// These bytes. Signatures with Ed25519 over a file itself, not over a statement about it, need them.
    Bytes(&'a [u8]),
}

impl Artifact<'_> {
    /// Its digest.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Digest(digest) => *digest,
            Self::Bytes(bytes) => Digest::of(bytes),
        }
    }
}

/// Verifies a bundle about an artifact.
///
/// # Errors
/// Says why it is refused.
pub fn verify_bundle(text: &[u8], artifact: Artifact<'_>, trust: &Trust) -> Result<Verified, TrustError> {
    let document = read(text)?;
    match trust {
        Trust::Keyless(trust) => keyless(&parse(text)?, artifact, trust),
        Trust::Keys(trust) => match (&trust.root, trust.log) {
            (None, Log::Required) => Err(TrustError::Root("no root is given, but signatures must be in a log".into())),
            (Some(root), Log::Required) => with_keys(&parse(text)?, artifact, trust, root),
            (Some(root), Log::Optional) if has_entries(&document) => with_keys(&parse(text)?, artifact, trust, root),
            (_, Log::Optional) => unlogged::verify(&document, artifact, trust),
        },
    }
}

/// Reads a bundle as JSON within what is read, and checks what `sigstore-verify` leaves open: how many entries,
/// timestamps and certificates there may be, and that each entry proves something.
fn read(text: &[u8]) -> Result<Value, TrustError> {
    limits::bytes("bytes of the bundle", text, limits::ENVELOPE)?;
    let document = json::read_within(text, limits::DEPTH).map_err(|error| TrustError::malformed(WHAT, error))?;
    let material = document.get("verificationMaterial");
    let list = |path: &[&str]| {
        let found = material.and_then(|material| material.at(path)).and_then(Value::as_array);
        found.map(Array::as_slice).unwrap_or_default()
    };
    let entries = list(&["tlogEntries"]);
    limits::count("entries of transparency logs", entries.len(), limits::LOG_ENTRIES)?;
    let timestamps = list(&["timestampVerificationData", "rfc3161Timestamps"]);
    limits::count("timestamps", timestamps.len(), limits::LOG_ENTRIES)?;
    limits::count("certificates", list(&["x509CertificateChain", "certificates"]).len(), limits::CHAIN)?;
    let proves = |entry: &Value| ["inclusionProof", "inclusionPromise"].iter().any(|key| entry.get(key).is_some());
    if !entries.iter().all(proves) {
        return Err(TrustError::NoInclusion("an entry has neither a proof nor a promise of inclusion".into()));
    }
    Ok(document)
}

fn has_entries(document: &Value) -> bool {
    let entries = document.at(&["verificationMaterial", "tlogEntries"]).and_then(Value::as_array);
    entries.is_some_and(|entries| !entries.is_empty())
}

fn parse(text: &[u8]) -> Result<Bundle, TrustError> {
    let text = std::str::from_utf8(text).map_err(|error| TrustError::malformed(WHAT, error))?;
    Bundle::from_json(text).map_err(|error| TrustError::malformed(WHAT, error))
}

/// Verifies a bundle that has a certificate.
fn keyless(bundle: &Bundle, artifact: Artifact<'_>, trust: &KeylessTrust) -> Result<Verified, TrustError> {
    // Who signed is asked below, as it may be one of several and a pattern.
    let result = run(bundle, artifact, &VerificationPolicy::any_identity(), &trust.root)?;
    let subject = result.identity().map(|identity| identity.as_str().to_owned());
    let issuer = result.issuer().map(ToOwned::to_owned);
    let mut refused =
        TrustError::WrongIdentity { expected: "anybody".into(), found: subject.clone().unwrap_or_default() };
    for identity in &trust.identities {
        match identity.check(subject.as_deref(), issuer.as_deref()) {
            Ok(()) => {
                let claims = result.certificate().map(|found| claims::document(&found.ci_claims)).unwrap_or_default();
                let (subject, issuer) = (subject.unwrap_or_default(), issuer.unwrap_or_default());
                return verified(bundle, artifact, Signer::Identity { subject, issuer, claims }, &result);
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Verifies a bundle that was made with one of some keys and is in a log.
fn with_keys(
    bundle: &Bundle,
    artifact: Artifact<'_>,
    trust: &KeyTrust,
    root: &TrustedRoot,
) -> Result<Verified, TrustError> {
    let mut refused = TrustError::UnknownKey;
    for key in &trust.keys {
        let policy = PublicKeyVerificationPolicy::new(DerPublicKey::from_bytes(key.spki()));
        match run(bundle, artifact, &policy, root) {
            Ok(result) => return verified(bundle, artifact, Signer::Key { id: key.id() }, &result),
            // That it is of another key than this one says less than what is wrong with it.
            Err(TrustError::Forged(_)) if trust.keys.len() > 1 => {}
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn run(
    bundle: &Bundle,
    artifact: Artifact<'_>,
    policy: &dyn sigstore_verify::Policy,
    root: &TrustedRoot,
) -> Result<VerificationResult, TrustError> {
    let subject = artifact.digest();
    let result = match artifact {
        Artifact::Bytes(bytes) => root.verifier().verify(bytes, bundle, policy),
        Artifact::Digest(digest) => {
            let digest = ArtifactDigest::new(HashAlgorithm::Sha2256, digest.as_bytes().to_vec())
                .map_err(|error| TrustError::malformed("a digest", error))?;
            root.verifier().verify(digest, bundle, policy)
        }
    };
    result.map_err(|error| outcome::refused(error, &subject))
}

/// What was verified.
fn verified(
    bundle: &Bundle,
    artifact: Artifact<'_>,
    signer: Signer,
    result: &VerificationResult,
) -> Result<Verified, TrustError> {
    let digest = artifact.digest();
    let statement = match &bundle.content {
        SignatureContent::DsseEnvelope(envelope) => {
            Some(statement(&envelope.payload_type, envelope.payload.as_bytes(), &digest)?)
        }
        _ => None,
    };
    let log = bundle.verification_material.tlog_entries.first().map(|entry| LogEntry {
        log: crate::digest::hex(entry.log_id.key_id.as_bytes()),
        index: entry.log_index.get(),
    });
    Ok(Verified {
        form: Form::Bundle,
        digest,
        signer,
        signed_at: outcome::signed_at(result)?,
        log: log.filter(|_| result.tlog_verified()),
        annotations: annotations(statement.as_ref(), &digest),
        statement,
        not_checked: Vec::new(),
        tolerated: Vec::new(),
    })
}

/// What the signer notes of what is signed.
fn annotations(statement: Option<&Statement>, digest: &Digest) -> Value {
    statement.map_or_else(|| Value::object::<&str>([]), |statement| statement.annotations(digest))
}

/// The statement in an envelope whose signature was verified.
fn statement(payload_type: &str, payload: &[u8], digest: &Digest) -> Result<Statement, TrustError> {
    if payload_type != IN_TOTO {
        return Err(TrustError::Unsupported(format!("an envelope of `{}`", crate::digest::shown(payload_type))));
    }
    let statement = Statement::from_json(payload)?;
    statement.check_about(digest)?;
    Ok(statement)
}
