//! Kubernetes' Pod Security Standards: what a Pod must not do at the levels baseline and restricted.
//!
//! The standard has controls, and each version of Kubernetes its own form of them. The specification is the code of
//! k8s.io/pod-security-admission, as Kyverno has it, which also tells the fields and values that offend. Pods are read as
//! they are; a field of another type than the API has is an error, never a pass.
//!
//! [`evaluate`] judges as Kubernetes' admission does; [`exclusion`] as Kyverno's `podSecurity` rules do.

mod checks;
pub mod exclusion;
mod level;
mod pod;
#[cfg(test)]
mod tests;
mod violation;

pub use checks::{CONTROLS, Control};
pub use level::{Level, ParseLevelError, ParseVersionError, Version};
pub use pod::{Pod, TypeError};
pub use violation::{BadValue, ErrorKind, FieldError};

/// What one check says of a Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// The check, such as `capabilities_restricted`.
    pub id: &'static str,
    /// The standard's name of the control, such as `Capabilities`.
    pub control: &'static str,
    /// The level that it belongs to.
    pub level: Level,
    /// Why the Pod is not allowed; `None` when it is.
    pub forbidden: Option<Forbidden>,
}

/// Why a check does not allow a Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// In a few words, such as `non-default capabilities`.
    pub reason: String,
    /// With the containers and values that offend.
    pub detail: String,
    /// The fields that offend; `None` for checks that do not tell them.
    pub fields: Option<Vec<FieldError>>,
}

impl CheckResult {
    /// Whether the Pod is allowed.
    pub fn is_allowed(&self) -> bool {
        self.forbidden.is_none()
    }
}

/// What the checks of a level say of a Pod, as Kubernetes' admission asks them: those of the version only, and at
/// restricted no check of baseline that a stricter one takes the place of.
///
/// # Errors
/// When a field that is looked at has another type than it must have.
pub fn evaluate(level: Level, version: Version, pod: &Pod<'_>) -> Result<Vec<CheckResult>, TypeError> {
    let stricter = |check: &Control| check.level == Level::Restricted && level == Level::Restricted;
    let replaced: Vec<&str> = CONTROLS
        .iter()
        .filter(|check| stricter(check) && check.applies(version))
        .filter_map(|check| check.replaces)
        .collect();
    let mut asked: Vec<&Control> = CONTROLS
        .iter()
        .filter(|check| check.level <= level && check.applies(version) && !replaced.contains(&check.id))
        .collect();
    asked.sort_by_key(|check| (check.level, check.id));
    asked.into_iter().map(|check| check.run(version, pod)).collect()
}
