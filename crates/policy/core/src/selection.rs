use probity_model::{Metadata, Pattern, Severity};

/// Which policies of a set are asked.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only these, when not empty: names or patterns, also those of other tools.
    pub checks: Vec<String>,
    /// Not these.
    pub skip_checks: Vec<String>,
    /// Only policies that serve one of these frameworks, when not empty. `cis` stands for every `cis-*`.
    pub frameworks: Vec<String>,
    /// Only policies at least this severe.
    pub severity: Option<Severity>,
}

/// A name in a selection that no policy goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectionError {
    /// The name as given.
    pub name: String,
}

impl std::fmt::Display for SelectionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no policy is called `{}`; `probity policy list` shows them", self.name)
    }
}

impl std::error::Error for SelectionError {}

impl Selection {
    /// Whether a policy is asked.
    pub fn includes(&self, metadata: &Metadata) -> bool {
        (self.checks.is_empty() || self.checks.iter().any(|name| is_named(metadata, name)))
            && !self.skip_checks.iter().any(|name| is_named(metadata, name))
            && (self.frameworks.is_empty() || serves_any(metadata, &self.frameworks))
            && self.severity.is_none_or(|least| metadata.severity >= least)
    }

    /// Checks that every name means some policy: a selection with a typing error must not pass by asking nothing.
    ///
    /// # Errors
    /// The first name that means none.
    pub fn check<'a>(&self, policies: &(impl Iterator<Item = &'a Metadata> + Clone)) -> Result<(), SelectionError> {
        for name in self.checks.iter().chain(&self.skip_checks) {
            if !policies.clone().any(|metadata| is_named(metadata, name)) {
                return Err(SelectionError { name: name.clone() });
            }
        }
        Ok(())
    }
}

fn is_named(metadata: &Metadata, name: &str) -> bool {
    if name.contains('*') {
        let pattern = Pattern::from(name.to_ascii_uppercase().as_str());
        return pattern.matches(&metadata.id.as_str().to_ascii_uppercase())
            || metadata.aliases.iter().any(|alias| pattern.matches(&alias.to_ascii_uppercase()));
    }
    metadata.is_called(name)
}

fn serves_any(metadata: &Metadata, frameworks: &[String]) -> bool {
    metadata.controls.iter().any(|link| {
        frameworks.iter().any(|name| {
            link.control.framework == name.as_str() || (name == "cis" && link.control.framework.starts_with("cis-"))
        })
    })
}
