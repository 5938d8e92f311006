//! Certificates, certificate requests and private keys, in the form that Go gives them as JSON.

use bigdecimal::num_bigint::BigInt;
use probity_go::time::{self as gotime, Civil, civil_from_days};
use probity_model::value::Value;
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use super::args::{elements, object, string, whole_value};
use super::encoding::{decode_standard, encode_standard, encode_url};
use super::keys::{self, Public, next_pem};
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
    while let Some((pem, rest)) = next_pem(text) {
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

fn certificate_value(der: &[u8], uri_strings: bool) -> Result<Value, Failure> {
    let certificate = parsed(der)?;
    let info = certificate.public_key();
    let validity = certificate.validity();
    let (key_algorithm, key) = public_key_value(info);
    let mut fields: Vec<(&str, Value)> = vec![
        ("Raw", base64(der)),
        ("RawTBSCertificate", base64(certificate.tbs_certificate.as_ref())),
        ("RawSubjectPublicKeyInfo", base64(info.raw)),
        ("RawSubject", base64(certificate.subject().as_raw())),
        ("RawIssuer", base64(certificate.issuer().as_raw())),
        ("Signature", base64(&certificate.signature_value.data)),
        ("SignatureAlgorithm", signature_algorithm(&certificate.signature_algorithm.algorithm.to_id_string()).into()),
        ("PublicKeyAlgorithm", key_algorithm.into()),
        ("PublicKey", key),
        ("Version", (i64::from(certificate.version().0) + 1).into()),
        ("SerialNumber", number(&certificate.tbs_certificate.serial.to_bytes_be())),
        ("Issuer", name_value(certificate.issuer())),
        ("Subject", name_value(certificate.subject())),
        ("NotBefore", time_value(&validity.not_before)),
        ("NotAfter", time_value(&validity.not_after)),
        ("ExtraExtensions", Value::Null),
        ("UnhandledCriticalExtensions", Value::Null),
    ];
    fields.extend(extension_fields(&certificate));
    if !uri_strings {
        fields.retain(|(name, _)| *name != "URIStrings");
    }
    Ok(Value::object(fields))
}

fn extension_fields(certificate: &X509Certificate<'_>) -> Vec<(&'static str, Value)> {
    let mut names: [Vec<Value>; 4] = Default::default();
    let mut key_usage = 0;
    let mut extended = Vec::new();
    let (mut constraints, mut authority, mut max_path) = (false, false, -1);
    let (mut subject_key, mut authority_key) = (Value::Null, Value::Null);
    let mut extensions = Vec::new();
    for extension in certificate.extensions() {
        let id = extension.oid.iter().map(|arcs| Value::array(arcs.map(|arc| arc.cast_signed().into())));
        extensions.push(Value::object([
            ("Id", id.unwrap_or_default()),
            ("Critical", extension.critical.into()),
            ("Value", base64(extension.value)),
        ]));
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(alternative) => {
                for name in &alternative.general_names {
                    match name {
                        GeneralName::DNSName(text) => names[0].push((*text).into()),
                        GeneralName::RFC822Name(text) => names[1].push((*text).into()),
                        GeneralName::IPAddress(bytes) => names[2].extend(address(bytes)),
                        GeneralName::URI(text) => names[3].push((*text).into()),
                        _ => {}
                    }
                }
            }
            ParsedExtension::KeyUsage(usage) => key_usage = i64::from(usage.flags),
            ParsedExtension::ExtendedKeyUsage(usage) => {
                let flags = [
                    usage.any,
                    usage.server_auth,
                    usage.client_auth,
                    usage.code_signing,
                    usage.email_protection,
                    false,
                    false,
                    false,
                    usage.time_stamping,
                    usage.ocsp_signing,
                ];
                extended.extend((0_i64..).zip(flags).filter(|(_, flag)| *flag).map(|(index, _)| Value::from(index)));
            }
            ParsedExtension::BasicConstraints(basic) => {
                constraints = true;
                authority = basic.ca;
                max_path = basic.path_len_constraint.map_or(-1, i64::from);
            }
            ParsedExtension::SubjectKeyIdentifier(id) => subject_key = base64(id.0),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                authority_key = id.key_identifier.as_ref().map_or(Value::Null, |id| base64(id.0));
            }
            _ => {}
        }
    }
    let list = |values: Vec<Value>| if values.is_empty() { Value::Null } else { Value::array(values) };
    let [dns, mail, addresses, uris] = names;
    vec![
        ("Extensions", list(extensions)),
        ("KeyUsage", key_usage.into()),
        ("ExtKeyUsage", list(extended)),
        ("BasicConstraintsValid", constraints.into()),
        ("IsCA", authority.into()),
        ("MaxPathLen", max_path.into()),
        ("MaxPathLenZero", (max_path == 0).into()),
        ("SubjectKeyId", subject_key),
        ("AuthorityKeyId", authority_key),
        ("DNSNames", list(dns)),
        ("EmailAddresses", list(mail)),
        ("IPAddresses", list(addresses)),
        ("URIStrings", list(uris)),
    ]
}

