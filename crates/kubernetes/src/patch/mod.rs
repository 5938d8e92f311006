//! How Kubernetes objects are patched.
//!
//! Every patch is applied to a [`Value`](probity_model::Value) and gives a new one; what it does not touch is shared.
//!
//! - [`JsonPatch`]: JSON Patch, RFC 6902, strict or as lenient as Kyverno applies it.
//! - [`merge`]: JSON Merge Patch, RFC 7396.
//! - [`kustomize`]: the strategic merge of kustomize, which is the one of Kyverno's `patchStrategicMerge`.
//! - [`schema`]: which lists of the native types are merged by which keys.

mod error;
pub mod json6902;
pub mod kustomize;
pub mod merge;
pub mod schema;

pub use error::PatchError;
pub use json6902::JsonPatch;

#[cfg(test)]
mod tests;
