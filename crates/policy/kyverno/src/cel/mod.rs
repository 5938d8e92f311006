//! The kinds of policies.kyverno.io, whose rules are written in CEL.

mod attestor;
mod authorizing;
mod autogen;
mod deleting;
mod environment;
mod exception;
mod generating;
mod image;
mod images;
mod judging;
mod library;
mod mutating;
mod mutator;
mod outside;
mod read;
mod rules;
mod run;
mod scan;
mod seen;
mod template;
mod validating;
mod verifying;

pub use authorizing::AuthorizingPolicy;
pub use deleting::DeletingPolicy;
pub use exception::Exception;
pub use generating::GeneratingPolicy;
pub use images::ImageValidatingPolicy;
pub use library::Protocol;
pub use mutating::MutatingPolicy;
pub use mutator::{CelMutator, read_mutator};
pub use read::{CelPolicy, is_cel_exception, is_cel_policy, read_exception};
pub use rules::Head;
pub use run::{Applied, CelPolicies, Given, Told};
pub use scan::{JudgingPolicy, is_kyverno_cel, read};
pub use validating::ValidatingPolicy;