fn address(bytes: &[u8]) -> Option<Value> {
    let address: std::net::IpAddr = match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok()?.into(),
        16 => <[u8; 16]>::try_from(bytes).ok()?.into(),
        _ => return None,
    };
    Some(address.to_string().into())
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

fn public_key_value(info: &SubjectPublicKeyInfo<'_>) -> (i64, Value) {
    if info.algorithm.algorithm.to_id_string() == "1.3.101.112" {
        return (4, base64(&info.subject_public_key.data));
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

fn name_value(name: &X509Name<'_>) -> Value {
    let of = |oid: &str| {
        let found: Vec<Value> = name
            .iter_attributes()
            .filter(|attribute| attribute.attr_type().to_id_string() == oid)
            .filter_map(|attribute| attribute.as_str().ok().map(Value::from))
            .collect();
        if found.is_empty() { Value::Null } else { Value::array(found) }
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

fn time_value(time: &ASN1Time) -> Value {
    let seconds = time.timestamp();
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let civil = Civil {
        year,
        month,
        day,
        hour: of_day / 3600,
        minute: of_day / 60 % 60,
        second: of_day % 60,
        nanosecond: 0,
        offset: 0,
        zone: "UTC".to_owned(),
    };
    gotime::format(&civil, gotime::RFC3339).into()
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
    if let Some((pem, _)) = next_pem(&String::from_utf8_lossy(&bytes)) {
        if pem.label != "CERTIFICATE REQUEST" {
            return Err(Failure::value("invalid PEM-encoded certificate signing request"));
        }
        bytes = pem.bytes;
    }
    let (_, request) = X509CertificationRequest::from_der(&bytes)
        .map_err(|error| Failure::value(format!("asn1: structure error: {error}")))?;
    let info = &request.certification_request_info;
    let (algorithm, key) = public_key_value(&info.subject_pki);
    let alternative: Vec<Value> = request
        .requested_extensions()
        .into_iter()
        .flatten()
        .filter_map(|extension| match extension {
            ParsedExtension::SubjectAlternativeName(alternative) => Some(&alternative.general_names),
            _ => None,
        })
        .flatten()
        .filter_map(|name| match name {
            GeneralName::DNSName(text) => Some(Value::from(*text)),
            _ => None,
        })
        .collect();
    Ok(Value::object([
        ("Raw", base64(&bytes)),
        ("RawSubject", base64(info.subject.as_raw())),
        ("RawSubjectPublicKeyInfo", base64(info.subject_pki.raw)),
        ("Version", i64::from(info.version.0).into()),
        ("Signature", base64(&request.signature_value.data)),
        ("SignatureAlgorithm", signature_algorithm(&request.signature_algorithm.algorithm.to_id_string()).into()),
        ("PublicKeyAlgorithm", algorithm.into()),
        ("PublicKey", key),
        ("Subject", name_value(&info.subject)),
        ("DNSNames", if alternative.is_empty() { Value::Null } else { Value::array(alternative) }),
    ]))
}

/// A text in PEM, or base64 of PEM or DER, as PEM blocks.
fn blocks(text: &str, label: &str) -> Result<Vec<keys::Pem>, Failure> {
    let mut text = text.to_owned();
    if !text.starts_with("-----BEGIN ") {
        let bytes = decode_standard(&text)?;
        if !bytes.starts_with(b"-----BEGIN") {
            return Ok(vec![keys::Pem { label: label.to_owned(), bytes }]);
        }
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    let mut rest = text.as_str();
    let mut found = Vec::new();
    while let Some((pem, tail)) = next_pem(rest) {
        found.push(pem);
        rest = tail;
    }
    Ok(found)
}

pub(super) fn parse_keypair(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let certificates: Vec<keys::Pem> =
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
    while let Some((pem, tail)) = next_pem(rest) {
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
