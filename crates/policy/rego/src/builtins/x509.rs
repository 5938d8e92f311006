//! Certificates, certificate requests and private keys, in the form that Go gives them as JSON.

use bigdecimal::num_bigint::BigInt;
use probity_go::{pem, x509};
use probity_model::value::{Key, Value};
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::args::{elements, object, string, whole_value};
use super::encoding::{decode_standard, encode_standard, encode_url};
use super::keys::{self, Public};
use super::{Context, Failure, Outcome};

fn base64(bytes: &[u8]) -> Value {
    encode_standard(bytes).into()
}

fn number(bytes: &[u8]) -> Value {
    whole_value(BigInt::from_bytes_be(bigdecimal::num_bigint::Sign::Plus, bytes))
}

/// The DER of all certificates in a text: PEM, or base64 of PEM or DER.
fn certificates(text: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let decoded;
    let mut text = text;
    if !text.starts_with("-----BEGIN") {
        let bytes = decode_standard(text)?;
        if !bytes.starts_with(b"-----BEGIN") {
            return split(&bytes);
        }
        decoded = String::from_utf8_lossy(&bytes).into_owned();
        text = &decoded;
    }
    let mut all = Vec::new();
    while let Some((pem, rest)) = pem::next(text) {
        if pem.label != "CERTIFICATE" {
            let message = format!("PEM block type is '{}', expected CERTIFICATE", pem.label);
            return Err(Failure::Value(message));
        }
        all.extend(pem.bytes);
        text = rest;
    }
    split(&all)
}

/// Certificates one behind the other.
fn split(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (tail, _) = X509Certificate::from_der(rest).map_err(|_| Failure::value("x509: malformed certificate"))?;
        found.push(rest[..rest.len() - tail.len()].to_vec());
        rest = tail;
    }
    Ok(found)
}

pub(super) fn parse_certificates(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let found = certificates(string(args, 0)?)?;
    found.iter().map(|der| certificate_value(der, true)).collect::<Result<Vec<_>, _>>().map(Value::array)
}

fn parsed(der: &[u8]) -> Result<X509Certificate<'_>, Failure> {
    X509Certificate::from_der(der)
        .map(|(_, certificate)| certificate)
        .map_err(|_| Failure::value("x509: malformed certificate"))
}

/// All fields of a certificate, and URIs also as texts where OPA has them.
fn certificate_value(der: &[u8], uri_strings: bool) -> Result<Value, Failure> {
    let fields = x509::certificate(der).map_err(|problem| Failure::value(problem.to_string()))?;
    let Value::Object(fields) = &fields else { return Ok(fields) };
    let mut entries: Vec<(Key, Value)> = fields.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    if uri_strings {
        entries.push((Key::new("URIStrings"), uris(der)?));
    }
    Ok(Value::Object(entries.into_iter().collect()))
}

fn uris(der: &[u8]) -> Result<Value, Failure> {
    let certificate = parsed(der)?;
    let Ok(Some(alternative)) = certificate.subject_alternative_name() else { return Ok(Value::Null) };
    let uris: Vec<Value> = alternative
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(text) => Some(Value::from(*text)),
            _ => None,
        })
        .collect();
    Ok(if uris.is_empty() { Value::Null } else { Value::array(uris) })
}

fn address(bytes: &[u8]) -> Option<Value> {
    let address: std::net::IpAddr = match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok()?.into(),
        16 => <[u8; 16]>::try_from(bytes).ok()?.into(),
        _ => return None,
    };
    Some(address.to_string().into())
}

/// What a chain must keep to beside its signatures.
#[derive(Default)]
struct Options {
    dns_name: String,
    /// Seconds since 1970; now when absent.
    time: Option<i64>,
    usages: Vec<&'static str>,
}

