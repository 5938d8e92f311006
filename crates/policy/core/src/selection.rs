use std::collections::HashSet;

use probity_model::{Metadata, Pattern, Severity, SmolStr};

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
    /// Whether every policy is asked.
    pub fn is_empty(&self) -> bool {
        let Self { checks, skip_checks, frameworks, severity } = self;
        checks.is_empty() && skip_checks.is_empty() && frameworks.is_empty() && severity.is_none()
    }

    /// Tells whether a policy is asked; made once for many policies.
    pub fn filter(&self) -> impl Fn(&Metadata) -> bool {
        let (checks, skip_checks) = (Names::new(&self.checks), Names::new(&self.skip_checks));
        move |metadata| {
            (self.checks.is_empty() || checks.mean(metadata))
                && !skip_checks.mean(metadata)
                && (self.frameworks.is_empty() || serves_any(metadata, &self.frameworks))
                && self.severity.is_none_or(|least| metadata.severity >= least)
        }
    }

    /// Checks that every name means some policy: a selection with a typing error must not pass by asking nothing.
    ///
    /// # Errors
    /// The first name that means none.
    pub fn check<'a>(&self, policies: &(impl Iterator<Item = &'a Metadata> + Clone)) -> Result<(), SelectionError> {
        let known: HashSet<String> = policies.clone().flat_map(Metadata::names).collect();
        for name in self.checks.iter().chain(&self.skip_checks) {
            let wanted = Names::new(std::slice::from_ref(name));
            if !known.contains(&Metadata::folded(name)) && !policies.clone().any(|metadata| wanted.matches(metadata)) {
                return Err(SelectionError { name: name.clone() });
            }
        }
        Ok(())
    }
}

/// Names of policies, ready to be compared with many.
struct Names {
    whole: HashSet<String>,
    patterns: Vec<Pattern>,
}

impl Names {
    fn new(names: &[String]) -> Self {
        let (patterns, whole): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| name.contains('*'));
        Self {
            whole: whole.into_iter().map(|name| Metadata::folded(name)).collect(),
            patterns: patterns.into_iter().map(|name| Pattern::from(name.to_ascii_uppercase().as_str())).collect(),
        }
    }

    fn mean(&self, metadata: &Metadata) -> bool {
        (!self.whole.is_empty() && metadata.names().any(|name| self.whole.contains(&name))) || self.matches(metadata)
    }

    /// Whether one of the patterns matches.
    fn matches(&self, metadata: &Metadata) -> bool {
        let ids = || std::iter::once(metadata.id.as_str()).chain(metadata.aliases.iter().map(SmolStr::as_str));
        self.patterns.iter().any(|pattern| ids().any(|id| pattern.matches(&id.to_ascii_uppercase())))
    }
}

fn serves_any(metadata: &Metadata, frameworks: &[String]) -> bool {
    metadata.controls.iter().any(|link| {
        frameworks.iter().any(|name| {
            link.control.framework == name.as_str() || (name == "cis" && link.control.framework.starts_with("cis-"))
        })
    })
}
