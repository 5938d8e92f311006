//! `probity sbom`.

mod compare;
mod convert;
mod create;
mod source;

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::files::write_file;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Create(create::Args),
    Convert(convert::Args),
    Compare(compare::Args),
}

/// Runs the command; gives the exit code.
pub(crate) fn run(command: &Command) -> Result<u8> {
    match command {
        Command::Create(args) => create::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Compare(args) => compare::run(args),
    }
}

/// The form in which a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// CycloneDX 1.6, JSON.
    #[value(name = "cyclonedx", alias = "cyclonedx-1.6")]
    CycloneDx16,
    /// CycloneDX 1.7, JSON.
    #[value(name = "cyclonedx-1.7")]
    CycloneDx17,
    /// SPDX 2.3, JSON.
    #[value(name = "spdx", alias = "spdx-2.3")]
    Spdx23,
}

impl From<Format> for probity_sbom::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::CycloneDx16 => Self::CycloneDx16,
            Format::CycloneDx17 => Self::CycloneDx17,
            Format::Spdx23 => Self::Spdx23,
        }
    }
}

/// Writes to a file, or to the standard output.
fn deliver(text: &str, output: Option<&Path>) -> Result<()> {
    match output {
        Some(path) => write_file(path, text),
        None => Ok(anstream::stdout().lock().write_all(text.as_bytes())?),
    }
}
