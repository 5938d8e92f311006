//! What Kubernetes' API is made of: quantities, durations, label selectors, wildcards, kinds, and how objects are patched.

pub mod duration;
pub mod image;
pub mod kind;
pub mod patch;
pub mod quantity;
pub mod selector;
pub mod semver;
pub mod wildcard;
