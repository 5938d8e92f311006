//! `probity scan`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use jiff::Timestamp;
use probity_model::{Action, Decision, Gate, Outcome, Problem, Severity, Sources, Stage, Value, Waiver};
use probity_report::Request;
use probity_subject_config::Format as FileFormat;
use probity_subject_iac::Tree;

use crate::baseline;
use crate::change::{Base, Found};
use crate::commands::destination::DestinationArgs;
use crate::commands::report::made_by;
use crate::config::{self, Config};
use crate::evidence;
use crate::evidence::data::{Data, DataArgs};
use crate::evidence::record::Scan;
use crate::evidence::report::{Form, SAMPLES, SEED, Table};
use crate::files::write_file;
use crate::output::{self, Format, Report};
use crate::scanning::{Inputs, Policies, PolicyArgs, decide};
use crate::secrets::Masks;
use crate::today;

/// Judge Terraform, Terraform plans in JSON, CloudFormation, Kubernetes manifests, Helm charts, kustomizations, Dockerfiles and GitHub
/// Actions workflows, and find secrets in any text.
///
/// Exit codes: 0 when nothing is enforced against, 1 when there are findings at stage enforce (without a probity.yaml
/// every policy is), 2 when something could not be read or the command is wrong; what could be read is judged all the
/// same.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files and folders. Default: the paths of probity.yaml, or the current folder.
    paths: Vec<PathBuf>,
    #[command(flatten)]
    policies: PolicyArgs,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write to a file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit with 0 although there are findings.
    #[arg(long)]
    soft_fail: bool,
    /// Exit with 1 only for findings of at least this severity.
    #[arg(long, value_name = "LEVEL")]
    fail_on: Option<Severity>,
    /// Pass over the findings of a baseline: one written by --write-baseline, or Checkov's.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Show and count only what a change introduced since it left this git revision, such as origin/main: a branch, a tag or a
    /// commit. Changes that are not committed yet are part of it.
    #[arg(long, value_name = "BASE")]
    diff: Option<String>,
    /// Write the findings to a baseline.
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// The environment of everything scanned, over the labels of probity.yaml.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// A value for a variable of Terraform root modules. May be repeated.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = config::read_variable)]
    variables: Vec<(String, Value)>,
    /// A file of values for variables of Terraform root modules, in the form of .tfvars or .tfvars.json. May be repeated; later
    /// files win over earlier ones, and --var over all. `TF_VAR_NAME` in the environment is taken as Terraform takes it.
    #[arg(long = "var-file", value_name = "FILE")]
    value_files: Vec<PathBuf>,
    /// A file of values over those of Helm charts, in YAML. May be repeated; later ones go over earlier ones.
    #[arg(long = "helm-values", value_name = "FILE")]
    helm_values: Vec<PathBuf>,
    /// An API version that Helm charts find in the cluster beside Kubernetes' own, such as monitoring.coreos.com/v1. May be
    /// repeated.
    #[arg(long = "helm-api-version", value_name = "VERSION")]
    helm_api_versions: Vec<String>,
    /// Leave out files that match, in the form of .gitignore. May be repeated.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// The format of files that are named and whose names do not tell it, such as toml.
    #[arg(long, value_name = "FORMAT", help_heading = "Rego policies")]
    parser: Option<FileFormat>,
    #[command(flatten)]
    record: RecordArgs,
    /// Also list what could not be decided.
    #[arg(long, short)]
    verbose: bool,
}

/// Whether decisions are kept, and where.
#[derive(clap::Args)]
struct RecordArgs {
    /// Keep the decisions as evidence: see `probity evidence`.
    #[arg(long)]
    record: bool,
    /// Record, and write the report of a framework over the last ninety days into the data folder.
    #[arg(long, value_name = "FRAMEWORK", conflicts_with = "server")]
    report: Option<String>,
    #[command(flatten)]
    destination: DestinationArgs,
    #[command(flatten)]
    data: DataArgs,
}

impl Args {
    fn configuration(&self, sources: &Sources) -> Result<Config> {
        let first = self.paths.first().map_or(Path::new("."), PathBuf::as_path);
        self.policies.configuration(first, sources)
    }

    /// What is read, and how.
    fn inputs(&self, config: &Config) -> Inputs {
        let paths = match (self.paths.is_empty(), config.paths.is_empty()) {
            (false, _) => self.paths.clone(),
            (true, false) => config.paths.clone(),
            (true, true) => vec![PathBuf::from(".")],
        };
        Inputs {
            paths,
            exclude: self.exclude.clone(),
            value_files: self.value_files.clone(),
            variables: self.variables.clone(),
            helm_values: self.helm_values.clone(),
            helm_api_versions: self.helm_api_versions.clone(),
            parser: self.parser,
            environment: self.environment.as_deref().map(Into::into),
            root: None,
        }
    }
}

