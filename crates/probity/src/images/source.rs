//! Where what is known of an image comes from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use probity_subject_image::{Location, ParseLocationError};

/// An image, or the bill of materials of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ImageSource {
    /// The image itself.
    Image(Location),
    /// A bill of materials, as `sbom:FILE`: of how the image is made and run nothing is known.
    Bill(PathBuf),
}

impl FromStr for ImageSource {
    type Err = ParseLocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("sbom:").filter(|path| !path.is_empty()) {
            Some(path) => Ok(Self::Bill(path.into())),
            None => text.parse().map(Self::Image),
        }
    }
}

impl fmt::Display for ImageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(location) => write!(f, "{location}"),
            Self::Bill(path) => write!(f, "sbom:{}", path.display()),
        }
    }
}
