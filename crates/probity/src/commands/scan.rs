//! `probity scan`.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use probity_controls::Frameworks;
use probity_model::yaml::{self, Dialect};
use probity_model::{Action, Decision, Gate, NodeIndex, Outcome, Problem, Severity, Sources, Stage, Value, Waiver};
use probity_policy_conftest::Options as RegoOptions;
use probity_policy_core::{Facts, Policy, PolicySet, Selection};
use probity_report::Request;
use probity_subject_config::Format as FileFormat;
use probity_subject_iac::terraform::{self, ModuleFile};
use probity_subject_iac::{ReadOptions, Tree, read_paths};
use rayon::prelude::*;

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
use crate::policies::{self, Own};
use crate::secrets::{self, Masks};
use crate::{documents, input, today};

/// Judge Terraform, Terraform plans in JSON, CloudFormation, Kubernetes manifests, Helm charts, Dockerfiles and GitHub Actions
/// workflows, and find secrets in any text.
///
/// Exit codes: 0 when nothing is enforced against, 1 when there are findings at stage enforce (without a probity.yaml
/// every policy is), 2 when something could not be read or the command is wrong; what could be read is judged all the
/// same.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files and folders. Default: the paths of probity.yaml, or the current folder.
    paths: Vec<PathBuf>,
    /// Also judge by the policies of a folder or file: YAML policies, and Rego modules with deny, violation and warn rules.
    /// May be repeated.
    #[arg(long = "policy", value_name = "PATH")]
    policies: Vec<PathBuf>,
    #[command(flatten)]
    rego: RegoArgs,
    /// The configuration. Default: the nearest probity.yaml upward from the first path.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Do not look for a probity.yaml.
    #[arg(long, conflicts_with = "config")]
    no_config: bool,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write to a file instead of the standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Ask only policies that serve these frameworks, such as soc2,pci-dss.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    framework: Vec<String>,
    /// Ask only policies of at least this severity.
    #[arg(long, value_name = "LEVEL")]
    severity: Option<Severity>,
    /// Ask only these policies: ids, those of other tools, or patterns with `*`.
    #[arg(long = "check", value_name = "IDS", value_delimiter = ',')]
    checks: Vec<String>,
    /// Do not ask these policies.
    #[arg(long = "skip-check", value_name = "IDS", value_delimiter = ',')]
    skip_checks: Vec<String>,
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
    /// Accepted findings. Default: the file that probity.yaml names.
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
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
    #[command(flatten)]
    record: RecordArgs,
    /// Also list what could not be decided.
    #[arg(long, short)]
    verbose: bool,
}

