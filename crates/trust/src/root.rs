use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use probity_model::{Value, json};
use sigstore_verify::Verifier;
use sigstore_verify::trust_root::{SIGSTORE_GITHUB_TRUSTED_ROOT, SIGSTORE_PRODUCTION_TRUSTED_ROOT};
use sigstore_verify::types::{SignatureBytes, TimestampToken};

use crate::time::from_sigstore;
use crate::{TrustError, limits};

/// Whom sigstore's signatures are verified with: certificate authorities, transparency logs, timestamp authorities.
///
/// It is given, never fetched, so that verifying needs no network. Cloning it costs nothing.
#[derive(Clone)]
pub struct TrustedRoot(Arc<Inner>);

struct Inner {
    verifier: Verifier,
    root: sigstore_verify::trust_root::TrustedRoot,
    document: Value,
}

impl TrustedRoot {
    /// Reads a `trusted_root.json` (`application/vnd.dev.sigstore.trustedroot+json`).
    ///
    /// # Errors
    /// When it is none, or one of its keys and certificates cannot be used.
    pub fn from_json(text: &str) -> Result<Self, TrustError> {
        limits::bytes("bytes of the trusted root", text.as_bytes(), limits::MANIFEST)?;
        let wrong = |error: &dyn fmt::Display| TrustError::Root(error.to_string());
        let root = sigstore_verify::trust_root::TrustedRoot::from_json(text).map_err(|error| wrong(&error))?;
        let verifier = Verifier::new(&root).map_err(|error| wrong(&error))?;
        let document = json::read_within(text.as_bytes(), limits::DEPTH).map_err(|error| wrong(&error))?;
        Ok(Self(Arc::new(Inner { verifier, root, document })))
    }

    /// The public good instance's root, as it was when the `sigstore-verify` crate was released. A newer one comes from
    /// its TUF repository (`cosign trusted-root`, or any TUF client).
    ///
    /// # Errors
    /// None that can be expected.
    pub fn public_good() -> Result<Self, TrustError> {
        Self::from_json(SIGSTORE_PRODUCTION_TRUSTED_ROOT)
    }

    /// The root of GitHub's own instance, which signs for private repositories, likewise.
    ///
    /// # Errors
    /// None that can be expected.
    pub fn github() -> Result<Self, TrustError> {
        Self::from_json(SIGSTORE_GITHUB_TRUSTED_ROOT)
    }

    /// It as it was read.
    pub(crate) fn document(&self) -> &Value {
        &self.0.document
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    /// The time in a timestamp token (RFC 3161) over a signature, by one of the timestamp authorities.
    pub(crate) fn timestamp(&self, token: &[u8], signature: &[u8]) -> Result<Timestamp, TrustError> {
        let (token, signature) = (TimestampToken::from_bytes(token), SignatureBytes::from_bytes(signature));
        let mut refused = "the trusted root has no timestamp authority".to_owned();
        for authority in self.0.root.tsa_authorities() {
            match sigstore_verify::tsa::verify_timestamp_for_authority(&token, &signature, &authority) {
                Ok(time) => return from_sigstore!(time),
                Err(error) => refused = error.to_string(),
            }
        }
        Err(TrustError::Time(refused))
    }
}

impl fmt::Debug for TrustedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = &self.0.root;
        f.debug_struct("TrustedRoot")
            .field("certificate_authorities", &root.certificate_authorities.len())
            .field("transparency_logs", &root.tlogs.len())
            .field("timestamp_authorities", &root.timestamp_authorities.len())
            .finish_non_exhaustive()
    }
}
