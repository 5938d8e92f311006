//! How much of outside data is read. All are far above what signers write.

use crate::TrustError;

/// Bytes of a manifest.
pub(crate) const MANIFEST: usize = 4 << 20;
/// Bytes of a payload, an envelope or a bundle. Envelopes carry whole SBOMs, in base64.
pub(crate) const ENVELOPE: usize = 64 << 20;
/// Bytes of a Notation envelope, which has a small payload only.
pub(crate) const NOTATION: usize = 1 << 20;
/// Bytes of a key or of a text of certificates.
pub(crate) const PEM: usize = 1 << 20;
/// Certificates of a chain.
pub(crate) const CHAIN: usize = 10;
/// Certificates of a trust store.
pub(crate) const ROOTS: usize = 1_000;
/// Signatures of one envelope.
pub(crate) const SIGNATURES: usize = 100;
/// Signatures and attestations beside one image, under each tag and as referrers. A scan that is attested daily comes to
/// hundreds in a year; cosign looks at as many.
pub(crate) const ATTACHED: usize = 1_000;
/// Entries of transparency logs, and timestamps, of one bundle.
pub(crate) const LOG_ENTRIES: usize = 20;
/// Subjects of a statement.
pub(crate) const SUBJECTS: usize = 10_000;
/// Nesting of JSON and CBOR.
pub(crate) const DEPTH: usize = 64;

/// Refuses more bytes than are read.
pub(crate) fn bytes(what: &'static str, bytes: &[u8], most: usize) -> Result<(), TrustError> {
    count(what, bytes.len(), most)
}

/// Refuses more parts than are read.
pub(crate) fn count(what: &'static str, found: usize, most: usize) -> Result<(), TrustError> {
    if found > most {
        return Err(TrustError::TooMuch { what, found: found as u64, most: most as u64 });
    }
    Ok(())
}