/// Names of the uses that a certificate can be limited to, with what they are called in a certificate.
const USAGES: [(&str, &str); 14] = [
    ("KeyUsageAny", "2.5.29.37.0"),
    ("KeyUsageServerAuth", "1.3.6.1.5.5.7.3.1"),
    ("KeyUsageClientAuth", "1.3.6.1.5.5.7.3.2"),
    ("KeyUsageCodeSigning", "1.3.6.1.5.5.7.3.3"),
    ("KeyUsageEmailProtection", "1.3.6.1.5.5.7.3.4"),
    ("KeyUsageIPSECEndSystem", "1.3.6.1.5.5.7.3.5"),
    ("KeyUsageIPSECTunnel", "1.3.6.1.5.5.7.3.6"),
    ("KeyUsageIPSECUser", "1.3.6.1.5.5.7.3.7"),
    ("KeyUsageTimeStamping", "1.3.6.1.5.5.7.3.8"),
    ("KeyUsageOCSPSigning", "1.3.6.1.5.5.7.3.9"),
    ("KeyUsageMicrosoftServerGatedCrypto", "1.3.6.1.4.1.311.10.3.3"),
    ("KeyUsageNetscapeServerGatedCrypto", "2.16.840.1.113730.4.1"),
    ("KeyUsageMicrosoftCommercialCodeSigning", "1.3.6.1.4.1.311.2.1.22"),
    ("KeyUsageMicrosoftKernelCodeSigning", "1.3.6.1.4.1.311.61.1.1"),
];

const SERVER: &str = "1.3.6.1.5.5.7.3.1";
const ANY: &str = "2.5.29.37.0";

pub(super) fn parse_and_verify(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    verified(context, string(args, 0)?, &Options::default(), true)
}

pub(super) fn parse_and_verify_with_options(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let text = string(args, 0)?;
    let mut options = Options::default();
    for (key, value) in object(args, 1)?.iter() {
        match key.as_str() {
            "DNSName" => {
                let name = value.as_str().ok_or_else(|| Failure::value("'DNSName' should be a string"))?;
                name.trim_matches('"').clone_into(&mut options.dns_name);
            }
            "CurrentTime" => {
                let time = value.as_number().ok_or_else(|| Failure::value("'CurrentTime' should be a number"))?;
                let time =
                    time.as_i64().ok_or_else(|| Failure::value("'CurrentTime' should be a valid int64 number"))?;
                options.time = Some(time.div_euclid(1_000_000_000));
            }
            "MaxConstraintComparisons" => {
                value.as_number().ok_or_else(|| Failure::value("'MaxConstraintComparisons' should be a number"))?;
            }
            "KeyUsages" => {
                let list = elements(std::slice::from_ref(value), 0)
                    .map_err(|_| Failure::value("'KeyUsages' should be an Array or Set"))?;
                let mut unknown = Vec::new();
                for name in list.iter().filter_map(Value::as_str) {
                    match USAGES.iter().find(|(known, _)| *known == name.trim_matches('"')) {
                        Some((_, oid)) => options.usages.push(oid),
                        None => unknown.push(name),
                    }
                }
                if !unknown.is_empty() {
                    let message = format!("invalid entries for 'KeyUsages' found: [{}]", unknown.join(" "));
                    return Err(Failure::Value(message));
                }
            }
            _ => return Err(Failure::value("invalid key option")),
        }
    }
    verified(context, text, &options, false)
}

fn verified(context: &mut Context<'_>, text: &str, options: &Options, uri_strings: bool) -> Outcome {
    let refused = || Ok(Value::array([false.into(), Value::array([])]));
    let Ok(found) = certificates(text) else { return refused() };
    if found.len() < 2 {
        return refused();
    }
    let now = match options.time {
        Some(time) => time,
        None => context.now_ns()?.div_euclid(1_000_000_000),
    };
    let Some(chain) = chain(&found, options, now) else { return refused() };
    let values: Result<Vec<Value>, Failure> =
        chain.iter().map(|index| certificate_value(&found[*index], uri_strings)).collect();
    Ok(Value::array([true.into(), Value::array(values?)]))
}

