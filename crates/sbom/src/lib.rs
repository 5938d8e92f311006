//! Software bills of materials.
//!
//! [`read`] takes `CycloneDX` 1.3 to 1.7 (JSON), SPDX 2.2 and 2.3 (JSON, tag-value), SPDX 3.0 (JSON-LD) and Syft's own JSON
//! into one [`Sbom`]; [`write`] gives it out as `CycloneDX` 1.6 or 1.7 or as SPDX 2.3; [`compare`] tells two apart.

mod compare;
mod cyclonedx;
mod license;
mod model;
mod spdx;
mod syft;

use serde_json::Value;

pub use compare::{Change, Comparison, Field, compare};
pub use license::{Expression, LicenseList, Term};
pub use model::{Component, Hash, Kind, License, Property, Relation, Relationship, Sbom, Tool};

/// The largest document that is read, in bytes.
pub const MAX_DOCUMENT: usize = 256 << 20;
/// The most components, files included, that a document may have.
pub const MAX_COMPONENTS: usize = 2_000_000;

/// A form in which a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `CycloneDX` 1.6, JSON.
    CycloneDx16,
    /// `CycloneDX` 1.7, JSON.
    CycloneDx17,
    /// SPDX 2.3, JSON.
    Spdx23,
}

/// A document that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SbomError {
    /// It is too large.
    #[error("the document has more than {limit} {what}")]
    TooMuch {
        /// How many are read.
        limit: usize,
        /// Of what.
        what: &'static str,
    },
    /// It is of no form that is read here.
    #[error("this is no CycloneDX, SPDX or Syft document: {0}")]
    Unknown(String),
    /// It is of a version that is not read here.
    #[error("{format} {version} is not read: {known} are")]
    Version {
        /// Which form.
        format: &'static str,
        /// Its version.
        version: String,
        /// What is read.
        known: &'static str,
    },
    /// It is not as its form demands.
    #[error("this is no valid {format} document: {reason}")]
    Invalid {
        /// Which form.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// Reads a document in whichever of the forms it is.
///
/// # Errors
/// When it is too large, of no form or version that is read, or not as its form demands.
pub fn read(text: &[u8]) -> Result<Sbom, SbomError> {
    if text.len() > MAX_DOCUMENT {
        return Err(SbomError::TooMuch { limit: MAX_DOCUMENT, what: "bytes" });
    }
    if text.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return spdx::read_tags(text);
    }
    let document: Value = serde_json::from_slice(text).map_err(|error| SbomError::Unknown(error.to_string()))?;
    let sbom = match () {
        () if document.get("bomFormat").is_some() => cyclonedx::read(document),
        () if document.get("spdxVersion").is_some() => spdx::read(document),
        () if document.get("@graph").is_some() => spdx::read_graph(&document),
        () if document.get("artifacts").is_some() && document.get("descriptor").is_some() => syft::read(document),
        () => Err(SbomError::Unknown("it has neither bomFormat nor spdxVersion nor @graph nor artifacts".to_owned())),
    }?;
    if sbom.components.len() > MAX_COMPONENTS {
        return Err(SbomError::TooMuch { limit: MAX_COMPONENTS, what: "components" });
    }
    Ok(sbom)
}

/// Writes a document. The same model gives the same text: what has no name of its own is named by its content.
pub fn write(sbom: &Sbom, format: Format) -> String {
    match format {
        Format::CycloneDx16 => cyclonedx::write(sbom, "1.6"),
        Format::CycloneDx17 => cyclonedx::write(sbom, "1.7"),
        Format::Spdx23 => spdx::write(sbom),
    }
}

#[cfg(test)]
mod tests;
