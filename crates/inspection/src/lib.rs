//! All that is known of one image, as one document that policies judge.
//!
//! An [`Inspection`] begins with the image as it was read; what else is looked into is laid beside it: its vulnerabilities
//! ([`Vulnerabilities::look_up`]), who signed it ([`Signatures::look_up`]). What was not looked into is `null` in the document, which is not the same as that nothing was
//! found. Nothing here reads a configuration or writes anything.

mod attached;
mod bill;
mod dependencies;
mod document;
mod listed;
mod packages;
mod registries;
mod report;
mod requirements;
mod secrets;
mod signatures;
pub mod store;
mod vulnerabilities;
mod waivers;

pub use attached::{Attached, Carrier};
pub use bill::Maker;
pub use dependencies::{Approvals, Dependencies, Libraries, Objection, PatternError, Unapproved};
pub use registries::{Registries, RegistryError};
pub use report::{SCAN_REPORT, ScanTime, scan_report};
pub use requirements::{BASE_MAX_AGE, Requirements};
pub use secrets::SecretFound;
pub use signatures::{Approved, RefusedSignature, Signatures, Signers};
pub use vulnerabilities::{BaseUpdate, Counts, Found, FoundIn, Gap, Vulnerabilities};
pub use waivers::Accepted;

use probity_subject_image::Image;

/// What is known of an image.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The image, as it was read.
    pub image: Image,
    /// Its vulnerabilities; `None` when nothing was looked up.
    pub vulnerabilities: Option<Vulnerabilities>,
    /// Who signed it and what is attested of it; `None` when nobody looked.
    pub signatures: Option<Signatures>,
    /// The bill of materials that comes with it; `None` when nothing was looked for, `Some(None)` when there is none.
    pub sbom: Option<Option<Attached>>,
    /// How its packages stand to what is approved; `None` when nothing is said of that.
    pub dependencies: Option<Dependencies>,
    /// Whether nothing but a bill of materials is known of it.
    pub listed: bool,
    /// Secrets in it; `None` when nobody looked for them.
    pub secrets: Option<Vec<SecretFound>>,
    /// What it is held to.
    pub requirements: Requirements,
}

impl Inspection {
    /// What is known when only the image was read.
    pub fn new(image: Image) -> Self {
        Self {
            image,
            vulnerabilities: None,
            signatures: None,
            sbom: None,
            dependencies: None,
            listed: false,
            secrets: None,
            requirements: Requirements::default(),
        }
    }
}

#[cfg(test)]
mod tests;
