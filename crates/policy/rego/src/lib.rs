//! Rego, the language of OPA, Gatekeeper and Conftest.
//!
//! Modules are parsed ([`parse_module`]), compiled once ([`Policies`]) and evaluated many times over documents that are
//! [`Value`](probity_model::Value)s, used as they are. What the language means is what OPA 1.22 does: its own test suite
//! is run by `tests/opa.rs`.
//!
//! Nothing is read from outside unless a [`Host`] gives it, and every evaluation has a budget ([`Limits`]).

// Visitors read best on one line; a few sets of switches and "was it said at all" are what they are.
#![allow(clippy::needless_for_each, clippy::struct_excessive_bools, clippy::option_option)]

pub mod annotations;
mod api;
pub mod ast;
mod builtins;
mod compile;
mod error;
mod host;
mod index;
mod lexer;
pub mod observe;
mod parser;
mod plan;
#[cfg(test)]
mod tests;
mod types;
mod vars;
mod vm;

pub use api::{Bindings, Documents, Entry, Evaluation, Policies, Query, parse_value};
pub use builtins::{glob_matches, verify_signature};
pub use compile::{CompileOptions, Extensions, Schemas};
pub use error::{Code, Error, Errors};
pub use host::{Closed, Host, Impure, System};
pub use observe::Observer;
pub use parser::{Version, parse_module, parse_query};
pub use vm::Limits;
