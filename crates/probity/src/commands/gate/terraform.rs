//! `probity gate terraform`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use probity_gate_terraform::check_plan;
use probity_model::{Action, Decision, Gate, Outcome, Sources, Stage};
use probity_subject_iac::Tree;
use tempfile::TempDir;

use crate::commands::destination::DestinationArgs;
use crate::config::Config;
use crate::evidence;
use crate::evidence::data::{Data, DataArgs};
use crate::evidence::record::Scan;
use crate::output::{self, Format, Report, harmless};
use crate::scanning::{Inputs, Policies, PolicyArgs, decide};
use crate::secrets::Masks;
use crate::today;

/// Largest plan that is read from the standard input, in bytes.
const MAX_STDIN: u64 = 2 << 30;

/// Judge a Terraform plan before it is applied, as `terraform show -json` writes it: in Atlantis, GitHub Actions or any other
/// pipeline. Policies count by their stages for the gate `terraform`.
///
/// Exit codes: 0 when nothing denies the plan, 1 when something does (a finding at stage enforce; without a probity.yaml every
/// policy is), 2 when it is no plan, something could not be read or the command is wrong.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The plan in JSON; `-` reads it from the standard input.
    plan: PathBuf,
    #[command(flatten)]
    policies: PolicyArgs,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write to a file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit with 0 although the plan is denied: whoever runs this reads the output.
    #[arg(long)]
    soft_fail: bool,
    /// The environment that the plan is for, over the labels of probity.yaml.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
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

/// The file of the plan.
struct Plan {
    path: PathBuf,
    /// Where it was put, when it came by the standard input.
    place: Option<TempDir>,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let started = Instant::now();
    let plan = Plan::open(&args.plan)?;
    let sources = Arc::new(Sources::default());
    let start = if plan.place.is_some() { Path::new(".") } else { &args.plan };
    let config = args.policies.configuration(start, &sources)?;
    let policies = args.policies.read(Gate::Terraform, &config, &sources)?;
    policies.own.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let inputs = Inputs {
        paths: vec![plan.path.clone()],
        environment: args.environment.as_deref().map(Into::into),
        root: plan.place.as_ref().map(|place| place.path().to_owned()),
        ..Inputs::default()
    };
    let mut tree = inputs.read(&config, &policies, &sources)?;
    tree.problems.extend(policies.own.problems.iter().cloned());
    let mut decisions = decide(&policies.set, &tree.graph, &sources);
    let masks = Masks::of(&decisions, &sources);
    masks.clean(&mut decisions, &sources);
    let report = Report {
        decisions: &decisions,
        policies: &policies.set,
        problems: &tree.problems,
        sources: &sources,
        masks: &masks,
        files: tree.files.total(),
        elapsed: started.elapsed(),
        verbose: args.verbose,
        configured: config.folder != Path::new(""),
        left_out: None,
    };
    output::deliver(args.format, &report, args.output.as_deref())?;
    let is_denied = decisions.iter().any(|decision| decision.action == Action::Deny);
    if args.format == Format::Text && args.output.is_none() {
        write_verdict(is_denied, &report)?;
    }
    if args.record || args.destination.server.is_some() || config.evidence.record {
        record(args, &config, &policies, &tree, &decisions, &sources)?;
    }
    Ok(match () {
        () if !tree.problems.is_empty() => crate::BROKEN,
        () if is_denied && !args.soft_fail => crate::FINDINGS,
        () => crate::CLEAN,
    })
}

impl Plan {
    /// Finds the plan, and makes sure that it is one.
    fn open(named: &Path) -> Result<Self> {
        let shown = if named == Path::new("-") { "the standard input".to_owned() } else { named.display().to_string() };
        let plan =
            if named == Path::new("-") { Self::received()? } else { Self { path: named.to_owned(), place: None } };
        // A pipe that nobody writes to would be waited for.
        let metadata = std::fs::metadata(&plan.path).with_context(|| format!("{shown} cannot be read"))?;
        if !metadata.is_file() {
            bail!("{shown} is not a file; `-` reads a plan from the standard input");
        }
        let mut file = File::open(&plan.path).with_context(|| format!("{shown} cannot be read"))?;
        check_plan(&mut file).map_err(|error| anyhow::anyhow!("{shown}: {error}"))?;
        Ok(plan)
    }

    fn received() -> Result<Self> {
        let place = tempfile::Builder::new().prefix("probity-plan-").tempdir().context("no folder for the plan")?;
        let path = place.path().join("plan.json");
        let received = io::copy(&mut io::stdin().lock().take(MAX_STDIN + 1), &mut File::create_new(&path)?)?;
        if received > MAX_STDIN {
            bail!("the plan on the standard input is larger than {MAX_STDIN} bytes");
        }
        Ok(Self { path, place: Some(place) })
    }
}

/// Says whether the plan may be applied, and what to change when it may not. Who reads the output alone, as Atlantis does,
/// finds the word `fail` in it exactly when it may not.
fn write_verdict(is_denied: bool, report: &Report<'_>) -> Result<()> {
    let mut out = anstream::stdout().lock();
    let problems = report.problems.len();
    if !is_denied && problems == 0 {
        writeln!(out, "\npass: nothing denies this plan")?;
        return Ok(());
    }
    if problems > 0 {
        writeln!(out, "\nfail: {problems} could not be read, so it is not known whether the plan may be applied")?;
    }
    let denying: BTreeMap<&str, &str> = report
        .entries(&[Outcome::Fail, Outcome::Error])
        .iter()
        .filter(|entry| entry.finding.stage == Stage::Enforce)
        .map(|entry| (entry.policy.id.as_str(), entry.policy.fix.as_str()))
        .collect();
    if is_denied {
        writeln!(out, "\nfail: the plan is denied. To mend it:")?;
    }
    for (policy, fix) in denying {
        let advice = if fix.is_empty() { "the policy does not say how; see its finding" } else { fix };
        writeln!(out, "  {policy}: {}", harmless(advice))?;
    }
    Ok(())
}

/// Keeps the decisions as evidence, and says where they are.
fn record(
    args: &Args,
    config: &Config,
    policies: &Policies,
    tree: &Tree,
    decisions: &[Decision],
    sources: &Sources,
) -> Result<()> {
    let data = Data::find(&args.data, Some(config.data()));
    let path = if args.plan == Path::new("-") { PathBuf::from("plan.json") } else { args.plan.clone() };
    let scan = Scan {
        gate: Gate::Terraform,
        paths: &[path],
        graph: &tree.graph,
        decisions,
        policies: policies.set.metadata().collect(),
        own_policies: &policies.own,
        waivers: policies.set.waivers(),
        problems: &tree.problems,
        sources,
        files: tree.files.total(),
        reports: &[],
        frameworks: &policies.frameworks,
        today: today(),
    };
    let sent = evidence::record::record(&scan, &data, &args.destination.resolve(Some(config))?)?;
    eprintln!("recorded {} decisions; {}", decisions.len(), sent.words(&data));
    Ok(())
}
