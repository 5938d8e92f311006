//! The form in which cosign keeps private keys, in a build for FIPS 140-3: neither scrypt nor NaCl's secretbox is an
//! approved algorithm, so it is refused.

use zeroize::Zeroizing;

use crate::TrustError;

/// The label of its PEM.
pub(super) const LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// The label that cosign 1 wrote.
pub(super) const OLD_LABEL: &str = "ENCRYPTED COSIGN PRIVATE KEY";

pub(super) fn seal(_: &[u8], _: &[u8]) -> Result<String, TrustError> {
    Err(refused())
}

pub(super) fn open(_: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, TrustError> {
    Err(refused())
}

fn refused() -> TrustError {
    TrustError::NotApproved("a private key in cosign's encrypted form (scrypt and NaCl's secretbox)".into())
}
