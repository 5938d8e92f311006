//! Advisories are read, and written as one database.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use probity_vulnerabilities::database::Builder;
use probity_vulnerabilities::feed::{Input, Kind, inputs};
use probity_vulnerabilities::{DatabaseStatus, SourceStatus};

/// What takes longer shows its progress.
const LONG: Duration = Duration::from_millis(500);

/// What a source has in it, with the name that each is called by; names of several in one are those of their files.
pub(crate) fn names(name: &str, path: &Path, kind: Option<Kind>) -> Result<Vec<(String, Input)>> {
    let found = match kind {
        Some(kind) => vec![Input { path: path.to_owned(), kind }],
        None => inputs(path).map_err(|error| {
            let known = Kind::names().join(", ");
            anyhow::anyhow!("{error}. Say what it is with --kind: {known}")
        })?,
    };
    let several = found.len() > 1;
    let called = |input: Input| {
        let own = input.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (stem(if several { &own } else { name }), input)
    };
    Ok(found.into_iter().map(called).collect())
}

/// `all.zip` is `all`, and `epss_scores.csv.gz` is `epss_scores`.
fn stem(name: &str) -> String {
    let mut stem = name;
    for end in [".gz", ".zst", ".zip", ".tgz", ".tar", ".json", ".csv", ".yaml", ".db"] {
        stem = stem.strip_suffix(end).filter(|rest| !rest.is_empty()).unwrap_or(stem);
    }
    stem.to_owned()
}

/// Builds a database and puts it in its place.
pub(crate) fn build(named: Vec<(String, Input)>, to: &Path) -> Result<DatabaseStatus> {
    // Hidden where nobody looks, and not shown for what is done at once.
    let (bar, started) = (ProgressBar::new_spinner(), Instant::now());
    bar.set_style(ProgressStyle::with_template("{spinner} {pos} advisories read{msg}")?);
    let progress = |count: u64| {
        if started.elapsed() > LONG {
            bar.set_position(count);
        }
    };
    let mut builder = Builder::with_progress(progress);
    let mut taken = BTreeSet::new();
    for (name, Input { path, kind }) in named {
        bar.set_message(format!(", {name}"));
        let name = free(&name, &mut taken);
        add(&mut builder, &name, &path, kind)?;
    }
    bar.set_message(", written");
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let status = builder.write(to)?;
    bar.finish_and_clear();
    Ok(status)
}

/// Findings tell their sources apart by name.
fn free(name: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken.contains(name));
    let free = free.unwrap_or_else(|| name.to_owned());
    taken.insert(free.clone());
    free
}

fn add(builder: &mut Builder, name: &str, path: &Path, kind: Kind) -> Result<()> {
    match kind {
        Kind::Advisories(feed) => builder.add(feed, name, path).map(drop)?,
        Kind::Epss => builder.add_epss(path).map(drop)?,
        Kind::KnownExploited => builder.add_known_exploited(path).map(drop)?,
        Kind::Database => bail!(
            "{} is a database already: copy it to its place, or name it alone to `probity db update`",
            path.display()
        ),
    }
    Ok(())
}

/// Says what was not understood, on standard error: what is left out is not hidden.
pub(crate) fn tell_problems(sources: &[SourceStatus]) {
    for source in sources {
        let SourceStatus { name, unreadable, unknown_ecosystem, problems, .. } = source;
        if *unreadable > 0 {
            eprintln!("warning: {name}: {unreadable} records were not understood and are left out");
            for problem in problems {
                eprintln!("  {problem}");
            }
        }
        if *unknown_ecosystem > 0 {
            eprintln!(
                "note: {name}: {unknown_ecosystem} packages are of ecosystems whose order of versions is not known here"
            );
        }
    }
}
