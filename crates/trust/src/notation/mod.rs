//! Notation's signatures (the Notary Project's signature specification 1.1): X.509 certificates of authorities that one
//! trusts, envelopes in JWS or COSE.
//!
//! Whether a certificate was revoked is not asked, as that needs the network; nor are countersignatures of timestamp
//! authorities verified, so that certificates must be valid now, unless a signing authority says when it signed.
//! [`Verified::not_checked`] says so each time.

mod cose;
mod jws;
mod policy;
mod stores;

use jiff::Timestamp;
use probity_model::{Value, json};

pub use policy::TrustPolicies;
pub use stores::TrustStores;

use crate::cosign::{Found, Refused};
use crate::digest::{hex, sha256, shown};
use crate::key::Algorithm;
use crate::store::{self, Layer, Reference, Store};
use crate::verified::{Form, SignedAt, Signer};
use crate::{Digest, PublicKey, TrustError, Verified, certificate, chain, limits};
use policy::{Action, Policy};

const WHAT: &str = "the Notation envelope";
const SIGNATURE: &str = "application/vnd.cncf.notary.signature";
const PAYLOAD: &str = "application/vnd.cncf.notary.payload.v1+json";
const SCHEME: &str = "io.cncf.notary.signingScheme";
const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
const AUTHENTIC_TIME: &str = "io.cncf.notary.authenticSigningTime";
const EXPIRY: &str = "io.cncf.notary.expiry";
const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";

/// Whose Notation signatures count.
#[derive(Debug, Clone)]
pub struct NotationTrust {
    /// What is asked of which repository.
    pub policies: TrustPolicies,
    /// The certificates that the policies name.
    pub stores: TrustStores,
}

/// Who vouches for the time of signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    /// Nobody: `notary.x509`.
    X509,
    /// The signer, who is trusted for it: `notary.x509.signingAuthority`.
    Authority,
}

/// An envelope of either form, nothing of it verified.
struct Envelope {
    form: Form,
    algorithm: Algorithm,
    scheme: Scheme,
    signed_at: Timestamp,
    expiry: Option<Timestamp>,
    /// The certificates in DER, leaf first.
    chain: Vec<Vec<u8>>,
    payload: Vec<u8>,
    /// What is signed.
    message: Vec<u8>,
    signature: Vec<u8>,
    /// Whether a timestamp authority countersigned.
    timestamped: bool,
}

/// Verifies an envelope about something with a digest in a repository, as `registry.example/team/app`.
///
/// # Errors
/// Says why it is refused.
pub fn verify_notation(
    envelope: &[u8],
    media_type: &str,
    digest: &Digest,
    repository: &str,
    trust: &NotationTrust,
    now: Timestamp,
) -> Result<Verified, TrustError> {
    let policy = trust.policies.of(repository)?;
    let envelope = read(envelope, media_type)?;
    let Some(leaf) = envelope.chain.first() else {
        return Err(TrustError::malformed(WHAT, "it has no certificate"));
    };
    let leaf = certificate::parse(leaf)?;
    PublicKey::from_spki(leaf.public_key().raw)?.verify_with(
        envelope.algorithm,
        &envelope.message,
        &envelope.signature,
    )?;
    let kind = match envelope.scheme {
        Scheme::X509 => "ca",
        Scheme::Authority => "signingAuthority",
    };
    chain::verify(&envelope.chain, &trust.stores.named(kind, &policy.stores)?)?;
    policy.check_identity(leaf.subject())?;
    let tolerated = check_times(&envelope, policy, now)?;
    let annotations = about(&envelope.payload, digest)?;
    let mut not_checked = Vec::new();
    if policy.revocation != Action::Skip {
        not_checked.push("revocation");
    }
    if envelope.timestamped {
        not_checked.push("timestamp");
    }
    Ok(Verified {
        form: envelope.form,
        digest: *digest,
        signer: Signer::Certificate {
            subject: chain::shown(leaf.subject()),
            issuer: chain::shown(leaf.issuer()),
            fingerprint: hex(&sha256(leaf.as_raw())),
        },
        signed_at: Some(SignedAt { time: envelope.signed_at, proved: envelope.scheme == Scheme::Authority }),
        log: None,
        statement: None,
        annotations,
        not_checked,
        tolerated,
    })
}

fn read(bytes: &[u8], media_type: &str) -> Result<Envelope, TrustError> {
    limits::bytes("bytes of a Notation envelope", bytes, limits::NOTATION)?;
    match media_type {
        "application/jose+json" => jws::read(bytes),
        "application/cose" => cose::read(bytes),
        other => Err(TrustError::Unsupported(format!("a Notation envelope of `{}`", shown(other)))),
    }
}

