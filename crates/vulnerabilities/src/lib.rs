//! Which published vulnerabilities a package has.
//!
//! A [`Version`] compares with others as its ecosystem's own tools do.

pub mod version;

pub use version::{Scheme, Version, VersionError};
