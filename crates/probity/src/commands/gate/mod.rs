//! `probity gate`.

mod ci;
mod terraform;
mod vault;

use anyhow::Result;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Ci(Box<ci::Args>),
    Terraform(Box<terraform::Args>),
    /// Judge requests to Vault and OpenBao.
    #[command(subcommand)]
    Vault(vault::Command),
}

/// Runs the command; gives the exit code.
pub(crate) fn run(command: &Command) -> Result<u8> {
    match command {
        Command::Ci(args) => ci::run(args),
        Command::Terraform(args) => terraform::run(args),
        Command::Vault(command) => vault::run(command),
    }
}
