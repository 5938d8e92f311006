//! `probity db update`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use probity_vulnerabilities::Database;
use probity_vulnerabilities::database::{Difference, part_prefix};
use probity_vulnerabilities::feed::{Input, Kind};

use super::build::KIND_HELP;
use super::{place_of, status};
use crate::advisories::{self, Fetcher, Source};
use crate::config::Config;
use crate::images::{DatabaseArgs, RegistryArgs};

/// Bring the database of vulnerabilities up to date.
///
/// From advisories, which are fetched and built into a database, or from a database that somebody has built: at an https
/// address, or in a registry as an artifact. The old database stays in its place until the new one is there and sound, and
/// when anything fails.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files, folders, https addresses, and <oci://REGISTRY/REPOSITORY:TAG>. Default: `images.advisories` of probity.yaml.
    #[arg(value_name = "SOURCE")]
    sources: Vec<Source>,
    #[arg(long, value_name = "KIND", help = KIND_HELP)]
    kind: Option<Kind>,
    /// Take a built database only with this digest, as `probity db status` shows it.
    #[arg(long, value_name = "SHA256")]
    digest: Option<String>,
    /// Take a built database that is older than the one in place.
    #[arg(long)]
    allow_older: bool,
    /// Where what is fetched is kept. Default: beside the database.
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let config = super::config()?;
    let to = place_of(&args.database, &config)?;
    let before = to.exists().then(|| Database::open(&to));
    update(args, &config, &to).map_err(|error| match &before {
        Some(Ok(old)) => {
            error.context(format!("not updated, the database of {} stays", status::day(&old.status().date)))
        }
        _ => error.context("not updated, and there is no database yet"),
    })?;
    let new = Database::open(&to)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    match before {
        Some(Ok(old)) => tell(&old, &new, &mut out)?,
        // One that cannot be read has nothing to compare with.
        _ => status::write_sources(new.status(), &mut out)?,
    }
    let status = new.status();
    writeln!(out, "{}: date {}, digest sha256:{}", to.display(), status::day(&status.date), status.digest)?;
    out.flush()?;
    Ok(crate::CLEAN)
}

fn update(args: &Args, config: &Config, to: &Path) -> Result<()> {
    let sources = sources(args, config)?;
    let folder = to.parent().map(PathBuf::from).unwrap_or_default();
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let cache = args.cache.clone().unwrap_or_else(|| folder.join("advisories"));
    let fetcher = Fetcher::new(cache, args.registry.authorities(), args.registry.plain())?;
    advisories::remove_when_interrupted(&[&folder, fetcher.folder()], None);
    let registry = args.registry.open()?;
    let mut named = Vec::new();
    for source in &sources {
        let path = source.here(&fetcher, &registry)?;
        named.extend(advisories::names(&source.called(), &path, args.kind)?);
    }
    if let [(_, Input { path, kind: Kind::Database })] = named.as_slice() {
        take(args, path, to)
    } else {
        ensure!(args.digest.is_none(), "--digest is of a built database, and these are advisories");
        let status = advisories::build(named, to)?;
        advisories::tell_problems(&status.sources);
        Ok(())
    }
}

fn sources(args: &Args, config: &Config) -> Result<Vec<Source>> {
    if !args.sources.is_empty() {
        return Ok(args.sources.clone());
    }
    let listed = config.images.advisories.iter();
    let listed: Vec<Source> = listed.map(|source| source.clone().below(&config.folder)).collect();
    if listed.is_empty() {
        bail!("there is nothing to update from: name sources, or list them in probity.yaml under images, advisories");
    }
    Ok(listed)
}

/// Puts a database that somebody has built in its place.
fn take(args: &Args, from: &Path, to: &Path) -> Result<()> {
    let new = Database::open(from)?;
    new.verify()?;
    let status = new.status();
    if let Some(wanted) = &args.digest {
        let wanted = wanted.strip_prefix("sha256:").unwrap_or(wanted);
        ensure!(
            wanted.eq_ignore_ascii_case(&status.digest),
            "its digest is sha256:{}, and sha256:{wanted} is wanted",
            status.digest
        );
    }
    if let Ok(old) = Database::open(to) {
        let (old, new) = (&old.status().date, &status.date);
        ensure!(
            args.allow_older || new >= old,
            "it is of {}, and the one in place is newer; take it all the same with --allow-older",
            status::day(new)
        );
    }
    let folder = to.parent().unwrap_or(Path::new("."));
    let written = || -> io::Result<()> {
        let mut part = tempfile::Builder::new().prefix(&part_prefix()).tempfile_in(folder)?;
        io::copy(&mut std::fs::File::open(from)?, &mut part)?;
        part.as_file().sync_all()?;
        part.persist(to)?;
        Ok(())
    };
    written().with_context(|| format!("{} cannot be written", to.display()))
}

/// What is other than before.
fn tell(old: &Database, new: &Database, out: &mut dyn Write) -> Result<()> {
    let difference = old.difference(new)?;
    if difference.is_empty() {
        writeln!(out, "nothing that the advisories say has changed")?;
        return Ok(());
    }
    let Difference { new, changed, gone, packages, uncovered } = &difference;
    for (what, names) in [("new", new), ("changed", changed), ("gone", gone)] {
        if !names.is_empty() {
            writeln!(out, "{:>7} {what}: {}", names.len(), first(names.iter().map(String::as_str)))?;
        }
    }
    let touched = first(packages.iter().map(|(_, name)| name.as_str()));
    writeln!(out, "{:>7} packages have other advisories: {touched}", packages.len())?;
    for ecosystem in uncovered {
        eprintln!("warning: there are no advisories of {ecosystem} any more: its packages will not be assessed");
    }
    Ok(())
}

/// The first few of many.
fn first<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    const SHOWN: usize = 5;
    let more = names.len().saturating_sub(SHOWN);
    let names: Vec<&str> = names.take(SHOWN).collect();
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}
