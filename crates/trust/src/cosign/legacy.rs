//! Signatures and attestations under tags: a layer with what was signed, its signature, certificate and log entry in
//! annotations (cosign's `SIGNATURE_SPEC.md`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use probity_model::{Number, Value, json};

use super::SIGNATURE;
use crate::digest::{sha256, shown, unhex};
use crate::dsse::{Envelope, IN_TOTO};
use crate::store::Layer;
use crate::trust::{KeyTrust, Log};
use crate::verified::{Form, SignedAt, Signer};
use crate::{Artifact, Digest, PublicKey, Statement, Trust, TrustError, Verified, certificate, limits, verify_bundle};

const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const LOG_ENTRY: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";
const PAYLOAD: &str = "the signed payload";
const ENTRY: &str = "the entry of the transparency log";

/// Verifies a signature of an image: the payload in the layer names the image's digest.
pub(super) fn signature(layer: &Layer, payload: &[u8], digest: &Digest, trust: &Trust) -> Result<Verified, TrustError> {
    let document = json::read_within(payload, limits::DEPTH).map_err(|error| TrustError::malformed(PAYLOAD, error))?;
    let signature = layer.annotation(SIGNATURE).ok_or_else(|| TrustError::malformed(PAYLOAD, "it has no signature"))?;
    let signature = decode("the signature", signature)?;
    let mut verified = if let Some(trust) = unlogged(layer, trust) {
        let key = trust.keys.iter().find(|key| key.verify(payload, &signature).is_ok());
        with_key(layer, key.ok_or(TrustError::UnknownKey)?, &signature, digest, trust)?
    } else {
        let digest = [("algorithm", Value::from("SHA2_256")), ("digest", base64(&sha256(payload)))];
        let content = [("messageDigest", Value::object(digest)), ("signature", base64(&signature))];
        let bundle = bundle(layer, trust, "messageSignature", Value::object(content))?;
        verify_bundle(bundle.as_bytes(), Artifact::Bytes(payload), trust)?
    };
    // Only now, so that who is not trusted cannot choose which refusal is told.
    about(&document, digest)?;
    verified.form = Form::Cosign;
    verified.digest = *digest;
    verified.annotations = match document.get("optional") {
        Some(optional @ Value::Object(_)) => optional.clone(),
        _ => Value::object::<&str>([]),
    };
    Ok(verified)
}

/// Refuses a payload that is about another image.
fn about(payload: &Value, digest: &Digest) -> Result<(), TrustError> {
    let text = |path: &[&str]| payload.at(path).and_then(Value::as_str);
    match text(&["critical", "type"]) {
        Some("cosign container image signature") => {}
        kind => {
            let kind = shown(kind.unwrap_or_default());
            return Err(TrustError::malformed(PAYLOAD, format!("its type is `{kind}`")));
        }
    }
    match text(&["critical", "image", "docker-manifest-digest"]) {
        Some(found) if found == digest.to_string() => Ok(()),
        found => {
            let found = shown(found.unwrap_or("no image"));
            Err(TrustError::OtherDigest { expected: *digest, found })
        }
    }
}

/// Verifies an attestation: an envelope in the layer.
pub(super) fn attestation(
    layer: &Layer,
    envelope: &[u8],
    digest: &Digest,
    trust: &Trust,
) -> Result<Verified, TrustError> {
    let envelope = Envelope::from_json(envelope)?;
    let mut verified = if let Some(trust) = unlogged(layer, trust) {
        let (key, signature) = envelope.verify(&trust.keys)?[0];
        if envelope.payload_type != IN_TOTO {
            return Err(TrustError::Unsupported(format!("an envelope of `{}`", shown(&envelope.payload_type))));
        }
        let statement = Statement::from_json(&envelope.payload)?;
        statement.check_about(digest)?;
        Verified { statement: Some(statement), ..with_key(layer, key, &signature.signature, digest, trust)? }
    } else {
        let bundle = bundle(layer, trust, "dsseEnvelope", envelope.to_value())?;
        verify_bundle(bundle.as_bytes(), Artifact::Digest(*digest), trust)?
    };
    verified.form = Form::Cosign;
    Ok(verified)
}

/// The keys that it is verified with, where its entry in a log is not asked for, nor there to be verified.
fn unlogged<'t>(layer: &Layer, trust: &'t Trust) -> Option<&'t KeyTrust> {
    match trust {
        Trust::Keys(trust) if trust.log == Log::Optional => {
            (trust.root.is_none() || layer.annotation(LOG_ENTRY).is_none()).then_some(trust)
        }
        _ => None,
    }
}