impl RecordArgs {
    fn asked(&self) -> bool {
        self.record || self.report.is_some() || self.destination.server.is_some()
    }
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let started = Instant::now();
    let sources = Arc::new(Sources::default());
    let config = args.configuration(&sources)?;
    let policies = args.policies.read(Gate::Ci, &config, &sources)?;
    policies.own.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let set = &policies.set;
    let inputs = args.inputs(&config);
    let before = args.diff.as_deref().map(|base| before(base, &config, &policies, &inputs)).transpose()?;
    let mut tree = inputs.read(&config, &policies, &sources)?;
    tree.problems.extend(policies.own.problems.iter().cloned());
    let mut decisions = decide(set, &tree.graph, &sources);
    let masks = Masks::of(&decisions, &sources);
    masks.clean(&mut decisions, &sources);
    let left_out = before.map(|(base, found)| base.leave_out(found, &mut decisions)).transpose()?;
    if let Some(path) = &args.baseline {
        baseline::apply(&mut decisions, set, path)?;
    }
    if let Some(path) = &args.write_baseline {
        write_file(path, &baseline::write(&decisions))?;
    }
    let asked = |waiver: &Waiver| set.ids().any(|id| waiver.is_of(id));
    for (waiver, span) in set.unused_waivers(&decisions).filter(|(waiver, _)| asked(waiver)) {
        let place = span.and_then(|span| sources.locate(span)).map(|place| format!("{place}: ")).unwrap_or_default();
        eprintln!("note: {place}the waiver of {} for {} covers nothing found", waiver.of, waiver.subject);
    }
    let rest = left_out.as_ref().map(|left_out| left_out.rest(&decisions));
    let report = Report {
        decisions: rest.as_deref().unwrap_or(&decisions),
        policies: set,
        problems: &tree.problems,
        sources: &sources,
        masks: &masks,
        files: tree.files.total(),
        elapsed: started.elapsed(),
        verbose: args.verbose,
        configured: config.folder != Path::new(""),
        left_out: left_out.as_ref(),
    };
    output::deliver(args.format, &report, args.output.as_deref())?;
    if args.record.asked() || config.evidence.record {
        record(args, &config, &policies, &inputs.paths, (&tree, &decisions), &sources)?;
    }
    Ok(exit_code(args, &decisions, &tree.problems))
}

/// Keeps the decisions as evidence, and says where they are.
fn record(
    args: &Args,
    config: &Config,
    policies: &Policies,
    paths: &[PathBuf],
    (tree, decisions): (&Tree, &[Decision]),
    sources: &Sources,
) -> Result<()> {
    let data = Data::find(&args.record.data, Some(config.data()));
    let scan = Scan {
        gate: Gate::Ci,
        paths,
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
    let sent = evidence::record::record(&scan, &data, &args.record.destination.resolve(Some(config))?)?;
    eprintln!("recorded {} decisions; {}", decisions.len(), sent.words(&data));
    if let Some(framework) = &args.record.report {
        write_framework_report(framework, &data)?;
    }
    if sent.size.is_some() {
        eprintln!("pages    `probity serve --data {}`, then open http://127.0.0.1:8181", data.folder().display());
    }
    Ok(())
}

fn write_framework_report(framework: &str, data: &Data) -> Result<()> {
    let queries = data.index()?.queries()?;
    let request = Request {
        framework: framework.to_owned(),
        period: evidence::report::period(None, None)?,
        environment: None,
        samples: SAMPLES,
        seed: SEED.to_owned(),
        made_by: made_by(),
        made_at: Timestamp::now(),
    };
    let mut text = Vec::new();
    evidence::report::write(&request, (Form::Html, Table::Controls), &queries, &data.reader()?, &mut text)?;
    let path = data.folder().join(format!("report-{framework}.html"));
    write_file(&path, std::str::from_utf8(&text)?)?;
    eprintln!("report   {}", path.display());
    Ok(())
}

/// The files of the base of a change.
fn of_base(inputs: &Inputs, base: &Base) -> Inputs {
    let files = |paths: &[PathBuf]| paths.iter().map(|path| base.file(path)).collect();
    Inputs {
        paths: inputs.paths.iter().filter_map(|path| base.path(path)).collect(),
        value_files: files(&inputs.value_files),
        helm_values: files(&inputs.helm_values),
        ..inputs.clone()
    }
}

/// What was found before a change. Its files are judged as they were, by the policies and with the options of now.
fn before(base: &str, config: &Config, policies: &Policies, inputs: &Inputs) -> Result<(Base, Found)> {
    let base = Base::read(base, &inputs.paths)?;
    let inputs = of_base(inputs, &base);
    let sources = Sources::default();
    let decisions = base.visit(|| {
        if inputs.paths.is_empty() {
            return Ok(Vec::new());
        }
        let tree = inputs.read(config, policies, &sources)?;
        for (path, problem) in &tree.problems {
            eprintln!(
                "note: in {}, so that what it has counts as introduced: {}",
                base.name,
                problem.display(&sources, path)
            );
        }
        let mut decisions = decide(&policies.set, &tree.graph, &sources);
        // As those that they are compared with.
        Masks::of(&decisions, &sources).clean(&mut decisions, &sources);
        Ok(decisions)
    })?;
    let found = base.found(&decisions)?;
    Ok((base, found))
}

fn exit_code(args: &Args, decisions: &[Decision], problems: &[(PathBuf, Problem)]) -> u8 {
    if !problems.is_empty() {
        return crate::BROKEN;
    }
    let counts = |severity: Severity| args.fail_on.is_none_or(|least| severity >= least);
    let denied = decisions
        .iter()
        .filter(|decision| decision.action == Action::Deny)
        .flat_map(|decision| &decision.findings)
        .any(|finding| {
            matches!(finding.outcome, Outcome::Fail | Outcome::Error)
                && finding.stage == Stage::Enforce
                && counts(finding.severity)
        });
    if denied && !args.soft_fail { crate::FINDINGS } else { crate::CLEAN }
}
