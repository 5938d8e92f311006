//! What must be there, or must not, for a mutation to be made.

use std::collections::BTreeMap;

use super::path::Path;

/// Whether something must be at a place or must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    MustExist,
    MustNotExist,
}

/// Conditions by the number of steps to the place they are about, less one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conditions(BTreeMap<usize, Condition>);

impl Conditions {
    /// Conditions on parts of a location.
    pub(super) fn new(location: &Path, tests: &[(Path, Condition)]) -> Result<Self, String> {
        let mut by_depth = BTreeMap::new();
        for (path, condition) in tests {
            if !path.is_prefix_of(location) {
                return Err(format!("`{path}` is not a beginning of the location `{location}`"));
            }
            if let Some(depth) = path.0.len().checked_sub(1)
                && by_depth.insert(depth, *condition).is_some_and(|other| other != *condition)
            {
                return Err(format!("`{path}` is marked both MustExist and MustNotExist"));
            }
        }
        // In the order they are written, as Gatekeeper sees it.
        let forbidden = tests.iter().position(|(_, condition)| *condition == Condition::MustNotExist);
        let wanted = tests.iter().rposition(|(_, condition)| *condition == Condition::MustExist);
        match (forbidden, wanted) {
            (Some(forbidden), Some(wanted)) if wanted > forbidden => {
                let (child, parent) = (&tests[wanted].0, &tests[forbidden].0);
                Err(format!("`{child}` is marked MustExist and its parent `{parent}` MustNotExist"))
            }
            _ => Ok(Self(by_depth)),
        }
    }

    /// Whether something may be at this depth.
    pub(super) fn may_exist(&self, depth: usize) -> bool {
        self.0.get(&depth) != Some(&Condition::MustNotExist)
    }

    /// Whether something may be missing at this depth.
    pub(super) fn may_be_missing(&self, depth: usize) -> bool {
        self.0.get(&depth) != Some(&Condition::MustExist)
    }
}
