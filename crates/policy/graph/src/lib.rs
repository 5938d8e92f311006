//! Policies as attribute and connection conditions in YAML.
//!
//! Two forms are read: the catalog form of `docs/writing-policies.md`, in which the built-in policies are written, and
//! Checkov's custom policies as they are.

mod action;
mod checkov;
mod encryption;
mod filter;
mod operator;
mod path;
mod pattern;
mod policy;
mod reach;
mod rule;
mod show;
mod taggable;
#[cfg(test)]
mod testing;
mod unknown;

use std::sync::Arc;

use probity_model::{Problem, node::Node};
use probity_policy_core::Policy;

pub use checkov::CheckovPolicy;
pub use policy::{GraphPolicy, read_metadata};
pub use reach::requests_for;
pub use rule::type_selectors;

/// Reads a file of the catalog form, one that has `policies`.
///
/// # Errors
/// Every policy that cannot be read, with its place.
pub fn read_catalog_file(root: Node<'_>, builtin: bool) -> Result<Vec<GraphPolicy>, Vec<Problem>> {
    let entries = || -> Result<Vec<Node<'_>>, Problem> {
        let fields = root.mapping()?;
        fields.only(&["service", "policies"])?;
        fields.required("policies")?.list()
    };
    let (mut policies, mut problems) = (Vec::new(), Vec::new());
    for entry in entries().map_err(|problem| vec![problem])? {
        match GraphPolicy::read(entry, builtin) {
            Ok(policy) => policies.push(policy),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(policies) } else { Err(problems) }
}

/// Whether a document is a policy file of either form, rather than some other YAML.
pub fn is_policy_file(root: Node<'_>) -> bool {
    // The configuration of a repository has a mapping of this name.
    root.value.get("policies").is_some_and(|policies| policies.as_object().is_none()) || CheckovPolicy::is_one(root)
}

/// Reads a document of either form.
///
/// # Errors
/// Every policy that cannot be read, with its place.
pub fn read_file(root: Node<'_>) -> Result<Vec<Arc<dyn Policy>>, Vec<Problem>> {
    if CheckovPolicy::is_one(root) {
        let policy = CheckovPolicy::read(root).map_err(|problem| vec![problem])?;
        return Ok(vec![Arc::new(policy)]);
    }
    let policies = read_catalog_file(root, false)?;
    Ok(policies.into_iter().map(|policy| Arc::new(policy) as Arc<dyn Policy>).collect())
}
