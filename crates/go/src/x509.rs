//! Certificates and requests for them, in the form in which Go's `encoding/json` writes those of `crypto/x509`.

mod extensions;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::{BigInt, Sign};
use probity_model::Value;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use crate::time::{self, Civil};
use extensions::Extensions;

/// Bytes that are no certificate, or no request for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("x509: malformed certificate")]
pub struct Malformed;

fn encoded(bytes: &[u8]) -> Value {
    STANDARD.encode(bytes).into()
}

/// A whole number of any length.
fn number(bytes: &[u8]) -> Value {
    Value::Number(BigDecimal::new(BigInt::from_bytes_be(Sign::Plus, bytes), 0).into())
}

fn list(values: Vec<Value>) -> Value {
    if values.is_empty() { Value::Null } else { Value::array(values) }
}

/// All fields of a certificate, given as DER.
///
/// # Errors
/// When it is none.
pub fn certificate(der: &[u8]) -> Result<Value, Malformed> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| Malformed)?;
    let info = certificate.public_key();
    let validity = certificate.validity();
    let (key_algorithm, key) = public_key(info);
    let mut fields: Vec<(&str, Value)> = vec![
        ("Raw", encoded(der)),
        ("RawTBSCertificate", encoded(certificate.tbs_certificate.as_ref())),
        ("RawSubjectPublicKeyInfo", encoded(info.raw)),
        ("RawSubject", encoded(certificate.subject().as_raw())),
        ("RawIssuer", encoded(certificate.issuer().as_raw())),
        ("Signature", encoded(&certificate.signature_value.data)),
        ("SignatureAlgorithm", signature_algorithm(&certificate.signature_algorithm.algorithm.to_id_string()).into()),
        ("PublicKeyAlgorithm", key_algorithm.into()),
        ("PublicKey", key),
        ("Version", (i64::from(certificate.version().0) + 1).into()),
        ("SerialNumber", number(&certificate.tbs_certificate.serial.to_bytes_be())),
        ("Issuer", name(certificate.issuer())),
        ("Subject", name(certificate.subject())),
        ("NotBefore", moment(&validity.not_before)),
        ("NotAfter", moment(&validity.not_after)),
    ];
    fields.extend(Extensions::read(certificate.extensions()).fields());
    Ok(Value::object(fields))
}

/// All fields of a request for a certificate, given as DER.
///
/// # Errors
/// When it is none.
pub fn request(der: &[u8]) -> Result<Value, Malformed> {
    let (_, request) = X509CertificationRequest::from_der(der).map_err(|_| Malformed)?;
    let info = &request.certification_request_info;
    let (algorithm, key) = public_key(&info.subject_pki);
    let requested = extensions::requested(&request);
    let mut fields: Vec<(&str, Value)> = vec![
        ("Raw", encoded(der)),
        ("RawTBSCertificateRequest", encoded(info.raw)),
        ("RawSubject", encoded(info.subject.as_raw())),
        ("RawSubjectPublicKeyInfo", encoded(info.subject_pki.raw)),
        ("Version", i64::from(info.version.0).into()),
        ("Signature", encoded(&request.signature_value.data)),
        ("SignatureAlgorithm", signature_algorithm(&request.signature_algorithm.algorithm.to_id_string()).into()),
        ("PublicKeyAlgorithm", algorithm.into()),
        ("PublicKey", key),
        ("Subject", name(&info.subject)),
        ("Attributes", requested.attributes()),
    ];
    fields.extend(requested.extensions.request_fields());
    Ok(Value::object(fields))
}

/// Go's number of an algorithm.
fn signature_algorithm(oid: &str) -> i64 {
    match oid {
        "1.2.840.113549.1.1.2" => 1,
        "1.2.840.113549.1.1.4" => 2,
        "1.2.840.113549.1.1.5" => 3,
        "1.2.840.113549.1.1.11" => 4,
        "1.2.840.113549.1.1.12" => 5,
        "1.2.840.113549.1.1.13" => 6,
        "1.2.840.10045.4.1" => 9,
        "1.2.840.10045.4.3.2" => 10,
        "1.2.840.10045.4.3.3" => 11,
        "1.2.840.10045.4.3.4" => 12,
        "1.2.840.113549.1.1.10" => 13,
        "1.3.101.112" => 16,
        _ => 0,
    }
}

/// Go's number of the algorithm, and the parts of the key.
fn public_key(info: &SubjectPublicKeyInfo<'_>) -> (i64, Value) {
    if info.algorithm.algorithm.to_id_string() == "1.3.101.112" {
        return (4, encoded(&info.subject_public_key.data));
    }
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => {
            let fields = [("N", number(key.modulus)), ("E", number(key.exponent))];
            (1, Value::object(fields))
        }
        Ok(PublicKey::EC(point)) => {
            let coordinates = point.data().get(1..).unwrap_or_default();
            let (x, y) = coordinates.split_at(coordinates.len() / 2);
            let fields = [("Curve", Value::object::<&str>([])), ("X", number(x)), ("Y", number(y))];
            (3, Value::object(fields))
        }
        _ => (0, Value::Null),
    }
}

fn name(name: &X509Name<'_>) -> Value {
    let of = |oid: &str| {
        let found = name.iter_attributes().filter(|attribute| attribute.attr_type().to_id_string() == oid);
        list(found.filter_map(|attribute| attribute.as_str().ok().map(Value::from)).collect())
    };
    let one = |oid: &str| {
        let last = name.iter_attributes().filter(|attribute| attribute.attr_type().to_id_string() == oid).last();
        Value::from(last.and_then(|attribute| attribute.as_str().ok()).unwrap_or_default())
    };
    let all: Vec<Value> = name
        .iter_attributes()
        .map(|attribute| {
            let id = attribute.attr_type().iter().map(|arcs| Value::array(arcs.map(|arc| arc.cast_signed().into())));
            Value::object([("Type", id.unwrap_or_default()), ("Value", attribute.as_str().unwrap_or_default().into())])
        })
        .collect();
    Value::object([
        ("Country", of("2.5.4.6")),
        ("Organization", of("2.5.4.10")),
        ("OrganizationalUnit", of("2.5.4.11")),
        ("Locality", of("2.5.4.7")),
        ("Province", of("2.5.4.8")),
        ("StreetAddress", of("2.5.4.9")),
        ("PostalCode", of("2.5.4.17")),
        ("SerialNumber", one("2.5.4.5")),
        ("CommonName", one("2.5.4.3")),
        ("Names", Value::array(all)),
        ("ExtraNames", Value::Null),
    ])
}

fn moment(moment: &ASN1Time) -> Value {
    let nanoseconds = i128::from(moment.timestamp()) * 1_000_000_000;
    let civil = Civil::from_nanoseconds(nanoseconds, 0, "UTC");
    civil.map_or(Value::Null, |civil| time::format(&civil, time::RFC3339).into())
}
