//! What keeps an image from being read.

use std::io;
use std::path::Path;

use crate::digest::{Digest, Mismatch};
use crate::reference::ParseReferenceError;
use crate::registry::RegistryError;

/// Why an image was not read. Nothing of it is judged then: an image that is not wholly known is not a passed one.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The name.
    #[error(transparent)]
    Reference(#[from] ParseReferenceError),
    /// The registry, or the way to it.
    #[error(transparent)]
    Registry(Box<RegistryError>),
    /// A file, a folder or a stream cannot be read.
    #[error("{what}: {source}")]
    Io {
        /// What was read.
        what: String,
        /// What happened.
        source: io::Error,
    },
    /// Bytes are not those that a digest names.
    #[error(
        "{what} is not what was promised: {mismatch}. It was changed on its way or where it is kept; do not use it"
    )]
    Mismatch {
        /// What was read.
        what: String,
        /// How it differs.
        mismatch: Mismatch,
    },
    /// A document or an archive is not of its format.
    #[error("{what} cannot be understood: {why}")]
    Malformed {
        /// What was read.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// An entry of a layer that no sound image has.
    #[error("{layer} is refused: its entry `{entry}` {why}")]
    Refused {
        /// The layer.
        layer: String,
        /// The entry's name, shortened.
        entry: String,
        /// What is wrong with it.
        why: String,
    },
    /// More than may be.
    #[error("{what} has more than {most} {of}; if it is sound, raise the limit `{limit}`")]
    TooMuch {
        /// What was read.
        what: String,
        /// What there is too much of.
        of: &'static str,
        /// The limit's value.
        most: u64,
        /// The limit's name in [`Limits`](crate::Limits).
        limit: &'static str,
    },
    /// There is no image of that name.
    #[error("{place} has no image {wanted}{}", list(": it has ", names))]
    NotFound {
        /// Where it was looked for.
        place: String,
        /// What was looked for.
        wanted: String,
        /// What there is.
        names: Vec<String>,
    },
    /// There are several images and none was named.
    #[error("{place} has several images; name one of {}", names.join(", "))]
    Ambiguous {
        /// Where they are.
        place: String,
        /// Their names.
        names: Vec<String>,
    },
    /// The image is not there for the platform.
    #[error("{what} is not there for {wanted}{}", list(": it is for ", available))]
    Platform {
        /// The image.
        what: String,
        /// The platform.
        wanted: String,
        /// The platforms that it is there for.
        available: Vec<String>,
    },
    /// It is kept where nothing can be beside it.
    #[error("{place} is neither a registry nor an OCI layout: no signatures are kept beside an image there")]
    NoRepository {
        /// Where it is.
        place: String,
    },
    /// What the name leads to is of a kind that has no files.
    #[error("{what} is of the kind {media_type}, which is no image")]
    Kind {
        /// What was read.
        what: String,
        /// Its media type.
        media_type: String,
    },
}

impl From<RegistryError> for ImageError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(Box::new(error))
    }
}

fn list(lead: &str, names: &[String]) -> String {
    const MOST: usize = 20;
    match names.len() {
        0 => String::new(),
        count if count > MOST => format!("{lead}{} and {} more", names[..MOST].join(", "), count - MOST),
        _ => format!("{lead}{}", names.join(", ")),
    }
}

/// A limit that was met inside a chain of readers: it travels as an [`io::Error`].
#[derive(Debug, Clone, thiserror::Error)]
#[error("more than {most} {of}")]
pub(crate) struct Exceeded {
    pub(crate) of: &'static str,
    pub(crate) most: u64,
    pub(crate) limit: &'static str,
}

impl ImageError {
    /// An error of reading; what readers hand on inside of it comes out as what it is.
    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        let what = what.into();
        let inner = source.get_ref();
        if let Some(mismatch) = inner.and_then(|inner| inner.downcast_ref::<Mismatch>()) {
            return Self::Mismatch { what, mismatch: mismatch.clone() };
        }
        if let Some(Exceeded { of, most, limit }) = inner.and_then(|inner| inner.downcast_ref::<Exceeded>()).cloned() {
            return Self::TooMuch { what, of, most, limit };
        }
        Self::Io { what, source }
    }

    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::io(path.display().to_string(), source)
    }

    #[allow(clippy::needless_pass_by_value, reason = "callers hand over errors that nobody needs any more")]
    pub(crate) fn malformed(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Malformed { what: what.into(), why: why.to_string() }
    }
}

/// What a blob is called in messages.
pub(crate) fn blob_name(digest: &Digest) -> String {
    format!("the blob {digest}")
}
