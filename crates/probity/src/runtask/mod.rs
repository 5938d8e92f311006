//! The gate that is a run task of HCP Terraform, set up from the command line and bound to the policies and the ledger.

mod args;
mod judge;
mod modules;

pub(crate) use args::RunTaskArgs;
