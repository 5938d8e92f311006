//! The gate that answers as OPA does, set up from the command line and bound to the ledger.

mod args;
mod log;
mod start;

pub(crate) use args::OpaArgs;
pub(crate) use start::{Prepared, Started};
