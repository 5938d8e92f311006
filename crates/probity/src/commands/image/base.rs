//! `probity image base`.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context, Result};
use jiff::civil::Date;
use probity_subject_image::{Image, Location, Options};

use crate::images::RegistryArgs;

/// Write the entry of a base image for the list of approved ones, which `images.bases` of probity.yaml names: append it to that
/// file. Images are known to stand on it by its layers; with its packages it can be told what a newer release mends.
///
/// Exit codes: 0 when it was written, 2 when the image cannot be read.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The base image.
    image: Location,
    /// The line that it is a release of, such as debian:12-slim. Releases of one name follow each other.
    #[arg(long)]
    name: String,
    /// The day on which it was released. Default: the one on which it says that it was built.
    #[arg(long, value_name = "DAY")]
    date: Option<Date>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let options = Options { platform: args.registry.platform.clone(), ..Options::default() };
    let image = Image::read(&args.image, &args.registry.open()?, &options)?;
    let said = || image.config.created.as_deref()?.get(..10)?.parse().ok();
    let date = args.date.or_else(said).context("the image does not say when it was built; name the day with --date")?;
    anstream::stdout().lock().write_all(entry(&args.name, date, &image).as_bytes())?;
    Ok(crate::CLEAN)
}

/// An element of a list in YAML. Texts are in JSON's quotes, which are YAML's, too.
fn entry(name: &str, date: Date, image: &Image) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut out = format!("- name: {}\n  date: {date}\n", quoted(name));
    // An image for several platforms is named by its index, this one by its layers.
    if let Some(digest) = image.index.as_ref().or(image.digest.as_ref()) {
        let _ = writeln!(out, "  digest: {digest}");
    }
    out.push_str("  layers:\n");
    for layer in &image.layers {
        let _ = writeln!(out, "    - {}", layer.diff_id);
    }
    let packages: Vec<_> =
        image.packages.iter().filter(|package| !package.declared && package.owner.is_none()).collect();
    if !packages.is_empty() {
        out.push_str("  packages:\n");
    }
    for package in packages {
        let _ = writeln!(out, "    - {}", quoted(&package.purl));
    }
    out
}
