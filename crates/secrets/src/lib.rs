//! Finds secrets in texts.
//!
//! What secrets look like is told here once, for two who ask in different ways. A [`Scanner`] gives the places of a text that
//! hold a secret, each with its kind: what it gives is shown to people, so doubt is decided against a finding. Evidence is
//! redacted with [`tokens`], [`assignments`] and what they stand on, where doubt is decided for redaction.
//!
//! Nothing is verified over the network. Sources of the forms: the vendors' documentation of their tokens, and the rule sets of
//! public scanners as facts.

pub mod assignments;
mod checksum;
pub mod encoded;
pub mod files;
pub mod found;
pub mod harmless;
pub mod kind;
pub mod names;
mod scan;
pub mod subject;
pub mod tokens;
mod value;

pub use scan::{Scanner, Secret};
pub use value::Syntax;
