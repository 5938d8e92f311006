//! Envelopes in JWS, its flattened JSON form (RFC 7515, section 7.2.2).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use probity_model::value::Array;
use probity_model::{Value, json};

use super::{EXPIRY, Envelope, PAYLOAD, SCHEME, TIMESTAMP, WHAT, check_critical, scheme};
use crate::digest::shown;
use crate::key::{Algorithm, Hash};
use crate::verified::Form;
use crate::{TrustError, limits};

/// The headers that Notation knows; others may be there if they are not critical.
pub(super) fn read(bytes: &[u8]) -> Result<Envelope, TrustError> {
    let document = json::read_within(bytes, limits::DEPTH).map_err(malformed)?;
    let payload = text(&document, "payload")?;
    let protected = text(&document, "protected")?;
    let headers = json::read_within(&url_safe(protected)?, limits::DEPTH).map_err(malformed)?;
    let content = text(&headers, "cty")?;
    if content != PAYLOAD {
        return Err(TrustError::Unsupported(format!("a Notation payload of `{}`", shown(content))));
    }
    let scheme = scheme(text(&headers, SCHEME)?)?;
    let expiry = headers.get(EXPIRY).is_some().then(|| time(&headers, EXPIRY)).transpose()?;
    let critical: Vec<_> = list(&headers, "crit").iter().filter_map(Value::as_str).collect();
    check_critical(&critical, scheme, expiry.is_some())?;
    let header = document.get("header").unwrap_or(&Value::Null);
    let chain = list(header, "x5c");
    limits::count("certificates of a chain", chain.len(), limits::CHAIN)?;
    let certificate = |one: &Value| STANDARD.decode(one.as_str().unwrap_or_default()).map_err(malformed);
    Ok(Envelope {
        form: Form::NotationJws,
        algorithm: algorithm(text(&headers, "alg")?)?,
        scheme,
        signed_at: time(&headers, scheme.time())?,
        expiry,
        chain: chain.iter().map(certificate).collect::<Result<_, _>>()?,
        payload: url_safe(payload)?,
        message: format!("{protected}.{payload}").into_bytes(),
        signature: url_safe(text(&document, "signature")?)?,
        timestamped: header.get(TIMESTAMP).is_some(),
    })
}

/// The algorithms that Notation allows.
fn algorithm(name: &str) -> Result<Algorithm, TrustError> {
    Ok(match name {
        "ES256" => Algorithm::EcdsaFixed(Hash::Sha256),
        "ES384" => Algorithm::EcdsaFixed(Hash::Sha384),
        "ES512" => Algorithm::EcdsaFixed(Hash::Sha512),
        "PS256" => Algorithm::RsaPss(Hash::Sha256),
        "PS384" => Algorithm::RsaPss(Hash::Sha384),
        "PS512" => Algorithm::RsaPss(Hash::Sha512),
        other => return Err(TrustError::Unsupported(format!("the algorithm `{}`", shown(other)))),
    })
}

fn malformed(error: impl std::fmt::Display) -> TrustError {
    TrustError::malformed(WHAT, error)
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str, TrustError> {
    value.get(key).and_then(Value::as_str).ok_or_else(|| malformed(format!("it has no `{key}`")))
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map(Array::as_slice).unwrap_or_default()
}

fn time(headers: &Value, key: &str) -> Result<Timestamp, TrustError> {
    text(headers, key)?.parse().map_err(malformed)
}

fn url_safe(text: &str) -> Result<Vec<u8>, TrustError> {
    URL_SAFE_NO_PAD.decode(text).map_err(malformed)
}
