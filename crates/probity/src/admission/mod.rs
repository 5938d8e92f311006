//! The gate in front of a Kubernetes API server, set up from the command line and bound to the ledger.

mod args;
mod audit;
mod bundles;
mod controller;
mod drift;
mod entry;
mod figures;
mod id;
mod images;
mod let_in;
mod pin;
mod policies;
mod queue;
mod start;
mod status;
mod tags;
mod unused;
mod upkeep;
mod webhook;

pub(crate) use args::AdmissionArgs;
pub(crate) use start::{Running, start};
