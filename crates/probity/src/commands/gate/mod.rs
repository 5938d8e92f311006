//! `probity gate`.

mod vault;

use anyhow::Result;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Judge requests to Vault and `OpenBao`.
    #[command(subcommand)]
    Vault(vault::Command),
}

/// Runs the command; gives the exit code.
pub(crate) fn run(command: &Command) -> Result<u8> {
    match command {
        Command::Vault(command) => vault::run(command),
    }
}
