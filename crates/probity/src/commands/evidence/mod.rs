//! `probity evidence`.

mod audit_log;
mod deployments;
mod export;
mod image;
mod key;
mod prove;
mod query;
mod replay;
mod send;
mod show;
mod verify;

use anyhow::Result;

use crate::config;
use crate::evidence::data::{Data, DataArgs};

/// What is done with evidence.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List decisions, requests to API servers, drift, images and builds that fit.
    Query(Box<query::Args>),
    /// Show who deployed what, such as to production.
    Deployments(deployments::Args),
    /// Keep what an API server's audit log says it did.
    AuditLog(audit_log::Args),
    /// Show what went into an image, and what became of it.
    Image(image::Args),
    /// Show one entry.
    Show(show::Args),
    /// Write the proof that an entry is in the ledger, to be checked offline.
    Prove(prove::Args),
    /// Check that a ledger is whole, or that a proof holds, by nothing but a public key.
    Verify(verify::Args),
    /// Judge decisions again from what they were made from, by the same policies or by others.
    Replay(replay::Args),
    /// Copy the ledger without its private key, for somebody who is to verify it.
    Export(export::Args),
    /// Send decisions that wait on this machine.
    Send(send::Args),
    /// Show the ledger's public key, or rotate the key.
    Key(key::Args),
}

/// Runs the command; gives the exit code.
pub(crate) fn run(command: &Command) -> Result<u8> {
    match command {
        Command::Query(args) => query::run(args),
        Command::Deployments(args) => deployments::run(args),
        Command::AuditLog(args) => audit_log::run(args),
        Command::Image(args) => image::run(args),
        Command::Show(args) => show::run(args),
        Command::Prove(args) => prove::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Export(args) => export::run(args),
        Command::Send(args) => send::run(args),
        Command::Key(args) => key::run(args),
    }
}

/// The data folder that the arguments or the nearest configuration name.
pub(super) fn data(args: &DataArgs) -> Result<Data> {
    config::data(args)
}
