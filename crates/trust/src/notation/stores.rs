use std::collections::BTreeMap;

use crate::{TrustError, certificate};

/// Trust stores: certificates by the name that trust policies call them, as `ca:acme` or `signingAuthority:acme`.
#[derive(Debug, Clone, Default)]
pub struct TrustStores(BTreeMap<String, Vec<Vec<u8>>>);

impl TrustStores {
    /// No store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the certificates of a PEM text to a store.
    ///
    /// # Errors
    /// When it has no certificate, or something else.
    pub fn add(&mut self, store: &str, pem: &str) -> Result<(), TrustError> {
        let certificates = certificate::from_pem(pem)?;
        self.0.entry(store.to_owned()).or_default().extend(certificates);
        Ok(())
    }

    /// The certificates of those of some stores that are of a kind.
    pub(super) fn named(&self, kind: &str, stores: &[String]) -> Result<Vec<Vec<u8>>, TrustError> {
        let mut certificates = Vec::new();
        for store in stores.iter().filter(|store| store.split_once(':').is_some_and(|(of, _)| of == kind)) {
            let Some(found) = self.0.get(store) else {
                return Err(TrustError::Root(format!("there is no trust store `{store}`")));
            };
            certificates.extend(found.iter().cloned());
        }
        Ok(certificates)
    }
}
