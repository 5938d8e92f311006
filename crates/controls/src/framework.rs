//! What a framework consists of.

use std::fmt;
use std::str::FromStr;

use probity_model::{ControlId, SmolStr};

/// A standard, regulation or benchmark in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framework {
    /// The name that control ids start with: `pci-dss`.
    pub id: SmolStr,
    /// Its name as people write it.
    pub title: String,
    /// The version that the requirements are of.
    pub version: String,
    /// Who publishes it.
    pub publisher: String,
    /// Where the ids come from, and whose words the texts are.
    pub source: String,
    /// The requirements in the standard's order.
    pub requirements: Vec<Requirement>,
    /// Requirements of earlier versions that are numbered otherwise now.
    pub retired: Vec<Retired>,
    /// Requirements that are asked for together.
    pub sets: Vec<ControlSet>,
}

/// What a framework asks for under one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Framework and id, the id as the standard prints it.
    pub id: ControlId,
    /// The chapter or family it belongs to.
    pub group: Option<SmolStr>,
    /// What it is about, in our own words.
    pub title: String,
    /// What it asks for, in our own words.
    pub text: String,
    /// Whether software can check it.
    pub technical: Technical,
    /// Requirements of other frameworks that ask for the same or a part of it.
    pub crosswalk: Vec<ControlId>,
}

/// An id that an earlier version of a framework used. The current version may use the same id for something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    /// The earlier version.
    pub version: SmolStr,
    /// The id in that version.
    pub id: SmolStr,
    /// What it was about, in our own words.
    pub title: String,
    /// Where the current version asks for it; empty when it no longer does.
    pub now: Vec<ControlId>,
}

/// Requirements of one framework that are asked for together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSet {
    /// Its name on the command line: `hipaa-access-control`.
    pub id: SmolStr,
    /// Its name as people write it.
    pub title: String,
    /// The members.
    pub requirements: Vec<ControlId>,
}

/// Whether software can check a requirement, in configuration, images, deployments or evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Technical {
    /// All of it.
    Fully,
    /// A part of it.
    Partly,
    /// None of it: people and papers.
    No,
}

impl Technical {
    /// The word it is written as.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fully => "fully",
            Self::Partly => "partly",
            Self::No => "no",
        }
    }
}

impl fmt::Display for Technical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Technical {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fully" => Ok(Self::Fully),
            "partly" => Ok(Self::Partly),
            "no" => Ok(Self::No),
            _ => Err(format!("`technical` is fully, partly or no, not `{text}`")),
        }
    }
}
