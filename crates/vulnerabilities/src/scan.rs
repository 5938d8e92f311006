//! Reports of other scanners, read as findings of our own: Trivy's JSON and Grype's.

mod grype;
mod trivy;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::assess::Finding;

/// The largest report that is read, in bytes.
pub const MAX_REPORT: usize = 256 << 20;

/// What a scanner found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScanReport {
    /// Which scanner: `trivy`, `grype`.
    pub scanner: String,
    /// Its version, when it says so.
    pub version: Option<String>,
    /// When its database was built, when it says so.
    pub database: Option<String>,
    /// When it scanned, as RFC 3339 writes it.
    pub scanned: Option<String>,
    /// What it scanned: an image's reference, a folder.
    pub artifact: String,
    /// Digests of an image, with or without its repository.
    pub digests: Vec<String>,
    /// The distribution, with its version: `debian 12.4`.
    pub distribution: Option<String>,
    /// Set when the distribution gets no updates any more: what is not found there says little.
    pub end_of_life: bool,
    /// What it found.
    pub findings: Vec<Finding>,
    /// How many findings it was told to leave out, and did.
    pub ignored: u64,
}

/// A report that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// It is too large.
    #[error("the report has more than {MAX_REPORT} bytes")]
    TooLarge,
    /// It is of no scanner whose reports are read here, or not as that writes them.
    #[error("this is no report of Trivy (JSON, schema 2) or Grype (JSON): {0}")]
    Form(String),
}

impl ScanReport {
    /// Reads a report of either scanner.
    ///
    /// # Errors
    /// When it is too large, or none of theirs.
    pub fn read(text: &[u8]) -> Result<Self, ScanError> {
        if text.len() > MAX_REPORT {
            return Err(ScanError::TooLarge);
        }
        let form = |error: serde_json::Error| ScanError::Form(error.to_string());
        let report: Value = serde_json::from_slice(text).map_err(form)?;
        match () {
            () if report["SchemaVersion"] == 2 => trivy::read(report).map_err(form),
            () if report["SchemaVersion"].is_number() => {
                Err(ScanError::Form(format!("Trivy's schema {} is not read", report["SchemaVersion"])))
            }
            () if report["matches"].is_array() && report["descriptor"].is_object() => grype::read(report).map_err(form),
            () => Err(ScanError::Form("it has neither SchemaVersion nor matches".to_owned())),
        }
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
