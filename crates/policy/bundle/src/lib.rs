//! Rego policies and data from folders, files and OPA bundles.
//!
//! [`load`] reads what `opa -d` reads. [`Bundle`] reads what `opa -b` reads: a folder or a tar.gz archive with modules,
//! data, a manifest and perhaps a signature, as <https://www.openpolicyagent.org/docs/management-bundles> describes it.
//! Bundles come from outside: sizes, numbers and names are bounded ([`Limits`]), and nothing of an archive is ever written.

mod archive;
mod bundle;
mod error;
mod file;
mod folder;
mod hash;
mod limits;
pub mod load;
mod manifest;
mod module;
mod signature;
mod text;
mod tree;

pub use bundle::{Bundle, Merged, Options, Verification, merge};
pub use error::BundleError;
pub use limits::Limits;
pub use manifest::{Manifest, roots_overlap};
pub use module::Module;
pub use signature::{ALGORITHMS, Key, Keys};
