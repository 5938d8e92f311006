//! `probity sbom convert`.

use std::path::PathBuf;

use anyhow::Result;

use super::source::Source;
use super::{Format, deliver};
use crate::images::RegistryArgs;

/// Write a bill of materials in another form.
///
/// CycloneDX 1.3 to 1.7 (JSON), SPDX 2.2 and 2.3 (JSON and tag-value), SPDX 3.0 (JSON-LD) and Syft's JSON are read. What a form
/// has no place for is left out.
///
/// Exit codes: 0 when it was written, 2 when the document is not of a form that is read.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The document.
    file: PathBuf,
    /// The form that it is written in.
    #[arg(long, value_enum)]
    format: Format,
    /// Write to a file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let sbom = Source::Document(args.file.clone()).read(&RegistryArgs::default())?;
    deliver(&format!("{}\n", probity_sbom::write(&sbom, args.format.into())), args.output.as_deref())?;
    Ok(crate::CLEAN)
}
