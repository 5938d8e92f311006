//! All that is known of one image, as one document that policies judge.
//!
//! An [`Inspection`] begins with the image as it was read; what else is looked into is laid beside it: its vulnerabilities
//! ([`Vulnerabilities::look_up`]). What was not looked into is `null` in the document, which is not the same as that nothing was
//! found. Nothing here reads a configuration or writes anything.

mod attached;
mod bill;
mod dependencies;
mod document;
mod packages;
mod vulnerabilities;

pub use attached::{Attached, Carrier};
pub use bill::Maker;
pub use dependencies::{Approvals, Dependencies, Libraries, Objection, PatternError, Unapproved};
pub use vulnerabilities::{BaseUpdate, Counts, Found, FoundIn, Gap, Vulnerabilities};

use probity_subject_image::Image;

/// What is known of an image.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The image, as it was read.
    pub image: Image,
    /// Its vulnerabilities; `None` when nothing was looked up.
    pub vulnerabilities: Option<Vulnerabilities>,
    /// The bill of materials that comes with it; `None` when none was found.
    pub sbom: Option<Attached>,
    /// How its packages stand to what is approved; `None` when nothing is said of that.
    pub dependencies: Option<Dependencies>,
}

impl Inspection {
    /// What is known when only the image was read.
    pub fn new(image: Image) -> Self {
        Self { image, vulnerabilities: None, sbom: None, dependencies: None }
    }
}

#[cfg(test)]
mod tests;
