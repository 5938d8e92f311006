//! `images:` of `probity.yaml`: what images are held to, and what they are looked up in.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use probity_inspection::Registries;
use probity_model::Problem;
use probity_model::node::{Mapping, Node};
use probity_trust::Trust;

use super::joined;
use crate::signing;

/// What images are held to.
#[derive(Debug, Default)]
pub(crate) struct Images {
    /// Where images may be from.
    pub(crate) registries: Option<Registries>,
    /// The list of approved base images.
    pub(crate) bases: Option<PathBuf>,
    /// How many days ago a base may have been released.
    pub(crate) base_max_age: Option<i64>,
    /// Whose signatures count.
    pub(crate) signers: Signers,
    /// The repository that images must be built from.
    pub(crate) repository: Option<String>,
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
        fields.only(&[
            "registries",
            "bases",
            "base_max_age",
            "signers",
            "trusted_root",
            "repository",
            "database",
            "libraries",
            "licenses",
            "vex",
        ])?;
        let path = |name: &str| -> Result<Option<PathBuf>, Problem> {
            fields.optional(name).map(|node| node.string().map(|path| joined(folder, path))).transpose()
        };
        let paths = |name: &str| -> Result<Vec<PathBuf>, Problem> {
            let list = fields.optional(name).map(Node::strings).transpose()?.unwrap_or_default();
            Ok(list.into_iter().map(|path| joined(folder, path)).collect())
        };
        let registries = fields.optional("registries").map(registries).transpose()?;
        let base_max_age = fields.optional("base_max_age").map(days).transpose()?;
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
            registries,
            bases: path("bases")?,
            base_max_age,
            signers: Signers::read(&fields, folder)?,
            repository: fields.optional("repository").map(|node| node.string().map(str::to_owned)).transpose()?,
            database: path("database")?,
            licenses: licenses.map(|list| list.into_iter().map(str::to_owned).collect()),
            libraries: listed("approved")?,
            denied_libraries: listed("denied")?.unwrap_or_default(),
            vex: paths("vex")?,
        })
    }
}

fn registries(node: Node<'_>) -> Result<Registries, Problem> {
    let texts = node.strings()?;
    Registries::parse(texts).map_err(|error| node.problem(error.to_string()))
}

fn days(node: Node<'_>) -> Result<i64, Problem> {
    let days: i64 = node.parse()?;
    if days < 0 { Err(node.problem("a number of days is not below zero")) } else { Ok(days) }
}

/// Whose signatures count.
#[derive(Debug, Default)]
pub(crate) struct Signers {
    signers: Vec<Signer>,
    /// The authorities and logs that are trusted.
    trusted_root: Option<PathBuf>,
}

/// Somebody whose signatures count.
#[derive(Debug)]
struct Signer {
    name: String,
    who: Who,
}

#[derive(Debug)]
enum Who {
    /// Whoever has a key.
    Key { public: PathBuf, require_log: bool },
    /// Whom an issuer vouches for: each with whether it is a regular expression.
    Identity { subject: (String, bool), issuer: (String, bool) },
}

impl Signers {
    fn read(fields: &Mapping<'_>, folder: &Path) -> Result<Self, Problem> {
        let list = fields.optional("signers").map(Node::list).transpose()?.unwrap_or_default();
        let signers = list.into_iter().map(|node| signer(node, folder)).collect::<Result<_, _>>()?;
        let root = fields.optional("trusted_root").map(|node| node.string().map(|path| joined(folder, path)));
        Ok(Self { signers, trusted_root: root.transpose()? })
    }

    /// The signers by their names, with what their signatures are verified with.
    pub(crate) fn trusts(&self) -> Result<Vec<(String, Trust)>> {
        let root = self.trusted_root.as_deref().map(signing::root).transpose()?;
        let trust = |signer: &Signer| {
            let trust = match &signer.who {
                Who::Key { public, require_log } => {
                    signing::key_trust(&public.display().to_string(), *require_log, root.clone())
                }
                Who::Identity { subject: (subject, exact), issuer: (issuer, exact_issuer) } => {
                    signing::identity_trust((subject, !exact), (issuer, !exact_issuer), root.clone())
                }
            };
            Ok((signer.name.clone(), trust.with_context(|| format!("the signer `{}` of probity.yaml", signer.name))?))
        };
        self.signers.iter().map(trust).collect()
    }
}

fn signer(node: Node<'_>, folder: &Path) -> Result<Signer, Problem> {
    let fields = node.mapping()?;
    fields.only(&["name", "key", "require_log", "identity", "identity_regexp", "issuer", "issuer_regexp"])?;
    let name = fields.required("name")?.string()?.to_owned();
    // A text, and whether it is exactly that.
    let either = |name: &str| -> Result<Option<(String, bool)>, Problem> {
        let regexp = format!("{name}_regexp");
        match (fields.optional(name), fields.optional(&regexp)) {
            (Some(_), Some(node)) => Err(node.problem(format!("there is `{name}` and `{regexp}`; one of them counts"))),
            (Some(node), None) => Ok(Some((node.string()?.to_owned(), true))),
            (None, Some(node)) => Ok(Some((node.string()?.to_owned(), false))),
            (None, None) => Ok(None),
        }
    };
    let require_log = fields.optional("require_log").map(Node::boolean).transpose()?.unwrap_or(false);
    let who = match (fields.optional("key"), either("identity")?, either("issuer")?) {
        (Some(key), None, None) => Who::Key { public: joined(folder, key.string()?), require_log },
        (None, Some(subject), Some(issuer)) => Who::Identity { subject, issuer },
        _ => {
            return Err(node
                .problem(format!("the signer `{name}` is neither a `key` nor an `identity` with its `issuer`"))
                .with_help("a name in a certificate means nothing without who vouches for it"));
        }
    };
    Ok(Signer { name, who })
}
