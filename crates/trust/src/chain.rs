//! Chains of certificates (RFC 5280), with the rules of Notation's signature specification for those that sign images.

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::signature_algorithm::SignatureAlgorithm;
use x509_parser::x509::X509Name;

use crate::certificate::parse;
use crate::key::{Algorithm, Hash};
use crate::time::from_seconds;
use crate::{PublicKey, TrustError, certificate, limits};

const WHAT: &str = "a certificate";

/// Its key.
pub(crate) fn public_key(certificate: &X509Certificate<'_>) -> Result<PublicKey, TrustError> {
    PublicKey::from_spki(certificate.public_key().raw)
}

impl PublicKey {
    /// The key of the first certificate of a PEM text. What the certificate says of itself is not looked at.
    ///
    /// # Errors
    /// When it is none, or has a key of another kind than [`KeyKind`](crate::KeyKind) has.
    pub fn of_certificate(pem: &str) -> Result<Self, TrustError> {
        let certificates = certificate::from_pem(pem)?;
        let first = certificates.first().ok_or_else(|| TrustError::malformed(WHAT, "there is none"))?;
        public_key(&parse(first)?)
    }

    /// The key of a certificate that others vouch for: those between first, the authority last, which is trusted. Times
    /// are not looked at.
    ///
    /// # Errors
    /// As [`PublicKey::of_certificate`], and [`TrustError::UntrustedCertificate`].
    pub fn of_certificate_under(pem: &str, authorities: &str) -> Result<Self, TrustError> {
        let mut chain = certificate::from_pem(pem)?;
        chain.truncate(1);
        chain.extend(certificate::from_pem(authorities)?);
        let authority = chain.last().cloned().into_iter().collect::<Vec<_>>();
        verify(&chain, &authority)?;
        Self::of_certificate(pem)
    }
}

/// The attributes of a name as pairs, such as `("CN", "builder")`, in its order.
pub(crate) fn attributes(name: &X509Name<'_>) -> Vec<(String, String)> {
    let pairs = name.iter_attributes().map(|attribute| {
        let oid = attribute.attr_type().to_id_string();
        let value = attribute.as_str().map_or_else(|_| crate::digest::hex(attribute.as_slice()), ToOwned::to_owned);
        (short_name(&oid).map_or(oid.clone(), ToOwned::to_owned), value)
    });
    pairs.collect()
}

/// A name as text: `CN=builder, O=Acme`.
pub(crate) fn shown(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = attributes(name).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    crate::digest::shown(&parts.join(", "))
}

/// Attribute types as RFC 4514 writes them.
fn short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "SERIALNUMBER",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.17" => "POSTALCODE",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        _ => return None,
    })
}

/// Whether a certificate is valid at a time.
fn check_time(certificate: &X509Certificate<'_>, at: Timestamp) -> Result<(), TrustError> {
    let from = from_seconds(WHAT, certificate.validity().not_before.timestamp())?;
    let until = from_seconds(WHAT, certificate.validity().not_after.timestamp())?;
    if at < from {
        return Err(TrustError::EarlyCertificate { at, from });
    }
    if at > until {
        return Err(TrustError::ExpiredCertificate { at, until });
    }
    Ok(())
}

/// Whether all certificates of a chain are valid at a time.
///
/// # Errors
/// [`TrustError::ExpiredCertificate`], [`TrustError::EarlyCertificate`].
pub(crate) fn check_times(chain: &[Vec<u8>], at: Timestamp) -> Result<(), TrustError> {
    chain.iter().try_for_each(|der| check_time(&parse(der)?, at))
}

/// Verifies a chain, leaf first, at any time: each certificate is signed by the next, the last by itself, and one of
/// them is trusted.
///
/// # Errors
/// [`TrustError::UntrustedCertificate`].
pub(crate) fn verify(chain: &[Vec<u8>], trusted: &[Vec<u8>]) -> Result<(), TrustError> {
    limits::count("certificates of a chain", chain.len(), limits::CHAIN)?;
    let parsed = chain.iter().map(|der| parse(der)).collect::<Result<Vec<_>, _>>()?;
    let Some(leaf) = parsed.first() else {
        return Err(TrustError::malformed("the chain of certificates", "it is empty"));
    };
    check_leaf(leaf)?;
    for (depth, certificate) in parsed.iter().enumerate() {
        check_extensions(certificate)?;
        if depth > 0 {
            check_authority(certificate, depth)?;
        }
        let issuer = parsed.get(depth + 1).unwrap_or(certificate);
        if certificate.issuer().as_raw() != issuer.subject().as_raw() {
            return untrusted(format!(
                "{} is issued by another than the next of its chain",
                shown(certificate.subject())
            ));
        }
        verify_signature(certificate, &public_key(issuer)?)?;
    }
    if !chain.iter().any(|certificate| trusted.contains(certificate)) {
        let root = parsed.last().map(|root| shown(root.subject())).unwrap_or_default();
        return untrusted(format!("its authority {root} is in no trust store that applies"));
    }
    Ok(())
}

fn untrusted(why: impl Into<String>) -> Result<(), TrustError> {
    Err(TrustError::UntrustedCertificate(why.into()))
}

