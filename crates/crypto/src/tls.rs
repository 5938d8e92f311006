//! TLS: the provider that every connection of the program uses.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;

/// The suites, key exchanges and signatures that connections may use. In the build for FIPS only approved ones.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(default_provider())))
}

/// The names of the cipher suites, the one that is liked best first: `TLS13_AES_256_GCM_SHA384`.
#[must_use]
pub fn cipher_suites() -> Vec<String> {
    provider().cipher_suites.iter().map(|suite| format!("{:?}", suite.suite())).collect()
}

#[cfg(feature = "fips")]
fn default_provider() -> CryptoProvider {
    rustls::crypto::default_fips_provider()
}

#[cfg(not(feature = "fips"))]
fn default_provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_build_for_fips_is_held_to_approved_suites() {
        assert_eq!(provider().fips(), crate::FIPS);
        let names = cipher_suites();
        assert!(names.iter().any(|name| name == "TLS13_AES_256_GCM_SHA384"), "{names:?}");
        assert_eq!(names.iter().any(|name| name.contains("CHACHA20")), !crate::FIPS, "{names:?}");
    }
}
