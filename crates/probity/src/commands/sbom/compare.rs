//! `probity sbom compare`.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use anyhow::Result;
use probity_sbom::{Change, Comparison, Component, Field, License, compare};
use serde_json::{Value, json};

use super::deliver;
use super::source::Source;
use crate::images::RegistryArgs;

/// How the difference is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people: a component a line.
    Text,
    /// For programs.
    Json,
}

/// Compare what two bills of materials list: what was added, removed, and changed its version, licences, digests or supplier.
///
/// Exit codes: 0 when they list the same, 1 when they differ, 2 when one cannot be read.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The older one: a document, an image or a folder, as in `probity sbom create`.
    old: String,
    /// The newer one.
    new: String,
    /// How the difference is shown.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write to a file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let (old, new) = (Source::parse(&args.old)?, Source::parse(&args.new)?);
    let comparison = compare(&old.read(&args.registry)?, &new.read(&args.registry)?);
    let shown = match args.format {
        Format::Text => text(&comparison),
        Format::Json => format!("{:#}\n", document(&comparison)),
    };
    deliver(&shown, args.output.as_deref())?;
    Ok(if comparison.is_empty() { crate::CLEAN } else { crate::FINDINGS })
}

fn text(comparison: &Comparison) -> String {
    let mut text = String::new();
    let Comparison { added, removed, changed } = comparison;
    let of = |what, all: &[Component]| all.iter().map(|it| format!("{what}  {}\n", Named(it))).collect::<String>();
    text.push_str(&of("added  ", added));
    text.push_str(&of("removed", removed));
    for change in changed {
        let differences: Vec<String> = change.fields.iter().map(|field| difference(change, *field)).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "changed  {}  {}", full_name(&change.after), differences.join("; "));
    }
    if comparison.is_empty() {
        text.push_str("both list the same\n");
    } else {
        let _ = writeln!(text, "{} added, {} removed, {} changed", added.len(), removed.len(), changed.len());
    }
    text
}

/// A component in a line: name, version, licences and package URL.
struct Named<'a>(&'a Component);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", full_name(self.0))?;
        if let Some(version) = &self.0.version {
            write!(f, " {version}")?;
        }
        if !self.0.licenses.is_empty() {
            write!(f, "  {}", names(&self.0.licenses))?;
        }
        match &self.0.purl {
            Some(purl) => write!(f, "  {purl}"),
            None => Ok(()),
        }
    }
}

fn full_name(component: &Component) -> String {
    match &component.group {
        Some(group) => format!("{group}/{}", component.name),
        None => component.name.clone(),
    }
}

fn names(licenses: &[License]) -> String {
    match licenses {
        [] => "none".to_owned(),
        licenses => licenses.iter().map(License::as_str).collect::<Vec<_>>().join(", "),
    }
}

fn difference(change: &Change, field: Field) -> String {
    let Change { before, after, .. } = change;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    match field {
        Field::Version => format!("{} -> {}", or_none(&before.version), or_none(&after.version)),
        Field::Licenses => format!("licences {} -> {}", names(&before.licenses), names(&after.licenses)),
        Field::Hashes => "other digests".to_owned(),
        Field::Supplier => format!("supplier {} -> {}", or_none(&before.supplier), or_none(&after.supplier)),
    }
}

fn document(comparison: &Comparison) -> Value {
    let Comparison { added, removed, changed } = comparison;
    let changes = changed.iter().map(|change| {
        json!({ "before": component(&change.before), "after": component(&change.after), "fields": change.fields })
    });
    json!({
        "added": added.iter().map(component).collect::<Vec<_>>(),
        "removed": removed.iter().map(component).collect::<Vec<_>>(),
        "changed": changes.collect::<Vec<_>>(),
    })
}

fn component(component: &Component) -> Value {
    json!({
        "name": full_name(component),
        "version": component.version,
        "purl": component.purl,
        "licenses": component.licenses.iter().map(License::as_str).collect::<Vec<_>>(),
        "hashes": component.hashes.iter().map(|hash| format!("{}:{}", hash.algorithm, hash.value)).collect::<Vec<_>>(),
        "supplier": component.supplier,
    })
}