/// A certificate that signs images may sign, is no authority, and is for code signing if it says what it is for.
fn check_leaf(leaf: &X509Certificate<'_>) -> Result<(), TrustError> {
    let malformed = |error| TrustError::malformed(WHAT, error);
    if leaf.basic_constraints().map_err(malformed)?.is_some_and(|constraints| constraints.value.ca) {
        return untrusted("it is an authority's and may not sign itself");
    }
    if !leaf.key_usage().map_err(malformed)?.is_some_and(|usage| usage.value.digital_signature()) {
        return untrusted("its key is not for digital signatures");
    }
    let Some(usage) = leaf.extended_key_usage().map_err(malformed)? else { return Ok(()) };
    let usage = usage.value;
    let other = usage.any || usage.server_auth || usage.email_protection || usage.time_stamping || usage.ocsp_signing;
    if other || !usage.code_signing {
        return untrusted("it is not for code signing alone");
    }
    Ok(())
}

/// An authority says that it is one, and how many may stand below it.
fn check_authority(certificate: &X509Certificate<'_>, depth: usize) -> Result<(), TrustError> {
    let malformed = |error| TrustError::malformed(WHAT, error);
    let name = shown(certificate.subject());
    let Some(constraints) = certificate.basic_constraints().map_err(malformed)?.filter(|found| found.value.ca) else {
        return untrusted(format!("{name} is no authority"));
    };
    // The authorities between this one and the leaf.
    let below = depth - 1;
    if constraints.value.path_len_constraint.is_some_and(|most| usize::try_from(most).is_ok_and(|most| below > most)) {
        return untrusted(format!("{name} may not have {below} authorities below it"));
    }
    if !certificate.key_usage().map_err(malformed)?.is_some_and(|usage| usage.value.key_cert_sign()) {
        return untrusted(format!("{name} may not sign certificates"));
    }
    Ok(())
}

/// What is critical must be understood (RFC 5280, section 4.2).
fn check_extensions(certificate: &X509Certificate<'_>) -> Result<(), TrustError> {
    certificate.extensions_map().map_err(|error| TrustError::malformed(WHAT, error))?;
    for extension in certificate.extensions() {
        let known = matches!(
            extension.parsed_extension(),
            ParsedExtension::BasicConstraints(_)
                | ParsedExtension::KeyUsage(_)
                | ParsedExtension::ExtendedKeyUsage(_)
                | ParsedExtension::SubjectAlternativeName(_)
                | ParsedExtension::CertificatePolicies(_)
        );
        if extension.critical && !known {
            return untrusted(format!("its critical extension {} is not understood", extension.oid));
        }
    }
    Ok(())
}

fn verify_signature(certificate: &X509Certificate<'_>, issuer: &PublicKey) -> Result<(), TrustError> {
    if certificate.signature_algorithm != certificate.tbs_certificate.signature {
        return Err(TrustError::malformed(WHAT, "it names two signature algorithms"));
    }
    let algorithm = algorithm(certificate)?;
    issuer
        .verify_with(algorithm, certificate.tbs_certificate.as_ref(), &certificate.signature_value.data)
        .map_err(|_| TrustError::UntrustedCertificate(format!("{} is forged", shown(certificate.subject()))))
}

fn algorithm(certificate: &X509Certificate<'_>) -> Result<Algorithm, TrustError> {
    let unsupported = |oid: &str| Err(TrustError::Unsupported(format!("a certificate signed with {oid}")));
    let oid = certificate.signature_algorithm.algorithm.to_id_string();
    Ok(match oid.as_str() {
        "1.2.840.10045.4.3.2" => Algorithm::Ecdsa(Hash::Sha256),
        "1.2.840.10045.4.3.3" => Algorithm::Ecdsa(Hash::Sha384),
        "1.2.840.10045.4.3.4" => Algorithm::Ecdsa(Hash::Sha512),
        "1.2.840.113549.1.1.11" => Algorithm::RsaPkcs1(Hash::Sha256),
        "1.2.840.113549.1.1.12" => Algorithm::RsaPkcs1(Hash::Sha384),
        "1.2.840.113549.1.1.13" => Algorithm::RsaPkcs1(Hash::Sha512),
        "1.3.101.112" => Algorithm::Ed25519,
        "1.2.840.113549.1.1.10" => match SignatureAlgorithm::try_from(&certificate.signature_algorithm) {
            Ok(SignatureAlgorithm::RSASSA_PSS(parameters)) => {
                match parameters.hash_algorithm_oid().to_id_string().as_str() {
                    "2.16.840.1.101.3.4.2.1" => Algorithm::RsaPss(Hash::Sha256),
                    "2.16.840.1.101.3.4.2.2" => Algorithm::RsaPss(Hash::Sha384),
                    "2.16.840.1.101.3.4.2.3" => Algorithm::RsaPss(Hash::Sha512),
                    hash => return unsupported(&format!("RSA-PSS over {hash}")),
                }
            }
            _ => return Err(TrustError::malformed(WHAT, "the parameters of its signature")),
        },
        other => return unsupported(other),
    })
}