/// How Rego policies are taken, and what they judge.
#[derive(clap::Args)]
#[command(next_help_heading = "Rego policies")]
struct RegoArgs {
    /// JSON or YAML that Rego policies find under `data`: a file, or a folder whose folders are the keys. May be repeated.
    #[arg(long, value_name = "PATH")]
    policy_data: Vec<PathBuf>,
    /// Ask only the rules of these packages of Rego, such as main,kubernetes.security. Default: all.
    #[arg(long = "namespace", value_name = "NAMES", value_delimiter = ',')]
    namespaces: Vec<String>,
    /// Ask Rego policies once about all documents together: their input is a list of objects with path and contents.
    #[arg(long)]
    combine: bool,
    /// The format of files that are named and whose names do not tell it, such as toml.
    #[arg(long, value_name = "FORMAT")]
    parser: Option<FileFormat>,
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

impl RecordArgs {
    fn asked(&self) -> bool {
        self.record || self.report.is_some() || self.destination.server.is_some()
    }
}

/// What takes longer shows its progress.
const LONG: Duration = Duration::from_millis(500);

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let started = Instant::now();
    let sources = Arc::new(Sources::default());
    let config = configuration(args, &sources)?;
    let policies = read_policies(args, &config, &sources)?;
    policies.own.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let set = &policies.set;
    let inputs = Inputs::named(args, &config);
    let before = args.diff.as_deref().map(|base| before(base, args, &config, &policies, &inputs)).transpose()?;
    let mut tree = read(args, &config, &policies, &inputs, &sources)?;
    tree.problems.extend(policies.own.problems.iter().cloned());
    let mut decisions = decide(set, &tree, &sources);
    let masks = Masks::of(&decisions, &sources);
    masks.clean(&mut decisions, &sources);
    let left_out = before.map(|(base, found)| base.leave_out(found, &mut decisions)).transpose()?;
    if let Some(path) = &args.baseline {
        baseline::apply(&mut decisions, set, path)?;
    }
    if let Some(path) = &args.write_baseline {
        write_file(path, &baseline::write(&decisions))?;
    }
    let asked = |waiver: &Waiver| set.ids().any(|id| waiver.policy.matches(id.as_str()));
    for (waiver, span) in set.unused_waivers(&decisions).filter(|(waiver, _)| asked(waiver)) {
        let place = span.and_then(|span| sources.locate(span)).map(|place| format!("{place}: ")).unwrap_or_default();
        eprintln!("note: {place}the waiver of {} for {} covers nothing found", waiver.policy, waiver.subject);
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
    write_report(args, &report)?;
    if args.record.asked() || config.evidence.record {
        record(args, &config, &policies, &tree, &decisions, &sources)?;
    }
    Ok(exit_code(args, &decisions, &tree.problems))
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
    let data = Data::find(&args.record.data, Some(config.data()));
    let paths = scanned_paths(args, config);
    let scan = Scan {
        paths: &paths,
        graph: &tree.graph,
        decisions,
        policies: policies.set.metadata().collect(),
        own_policies: &policies.own,
        waivers: policies.set.waivers(),
        problems: &tree.problems,
        sources,
        files: tree.files.total(),
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

fn configuration(args: &Args, sources: &Sources) -> Result<Config> {
    if args.no_config {
        return Ok(Config::none());
    }
    let first = args.paths.first().map_or(Path::new("."), PathBuf::as_path);
    match args.config.clone().or_else(|| Config::find(first)) {
        Some(path) => Config::read(&config::shortened(path), sources),
        None => Ok(Config::none()),
    }
}

/// The policies that are asked, and what they come from.
struct Policies {
    set: PolicySet,
    /// The repository's own ones.
    own: Own,
    frameworks: Vec<String>,
}

fn rego_options(args: &RegoArgs, config: &Config, sources: &Sources) -> Result<RegoOptions> {
    let namespaces = if args.namespaces.is_empty() { &config.namespaces } else { &args.namespaces };
    let data: Vec<PathBuf> = config.policy_data.iter().chain(&args.policy_data).cloned().collect();
    let data = config::read_data(&data, sources)?;
    Ok(RegoOptions { namespaces: namespaces.clone(), data, combine: args.combine })
}

fn read_policies(args: &Args, config: &Config, sources: &Arc<Sources>) -> Result<Policies> {
    let mut policies: Vec<Arc<dyn Policy>> = probity_catalog::policies();
    let paths = config.policy_folders.iter().chain(&args.policies);
    let repository = policies::read(paths, rego_options(&args.rego, config, sources)?, sources, &policies)?;
    policies.extend(repository.policies.iter().cloned());
    let frameworks = if args.framework.is_empty() { config.frameworks.clone() } else { args.framework.clone() };
    check_frameworks(&frameworks)?;
    let own = repository.policies.iter().map(|policy| policy.id().to_string());
    // What probity.yaml includes is said of the built-in policies; a repository's own ones are there to be asked.
    let checks = match (args.checks.is_empty(), config.include.is_empty()) {
        (false, _) => args.checks.clone(),
        (true, true) => Vec::new(),
        (true, false) => config.include.iter().cloned().chain(own).collect(),
    };
    let skip_checks = config.skip.iter().chain(&args.skip_checks).cloned().collect();
    let selection = Selection { checks, skip_checks, frameworks: frameworks.clone(), severity: args.severity };
    if !selection.is_empty() {
        selection.check(&policies.iter().map(|policy| policy.metadata()))?;
    }
    let today = today();
    let waivers = match args.waivers.as_ref().or(config.waivers.as_ref()) {
        Some(path) => config::read_waivers(path, sources, today)?,
        None => Vec::new(),
    };
    let set = PolicySet::builder(Gate::Ci, config.stages.clone())
        .policies(policies)
        .selection(selection)
        .waivers(waivers)
        .build()?;
    Ok(Policies { set, own: repository, frameworks })
}

fn check_frameworks(names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let known: Vec<&str> = Frameworks::builtin().iter().map(|framework| framework.id.as_str()).collect();
    for name in names {
        if !known.contains(&name.as_str()) && name != "cis" {
            bail!("there is no framework `{name}`; known are {}", known.join(", "));
        }
    }
    Ok(())
}

fn scanned_paths(args: &Args, config: &Config) -> Vec<PathBuf> {
    match (args.paths.is_empty(), config.paths.is_empty()) {
        (false, _) => args.paths.clone(),
        (true, false) => config.paths.clone(),
        (true, true) => vec![PathBuf::from(".")],
    }
}

/// The files that are read besides policies.
struct Inputs {
    paths: Vec<PathBuf>,
    /// Values of Terraform's variables.
    value_files: Vec<PathBuf>,
    helm_values: Vec<PathBuf>,
}

impl Inputs {
    fn named(args: &Args, config: &Config) -> Self {
        let paths = scanned_paths(args, config);
        Self { paths, value_files: args.value_files.clone(), helm_values: args.helm_values.clone() }
    }

    /// Those of the base of a change.
    fn of_base(&self, base: &Base) -> Self {
        let files = |paths: &[PathBuf]| paths.iter().map(|path| base.file(path)).collect();
        Self {
            paths: self.paths.iter().filter_map(|path| base.path(path)).collect(),
            value_files: files(&self.value_files),
            helm_values: files(&self.helm_values),
        }
    }
}

/// What was found before a change. Its files are judged as they were, by the policies and with the options of now.
fn before(base: &str, args: &Args, config: &Config, policies: &Policies, inputs: &Inputs) -> Result<(Base, Found)> {
    let base = Base::read(base, &inputs.paths)?;
    let inputs = inputs.of_base(&base);
    let sources = Sources::default();
    let decisions = base.visit(|| {
        if inputs.paths.is_empty() {
            return Ok(Vec::new());
        }
        let tree = read(args, config, policies, &inputs, &sources)?;
        for (path, problem) in &tree.problems {
            eprintln!(
                "note: in {}, so that what it has counts as introduced: {}",
                base.name,
                problem.display(&sources, path)
            );
        }
        let mut decisions = decide(&policies.set, &tree, &sources);
        // As those that they are compared with.
        Masks::of(&decisions, &sources).clean(&mut decisions, &sources);
        Ok(decisions)
    })?;
    let found = base.found(&decisions)?;
    Ok((base, found))
}

/// The values that the command line gives variables of Terraform.
fn given_variables(args: &Args, files: &[PathBuf], sources: &Sources) -> Result<BTreeMap<String, Value>> {
    let mut all = BTreeMap::new();
    for path in files {
        let text: Arc<str> = input::read_text(path)?.into();
        let source = sources.add(path.clone(), Arc::clone(&text));
        let (values, problems) = terraform::read_values(&ModuleFile { path: path.clone(), text, source });
        if let Some(problem) = problems.first() {
            let place =
                problem.span.and_then(|span| sources.locate(span)).map_or_else(String::new, |place| place.to_string());
            bail!("{place}: {}", problem.message);
        }
        all.extend(values);
    }
    all.extend(args.variables.iter().cloned());
    Ok(all)
}

/// The values that the command line gives Helm charts.
fn helm_values(paths: &[PathBuf], sources: &Sources) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for path in paths {
        let text = input::read_text(path)?;
        let source = sources.add(path.clone(), text.as_str());
        let documents = yaml::read(&text, source, Dialect::Kubernetes)
            .map_err(|(problem, _)| anyhow!("{}", problem.display(sources, path)))?;
        let value = documents.into_iter().next().map(|document| document.value);
        if let Some(other) = value.as_ref().filter(|value| value.as_object().is_none() && !value.is_null()) {
            bail!("{}: values of Helm charts are a mapping, not a {}", path.display(), other.kind());
        }
        all.extend(value.filter(|value| !value.is_null()));
    }
    Ok(all)
}

/// Values of variables of Terraform in the environment.
fn environment_variables() -> BTreeMap<String, Value> {
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    variables.filter_map(|(name, value)| Some((name.strip_prefix("TF_VAR_")?.to_owned(), value.into()))).collect()
}

fn read(args: &Args, config: &Config, policies: &Policies, inputs: &Inputs, sources: &Sources) -> Result<Tree> {
    let own = &policies.own;
    let exclude = config.exclude.iter().chain(&args.exclude).cloned().collect();
    let documents = own.judges_documents.then(|| config.documents.clone());
    let texts = secrets::texts(&policies.set);
    let mut options = ReadOptions { exclude, documents, texts, ..ReadOptions::default() };
    options.terraform.variables = given_variables(args, &inputs.value_files, sources)?;
    options.terraform.environment = environment_variables();
    options.helm.values = helm_values(&inputs.helm_values, sources)?;
    options.helm.api_versions.clone_from(&args.helm_api_versions);
    // Hidden where nobody looks, and not shown for what is done at once.
    let (bar, started) = (ProgressBar::new_spinner().with_message("files read"), Instant::now());
    bar.set_style(ProgressStyle::with_template("{spinner} {pos} {msg}")?);
    let progress = |files: usize| {
        if started.elapsed() > LONG {
            bar.set_position(files as u64);
        }
    };
    let mut tree = read_paths(&inputs.paths, sources, &options, &progress)?;
    bar.finish_and_clear();
    documents::add(&mut tree, args.rego.parser, own.rego.combine, sources);
    secrets::add(&mut tree, sources);
    for subject in tree.graph.subjects_mut() {
        if let Some(source) = subject.span.and_then(|span| sources.get(span.source)) {
            subject.labels = config.labels(&source.path);
        }
        if let Some(environment) = &args.environment {
            subject.labels.environment = Some(environment.as_str().into());
        }
    }
    Ok(tree)
}

fn decide(set: &PolicySet, tree: &Tree, sources: &Sources) -> Vec<Decision> {
    let facts = Facts { graph: &tree.graph, today: today() };
    let rulings = set.rule(&facts);
    (0..tree.graph.subjects().len())
        .into_par_iter()
        .filter_map(|position| {
            let index = NodeIndex(u32::try_from(position).ok()?);
            let mut decision = set.evaluate(tree.graph.subject(index), index, &facts, &rulings);
            decision.locate(sources);
            Some(decision)
        })
        .collect()
}

fn write_report(args: &Args, report: &Report<'_>) -> Result<()> {
    match &args.output {
        None => {
            let mut out = BufWriter::new(anstream::stdout());
            output::write(args.format, report, &mut out)?;
            out.flush()?;
        }
        Some(path) => {
            let mut out = anstream::StripStream::new(Vec::new());
            output::write(args.format, report, &mut out)?;
            let text = String::from_utf8_lossy(&out.into_inner()).into_owned();
            write_file(path, &text)?;
        }
    }
    Ok(())
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
