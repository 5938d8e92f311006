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
    /// The licences that are approved; `None` when all are.
    pub(crate) licenses: Option<Vec<String>>,
    /// The libraries that are approved; `None` when all are.
    pub(crate) libraries: Option<Vec<Listed>>,
    /// The libraries that are refused.
    pub(crate) denied_libraries: Vec<Listed>,
    /// Statements of whether vulnerabilities are there.
    pub(crate) vex: Vec<PathBuf>,
}

/// An entry of a list of libraries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listed {
    /// A pattern of package URLs.
    Pattern(String),
    /// A file with a pattern a line.
    File(PathBuf),
}

impl Images {
    pub(super) fn read(node: Node<'_>, folder: &Path) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["bases", "database", "libraries", "licenses", "vex"])?;
        let path = |name: &str| -> Result<Option<PathBuf>, Problem> {
            fields.optional(name).map(|node| node.string().map(|path| joined(folder, path))).transpose()
        };
        let paths = |name: &str| -> Result<Vec<PathBuf>, Problem> {
            let list = fields.optional(name).map(Node::strings).transpose()?.unwrap_or_default();
            Ok(list.into_iter().map(|path| joined(folder, path)).collect())
        };
        let licenses = fields.optional("licenses").map(Node::mapping).transpose()?;
        if let Some(licenses) = &licenses {
            licenses.only(&["approved"])?;
        }
        let licenses = licenses.and_then(|licenses| licenses.optional("approved")).map(Node::strings).transpose()?;
        let libraries = fields.optional("libraries").map(Node::mapping).transpose()?;
        if let Some(libraries) = &libraries {
            libraries.only(&["approved", "denied"])?;
        }
        let listed = |name: &str| -> Result<Option<Vec<Listed>>, Problem> {
            let list = libraries.as_ref().and_then(|fields| fields.optional(name)).map(Node::strings).transpose()?;
            let entry = |text: &str| match text {
                pattern if pattern == "*" || pattern.starts_with("pkg:") => Listed::Pattern(pattern.to_owned()),
                file => Listed::File(joined(folder, file)),
            };
            Ok(list.map(|list| list.into_iter().map(entry).collect()))
        };
        Ok(Self {
            bases: path("bases")?,
            database: path("database")?,
            licenses: licenses.map(|list| list.into_iter().map(str::to_owned).collect()),
            libraries: listed("approved")?,
            denied_libraries: listed("denied")?.unwrap_or_default(),
            vex: paths("vex")?,
        })
    }
}
