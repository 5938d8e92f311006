//! `x509.decode`: the fields of a certificate, or of a request for one.

use probity_go::{pem, x509};
use probity_model::Value as Model;
use probity_policy_cel::{Builder, Error, Evaluation, Overload, Type, Value};

use super::{from_go_json, text};

/// What Kyverno tells of a certificate to expressions. Of a request it tells everything.
const FIELDS: [&str; 37] = [
    "Raw",
    "RawTBSCertificate",
    "RawSubjectPublicKeyInfo",
    "RawSubject",
    "RawIssuer",
    "Signature",
    "PublicKeyAlgorithm",
    "PublicKey",
    "SerialNumber",
    "Issuer",
    "NotBefore",
    "NotAfter",
    "KeyUsage",
    "Extensions",
    "ExtraExtensions",
    "ExtKeyUsage",
    "BasicConstraintsValid",
    "IsCA",
    "MaxPathLen",
    "MaxPathLenZero",
    "AuthorityKeyId",
    "OCSPServer",
    "IssuingCertificateURL",
    "DNSNames",
    "EmailAddresses",
    "IPAddresses",
    "PermittedDNSDomainsCritical",
    "PermittedDNSDomains",
    "ExcludedDNSDomains",
    "PermittedIPRanges",
    "ExcludedIPRanges",
    "PermittedEmailAddresses",
    "ExcludedEmailAddresses",
    "PermittedURIDomains",
    "ExcludedURIDomains",
    "CRLDistributionPoints",
    "PolicyIdentifiers",
];

/// What RSA is among Go's algorithms.
const RSA: i64 = 1;

pub(super) fn add(builder: &mut Builder) {
    let decode = |_: &Evaluation<'_>, args: &[Value]| decode(text(args, 0)?);
    builder.function("x509.decode", Overload::global("x509_decode_string", vec![Type::String], Type::Dyn, decode));
}

fn decode(text: &str) -> Result<Value, Error> {
    let (block, _) = pem::next(text).ok_or(Error::new("failed to decode PEM block"))?;
    let is_request = match block.label.as_str() {
        "CERTIFICATE" => false,
        "CERTIFICATE REQUEST" => true,
        _ => return Err(Error::new("PEM block neither contains a CERTIFICATE or CERTIFICATE REQUEST")),
    };
    let fields = if is_request { x509::request(&block.bytes) } else { x509::certificate(&block.bytes) };
    let fields = fields.map_err(|problem| Error::new(problem.to_string()))?;
    if fields.get("PublicKeyAlgorithm") != Some(&RSA.into()) {
        return Err(Error::new("certificate should use rsa algorithm"));
    }
    let Model::Object(all) = &fields else { return Err(Error::NoSuchOverload) };
    let told = all.iter().filter(|(name, _)| is_request || FIELDS.contains(&name.as_str()));
    Ok(Value::map(told.map(|(name, value)| {
        let value = match name.as_str() {
            "PublicKey" => key(value),
            "SerialNumber" => low_bits(value),
            _ => from_go_json(value),
        };
        (name.as_str().to_owned(), value)
    })))
}

/// The modulus is a text, so that it keeps its digits.
fn key(value: &Model) -> Value {
    let part = |name: &str| value.get(name).cloned().unwrap_or_default();
    let modulus = part("N").as_number().map_or_else(String::new, ToString::to_string);
    Value::map([("N", Value::from(modulus)), ("E", from_go_json(&part("E")))])
}

/// Of a number the 64 lowest bits, with a sign, which is what Kyverno keeps.
fn low_bits(value: &Model) -> Value {
    let digits = value.as_number().map_or_else(String::new, ToString::to_string);
    let digits = digits.chars().filter_map(|digit| digit.to_digit(10));
    let low = digits.fold(0_u64, |low, digit| low.wrapping_mul(10).wrapping_add(digit.into()));
    #[expect(clippy::cast_precision_loss, reason = "Go makes a floating-point number of it, too")]
    Value::Double(low.cast_signed() as f64)
}
