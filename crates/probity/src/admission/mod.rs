//! The gate in front of a Kubernetes API server, set up from the command line and bound to the ledger.

mod args;
mod audit;
mod controller;
mod entry;
mod figures;
mod id;
mod images;
mod policies;
mod queue;
mod start;
mod upkeep;
mod webhook;

pub(crate) use args::AdmissionArgs;
pub(crate) use start::{Running, start};
