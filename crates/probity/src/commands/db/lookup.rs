//! `probity db lookup`.

use std::io::{self, Write};

use anyhow::{Result, bail};
use probity_vulnerabilities::advisory::{Event, Record};
use probity_vulnerabilities::{Assessment, Database, Ecosystem, Finding, Package, assess};
use serde_json::json;

use super::place;
use super::status::Format;
use crate::images::DatabaseArgs;

/// Show what is known of one package.
///
/// With a version: which vulnerabilities it has; exits with 1 when it has one. Without: every advisory about the package.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A name, or a package URL such as pkg:pypi/flask@0.12.
    #[arg(value_name = "NAME|PURL")]
    name: String,
    version: Option<String>,
    /// The ecosystem of a name, as OSV calls it, with the release of a distribution: `PyPI`, npm, Go, Debian:12, Alpine:v3.20.
    #[arg(long)]
    ecosystem: Option<String>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let package = package(args)?;
    let database = super::open(&place(&args.database)?)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let code = if package.version.is_empty() {
        advisories(&database, &package, args.format, &mut out)?
    } else {
        findings(&database, &package, args.format, &mut out)?
    };
    out.flush()?;
    Ok(code)
}

fn package(args: &Args) -> Result<Package> {
    if args.name.starts_with("pkg:") {
        let Some(mut package) = Package::of_purl(&args.name) else { bail!("{} is no package URL", args.name) };
        if let Some(version) = &args.version {
            package.version.clone_from(version);
        }
        if let Some(ecosystem) = &args.ecosystem {
            package.ecosystem = Some(Ecosystem::new(ecosystem));
        }
        if package.ecosystem.is_none() {
            bail!("{} does not say of which distribution it is: add ?distro=debian-12, or --ecosystem", args.name);
        }
        return Ok(package);
    }
    let Some(ecosystem) = &args.ecosystem else {
        bail!("say of which ecosystem {} is: --ecosystem PyPI, or give a package URL", args.name)
    };
    Ok(Package {
        ecosystem: Some(Ecosystem::new(ecosystem)),
        name: args.name.clone(),
        version: args.version.clone().unwrap_or_default(),
        ..Package::default()
    })
}

fn findings(database: &Database, package: &Package, format: Format, out: &mut dyn Write) -> Result<u8> {
    let found = match assess(database, package)? {
        Assessment::Assessed(found) => found,
        Assessment::NotAssessed(why) => {
            let known = covered(database, package);
            bail!("{} {} was not assessed: {why}{known}", package.name, package.version)
        }
    };
    match format {
        Format::Json => {
            let document = json!({ "package": package, "vulnerabilities": found });
            writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
        }
        Format::Text if found.is_empty() => {
            writeln!(out, "{} {}: no vulnerability is known", package.name, package.version)?;
        }
        Format::Text => {
            writeln!(out, "{} {}: {}", package.name, package.version, vulnerabilities(found.len()))?;
            found.iter().try_for_each(|finding| write_finding(finding, out))?;
        }
    }
    let open = found.iter().any(|finding| finding.is_open() && finding.informational.is_none());
    Ok(if open { crate::FINDINGS } else { crate::CLEAN })
}

fn vulnerabilities(count: usize) -> String {
    if count == 1 { "1 vulnerability".to_owned() } else { format!("{count} vulnerabilities") }
}

/// The releases of the same family that there are advisories of.
fn covered(database: &Database, package: &Package) -> String {
    let Some(ecosystem) = &package.ecosystem else { return String::new() };
    let known = database.status().ecosystems.keys().map(|name| Ecosystem::new(name));
    let names: Vec<String> =
        known.filter(|it| it.family().eq_ignore_ascii_case(ecosystem.family())).map(|it| it.to_string()).collect();
    if names.is_empty() { String::new() } else { format!("; it has those of {}", names.join(", ")) }
}

fn write_finding(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let severity = finding.severity.map_or_else(|| "unknown".to_owned(), |severity| severity.to_string());
    let score = finding.score.map_or_else(String::new, |score| format!(" {score:.1}"));
    let names = if finding.aliases.is_empty() { String::new() } else { format!(" ({})", finding.aliases.join(", ")) };
    writeln!(out, "\n{}{names}  {severity}{score}", finding.id)?;
    if !finding.summary.is_empty() {
        writeln!(out, "  {}", finding.summary)?;
    }
    if let Some(kind) = &finding.informational {
        writeln!(out, "  no vulnerability but a notice: {kind}")?;
    }
    if let Some(why) = &finding.undecided {
        writeln!(out, "  whether this version has it is not known: {why}")?;
    }
    if finding.fixed.is_empty() {
        writeln!(out, "  fixed in: no version that is known")?;
    } else {
        writeln!(out, "  fixed in: {}", finding.fixed.join(", "))?;
    }
    if let Some(exploitation) = &finding.exploitation {
        if let Some(epss) = exploitation.epss {
            writeln!(out, "  exploited within 30 days with a probability of {:.1} %", epss.probability * 100.0)?;
        }
        if let Some(known) = &exploitation.known {
            writeln!(out, "  known to be exploited since {}", known.added)?;
        }
    }
    for source in &finding.sources {
        let reference = source.reference.as_deref().unwrap_or_default();
        writeln!(out, "  {} says so: {} {reference}", source.name, source.advisory)?;
    }
    Ok(())
}

fn advisories(database: &Database, package: &Package, format: Format, out: &mut dyn Write) -> Result<u8> {
    let Some(ecosystem) = &package.ecosystem else { bail!("it is of no ecosystem whose advisories are known") };
    if !database.covers(ecosystem) {
        bail!("the database has no advisories of {ecosystem}{}", covered(database, package));
    }
    let mut records = database.lookup(ecosystem, &package.name)?;
    records.sort_by(|one, other| (&one.advisory, &one.source).cmp(&(&other.advisory, &other.source)));
    if format == Format::Json {
        writeln!(out, "{}", serde_json::to_string_pretty(&json!({ "package": package, "advisories": records }))?)?;
        return Ok(crate::CLEAN);
    }
    if records.is_empty() {
        writeln!(out, "{}: no advisory is known", package.name)?;
    }
    for record in &records {
        let details = database.details(record)?.unwrap_or_default();
        let names =
            if details.aliases.is_empty() { String::new() } else { format!(" ({})", details.aliases.join(", ")) };
        writeln!(out, "{}{names}  {}", record.advisory, details.summary)?;
        writeln!(out, "  {}", affected(record))?;
    }
    Ok(crate::CLEAN)
}

/// Which versions a record is about, in a line.
fn affected(record: &Record) -> String {
    let event = |event: &Event| match event {
        Event::Introduced(at) if at == "0" => "from the first".to_owned(),
        Event::Introduced(at) => format!("from {at}"),
        Event::Fixed(at) => format!("fixed in {at}"),
        Event::LastAffected(at) => format!("up to {at}"),
        Event::Limit(at) => format!("known before {at}"),
    };
    let ranges = record.ranges.iter().map(|range| range.events.iter().map(event).collect::<Vec<_>>().join(", "));
    let mut parts: Vec<String> = ranges.collect();
    if !record.versions.is_empty() {
        parts.push(record.versions.join(", "));
    }
    parts.join("; ")
}
