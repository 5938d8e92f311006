//! Rules of policies, compiled.

pub(crate) mod attestor;
mod cel;
mod foreach;
mod images;
mod podsecurity;
mod read;
mod validate;

use probity_kubernetes::wildcard;
use probity_model::{SmolStr, Span, Value};

pub use cel::Cel;
pub(crate) use cel::{Params, match_conditions};
pub use foreach::ForEach;
pub use images::ImageVerification;
pub(crate) use images::{Attestation, Attested, Signed};
pub use podsecurity::PodSecurity;
pub(crate) use podsecurity::excludes;
pub(crate) use read::entries;
pub use validate::{Check, FailureAction, Override, Validate};

use crate::condition::Conditions;
use crate::entry::Entry;
use crate::generate::Generate;
use crate::image::Extractor;
use crate::matching::Matching;
use crate::mutate::Mutate;
use crate::template::Template;

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name, unique in its policy.
    pub name: SmolStr,
    pub(crate) matching: Matching,
    pub(crate) exclude: Matching,
    pub(crate) context: Vec<Entry>,
    pub(crate) preconditions: Option<Conditions>,
    /// Where images stand in kinds that are no workloads.
    pub(crate) image_extractors: Vec<(SmolStr, Vec<Extractor>)>,
    /// What is added to reports.
    pub(crate) properties: Vec<(SmolStr, Template)>,
    /// Whether requests of Kyverno's own background controller are left out.
    pub skip_background_requests: bool,
    /// What it does.
    pub body: Body,
    /// The rule as it is written, or as it was generated.
    pub source: Section,
}

/// A part of a policy as it is written.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its value.
    pub value: Value,
    /// Where it stands.
    pub span: Option<Span>,
}

/// What a rule does.
#[derive(Debug, Clone)]
pub enum Body {
    /// It judges the resource.
    Validate(Box<Validate>),
    /// It changes the resource, or others.
    Mutate(Box<Mutate>),
    /// It makes other resources.
    Generate(Box<Generate>),
    /// It verifies images.
    VerifyImages(Vec<ImageVerification>),
}

impl Rule {
    /// What it judges by, when it judges the resource.
    pub fn validate(&self) -> Option<&Validate> {
        match &self.body {
            Body::Validate(validate) => Some(validate),
            _ => None,
        }
    }

    /// The kinds that it matches by name; `None` when it may match any.
    pub fn kinds(&self) -> Option<Vec<&str>> {
        let mut kinds = Vec::new();
        for kind in self.matching.kinds() {
            if wildcard::contains(&kind.kind) {
                return None;
            }
            kinds.push(kind.kind.as_str());
        }
        (!kinds.is_empty() && self.matching.names_kinds()).then_some(kinds)
    }
}
