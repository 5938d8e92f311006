//! Envelopes in COSE, tagged `COSE_Sign1` (RFC 9052, section 4.2).

use coset::cbor::Value;
use coset::iana::Algorithm as Registered;
use coset::{ContentType, CoseSign1, Header, Label, RegisteredLabelWithPrivate, TaggedCborSerializable};
use jiff::Timestamp;

use super::{EXPIRY, Envelope, PAYLOAD, SCHEME, TIMESTAMP, WHAT, check_critical, scheme};
use crate::digest::shown;
use crate::key::{Algorithm, Hash};
use crate::time::from_seconds;
use crate::verified::Form;
use crate::{TrustError, limits};

/// The header with the certificates, `x5chain` (RFC 9360).
const CHAIN: i64 = 33;
/// The tag of a time in seconds since 1970 (RFC 8949, section 3.4.2).
const EPOCH: u64 = 1;

pub(super) fn read(bytes: &[u8]) -> Result<Envelope, TrustError> {
    let envelope = CoseSign1::from_tagged_slice(bytes).map_err(malformed)?;
    let headers = &envelope.protected.header;
    match &headers.content_type {
        Some(ContentType::Text(content)) if content == PAYLOAD => {}
        other => {
            return Err(TrustError::Unsupported(format!("a Notation payload of {}", shown(&format!("{other:?}")))));
        }
    }
    let Some(Value::Text(name)) = attribute(headers, SCHEME) else {
        return Err(malformed(format!("it has no {SCHEME}")));
    };
    let scheme = scheme(name)?;
    let expiry = attribute(headers, EXPIRY).is_some().then(|| time(headers, EXPIRY)).transpose()?;
    check_critical(&critical(headers), scheme, expiry.is_some())?;
    let chain = match find(&envelope.unprotected, &Label::Int(CHAIN)) {
        Some(Value::Array(chain)) => chain.as_slice(),
        Some(one @ Value::Bytes(_)) => std::slice::from_ref(one),
        _ => &[],
    };
    limits::count("certificates of a chain", chain.len(), limits::CHAIN)?;
    let certificate = |one: &Value| one.as_bytes().cloned().ok_or_else(|| malformed("a certificate is no bytes"));
    let chain = chain.iter().map(certificate).collect::<Result<_, _>>()?;
    let message = envelope.tbs_data(&[]);
    Ok(Envelope {
        form: Form::NotationCose,
        algorithm: algorithm(headers)?,
        scheme,
        signed_at: time(headers, scheme.time())?,
        expiry,
        chain,
        timestamped: attribute(&envelope.unprotected, TIMESTAMP).is_some(),
        message,
        payload: envelope.payload.ok_or_else(|| malformed("it has no payload"))?,
        signature: envelope.signature,
    })
}

/// The algorithms that Notation allows.
fn algorithm(headers: &Header) -> Result<Algorithm, TrustError> {
    Ok(match &headers.alg {
        Some(RegisteredLabelWithPrivate::Assigned(Registered::ES256)) => Algorithm::EcdsaFixed(Hash::Sha256),
        Some(RegisteredLabelWithPrivate::Assigned(Registered::ES384)) => Algorithm::EcdsaFixed(Hash::Sha384),
        Some(RegisteredLabelWithPrivate::Assigned(Registered::ES512)) => Algorithm::EcdsaFixed(Hash::Sha512),
        Some(RegisteredLabelWithPrivate::Assigned(Registered::PS256)) => Algorithm::RsaPss(Hash::Sha256),
        Some(RegisteredLabelWithPrivate::Assigned(Registered::PS384)) => Algorithm::RsaPss(Hash::Sha384),
        Some(RegisteredLabelWithPrivate::Assigned(Registered::PS512)) => Algorithm::RsaPss(Hash::Sha512),
        other => return Err(TrustError::Unsupported(format!("the algorithm {}", shown(&format!("{other:?}"))))),
    })
}

/// The attributes that must be understood, by their names. A number stands for none of Notation's.
fn critical(headers: &Header) -> Vec<&str> {
    let names = headers.crit.iter().map(|label| match label {
        RegisteredLabelWithPrivate::Text(name) => name.as_str(),
        _ => "(a number)",
    });
    names.collect()
}

fn attribute<'h>(headers: &'h Header, name: &str) -> Option<&'h Value> {
    find(headers, &Label::Text(name.to_owned()))
}

fn find<'h>(headers: &'h Header, wanted: &Label) -> Option<&'h Value> {
    headers.rest.iter().find(|(label, _)| label == wanted).map(|(_, value)| value)
}

fn time(headers: &Header, name: &str) -> Result<Timestamp, TrustError> {
    let seconds = match attribute(headers, name) {
        Some(Value::Tag(EPOCH, time)) => time.as_integer().and_then(|seconds| i64::try_from(seconds).ok()),
        _ => None,
    };
    from_seconds(WHAT, seconds.ok_or_else(|| malformed(format!("its {name} is no time")))?)
}

fn malformed(error: impl std::fmt::Display) -> TrustError {
    TrustError::malformed(WHAT, error)
}
