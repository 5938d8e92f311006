//! `probity evidence image`.

mod story;
mod text;

use std::io::Write;

use anyhow::{Result, bail};
use probity_evidence_index::{ImageFilter, ImageRow, Page, Queries};

use crate::evidence::data::DataArgs;
use story::Story;

/// Records of an image that are looked through at most.
const RECORDS: usize = 1_000;

/// Show what went into an image: who signed it, what it was built from and by whom, its bill of materials, its vulnerabilities
/// and who accepted which, the builds that made it, and what was decided about it.
///
/// Each line names the entry of the ledger that says so; `probity evidence prove ENTRY` proves it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The image: how it was scanned (`registry.example.com/portal:1.2.3`), or its digest or the beginning of it.
    image: String,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// Everything, for programs.
    Json,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let queries = super::data(&args.data)?.index()?.queries()?;
    queries.pin()?;
    let records = find(&queries, &args.image)?;
    let story = Story::read(&queries, records)?;
    let mut out = std::io::stdout().lock();
    match args.format {
        Form::Json => writeln!(out, "{}", serde_json::to_string_pretty(&story)?)?,
        Form::Text => text::write(&story, &mut out)?,
    }
    Ok(crate::CLEAN)
}

/// The records of the image that is named, newest first: all of the content that the name stood for last.
fn find(queries: &Queries, name: &str) -> Result<Vec<ImageRow>> {
    let (named, digest) = match name.rsplit_once('@') {
        Some((_, digest)) => (None, Some(digest)),
        None if super::query::is_digest(name) => (None, Some(name)),
        None => (Some(name), None),
    };
    let filter = ImageFilter {
        reference: named.map(str::to_owned),
        digest: digest.map(str::to_owned),
        ..ImageFilter::default()
    };
    let mut found = queries.images(&filter, Page::first(RECORDS))?.rows;
    if let (true, Some(name)) = (found.is_empty(), named) {
        // Recorded with the digest that it was asked for by.
        let filter = ImageFilter { reference: Some(format!("{name}@*")), ..filter };
        found = queries.images(&filter, Page::first(RECORDS))?.rows;
    }
    let Some(newest) = found.first() else {
        bail!("no image `{name}` was recorded; `probity evidence query --kind image` lists those that were");
    };
    let content = newest.image.content().to_owned();
    if digest.is_some() && found.iter().any(|row| row.image.content() != content) {
        let mut all: Vec<&str> = found.iter().map(|row| row.image.content()).collect();
        all.sort_unstable();
        all.dedup();
        bail!("`{name}` begins the digests of {} images: {}", all.len(), all.join(", "));
    }
    let filter = ImageFilter { digest: Some(content.clone()), ..ImageFilter::default() };
    let mut all = queries.images(&filter, Page::first(RECORDS))?.rows;
    all.retain(|row| row.image.content() == content);
    Ok(all)
}
