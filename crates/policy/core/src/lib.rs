//! What a policy is, and the evaluation of a whole set of them on a subject.
//!
//! Every language compiles its policies into [`Policy`] objects. A [`PolicySet`] indexes them by the resource types they
//! judge; [`PolicySet::evaluate`] is the one call that every gate ends in. It is a pure function of the set, the
//! subject and the [`Facts`]: it reads no file and takes no lock.

pub mod annotation;
mod cluster;
mod mutation;
mod policy;
mod reach;
mod request;
mod selection;
mod set;
#[cfg(feature = "testing")]
pub mod testing;

pub use cluster::{Access, Allowance, Called, Cluster, ClusterError, Query, ServiceCall, Watched};
pub use mutation::{Mutation, MutationFailure, Mutator};
pub use policy::{Facts, Policy, Scope, TypeSelector, Verdict};
pub use reach::{FailMode, Named, Occasions, RequestRule};
pub use request::{AdmissionRequest, Operation};
pub use selection::{Selection, SelectionError};
pub use set::{PolicySet, PolicySetBuilder, Rulings, SetError};
