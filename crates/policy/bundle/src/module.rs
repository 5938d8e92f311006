use std::path::PathBuf;
use std::sync::Arc;

use probity_policy_rego::{Version, ast};

/// A Rego module and the text it was read from.
#[derive(Debug, Clone)]
pub struct Module {
    /// Its file, or its name in a bundle.
    pub path: PathBuf,
    /// Its text.
    pub text: Arc<str>,
    /// The version of Rego that it was read as.
    pub version: Version,
    /// What it says.
    pub parsed: ast::Module,
}

impl Module {
    /// The package's path without `data`; `None` when a part of it is no text.
    pub fn package(&self) -> Option<Vec<&str>> {
        self.parsed.package.iter().skip(1).map(ast::Term::as_str).collect()
    }
}
