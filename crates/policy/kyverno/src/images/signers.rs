//! Whose signatures are looked for.

use probity_model::SmolStr;
use probity_trust::{Matcher, NotationTrust, Trust, TrustError, TrustPolicies, TrustStores, TrustedRoot};

/// Whose signatures count, and where they are kept.
#[derive(Debug, Clone)]
pub struct Signers {
    /// Whose.
    pub whose: Whose,
    /// The repository in which signatures are kept; beside what is signed when there is none.
    pub repository: Option<SmolStr>,
    /// The same for the same signers: an answer is known by it.
    key: String,
}

/// Whose signatures count.
#[derive(Debug, Clone)]
pub enum Whose {
    /// Signatures of cosign's, and sigstore bundles.
    Sigstore(Trust),
    /// Notation's.
    Notation(NotationTrust),
}

/// What Kyverno asks of Notation signatures, with certificates of a store of this name.
const STRICT: &[u8] = br#"{"version": "1.0", "trustPolicies": [{"name": "kyverno", "registryScopes": ["*"],
  "signatureVerification": {"level": "strict"}, "trustStores": ["ca:kyverno"], "trustedIdentities": ["*"]}]}"#;

impl Signers {
    /// Those of a trust. `key` says which trust it is, in a text that no other has.
    pub fn sigstore(trust: Trust, key: impl Into<String>) -> Self {
        Self { whose: Whose::Sigstore(trust), repository: None, key: key.into() }
    }

    /// Everybody for whom a root vouches; who it was is asked of what is found.
    pub(crate) fn anybody(root: TrustedRoot, key: &str) -> Result<Self, TrustError> {
        let any = probity_trust::Identity { subject: Matcher::regex("")?, issuer: Matcher::regex("")? };
        Ok(Self::sigstore(Trust::identities(vec![any], root), format!("anybody {key}")))
    }

    /// Those with a certificate of these, in PEM.
    ///
    /// # Errors
    /// When they are none.
    pub(crate) fn notation(certificates: &str) -> Result<Self, TrustError> {
        let mut stores = TrustStores::new();
        stores.add("ca:kyverno", certificates)?;
        let trust = NotationTrust { policies: TrustPolicies::from_json(STRICT)?, stores };
        Ok(Self { whose: Whose::Notation(trust), repository: None, key: format!("notation {certificates}") })
    }

    /// The same, with signatures kept in another repository; none is named by an empty text.
    #[must_use]
    pub fn kept_in(self, repository: &str) -> Self {
        Self { repository: Some(repository).filter(|name| !name.is_empty()).map(SmolStr::from), ..self }
    }

    /// What an answer is known by.
    pub(super) fn key(&self) -> String {
        format!("{} {}", self.repository.as_deref().unwrap_or_default(), self.key)
    }
}
