use jiff::Timestamp;

use crate::Digest;

/// Why a signature, an attestation or a key is refused.
///
/// [`TrustError::reason`] names the kind in a word that policies and counters can ask for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// It is not what it should be: no JSON, no envelope, no certificate.
    #[error("{what} cannot be read: {why}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It is larger, or has more parts, than is read.
    #[error("{what}: {found} is more than the {most} that are read")]
    TooMuch {
        /// What there is too much of, with its unit.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there may be.
        most: u64,
    },
    /// It is a form, an algorithm or a version that cannot be verified.
    #[error("{0} cannot be verified")]
    Unsupported(String),
    /// The signature was not made with the key over these bytes.
    #[error("the signature is not valid for what it signs: {0}")]
    Forged(String),
    /// No signature is by a key that is trusted.
    #[error("signed with no key that is trusted")]
    UnknownKey,
    /// The certificate leads to no authority that is trusted.
    #[error("the certificate is not trusted: {0}")]
    UntrustedCertificate(String),
    /// The certificate had expired when the signature was made.
    #[error("the certificate had expired on {until}, before the signature was made at {at}")]
    ExpiredCertificate {
        /// When it was signed, or the time of the check where that is not known.
        at: Timestamp,
        /// The end of the certificate's validity.
        until: Timestamp,
    },
    /// The certificate was not valid yet when the signature was made.
    #[error("the certificate is valid from {from} only, after the signature was made at {at}")]
    EarlyCertificate {
        /// When it was signed.
        at: Timestamp,
        /// The start of the certificate's validity.
        from: Timestamp,
    },
    /// The signature itself says that it is valid no more.
    #[error("the signature expired on {0}")]
    ExpiredSignature(Timestamp),
    /// Someone else signed.
    #[error("signed by {found}, not by {expected}")]
    WrongIdentity {
        /// Who should have signed.
        expected: String,
        /// Who did.
        found: String,
    },
    /// Someone else vouches for the signer.
    #[error("the signer's identity is vouched for by {found}, not by {expected}")]
    WrongIssuer {
        /// Who should vouch.
        expected: String,
        /// Who does.
        found: String,
    },
    /// What is signed is about something else: a signature or attestation taken from another image.
    #[error("it is about {found}, not about {expected}")]
    OtherDigest {
        /// What is judged.
        expected: Digest,
        /// What was signed.
        found: String,
    },
    /// The bytes that were fetched are not those that were asked for.
    #[error("{what} has the digest {found}, not {expected}")]
    Altered {
        /// What was fetched.
        what: &'static str,
        /// The digest asked for.
        expected: Digest,
        /// The digest of what came.
        found: Digest,
    },
    /// No entry of a transparency log comes with it, or none that proves anything.
    #[error("there is no proof that it is in a transparency log: {0}")]
    NoInclusion(String),
    /// The entry is of a log that is not trusted.
    #[error("the transparency log is not trusted: {0}")]
    UnknownLog(String),
    /// The proof of the transparency log does not hold.
    #[error("the proof of the transparency log does not hold: {0}")]
    Inclusion(String),
    /// The entry of the transparency log is of another signature.
    #[error("the entry of the transparency log is of another signature: {0}")]
    OtherEntry(String),
    /// The certificate's proof of being in a certificate transparency log is missing or wrong.
    #[error("the certificate's timestamp of certificate transparency does not hold: {0}")]
    CertificateTransparency(String),
    /// A timestamp is wrong, or there is none that is trusted.
    #[error("the time of signing is not proved: {0}")]
    Time(String),
    /// The trusted root cannot be used.
    #[error("the trusted root cannot be used: {0}")]
    Root(String),
    /// The password of a private key is wrong, or the key was changed.
    #[error("the private key cannot be decrypted: the password is wrong or the key was changed")]
    Password,
    /// It needs an algorithm that is not approved under FIPS 140-3, in a build for it.
    #[error(
        "{0} is not approved under FIPS 140-3, for which this is a build; \
             use an unencrypted PKCS #8 key, as `openssl genpkey` makes it"
    )]
    NotApproved(String),
    /// Nothing in the trust policy is for this.
    #[error("no trust policy is for {0}")]
    NoPolicy(String),
    /// The statement does not say what is asked of it.
    #[error("{0}")]
    Unmet(#[from] crate::Unmet),
    /// What holds manifests and blobs failed.
    #[error("{what} cannot be fetched: {error}")]
    Store {
        /// What was fetched.
        what: String,
        /// What went wrong.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl TrustError {
    /// The kind in a word: `forged`, `expired-certificate`, `wrong-identity`, `other-digest`, ...
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::TooMuch { .. } => "too-large",
            Self::Unsupported(_) => "unsupported",
            Self::NotApproved(_) => "not-approved",
            Self::Forged(_) => "forged",
            Self::UnknownKey => "unknown-key",
            Self::UntrustedCertificate(_) => "untrusted-certificate",
            Self::ExpiredCertificate { .. } => "expired-certificate",
            Self::EarlyCertificate { .. } => "early-certificate",
            Self::ExpiredSignature(_) => "expired-signature",
            Self::WrongIdentity { .. } => "wrong-identity",
            Self::WrongIssuer { .. } => "wrong-issuer",
            Self::OtherDigest { .. } => "other-digest",
            Self::Altered { .. } => "altered",
            Self::NoInclusion(_) => "no-inclusion-proof",
            Self::UnknownLog(_) => "unknown-log",
            Self::Inclusion(_) => "inclusion-proof",
            Self::OtherEntry(_) => "other-log-entry",
            Self::CertificateTransparency(_) => "certificate-transparency",
            Self::Time(_) => "no-time",
            Self::Root(_) => "trusted-root",
            Self::Password => "password",
            Self::NoPolicy(_) => "no-policy",
            Self::Unmet(_) => "unmet",
            Self::Store { .. } => "store",
        }
    }

    /// What cannot be read, and why.
    pub(crate) fn malformed(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Malformed { what, why: format!("{why}") }
    }
}
