//! What this program calls itself in evidence and reports.

use std::sync::OnceLock;

use probity_crypto::{FIPS, Module};

/// Its version; in a build for FIPS 140-3 with the module: `0.1.0+aws-lc-fips.4.0.0`.
pub(crate) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let own = env!("CARGO_PKG_VERSION");
        if FIPS { format!("{own}+aws-lc-fips.{}", Module::linked().version) } else { own.to_owned() }
    })
}
