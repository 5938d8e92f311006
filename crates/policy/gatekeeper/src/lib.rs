//! Gatekeeper: constraint templates, constraints, mutators, expansion and suites, as they are.
//!
//! A template is a kind of constraints, with Rego code that judges by their parameters; a constraint says where it is
//! applied. Each constraint is a [`Policy`](probity_policy_core::Policy). What everything means is what Gatekeeper 3.2x
//! does; its Go source is the specification.

mod constraint;
mod enforcement;
mod exclusion;
mod expansion;
mod inventory;
mod judge;
mod matching;
mod message;
mod mutation;
mod native;
mod object;
mod policy;
mod read;
mod rego;
mod review;
mod schema;
pub mod suite;
mod template;
#[cfg(test)]
mod tests;
mod walk;

pub use enforcement::Point;
pub use expansion::Expander;
pub use matching::Source;
pub use mutation::{GatekeeperMutator, MutateError, Mutators, Occasion, Operation};
pub use policy::ConstraintPolicy;
pub use read::{is_gatekeeper, read, read_at, read_expander, read_in_cluster, read_mutator};
