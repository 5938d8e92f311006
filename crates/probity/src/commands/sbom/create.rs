//! `probity sbom create`.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::source::Source;
use super::{Format, deliver};
use crate::images::RegistryArgs;

/// Write the bill of materials of an image or a folder.
///
/// It has the distribution and every package with its version, package URL, licences, and the file and layer that tell of it.
/// The same image gives the same document, but for the time that it bears: that of `SOURCE_DATE_EPOCH`, where it is set.
///
/// Exit codes: 0 when it was written, 2 when what it is of cannot be read. Files that could not be looked into are noted.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The image: a name in a registry, oci:FOLDER[:TAG], oci-archive:FILE, docker-archive:FILE or containerd:FOLDER@NAME; or
    /// a folder, dir:FOLDER: a project with its lock files, or the root of a file system.
    source: String,
    /// The form of the document.
    #[arg(long, value_enum, default_value_t = Format::CycloneDx16)]
    format: Format,
    /// Write to a file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let source = Source::parse(&args.source)?;
    if let Source::Document(path) = &source {
        let path = path.display();
        bail!(
            "{path} is neither an image nor a folder; an archive is named with oci-archive:{path} or docker-archive:{path}, and a document is written in another form by `probity sbom convert`"
        );
    }
    let sbom = source.read(&args.registry)?;
    deliver(&format!("{}\n", probity_sbom::write(&sbom, args.format.into())), args.output.as_deref())?;
    if let Some(path) = &args.output {
        eprintln!("{} components in {}", sbom.components.len(), path.display());
    }
    Ok(crate::CLEAN)
}
