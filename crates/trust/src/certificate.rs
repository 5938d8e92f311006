//! X.509 certificates (RFC 5280).

use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::{TrustError, limits, pem};

const WHAT: &str = "a certificate";

/// Reads the certificates of a PEM text, into DER.
///
/// # Errors
/// When something else is in it.
pub(crate) fn from_pem(text: &str) -> Result<Vec<Vec<u8>>, TrustError> {
    let blocks = pem::blocks(WHAT, text)?;
    limits::count("certificates", blocks.len(), limits::ROOTS)?;
    let certificates = blocks.into_iter().map(|block| match block.label.as_str() {
        "CERTIFICATE" => parse(&block.bytes).map(|_| block.bytes.clone()),
        label => Err(TrustError::malformed(WHAT, format!("it is a {label}"))),
    });
    certificates.collect()
}

/// Reads a certificate in DER.
pub(crate) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, TrustError> {
    limits::bytes(WHAT, der, limits::PEM)?;
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|error| TrustError::malformed(WHAT, error))?;
    if !rest.is_empty() {
        return Err(TrustError::malformed(WHAT, "something follows it"));
    }
    Ok(certificate)
}