/// Checks the times of the signature and of its certificates. What does not hold and is let pass is told.
fn check_times(envelope: &Envelope, policy: &Policy, now: Timestamp) -> Result<Vec<&'static str>, TrustError> {
    let at = match envelope.scheme {
        Scheme::X509 => now,
        Scheme::Authority => envelope.signed_at,
    };
    if envelope.signed_at > now {
        return Err(TrustError::Time(format!("it is said to be signed at {}, which has not come", envelope.signed_at)));
    }
    let expired = envelope.expiry.filter(|expiry| *expiry < now).map(TrustError::ExpiredSignature);
    let checks =
        [(policy.timestamp, chain::check_times(&envelope.chain, at)), (policy.expiry, expired.map_or(Ok(()), Err))];
    let mut tolerated = Vec::new();
    for (action, check) in checks {
        match check {
            Err(error) if action == Action::Enforce => return Err(error),
            Err(error) => tolerated.push(error.reason()),
            Ok(()) => {}
        }
    }
    Ok(tolerated)
}

/// Refuses a payload that is about something else; else what the signer noted.
fn about(payload: &[u8], digest: &Digest) -> Result<Value, TrustError> {
    const WHAT: &str = "the signed payload";
    let payload = json::read_within(payload, limits::DEPTH).map_err(|error| TrustError::malformed(WHAT, error))?;
    let Some(target) = payload.get("targetArtifact") else {
        return Err(TrustError::malformed(WHAT, "it has no `targetArtifact`"));
    };
    let found = target.get("digest").and_then(Value::as_str).unwrap_or("nothing");
    if found != digest.to_string() {
        return Err(TrustError::OtherDigest { expected: *digest, found: shown(found) });
    }
    Ok(match target.get("annotations") {
        Some(annotations @ Value::Object(_)) => annotations.clone(),
        _ => Value::object::<&str>([]),
    })
}

/// Whether the attributes that must be understood are, and those that must be marked so are (section "Signed
/// attributes").
fn check_critical(critical: &[&str], scheme: Scheme, expires: bool) -> Result<(), TrustError> {
    let mut wanted = vec![SCHEME];
    wanted.extend((scheme == Scheme::Authority).then_some(AUTHENTIC_TIME));
    wanted.extend(expires.then_some(EXPIRY));
    if let Some(unknown) = critical.iter().find(|name| !wanted.contains(name)) {
        let attribute = shown(unknown);
        return Err(TrustError::Unsupported(format!("a Notation signature with the critical attribute {attribute}")));
    }
    match wanted.iter().find(|name| !critical.contains(name)) {
        Some(missing) => Err(TrustError::malformed(WHAT, format!("{missing} is not marked as critical"))),
        None => Ok(()),
    }
}

fn scheme(name: &str) -> Result<Scheme, TrustError> {
    match name {
        "notary.x509" => Ok(Scheme::X509),
        "notary.x509.signingAuthority" => Ok(Scheme::Authority),
        other => Err(TrustError::Unsupported(format!("the signing scheme `{}`", shown(other)))),
    }
}

impl Scheme {
    /// The attribute with the time of signing.
    fn time(self) -> &'static str {
        match self {
            Self::X509 => SIGNING_TIME,
            Self::Authority => AUTHENTIC_TIME,
        }
    }
}

/// Verifies all Notation signatures of an image in a repository, which are its referrers.
///
/// # Errors
/// When the store fails, or there is no trust policy for the repository. All else is in [`Found::refused`].
pub fn verify_notation_image(
    store: &dyn Store,
    digest: &Digest,
    repository: &str,
    trust: &NotationTrust,
    now: Timestamp,
) -> Result<Found, TrustError> {
    trust.policies.of(repository)?;
    let failed = |error| TrustError::Store { what: format!("the referrers of {digest}"), error };
    let mut found = Found::default();
    let referrers = store.referrers(digest).map_err(failed)?;
    for (position, referrer) in referrers.iter().filter(|one| one.artifact_type == SIGNATURE).enumerate() {
        if let Err(error) = limits::count("Notation signatures", position + 1, limits::ATTACHED) {
            found.refused.push(Refused { origin: referrer.digest, error });
            break;
        }
        let verified = layer(store, &referrer.digest)
            .and_then(|(layer, bytes)| verify_notation(&bytes, &layer.media_type, digest, repository, trust, now));
        match verified {
            Ok(verified) => found.verified.push(verified),
            Err(error @ TrustError::Store { .. }) => return Err(error),
            Err(error) => found.refused.push(Refused { origin: referrer.digest, error }),
        }
    }
    Ok(found)
}

/// The one layer of a signature's manifest.
fn layer(store: &dyn Store, manifest: &Digest) -> Result<(Layer, Vec<u8>), TrustError> {
    const WHAT: &str = "the manifest of a Notation signature";
    let found = store::manifest(store, &Reference::Digest(*manifest))?;
    let manifest = found.ok_or_else(|| TrustError::malformed(WHAT, "it is not there"))?;
    let mut layers = manifest.layers()?;
    if layers.len() != 1 {
        return Err(TrustError::malformed(WHAT, format!("it has {} layers, not one", layers.len())));
    }
    let layer = layers.remove(0);
    let bytes = store::blob(store, &layer.digest)?;
    Ok((layer, bytes))
}
