//! What a pipeline's check found of one build, as it is kept.

use std::fmt;

use jiff::Timestamp;
use probity_model::Action;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::entry::Origin;

/// One build of a project, and how each check of it came out. What its checks found came before it, from the same gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRecord {
    /// What was built, such as `patient-portal`.
    pub project: String,
    /// The version that it was built as, such as `1.2.3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The number that the pipeline gave the build, such as `42`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The CI system, such as `github`; none on a machine that is no CI system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SmolStr>,
    /// Who built: the runner, with the service account when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builder: Option<String>,
    /// The repository, commit, branch, who started it, and where it can be looked at.
    #[serde(default)]
    pub origin: Origin,
    /// When the build began.
    pub started: Timestamp,
    /// When its checks ended.
    pub ended: Timestamp,
    /// The images that were built.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<BuiltImage>,
    /// The checks, in the order in which they were made.
    #[serde(default)]
    pub checks: Vec<CheckRecord>,
    /// What followed.
    pub action: Action,
    /// The version of Probity.
    pub scanner: String,
}

/// An image of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuiltImage {
    /// How it was asked for, without credentials.
    pub reference: String,
    /// The digest of its manifest, or of its configuration when it has none; none when it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckOutcome {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// It was not made, as the configuration says.
    Skipped,
    /// It could not be made.
    Error,
}

impl CheckOutcome {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for CheckOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One check of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// What was checked, such as `signed`.
    pub name: SmolStr,
    /// How it came out.
    pub outcome: CheckOutcome,
    /// Whether the build fails by it when it does not hold.
    #[serde(default)]
    pub blocks: bool,
    /// What was found, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// How it is made to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}
