//! Gatekeeper: constraint templates, constraints, mutators, expansion and suites, as they are.
//!
//! A template is a kind of constraints, with Rego code that judges by their parameters; a constraint says where it is
//! applied. Each constraint is a [`Policy`](probity_policy_core::Policy). What everything means is what Gatekeeper 3.2x
//! does; its Go source is the specification.

mod constraint;
mod enforcement;
mod inventory;
mod judge;
mod matching;
mod object;
mod rego;
mod review;
mod schema;
mod selector;
pub mod suite;
mod template;
mod walk;

pub use enforcement::Point;
pub use matching::Source;
pub use template::Template;
