//! What registries have of images: their digests, what they are made of, their signatures and attestations.
//!
//! Policies ask [`Images`]. [`Lookups`] is what answers wherever manifests and blobs come from a
//! [`Store`](probity_trust::Store), a registry's or an OCI layout's.

pub(crate) mod attestor;
pub(crate) mod identity;
mod known;
mod lookups;
mod signers;

use std::sync::Arc;

use probity_model::Value;
use probity_trust::{Digest, Found, TrustedRoot};

pub use lookups::{Lookups, Repositories};
pub use signers::{Signers, Whose};

use crate::host::{Answer, HostError};

/// What policies ask of registries. An error is that it could not be found out, which is never a pass.
pub trait Images: std::fmt::Debug + Send + Sync {
    /// The digest that a reference stands for: its own, or that of its tag.
    ///
    /// # Errors
    /// When there is no such image, or the registry fails.
    fn resolve(&self, reference: &str) -> Result<Digest, HostError>;

    /// What is known of an image: `image`, `resolvedImage`, `registry`, `repository`, `identifier`, `digest`, `manifest`,
    /// `manifestList` (of several platforms), `configData`.
    ///
    /// # Errors
    /// As [`Images::resolve`].
    fn data(&self, reference: &str) -> Answer;

    /// The signatures and attestations of something in the repository of a reference, by those whose count. Verified
    /// once, however often it is asked.
    ///
    /// # Errors
    /// When it could not be found out what there is.
    fn verify(&self, reference: &str, digest: &Digest, signers: &Signers) -> Result<Arc<Found>, HostError>;

    /// The manifests of a type that refer to something in the repository of a reference. At most 50 are told of.
    ///
    /// # Errors
    /// When it could not be found out, or there are more.
    fn referrers(&self, reference: &str, digest: &Digest, artifact_type: &str) -> Result<Vec<Digest>, HostError>;

    /// A manifest in the repository of a reference that has one layer, and this layer, which is JSON.
    ///
    /// # Errors
    /// When it is not there, or is something else.
    fn statement(&self, reference: &str, manifest: &Digest) -> Result<(Value, Value), HostError>;

    /// Who vouches for signers that have no key of their own, and the transparency logs.
    ///
    /// # Errors
    /// When there is none that can be used.
    fn trusted_root(&self) -> Result<TrustedRoot, HostError>;
}
