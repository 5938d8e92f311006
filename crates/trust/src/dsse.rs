//! DSSE envelopes (secure-systems-lab's Dead Simple Signing Envelope, version 1).

use base64::Engine as _;
use base64::alphabet::{STANDARD as STANDARD_ALPHABET, URL_SAFE};
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use probity_model::{Value, json};

use crate::{PrivateKey, PublicKey, TrustError, limits};

const WHAT: &str = "the envelope";
/// The type of an in-toto statement in an envelope.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A payload with the signatures over it. What an envelope holds is worth nothing before [`Envelope::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What the payload is, such as [`IN_TOTO`].
    pub payload_type: String,
    /// The payload's bytes.
    pub payload: Vec<u8>,
    /// The signatures, at least one.
    pub signatures: Vec<EnvelopeSignature>,
}

/// A signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// A hint at the key, not to be trusted.
    pub key_id: Option<String>,
    /// Its bytes.
    pub signature: Vec<u8>,
}

impl Envelope {
    /// Reads an envelope in JSON.
    ///
    /// # Errors
    /// When it is none, or is larger or has more signatures than are read.
    pub fn from_json(text: &[u8]) -> Result<Self, TrustError> {
        limits::bytes("bytes of the envelope", text, limits::ENVELOPE)?;
        let value = json::read_within(text, limits::DEPTH).map_err(|error| TrustError::malformed(WHAT, error))?;
        Self::from_value(&value)
    }

    /// Reads an envelope that stands in a larger document.
    pub(crate) fn from_value(value: &Value) -> Result<Self, TrustError> {
        let payload_type = text(value, "payloadType")?.to_owned();
        let payload = base64(WHAT, text(value, "payload")?)?;
        let Some(listed) = value.get("signatures").and_then(Value::as_array).filter(|listed| !listed.is_empty()) else {
            return Err(TrustError::malformed(WHAT, "it has no signatures"));
        };
        limits::count("signatures of an envelope", listed.len(), limits::SIGNATURES)?;
        let signatures = listed.iter().map(|signature| {
            let key_id = signature.get("keyid").and_then(Value::as_str).filter(|id| !id.is_empty());
            let bytes = base64(WHAT, text(signature, "sig")?)?;
            Ok(EnvelopeSignature { key_id: key_id.map(ToOwned::to_owned), signature: bytes })
        });
        Ok(Self { payload_type, payload, signatures: signatures.collect::<Result<_, TrustError>>()? })
    }

    /// Signs a payload.
    ///
    /// # Errors
    /// When the key cannot be used.
    pub fn sign(payload_type: &str, payload: Vec<u8>, key: &PrivateKey) -> Result<Self, TrustError> {
        let signature = key.sign(&pae(payload_type, &payload))?;
        let signatures = vec![EnvelopeSignature { key_id: None, signature }];
        Ok(Self { payload_type: payload_type.to_owned(), payload, signatures })
    }

    /// Adds the signature of another key.
    ///
    /// # Errors
    /// As [`Envelope::sign`].
    pub fn add_signature(&mut self, key: &PrivateKey) -> Result<(), TrustError> {
        let signature = key.sign(&pae(&self.payload_type, &self.payload))?;
        self.signatures.push(EnvelopeSignature { key_id: None, signature });
        Ok(())
    }

    /// The keys among those given that signed it, each once and with its signature; at least one.
    ///
    /// # Errors
    /// [`TrustError::UnknownKey`] when none did.
    pub fn verify<'k>(&self, keys: &'k [PublicKey]) -> Result<Vec<(&'k PublicKey, &EnvelopeSignature)>, TrustError> {
        let message = pae(&self.payload_type, &self.payload);
        let mut found: Vec<(&PublicKey, &EnvelopeSignature)> = Vec::new();
        for key in keys {
            let signed = self.signatures.iter().find(|one| key.verify(&message, &one.signature).is_ok());
            if let Some(signature) = signed.filter(|_| found.iter().all(|(known, _)| *known != key)) {
                found.push((key, signature));
            }
        }
        if found.is_empty() { Err(TrustError::UnknownKey) } else { Ok(found) }
    }

    /// It as a document.
    pub(crate) fn to_value(&self) -> Value {
        let signatures = self.signatures.iter().map(|one| {
            let signature = Value::from(STANDARD.encode(&one.signature));
            let key_id = one.key_id.as_deref().map(|id| ("keyid", Value::from(id)));
            Value::object(key_id.into_iter().chain([("sig", signature)]))
        });
        Value::object([
            ("payload", Value::from(STANDARD.encode(&self.payload))),
            ("payloadType", Value::from(self.payload_type.as_str())),
            ("signatures", Value::array(signatures)),
        ])
    }

    /// It in JSON.
    pub fn to_json(&self) -> String {
        json::write(&self.to_value())
    }
}

/// What is signed: the pre-authentication encoding of a payload and its type.
pub(crate) fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str, TrustError> {
    let found = value.get(key).and_then(Value::as_str);
    found.ok_or_else(|| TrustError::malformed(WHAT, format!("it has no `{key}`")))
}

/// Base64, standard or for URLs: DSSE has readers take both.
pub(crate) fn base64(what: &'static str, text: &str) -> Result<Vec<u8>, TrustError> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD_ALPHABET };
    GeneralPurpose::new(alphabet, LENIENT).decode(text).map_err(|error| TrustError::malformed(what, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn both_alphabets_are_read() {
        assert_eq!(base64(WHAT, "_-8").unwrap(), [0xff, 0xef]);
        assert_eq!(base64(WHAT, "/+8=").unwrap(), [0xff, 0xef]);
        assert!(base64(WHAT, "_+8=").is_err());
    }
}
