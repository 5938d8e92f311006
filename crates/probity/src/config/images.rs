//! `images:` of `probity.yaml`: what images are held to, and what they are looked up in.

use std::path::{Path, PathBuf};

use probity_model::Problem;
use probity_model::node::Node;

use super::joined;

/// What images are held to.
#[derive(Debug, Default)]
pub(crate) struct Images {
    /// The list of approved base images.
    pub(crate) bases: Option<PathBuf>,
    /// The database of vulnerabilities.
    pub(crate) database: Option<PathBuf>,
    /// Statements of whether vulnerabilities are there.
    pub(crate) vex: Vec<PathBuf>,
}

impl Images {
    pub(super) fn read(node: Node<'_>, folder: &Path) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["bases", "database", "vex"])?;
        let path = |name: &str| -> Result<Option<PathBuf>, Problem> {
            fields.optional(name).map(|node| node.string().map(|path| joined(folder, path))).transpose()
        };
        let paths = |name: &str| -> Result<Vec<PathBuf>, Problem> {
            let list = fields.optional(name).map(Node::strings).transpose()?.unwrap_or_default();
            Ok(list.into_iter().map(|path| joined(folder, path)).collect())
        };
        Ok(Self { bases: path("bases")?, database: path("database")?, vex: paths("vex")? })
    }
}