/// What was verified with a key and without a log. A timestamp that is there must hold, if there is a root.
fn with_key(
    layer: &Layer,
    key: &PublicKey,
    signature: &[u8],
    digest: &Digest,
    trust: &KeyTrust,
) -> Result<Verified, TrustError> {
    let mut not_checked = Vec::new();
    if layer.annotation(LOG_ENTRY).is_some() {
        not_checked.push("transparency-log");
    }
    let signed_at = match (timestamp(layer)?, &trust.root) {
        (Some(token), Some(root)) => Some(SignedAt { time: root.timestamp(&token, signature)?, proved: true }),
        (Some(_), None) => {
            not_checked.push("timestamp");
            None
        }
        (None, _) => None,
    };
    Ok(Verified {
        form: Form::Cosign,
        digest: *digest,
        signer: Signer::Key { id: key.id() },
        signed_at,
        log: None,
        statement: None,
        annotations: Value::object::<&str>([]),
        not_checked,
        tolerated: Vec::new(),
    })
}

/// The timestamp token in a layer's annotations.
fn timestamp(layer: &Layer) -> Result<Option<Vec<u8>>, TrustError> {
    const WHAT: &str = "the timestamp";
    let Some(text) = layer.annotation(TIMESTAMP) else { return Ok(None) };
    let document =
        json::read_within(text.as_bytes(), limits::DEPTH).map_err(|error| TrustError::malformed(WHAT, error))?;
    let token = document.get("SignedRFC3161Timestamp").and_then(Value::as_str).unwrap_or_default();
    decode(WHAT, token).map(Some)
}

/// A layer and its annotations as a bundle of version 0.1, which asks for what cosign kept then: a log's promise, not
/// its proof. It says the same, so it is verified the same way.
fn bundle(layer: &Layer, trust: &Trust, kind: &'static str, content: Value) -> Result<String, TrustError> {
    let Some(entry) = layer.annotation(LOG_ENTRY) else {
        return Err(TrustError::NoInclusion("it has no entry of one".into()));
    };
    let timestamps = timestamp(layer)?.into_iter().map(|token| Value::object([("signedTimestamp", base64(&token))]));
    let material = [
        signer(layer, trust)?,
        ("tlogEntries", Value::array([log_entry(entry)?])),
        ("timestampVerificationData", Value::object([("rfc3161Timestamps", Value::array(timestamps))])),
    ];
    Ok(json::write(&Value::object([
        ("mediaType", Value::from("application/vnd.dev.sigstore.bundle+json;version=0.1")),
        ("verificationMaterial", Value::object(material)),
        (kind, content),
    ])))
}

/// The certificate and its chain, or that there is a key.
fn signer(layer: &Layer, trust: &Trust) -> Result<(&'static str, Value), TrustError> {
    if matches!(trust, Trust::Keys(_)) {
        return Ok(("publicKey", Value::object([("hint", Value::from(""))])));
    }
    let Some(leaf) = layer.annotation(CERTIFICATE) else {
        return Err(TrustError::Unsupported("a signature without a certificate, where an identity is trusted,".into()));
    };
    let mut certificates = certificate::from_pem(leaf)?;
    if let Some(chain) = layer.annotation(CHAIN) {
        certificates.extend(certificate::from_pem(chain)?);
    }
    let certificates = certificates.iter().map(|der| Value::object([("rawBytes", base64(der))]));
    Ok(("x509CertificateChain", Value::object([("certificates", Value::array(certificates))])))
}

/// The entry of Rekor that cosign kept in an annotation, as a bundle has it.
fn log_entry(text: &str) -> Result<Value, TrustError> {
    let malformed = |why: &str| TrustError::malformed(ENTRY, why);
    let kept =
        json::read_within(text.as_bytes(), limits::DEPTH).map_err(|error| TrustError::malformed(ENTRY, error))?;
    let text = |path: &[&str]| kept.at(path).and_then(Value::as_str).ok_or_else(|| malformed(&path.join(".")));
    let number = |path: &[&str]| {
        let number = kept.at(path).and_then(Value::as_number).and_then(Number::as_i64);
        number.map(|number| Value::from(number.to_string())).ok_or_else(|| malformed(&path.join(".")))
    };
    let body = text(&["Payload", "body"])?;
    let decoded = decode(ENTRY, body)?;
    let decoded = json::read_within(&decoded, limits::DEPTH).map_err(|error| TrustError::malformed(ENTRY, error))?;
    let of_body = |key| decoded.get(key).cloned().ok_or_else(|| malformed("its body names no kind"));
    let log = unhex(text(&["Payload", "logID"])?).ok_or_else(|| malformed("Payload.logID"))?;
    let promise = Value::object([("signedEntryTimestamp", Value::from(text(&["SignedEntryTimestamp"])?))]);
    Ok(Value::object([
        ("logIndex", number(&["Payload", "logIndex"])?),
        ("logId", Value::object([("keyId", base64(&log))])),
        ("kindVersion", Value::object([("kind", of_body("kind")?), ("version", of_body("apiVersion")?)])),
        ("integratedTime", number(&["Payload", "integratedTime"])?),
        ("inclusionPromise", promise),
        ("canonicalizedBody", Value::from(body)),
    ]))
}

fn base64(bytes: &[u8]) -> Value {
    Value::from(STANDARD.encode(bytes))
}

fn decode(what: &'static str, text: &str) -> Result<Vec<u8>, TrustError> {
    STANDARD.decode(text).map_err(|error| TrustError::malformed(what, error))
}