/// The certificates from the last to the first, each signed by the next.
fn chain(found: &[Vec<u8>], options: &Options, now: i64) -> Option<Vec<usize>> {
    let parsed: Option<Vec<X509Certificate<'_>>> = found.iter().map(|der| parsed(der).ok()).collect();
    let parsed = parsed?;
    let leaf = parsed.len() - 1;
    if !options.dns_name.is_empty() && !names_host(&parsed[leaf], &options.dns_name) {
        return None;
    }
    let mut chain = vec![leaf];
    loop {
        let current = *chain.last()?;
        let validity = parsed[current].validity();
        if now < validity.not_before.timestamp() || now > validity.not_after.timestamp() {
            return None;
        }
        if !allows(&parsed[current], &options.usages) {
            return None;
        }
        if current == 0 {
            return Some(chain);
        }
        let issuer = (0..parsed.len() - 1).find(|candidate| {
            !chain.contains(candidate)
                && parsed[*candidate].subject().as_raw() == parsed[current].issuer().as_raw()
                && is_authority(&parsed[*candidate])
                && is_signed_by(&parsed[current], parsed[*candidate].public_key())
        })?;
        chain.push(issuer);
    }
}

fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    match certificate.basic_constraints() {
        Ok(Some(constraints)) => constraints.value.ca,
        // Before version 3 there was nothing to say so.
        Ok(None) => certificate.version().0 < 2,
        Err(_) => false,
    }
}

fn allows(certificate: &X509Certificate<'_>, usages: &[&str]) -> bool {
    let wanted = if usages.is_empty() { &[SERVER][..] } else { usages };
    if wanted.contains(&ANY) {
        return true;
    }
    let Ok(Some(extended)) = certificate.extended_key_usage() else { return true };
    let extended = extended.value;
    extended.any
        || wanted.iter().any(|oid| match *oid {
            "1.3.6.1.5.5.7.3.1" => extended.server_auth,
            "1.3.6.1.5.5.7.3.2" => extended.client_auth,
            "1.3.6.1.5.5.7.3.3" => extended.code_signing,
            "1.3.6.1.5.5.7.3.4" => extended.email_protection,
            "1.3.6.1.5.5.7.3.8" => extended.time_stamping,
            "1.3.6.1.5.5.7.3.9" => extended.ocsp_signing,
            other => extended.other.iter().any(|known| known.to_id_string() == other),
        })
}

fn names_host(certificate: &X509Certificate<'_>, host: &str) -> bool {
    let Ok(Some(alternative)) = certificate.subject_alternative_name() else { return false };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    alternative.value.general_names.iter().any(|name| match name {
        GeneralName::DNSName(pattern) => {
            let pattern = pattern.to_ascii_lowercase();
            match pattern.strip_prefix("*.") {
                Some(rest) => host.split_once('.').is_some_and(|(_, domain)| domain == rest),
                None => host == pattern,
            }
        }
        GeneralName::IPAddress(bytes) => address(bytes).is_some_and(|address| address.as_str() == Some(&host)),
        _ => false,
    })
}

fn is_signed_by(certificate: &X509Certificate<'_>, issuer: &SubjectPublicKeyInfo<'_>) -> bool {
    let Some(key) = keys::public_of(issuer) else { return false };
    let message = certificate.tbs_certificate.as_ref();
    let signature = &certificate.signature_value.data;
    let (bits, hashed) = match certificate.signature_algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.11" | "1.2.840.10045.4.3.2" => ("256", Sha256::digest(message).to_vec()),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => ("384", Sha384::digest(message).to_vec()),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => ("512", Sha512::digest(message).to_vec()),
        "1.3.101.112" => return keys::verify(&key, "EdDSA", message, signature),
        _ => return false,
    };
    match &key {
        Public::Rsa(key) => keys::verify_pkcs1(key, bits, &hashed, signature),
        key => keys::verify_ecdsa_der(key, &hashed, signature),
    }
}

pub(super) fn parse_certificate_request(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let text = string(args, 0)?;
    let mut bytes = text.as_bytes().to_vec();
    if !text.starts_with("-----BEGIN CERTIFICATE REQUEST-----") {
        bytes = decode_standard(text)?;
    }
    if let Some((pem, _)) = pem::next(&String::from_utf8_lossy(&bytes)) {
        if pem.label != "CERTIFICATE REQUEST" {
            return Err(Failure::value("invalid PEM-encoded certificate signing request"));
        }
        bytes = pem.bytes;
    }
    x509::request(&bytes).map_err(|_| Failure::value("asn1: structure error: not a certificate request"))
}

