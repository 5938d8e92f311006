//! Kyverno's function of certificates.

use probity_go::{pem, x509};
use probity_model::Value;
use probity_model::value::Object;

use super::{Arguments, error};
use crate::error::SearchError;
use crate::text::decoded;

/// A certificate, or a request for one, with a key of RSA: all its fields.
pub(super) fn x509_decode(arguments: &Arguments<'_>) -> Result<Value, SearchError> {
    let (block, _) = pem::next(arguments.string(0)?).ok_or_else(|| error("failed to decode PEM block"))?;
    let fields = match block.label.as_str() {
        "CERTIFICATE" => x509::certificate(&block.bytes),
        "CERTIFICATE REQUEST" => x509::request(&block.bytes),
        _ => return Err(error("PEM block neither contains a CERTIFICATE or CERTIFICATE REQUEST")),
    };
    let fields = fields.map_err(|problem| error(problem.to_string()))?;
    if fields.get("PublicKeyAlgorithm") != Some(&1.into()) {
        return Err(error("certificate should use rsa algorithm"));
    }
    Ok(with_text_of_modulus(fields))
}

/// The modulus of the key as a text, which Kyverno gives so that it keeps its digits; other numbers do not.
fn with_text_of_modulus(fields: Value) -> Value {
    let Value::Object(object) = decoded(fields.clone()) else { return fields };
    let part = |name: &str| fields.at(&["PublicKey", name]).cloned().unwrap_or_default();
    let modulus = part("N").as_number().map_or(Value::Null, |modulus| modulus.to_string().into());
    let key = Value::object([("N", modulus), ("E", part("E"))]);
    let changed = object.iter().map(|(name, value)| {
        let value = if name.as_str() == "PublicKey" { key.clone() } else { value.clone() };
        (name.clone(), value)
    });
    Value::Object(changed.collect::<Object>())
}
