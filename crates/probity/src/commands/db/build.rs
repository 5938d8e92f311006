//! `probity db build`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use probity_subject_image::{Registry, RegistryOptions};
use probity_vulnerabilities::DatabaseStatus;
use probity_vulnerabilities::feed::Kind;

use super::place;
use crate::advisories::{self, Fetcher, Source};
use crate::images::DatabaseArgs;

/// Build the database of vulnerabilities from advisories on this machine.
///
/// What a source is, is told by what is in it: records of OSV (a folder, a zip or tar archive, a git checkout of golang/vulndb,
/// pypa/advisory-database or github/advisory-database), a checkout of rustsec/advisory-db, Debian's tracker (JSON), security databases of
/// Alpine, Wolfi or Chainguard, CSAF documents of Red Hat, Trivy's database (trivy.db, its cache folder, or its artifact as an
/// OCI layout), EPSS's list (CSV), and CISA's catalog of known exploited vulnerabilities (JSON). A folder may have several.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files and folders; NAME=PATH gives the name that findings tell as their source.
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<Source>,
    /// Where the database is written. Default: where it is looked for.
    #[arg(short, long, value_name = "FILE", conflicts_with = "db")]
    output: Option<PathBuf>,
    /// What all sources are, when what is in them does not tell it.
    #[arg(long, value_name = "KIND", help = KIND_HELP)]
    kind: Option<Kind>,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) const KIND_HELP: &str = "What all sources are, when what is in them does not tell it: osv, rustsec, debian, alpine, red-hat, \
                                    trivy-db, epss or known-exploited";

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let to = match &args.output {
        Some(path) => path.clone(),
        None => place(&args.database)?,
    };
    let fetched = tempfile::tempdir()?;
    let fetcher = Fetcher::new(fetched.path().to_owned(), None, &[])?;
    let registry = Registry::new(RegistryOptions { docker_config: None, ..RegistryOptions::default() })?;
    let folder = to.parent().map(PathBuf::from).unwrap_or_default();
    advisories::remove_when_interrupted(&[&folder], Some(fetched.path()));
    let mut named = Vec::new();
    for source in &args.sources {
        let called = source.called();
        ensure!(source.is_here(), "{called} is not on this machine: `probity db update` fetches it");
        let path = source.here(&fetcher, &registry)?;
        named.extend(advisories::names(&called, &path, args.kind)?);
    }
    let status = advisories::build(named, &to)?;
    advisories::tell_problems(&status.sources);
    tell(&status, &to.display().to_string()).context("standard output")?;
    Ok(crate::CLEAN)
}

/// What was written, and of what.
pub(super) fn tell(status: &DatabaseStatus, path: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    super::status::write_sources(status, &mut out)?;
    writeln!(out, "\n{path}: date {}, digest sha256:{}", super::status::day(&status.date), status.digest)
}
