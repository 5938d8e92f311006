//! `probity db`.

mod build;
mod lookup;
mod status;
mod update;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use probity_vulnerabilities::Database;

use crate::config::{self, Config};
use crate::images::DatabaseArgs;

/// What is done with the database of vulnerabilities.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Build(build::Args),
    Update(Box<update::Args>),
    Status(status::Args),
    Lookup(lookup::Args),
}

/// Runs the command; gives the exit code.
pub(crate) fn run(command: &Command) -> Result<u8> {
    match command {
        Command::Build(args) => build::run(args),
        Command::Update(args) => update::run(args),
        Command::Status(args) => status::run(args),
        Command::Lookup(args) => lookup::run(args),
    }
}

/// The nearest configuration, or what holds without one.
fn config() -> Result<Config> {
    Ok(config::near(Path::new("."))?.unwrap_or_else(Config::none))
}

fn place(args: &DatabaseArgs) -> Result<PathBuf> {
    // What is said needs no configuration, not even one that can be read.
    match &args.db {
        Some(path) => Ok(path.clone()),
        None => place_of(args, &config()?),
    }
}

fn place_of(args: &DatabaseArgs, config: &Config) -> Result<PathBuf> {
    args.path(config).context("there is no home for a database: say where it is with --db")
}

fn open(path: &Path) -> Result<Database> {
    if !path.exists() {
        bail!("there is no database at {}: `probity db build` or `probity db update` makes one", path.display());
    }
    Ok(Database::open(path)?)
}