/// A text in PEM, or base64 of PEM or DER, as PEM blocks.
fn blocks(text: &str, label: &str) -> Result<Vec<pem::Block>, Failure> {
    let mut text = text.to_owned();
    if !text.starts_with("-----BEGIN ") {
        let bytes = decode_standard(&text)?;
        if !bytes.starts_with(b"-----BEGIN") {
            return Ok(vec![pem::Block { label: label.to_owned(), bytes }]);
        }
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    let mut rest = text.as_str();
    let mut found = Vec::new();
    while let Some((pem, tail)) = pem::next(rest) {
        found.push(pem);
        rest = tail;
    }
    Ok(found)
}

pub(super) fn parse_keypair(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let certificates: Vec<pem::Block> =
        blocks(string(args, 0)?, "CERTIFICATE")?.into_iter().filter(|pem| pem.label == "CERTIFICATE").collect();
    let private = blocks(string(args, 1)?, "PRIVATE KEY")?
        .into_iter()
        .find(|pem| pem.label == "PRIVATE KEY" || pem.label.ends_with(" PRIVATE KEY"))
        .ok_or_else(|| Failure::value("tls: failed to find any PEM data in key input"))?;
    let first =
        certificates.first().ok_or_else(|| Failure::value("tls: failed to find any PEM data in certificate input"))?;
    let leaf = parsed(&first.bytes)?;
    let key = keys::private_of_pem(&private).ok_or_else(|| Failure::value("tls: failed to parse private key"))?;
    let matches = keys::public_of(leaf.public_key()).is_some_and(|public| keys::belongs(&key, &public));
    if !matches {
        return Err(Failure::value("tls: private key does not match public key"));
    }
    Ok(Value::object([
        ("Certificate", Value::array(certificates.iter().map(|pem| base64(&pem.bytes)))),
        ("PrivateKey", private_value(&key)),
        ("SupportedSignatureAlgorithms", Value::Null),
        ("OCSPStaple", Value::Null),
        ("SignedCertificateTimestamps", Value::Null),
        ("Leaf", certificate_value(&first.bytes, false)?),
    ]))
}

fn private_value(key: &keys::Private) -> Value {
    let parts = keys::private_parts(key);
    Value::object(parts.iter().map(|(name, bytes)| (*name, number(bytes))))
}

fn private_keys(text: &str) -> Result<Vec<keys::Private>, Failure> {
    let decoded = decode_standard(text).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let mut rest = decoded.as_deref().unwrap_or(text);
    let mut found = Vec::new();
    while let Some((pem, tail)) = pem::next(rest) {
        rest = tail;
        if matches!(pem.label.as_str(), "RSA PRIVATE KEY" | "PRIVATE KEY" | "EC PRIVATE KEY") {
            let key = keys::private_of_pem(&pem).ok_or_else(|| Failure::value("x509: failed to parse private key"))?;
            found.push(key);
        }
    }
    Ok(found)
}

pub(super) fn parse_private_keys(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let text = string(args, 0)?;
    if text.is_empty() {
        return Ok(Value::Null);
    }
    Ok(Value::array(private_keys(text)?.iter().map(private_value)))
}

pub(super) fn parse_rsa_private_key(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let text = string(args, 0)?;
    if text.is_empty() {
        return Err(Failure::value("input PEM data was empty"));
    }
    if !text.starts_with("-----BEGIN") {
        decode_standard(text)?;
    }
    let found = private_keys(text)?;
    let Some(key) = found.first() else { return Ok(Value::Null) };
    Ok(Value::object(keys::jwk_of(key).into_iter().map(|(name, part)| {
        let value = match part {
            keys::JwkPart::Text(text) => text.into(),
            keys::JwkPart::Bytes(bytes) => encode_url(bytes).into(),
        };
        (name, value)
    })))
}
