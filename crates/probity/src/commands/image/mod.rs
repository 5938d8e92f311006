//! `probity image`.

mod base;
mod inspect;
mod scan;
mod summary;

use anyhow::Result;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Scan(Box<scan::Args>),
    Inspect(Box<inspect::Args>),
    Base(Box<base::Args>),
}

/// Runs the command; gives the exit code.
pub(crate) fn run(command: &Command) -> Result<u8> {
    match command {
        Command::Scan(args) => scan::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Base(args) => base::run(args),
    }
}
