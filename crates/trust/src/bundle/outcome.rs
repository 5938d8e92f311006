//! What `sigstore-verify` says, in our words.

use jiff::Timestamp;
use sigstore_verify::{CertificateError, Error, TimestampError, TransparencyLogError, VerificationResult};

use crate::time::from_sigstore;
use crate::verified::SignedAt;
use crate::{Digest, TrustError};

/// The earliest time that is proved.
pub(super) fn signed_at(result: &VerificationResult) -> Result<Option<SignedAt>, TrustError> {
    let Some(time) = result.verified_timestamps().iter().min() else { return Ok(None) };
    Ok(Some(SignedAt { time: from_sigstore!(time)?, proved: true }))
}

/// Why it was refused.
pub(super) fn refused(error: Error, subject: &Digest) -> TrustError {
    match error {
        Error::SignatureInvalid(why) => TrustError::Forged(why),
        Error::ArtifactMismatch(why) => {
            TrustError::OtherDigest { expected: *subject, found: format!("something else ({why})") }
        }
        Error::Certificate(error) => certificate(error),
        Error::TransparencyLog(error) => log(error),
        Error::Timestamp(error) => timestamp(&error),
        Error::UnsupportedArtifact(what) | Error::UnsupportedBundle(what) => TrustError::Unsupported(what),
        Error::InvalidTrustRoot(why) => TrustError::Root(why),
        Error::Bundle(error) => bundle(&error),
        other => TrustError::malformed(super::WHAT, other),
    }
}

fn certificate(error: CertificateError) -> TrustError {
    match error {
        CertificateError::Expired { time, not_after } => match (from_sigstore!(time), from_sigstore!(not_after)) {
            (Ok(at), Ok(until)) => TrustError::ExpiredCertificate { at, until },
            (Err(error), _) | (_, Err(error)) => error,
        },
        CertificateError::NotYetValid { time, not_before } => {
            match (from_sigstore!(time), from_sigstore!(not_before)) {
                (Ok(at), Ok(from)) => TrustError::EarlyCertificate { at, from },
                (Err(error), _) | (_, Err(error)) => error,
            }
        }
        CertificateError::Sct(why) => TrustError::CertificateTransparency(why),
        CertificateError::Malformed(why) => TrustError::malformed("the certificate", why),
        CertificateError::ChainInvalid(why) => chain(why),
        other => TrustError::UntrustedCertificate(other.to_string()),
    }
}

/// The chain's verifier tells of times in a text only.
fn chain(why: String) -> TrustError {
    let times: Vec<_> =
        why.split("UnixTime(").skip(1).filter_map(|rest| rest.split_once(')')?.0.parse().ok()).collect();
    let times: Vec<_> = times.into_iter().filter_map(|seconds| Timestamp::from_second(seconds).ok()).collect();
    match times.as_slice() {
        [at, until] if why.contains("CertExpired") => TrustError::ExpiredCertificate { at: *at, until: *until },
        [at, from] if why.contains("CertNotValidYet") => TrustError::EarlyCertificate { at: *at, from: *from },
        _ => TrustError::UntrustedCertificate(why),
    }
}

fn log(error: TransparencyLogError) -> TrustError {
    match error {
        TransparencyLogError::UnknownLog { log_id } => TrustError::UnknownLog(log_id),
        TransparencyLogError::EntryMismatch(why) => TrustError::OtherEntry(why),
        TransparencyLogError::IntegratedTime(why) => TrustError::Time(why),
        TransparencyLogError::MalformedEntry(why) => TrustError::malformed("the entry of the log", why),
        other => TrustError::Inclusion(other.to_string()),
    }
}

fn timestamp(error: &TimestampError) -> TrustError {
    TrustError::Time(error.to_string())
}

fn bundle(error: &sigstore_verify::bundle::Error) -> TrustError {
    use sigstore_verify::bundle::Error as Bundle;
    match error {
        Bundle::MissingInclusionPromise(_) | Bundle::MissingInclusionProof(_) => {
            TrustError::NoInclusion(error.to_string())
        }
        other => TrustError::malformed(super::WHAT, other),
    }
}
