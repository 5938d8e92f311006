//! `probity image scan`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use jiff::Timestamp;
use probity_evidence_ledger::ReportRecord;
use probity_inspection::ScanTime;
use probity_model::{Action, Gate, SmolStr, Sources};

use super::summary;
use crate::commands::destination::DestinationArgs;
use crate::config::Config;
use crate::evidence;
use crate::evidence::data::{Data, DataArgs};
use crate::evidence::record::Scan;
use crate::images::{ImageSource, InspectArgs, Judged, ReportArgs};
use crate::output::{self, Format, Report};
use crate::scanning::{Policies, PolicyArgs};
use crate::secrets::Masks;
use crate::today;

/// Judge container images: what is in them, which vulnerabilities that has, and what else is known of them.
///
/// Exit codes: 0 when nothing denies an image, 1 when something does (a finding at stage enforce; without a probity.yaml every
/// policy is), 2 when an image could not be read or the command is wrong; what could be read is judged all the same.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The images: names in a registry, oci:FOLDER[:TAG], oci-archive:FILE, docker-archive:FILE or containerd:FOLDER@NAME;
    /// or sbom:FILE, a bill of materials (CycloneDX, SPDX, Syft), of which the packages are looked up.
    #[arg(required = true)]
    images: Vec<ImageSource>,
    #[command(flatten)]
    inspect: InspectArgs,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    policies: PolicyArgs,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write to a file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit with 0 although an image is denied.
    #[arg(long)]
    soft_fail: bool,
    /// The environment of the images, over the labels of probity.yaml.
    #[arg(long, value_name = "NAME")]
    environment: Option<SmolStr>,
    /// Keep the decisions as evidence: see `probity evidence`.
    #[arg(long)]
    record: bool,
    #[command(flatten)]
    destination: DestinationArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Also list what could not be decided.
    #[arg(long, short)]
    verbose: bool,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let (started, began) = (Instant::now(), Timestamp::now());
    let reporter = args.report.open(args.images.len())?;
    let sources = Arc::new(Sources::default());
    let config = args.policies.configuration(Path::new("."), &sources)?;
    let policies = args.policies.read(Gate::Ci, &config, &sources)?;
    policies.own.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let inspector = args.inspect.open(&config, &sources)?;
    inspector.notes().for_each(|note| eprintln!("note: {note}"));
    let mut judged = Judged::new(&args.images, &inspector, &policies.set, &config, args.environment.as_ref(), today());
    judged.notes(&sources).for_each(|note| eprintln!("note: {note}"));
    judged.problems.extend(policies.own.problems.iter().cloned());
    let masks = Masks::of(&judged.decisions, &sources);
    let report = Report {
        decisions: &judged.decisions,
        policies: &policies.set,
        problems: &judged.problems,
        sources: &sources,
        masks: &masks,
        files: 0,
        elapsed: started.elapsed(),
        verbose: args.verbose,
        configured: config.folder != Path::new(""),
        left_out: None,
    };
    if args.format == Format::Text && args.output.is_none() {
        let summaries = judged.inspections.iter().map(|inspection| summary::text(inspection, today()) + "\n");
        anstream::stdout().lock().write_all(summaries.collect::<String>().as_bytes())?;
    }
    output::deliver(args.format, &report, args.output.as_deref())?;
    let during = ScanTime { started: began, finished: Timestamp::now() };
    let reports = match reporter {
        Some(reporter) => reporter.deliver(&judged, inspector.registry(), during)?,
        None => Vec::new(),
    };
    if args.record || args.destination.server.is_some() || config.evidence.record {
        record(args, &config, &policies, &judged, &reports, &sources)?;
    }
    let is_denied = judged.decisions.iter().any(|decision| decision.action == Action::Deny);
    Ok(match () {
        () if !judged.problems.is_empty() => crate::BROKEN,
        () if is_denied && !args.soft_fail => crate::FINDINGS,
        () => crate::CLEAN,
    })
}

/// Keeps the decisions as evidence, and says where they are.
fn record(
    args: &Args,
    config: &Config,
    policies: &Policies,
    judged: &Judged,
    reports: &[(usize, ReportRecord)],
    sources: &Sources,
) -> Result<()> {
    let data = Data::find(&args.data, Some(config.data()));
    let paths: Vec<PathBuf> = args.images.iter().map(|image| image.to_string().into()).collect();
    let scan = Scan {
        gate: Gate::Ci,
        paths: &paths,
        graph: &judged.graph,
        decisions: &judged.decisions,
        policies: policies.set.metadata().collect(),
        own_policies: &policies.own,
        waivers: policies.set.waivers(),
        problems: &judged.problems,
        sources,
        files: judged.inspections.len(),
        reports,
        frameworks: &policies.frameworks,
        today: today(),
    };
    let sent = evidence::record::record(&scan, &data, &args.destination.resolve(Some(config))?)?;
    eprintln!("recorded {} decisions; {}", judged.decisions.len(), sent.words(&data));
    Ok(())
}
