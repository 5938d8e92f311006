//! `probity init`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use probity_model::{Category, Metadata, Severity, Sources};
use probity_subject_iac::{ReadOptions, read_paths};

use crate::config::FILE_NAME;

/// Look at a repository and write a probity.yaml with the policies that matter most first.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The repository.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Write over a probity.yaml that is there.
    #[arg(long)]
    force: bool,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let file = args.path.join(FILE_NAME);
    if file.exists() && !args.force {
        bail!("{} is there already; --force writes over it", file.display());
    }
    let sources = Sources::default();
    let tree = read_paths(std::slice::from_ref(&args.path), &sources, &ReadOptions::default(), &|_| {})?;
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for subject in tree.graph.subjects() {
        *found.entry(subject.resource_type.to_string()).or_default() += 1;
    }
    let chosen = chosen(&found);
    std::fs::write(&file, text(&chosen)).with_context(|| format!("{} cannot be written", file.display()))?;
    println!("{} files with {} resources of {} types", tree.files.total(), tree.graph.subjects().len(), found.len());
    println!("{}: {} policies, every one at stage observe", file.display(), chosen.len());
    println!("Next: `probity scan {}` shows what they find; then raise stages in the file", args.path.display());
    Ok(crate::CLEAN)
}

/// The policies that matter most and have something to judge here.
fn chosen(found: &BTreeMap<String, usize>) -> Vec<Metadata> {
    let first = [Category::Access, Category::Exposure, Category::Encryption, Category::Backup, Category::Workload];
    let mut chosen: Vec<Metadata> = probity_catalog::policies()
        .iter()
        .filter(|policy| {
            let metadata = policy.metadata();
            let least = if metadata.category == Category::Backup { Severity::Medium } else { Severity::High };
            first.contains(&metadata.category)
                && metadata.severity >= least
                && policy.types().iter().any(|types| found.keys().any(|found| types.matches(found)))
        })
        .map(|policy| policy.metadata().clone())
        .collect();
    chosen.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    chosen
}

fn text(chosen: &[Metadata]) -> String {
    let mut text = String::from(
        "version: 1\n\nscan:\n  paths: [.]\n\n# The policies that matter most here. Without `include` all are asked.\npolicies:\n",
    );
    if chosen.is_empty() {
        text.push_str("  include: []\n");
    } else {
        text.push_str("  include:\n");
    }
    for policy in chosen {
        text.push_str(&format!("    - {} # {}: {}\n", policy.id, policy.severity, policy.title));
    }
    text.push_str(
        "\n# observe: shown and kept; warn: the change passes with a warning; enforce: it does not pass.\n\
         stages:\n  default: observe\n  rules: []\n",
    );
    text
}
