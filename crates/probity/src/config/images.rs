//! `images:` of `probity.yaml`: what images are held to, and what they are looked up in.

use std::path::{Path, PathBuf};

use probity_inspection::Registries;
use probity_model::Problem;
use probity_model::node::Node;

use super::joined;
use crate::advisories::Source;

/// What images are held to.
#[derive(Debug, Default)]
pub(crate) struct Images {
    /// Where images may be from.
    pub(crate) registries: Option<Registries>,
    /// The list of approved base images.
    pub(crate) bases: Option<PathBuf>,
    /// How many days ago a base may have been released.
    pub(crate) base_max_age: Option<i64>,
    /// What `probity db update` reads.
    pub(crate) advisories: Vec<Source>,
    /// The database of vulnerabilities.
    pub(crate) database: Option<PathBuf>,
    /// Statements of whether vulnerabilities are there.
    pub(crate) vex: Vec<PathBuf>,
}

impl Images {
    pub(super) fn read(node: Node<'_>, folder: &Path) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["advisories", "registries", "bases", "base_max_age", "database", "vex"])?;
        let path = |name: &str| -> Result<Option<PathBuf>, Problem> {
            fields.optional(name).map(|node| node.string().map(|path| joined(folder, path))).transpose()
        };
        let paths = |name: &str| -> Result<Vec<PathBuf>, Problem> {
            let list = fields.optional(name).map(Node::strings).transpose()?.unwrap_or_default();
            Ok(list.into_iter().map(|path| joined(folder, path)).collect())
        };
        let registries = fields.optional("registries").map(registries).transpose()?;
        let base_max_age = fields.optional("base_max_age").map(days).transpose()?;
        let advisories = fields.optional("advisories").map(sources).transpose()?.unwrap_or_default();
        let (bases, database, vex) = (path("bases")?, path("database")?, paths("vex")?);
        Ok(Self { registries, bases, base_max_age, advisories, database, vex })
    }
}

fn registries(node: Node<'_>) -> Result<Registries, Problem> {
    let texts = node.strings()?;
    Registries::parse(texts).map_err(|error| node.problem(error.to_string()))
}

fn sources(node: Node<'_>) -> Result<Vec<Source>, Problem> {
    let sources = node.strings()?.into_iter().map(str::parse);
    sources.collect::<Result<_, String>>().map_err(|error| node.problem(error))
}

fn days(node: Node<'_>) -> Result<i64, Problem> {
    let days: i64 = node.parse()?;
    if days < 0 { Err(node.problem("a number of days is not below zero")) } else { Ok(days) }
}
