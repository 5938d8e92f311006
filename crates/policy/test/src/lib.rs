//! Tests of policies, in any language: found, run, and told.
//!
//! Each language reads its tests from paths and gives [`Suite`]s of [`Case`]s; all outputs are made from these.

pub mod gatekeeper;
pub mod kyverno;
pub mod lcov;
pub mod output;
mod read;
mod rego;
mod results;
pub mod sentinel;
mod walk;

pub use read::{Fault, Read, read};
pub use rego::{Options, RunError, run};
pub use results::{Case, Failure, Outcome, Results, Suite, Summary};
