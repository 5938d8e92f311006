use jiff::Timestamp;
use probity_model::{Value, json};

use super::{count, entry, list, text, time};
use crate::limits;

/// The format of an SBOM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SbomFormat {
    /// CycloneDX.
    CycloneDx,
    /// SPDX.
    Spdx,
}

impl SbomFormat {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::CycloneDx => "CycloneDX",
            Self::Spdx => "SPDX",
        }
    }
}

/// An SBOM as far as an attestation's policies ask for it. What is in it is the matter of who reads SBOMs.
#[derive(Debug, Clone, PartialEq)]
pub struct Sbom {
    /// Its format.
    pub format: SbomFormat,
    /// The format's version, such as `1.6` or `SPDX-2.3`; `None` where the predicate is no such document.
    pub version: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// How many components or packages it lists.
    pub components: usize,
    /// The document itself.
    pub document: Value,
}

impl Sbom {
    /// Reads the document: the predicate itself, or the text in its `Data`, where older cosign has put it.
    pub(super) fn read(format: SbomFormat, predicate: &Value) -> Self {
        let document = match predicate.get("Data") {
            Some(Value::String(text)) => json::read_within(text.as_bytes(), limits::DEPTH).unwrap_or_default(),
            Some(data @ Value::Object(_)) => data.clone(),
            _ => predicate.clone(),
        };
        match format {
            SbomFormat::CycloneDx => {
                let is_one = text(&document, &["bomFormat"]).as_deref() == Some("CycloneDX");
                Self {
                    format,
                    version: text(&document, &["specVersion"]).filter(|_| is_one),
                    created: time(&document, &["metadata", "timestamp"]),
                    components: list(&document, &["components"]).len(),
                    document,
                }
            }
            SbomFormat::Spdx => Self {
                format,
                version: text(&document, &["spdxVersion"]),
                created: time(&document, &["creationInfo", "created"]),
                components: list(&document, &["packages"]).len(),
                document,
            },
        }
    }

    /// What policies ask for, as a document.
    pub fn document(&self) -> Value {
        let entries = [
            Some(("format", Value::from(self.format.name()))),
            entry("version", self.version.as_deref()),
            entry("createdAt", self.created),
            Some(("components", count(self.components))),
        ];
        Value::object(entries.into_iter().flatten())
    }
}
