//! Bundles that were made with a key and are verified without a transparency log.

use jiff::Timestamp;
use probity_model::Value;
use probity_model::value::Array;

use super::{Artifact, WHAT, statement};
use crate::dsse::{Envelope, base64};
use crate::trust::KeyTrust;
use crate::verified::{Form, SignedAt, Signer};
use crate::{PublicKey, TrustError, Verified};

const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
];

/// Verifies the signature of a bundle with the keys that are trusted, and its timestamps where there is a root.
pub(super) fn verify(document: &Value, artifact: Artifact<'_>, trust: &KeyTrust) -> Result<Verified, TrustError> {
    let media_type = document.get("mediaType").and_then(Value::as_str).unwrap_or_default();
    if !MEDIA_TYPES.contains(&media_type) {
        return Err(TrustError::Unsupported(format!("a bundle of `{}`", crate::digest::shown(media_type))));
    }
    let Some(material) = document.get("verificationMaterial") else {
        return Err(TrustError::malformed(WHAT, "it has no `verificationMaterial`"));
    };
    if material.get("publicKey").is_none() {
        return Err(TrustError::Unsupported("a bundle with a certificate, where a key is trusted,".into()));
    }
    let digest = artifact.digest();
    let (key, signature, stated) = match (document.get("dsseEnvelope"), document.get("messageSignature")) {
        (Some(envelope), None) => {
            let envelope = Envelope::from_value(envelope)?;
            if envelope.signatures.len() > 1 {
                return Err(TrustError::malformed(WHAT, "its envelope has more than one signature"));
            }
            let (key, signature) = envelope.verify(&trust.keys)?[0];
            let stated = statement(&envelope.payload_type, &envelope.payload, &digest)?;
            (key, signature.signature.clone(), Some(stated))
        }
        (None, Some(message)) => {
            let (key, signature) = verify_message(message, artifact, &trust.keys)?;
            (key, signature, None)
        }
        _ => return Err(TrustError::malformed(WHAT, "it has not one of an envelope and a message's signature")),
    };
    let mut not_checked = Vec::new();
    if super::has_entries(document) {
        not_checked.push("transparency-log");
    }
    let signed_at = signed_at(material, &signature, trust, &mut not_checked)?;
    Ok(Verified {
        form: Form::Bundle,
        digest,
        signer: Signer::Key { id: key.id() },
        signed_at,
        log: None,
        annotations: super::annotations(stated.as_ref(), &digest),
        statement: stated,
        not_checked,
        tolerated: Vec::new(),
    })
}

/// Verifies a signature over the artifact itself.
fn verify_message<'k>(
    message: &Value,
    artifact: Artifact<'_>,
    keys: &'k [PublicKey],
) -> Result<(&'k PublicKey, Vec<u8>), TrustError> {
    let Artifact::Bytes(bytes) = artifact else {
        return Err(TrustError::Unsupported("a signature over an artifact itself, without its bytes,".into()));
    };
    let text = |path: &[&str]| message.at(path).and_then(Value::as_str);
    let signature = base64(WHAT, text(&["signature"]).unwrap_or_default())?;
    if text(&["messageDigest", "algorithm"]) == Some("SHA2_256") {
        let declared = base64(WHAT, text(&["messageDigest", "digest"]).unwrap_or_default())?;
        if declared != artifact.digest().as_bytes() {
            let found = format!("sha256:{}", crate::digest::hex(&declared));
            return Err(TrustError::OtherDigest { expected: artifact.digest(), found });
        }
    }
    let key = keys.iter().find(|key| key.verify(bytes, &signature).is_ok());
    Ok((key.ok_or(TrustError::UnknownKey)?, signature))
}

/// The earliest of the timestamps, all of which must hold.
fn signed_at(
    material: &Value,
    signature: &[u8],
    trust: &KeyTrust,
    not_checked: &mut Vec<&'static str>,
) -> Result<Option<SignedAt>, TrustError> {
    let tokens = material.at(&["timestampVerificationData", "rfc3161Timestamps"]).and_then(Value::as_array);
    let tokens = tokens.map(Array::as_slice).unwrap_or_default();
    let Some(root) = &trust.root else {
        if !tokens.is_empty() {
            not_checked.push("timestamp");
        }
        return Ok(None);
    };
    let times = tokens.iter().map(|token| {
        let token = token.get("signedTimestamp").and_then(Value::as_str).unwrap_or_default();
        root.timestamp(&base64(WHAT, token)?, signature)
    });
    let times = times.collect::<Result<Vec<Timestamp>, _>>()?;
    Ok(times.into_iter().min().map(|time| SignedAt { time, proved: true }))
}
