//! `probity gate`.

mod terraform;

use anyhow::Result;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Terraform(Box<terraform::Args>),
}

/// Runs the command; gives the exit code.
pub(crate) fn run(command: &Command) -> Result<u8> {
    match command {
        Command::Terraform(args) => terraform::run(args),
    }
}
