//! Which module is in the program, and whether it works as it has to.

use std::fmt;

/// Whether this is the build for FIPS 140-3.
pub const FIPS: bool = cfg!(feature = "fips");

/// The module that computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module {
    /// Its name: `AWS-LC` or `AWS-LC-FIPS`.
    pub name: &'static str,
    /// Its version: `3.0.4`.
    pub version: &'static str,
    /// Whether it says of itself that it runs in its FIPS mode, its own tests passed.
    pub fips: bool,
}

impl Module {
    /// The one in this program, asked now.
    #[must_use]
    pub fn linked() -> Self {
        let name = if FIPS { "AWS-LC-FIPS" } else { "AWS-LC" };
        Self { name, version: aws_lc_rs::awslc_version(), fips: aws_lc_rs::try_fips_mode().is_ok() }
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// The build for FIPS does not compute as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is a build for FIPS 140-3, and its module {0}")]
pub struct NotValidated(&'static str);

/// That the module may be used. Without the feature `fips` it always may.
///
/// # Errors
/// When it is a build for FIPS and the module is not in its FIPS mode, or a TLS configuration would not be.
pub fn ready() -> Result<(), NotValidated> {
    if !FIPS {
        return Ok(());
    }
    if !Module::linked().fips {
        return Err(NotValidated("is not in FIPS mode"));
    }
    if crate::tls::provider().fips() { Ok(()) } else { Err(NotValidated("is not what TLS uses")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_tells_what_it_is() {
        let module = Module::linked();
        assert_eq!(module.fips, FIPS);
        assert_eq!(module.name == "AWS-LC-FIPS", FIPS);
        assert!(module.version.split('.').count() >= 2, "{module}");
        assert_eq!(ready(), Ok(()));
    }
}
