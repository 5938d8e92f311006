//! `verifyImages`: which images must be signed, and by whom.

use probity_model::SmolStr;
use probity_model::node::{Mapping, Node};

use super::FailureAction;
use crate::matching::texts;
use crate::read::{Path, ReadError, Within};

/// Which images must be signed.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are the flags that the field has")]
pub struct ImageVerification {
    /// Which images, with wildcards.
    pub references: Vec<SmolStr>,
    /// Which of them not.
    pub skipped: Vec<SmolStr>,
    /// Whether signatures or attestations are asked for.
    pub is_attested: bool,
    /// Whether tags are replaced by digests.
    pub mutate_digest: bool,
    /// Whether images must have a digest.
    pub verify_digest: bool,
    /// Whether images must have been verified before.
    pub required: bool,
    /// What follows from a failure, when the rule says so itself.
    pub failure_action: Option<FailureAction>,
}

const FIELDS: &[&str] = &[
    "failureAction",
    "type",
    "image",
    "imageReferences",
    "skipImageReferences",
    "key",
    "roots",
    "subject",
    "issuer",
    "additionalExtensions",
    "attestors",
    "attestations",
    "annotations",
    "repository",
    "cosignOCI11",
    "mutateDigest",
    "verifyDigest",
    "validate",
    "required",
    "imageRegistryCredentials",
    "useCache",
];

impl ImageVerification {
    pub(super) fn read_all(node: Node<'_>) -> Result<Vec<Self>, ReadError> {
        let read = |(index, node)| Self::read(node).within(Path::Index(index));
        node.list()?.into_iter().enumerate().map(read).collect()
    }

    fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(FIELDS)?;
        let mut references = texts(&fields, "imageReferences")?;
        // The form before there were several.
        if let Some(image) = fields.optional("image").map(Node::string).transpose().within("image")? {
            references.push(image.into());
        }
        let is_listed = |name: &str| fields.optional(name).is_some_and(|node| node.list().is_ok_and(|l| !l.is_empty()));
        let is_keyed = ["key", "issuer", "subject", "roots"].iter().any(|name| fields.optional(name).is_some());
        Ok(Self {
            references,
            skipped: texts(&fields, "skipImageReferences")?,
            is_attested: is_listed("attestors") || is_listed("attestations") || is_keyed,
            mutate_digest: flag(&fields, "mutateDigest")?,
            verify_digest: flag(&fields, "verifyDigest")?,
            required: flag(&fields, "required")?,
            failure_action: fields.optional("failureAction").map(FailureAction::read).transpose()?,
        })
    }
}

/// A flag that holds unless it is said not to.
fn flag(fields: &Mapping<'_>, name: &str) -> Result<bool, ReadError> {
    Ok(fields.optional(name).map(Node::boolean).transpose().within(name)?.unwrap_or(true))
}
