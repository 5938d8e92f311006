//! `probity image inspect`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use probity_model::Sources;

use super::summary;
use crate::config::{self, Config};
use crate::files::write_file;
use crate::images::{ImageSource, InspectArgs};
use crate::today;

/// How an image is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// The document that policies see.
    Json,
}

/// Show what is in an image, and what is known of it.
///
/// Exit codes: 0 when it was shown, 2 when it cannot be read.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The image: a name in a registry, oci:FOLDER[:TAG], oci-archive:FILE, docker-archive:FILE or containerd:FOLDER@NAME;
    /// or sbom:FILE, a bill of materials (CycloneDX, SPDX, Syft), of which the packages are looked up.
    image: ImageSource,
    /// How it is shown.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write to a file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The configuration. Default: the nearest probity.yaml upward from the current folder.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    inspect: InspectArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let sources = Sources::default();
    let config = match &args.config {
        Some(path) => Config::read(path, &sources)?,
        None => config::near(".".as_ref())?.unwrap_or_else(Config::none),
    };
    let inspector = args.inspect.open(&config, &sources)?;
    inspector.notes().for_each(|note| eprintln!("note: {note}"));
    let inspection = inspector.inspect(&args.image)?;
    let text = match args.format {
        Format::Json => format!("{}\n", probity_model::json::write_pretty(&inspection.document(today()))),
        Format::Text => summary::text(&inspection, today()),
    };
    match &args.output {
        Some(path) => write_file(path, &text)?,
        None => anstream::stdout().lock().write_all(text.as_bytes())?,
    }
    Ok(crate::CLEAN)
}
