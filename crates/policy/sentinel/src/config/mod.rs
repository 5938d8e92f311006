//! `sentinel.hcl` and test files: what policies are evaluated with (documentation, "Configuration").

mod hcl;
mod json;
mod literal;
mod read;

use std::collections::BTreeMap;

use probity_model::{SourceId, Value};

use crate::policy::Problems;

/// How much a policy's failure weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum EnforcementLevel {
    /// It is told.
    #[default]
    Advisory,
    /// It stops the run, unless somebody who may overrides it.
    SoftMandatory,
    /// It stops the run.
    HardMandatory,
}

/// A policy of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyEntry {
    /// What it is called.
    pub name: String,
    /// Path or address of its file.
    pub source: String,
    /// How much its failure weighs.
    pub level: EnforcementLevel,
    /// Values of its own parameters.
    pub params: BTreeMap<String, Value>,
}

/// Where what is imported comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ImportSource {
    /// A file of the language, by path or address.
    Module(String),
    /// A file of data in JSON, by path or address.
    Static(String),
    /// Data that stands in the file itself.
    Data(Value),
    /// A program, or a built-in import such as `tfplan/v2`, with its configuration.
    Plugin {
        /// Path of the program; none for what is built in.
        source: Option<String>,
        /// What it is configured with.
        config: BTreeMap<String, Value>,
    },
}

/// A configuration: of a set of policies, or of a test case.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Configuration {
    /// Policies, in order.
    pub policies: Vec<PolicyEntry>,
    /// Modules, static imports and plugins by name.
    pub imports: BTreeMap<String, ImportSource>,
    /// What stands in for imports, by name.
    pub mocks: BTreeMap<String, ImportSource>,
    /// Names that are there without an import.
    pub globals: BTreeMap<String, Value>,
    /// Values of parameters.
    pub params: BTreeMap<String, Value>,
    /// What rules must come to in a test; none where nothing is said, and `main` must pass.
    pub expected: Option<BTreeMap<String, Value>>,
    /// Features of the runtime that are turned on or off, such as `terraform`.
    pub features: BTreeMap<String, bool>,
}

impl Configuration {
    /// Reads a configuration in HCL.
    ///
    /// # Errors
    /// When it is no HCL, or says what is not known.
    pub fn from_hcl(text: &str, source: SourceId) -> Result<Self, Problems> {
        read::configuration(&hcl::blocks(text, source)?)
    }

    /// Reads a configuration in JSON, in the form of HCL's twin or in that of the first versions.
    ///
    /// # Errors
    /// When it is no JSON, or says what is not known.
    pub fn from_json(text: &str, source: SourceId) -> Result<Self, Problems> {
        read::configuration(&json::blocks(text, source)?)
    }

    /// Both configurations in one; what the other says counts.
    #[must_use]
    pub fn overridden_by(mut self, other: Self) -> Self {
        for policy in other.policies {
            match self.policies.iter_mut().find(|known| known.name == policy.name) {
                Some(known) => *known = policy,
                None => self.policies.push(policy),
            }
        }
        self.imports.extend(other.imports);
        self.mocks.extend(other.mocks);
        self.globals.extend(other.globals);
        self.params.extend(other.params);
        self.features.extend(other.features);
        self.expected = other.expected.or(self.expected);
        self
    }
}
