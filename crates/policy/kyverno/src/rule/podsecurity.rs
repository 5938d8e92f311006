//! `validate.podSecurity`: a level of the Pod Security Standards.

use probity_model::node::{Mapping, Node};
use probity_policy_podsecurity::exclusion::Exclude;
use probity_policy_podsecurity::{Level, Version};

use crate::read::{Path, ReadError, Within};

/// A level of the Pod Security Standards, without some controls.
#[derive(Debug, Clone)]
pub struct PodSecurity {
    pub(crate) level: Level,
    pub(crate) version: Version,
    /// The version as it is written.
    pub(crate) version_text: String,
    pub(crate) excludes: Vec<Exclude>,
}

impl PodSecurity {
    pub(super) fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&["level", "version", "exclude"])?;
        let version = fields.optional("version");
        let text = version.map(Node::string).transpose().within("version")?.unwrap_or_default();
        Ok(Self {
            level: fields.required("level")?.parse().within("level")?,
            version: version.map_or(Ok(Version::Latest), Node::parse).within("version")?,
            version_text: text.to_owned(),
            excludes: excludes(&fields, "exclude")?,
        })
    }
}

/// Reads controls that are not asked.
pub(crate) fn excludes(fields: &Mapping<'_>, name: &str) -> Result<Vec<Exclude>, ReadError> {
    let nodes = fields.optional(name).map(Node::list).transpose().within(name)?.unwrap_or_default();
    let read = |(index, node)| Exclude::read(node).within(Path::Index(index)).within(name);
    nodes.into_iter().enumerate().map(read).collect()
}
