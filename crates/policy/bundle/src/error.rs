use std::io;
use std::path::PathBuf;

use probity_policy_rego::Errors;

/// Why a bundle is refused.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is no gzipped tar archive, or not a whole one.
    #[error("not a whole tar.gz archive: {0}")]
    Archive(String),
    /// A name in the archive is not one to have.
    #[error("the archive has a file named `{name}`: {why}")]
    Name {
        /// The name, control characters escaped.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The archive has something that is neither a file nor a folder.
    #[error("`{0}` in the archive is a link or a device; a bundle has files only")]
    Link(String),
    /// Something goes over a limit.
    #[error("the bundle has more than {most} {what}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        most: u64,
    },
    /// A file is there twice.
    #[error("`{0}` is in the bundle twice")]
    Twice(String),
    /// It is a delta bundle.
    #[error("it is a delta bundle ({0}), which is not supported; serve snapshot bundles")]
    Delta(String),
    /// It has policies in WebAssembly.
    #[error("it has policies in WebAssembly ({0}), which are not supported; build it with `opa build -t rego`")]
    Wasm(String),
    /// The manifest makes no sense.
    #[error("manifest: {0}")]
    Manifest(String),
    /// The signature is missing or does not fit.
    #[error("signature: {0}")]
    Signature(String),
    /// A data file cannot be read, or its place is taken.
    #[error("{file}: {message}")]
    Data {
        /// The file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// Modules that are not Rego.
    #[error(transparent)]
    Rego(#[from] Errors),
    /// Two bundles say that the same part of `data` is theirs.
    #[error("the bundles `{first}` and `{second}` both own data.{}", root.replace('/', "."))]
    Overlap {
        /// One bundle.
        first: String,
        /// The other.
        second: String,
        /// The root that they share.
        root: String,
    },
}
