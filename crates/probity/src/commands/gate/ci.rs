//! `probity gate ci`.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use jiff::Timestamp;
use probity_evidence_ledger::{BuildRecord, BuiltImage, CheckOutcome, CheckRecord, ReportRecord};
use probity_inspection::ScanTime;
use probity_model::{Action, Decision, Gate, Problem, SmolStr, Sources};
use probity_subject_iac::Tree;

use crate::commands::destination::DestinationArgs;
use crate::config::Config;
use crate::evidence::data::{Data, DataArgs};
use crate::evidence::origin::{self, Run};
use crate::evidence::record::{Destination, Scan, Sent, record_all};
use crate::images::{ImageSource, InspectArgs, Judged, ReportArgs};
use crate::output::{self, Format, Report};
use crate::pipeline::{self, Annotate, Annotations, Checked, IMAGE_CHECKS};
use crate::scanning::{Inputs, Policies, PolicyArgs, decide};
use crate::secrets::Masks;
use crate::today;

/// Make all checks of a build in one run, and record it: infrastructure code and Dockerfiles, and of each image who signed it, its
/// bill of materials, its vulnerabilities, its base, its user, and all other policies about images.
///
/// What is known of the build is taken from the environment of GitHub Actions, GitLab CI, Jenkins, CircleCI, Azure Pipelines,
/// Buildkite or Tekton, and the platform is told in its own form. A check that could not be made fails the build.
///
/// Exit codes: 0 when the build may go on, 1 when a check does not hold, 2 when something could not be read or recorded or the
/// command is wrong; what could be read is judged all the same.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files and folders. Default: the paths of probity.yaml, or the current folder.
    paths: Vec<PathBuf>,
    /// An image of the build: a name in a registry, best with its digest, or oci:FOLDER[:TAG], oci-archive:FILE,
    /// docker-archive:FILE, containerd:FOLDER@NAME; or sbom:FILE, a bill of materials alone. May be repeated.
    #[arg(long = "image", value_name = "IMAGE")]
    images: Vec<ImageSource>,
    #[command(flatten)]
    build: BuildArgs,
    /// Let the build go on although these checks could not be made, such as sbom,base. They are recorded as not made.
    #[arg(long, value_name = "CHECKS", value_delimiter = ',', value_parser = names())]
    allow_missing: Vec<String>,
    /// Let the build go on although the server cannot be reached: what was found waits on the disk of this machine.
    #[arg(long)]
    allow_unsent: bool,
    /// How the platform is told.
    #[arg(long, value_enum, default_value_t = Annotate::Auto, value_name = "FORM")]
    annotate: Annotate,
    /// Where the report for the platform goes, when that is a file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    /// Leave out files that match, in the form of .gitignore. May be repeated.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// The environment of everything, over the labels of probity.yaml.
    #[arg(long, value_name = "NAME")]
    environment: Option<SmolStr>,
    #[command(flatten)]
    policies: PolicyArgs,
    #[command(flatten)]
    inspect: InspectArgs,
    #[command(flatten)]
    signed: ReportArgs,
    #[command(flatten)]
    destination: DestinationArgs,
    #[command(flatten)]
    data: DataArgs,
}

/// What the record of the build says, where the environment does not say it or says something else.
#[derive(clap::Args)]
#[command(next_help_heading = "The build")]
struct BuildArgs {
    /// What is built. Default: the name of the repository.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// The version that it is built as. Default: the tag that is built, or that of the image.
    #[arg(long, value_name = "VERSION")]
    build_version: Option<String>,
    /// The number of the build. Default: the one that the CI system gave it.
    #[arg(long, value_name = "NUMBER")]
    build_number: Option<String>,
    /// When the build began, such as 2026-11-27T10:15:00Z. Default: as the CI system says, or now.
    #[arg(long, value_name = "TIME", env = "PROBITY_BUILD_STARTED", value_parser = read_time)]
    started: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// The record of the build, and all findings.
    Json,
}

/// The names of the checks of an image.
fn names() -> clap::builder::PossibleValuesParser {
    IMAGE_CHECKS.iter().map(|(name, _)| *name).collect::<Vec<_>>().into()
}

fn read_time(text: &str) -> Result<Timestamp, String> {
    origin::read_time(text).ok_or_else(|| format!("`{text}` is no time; write it as 2026-11-27T10:15:00Z"))
}

/// All that was judged.
struct Findings {
    policies: Policies,
    tree: Tree,
    decisions: Vec<Decision>,
    images: Judged,
    /// The signed reports of images, each with the position of its decision.
    reports: Vec<(usize, ReportRecord)>,
    /// Policies of the repository that could not be read, and everything else.
    problems: Vec<(PathBuf, Problem)>,
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let (now, clock) = (Timestamp::now(), Instant::now());
    let sources = Arc::new(Sources::default());
    let start = args.paths.first().map_or(Path::new("."), PathBuf::as_path);
    let config = args.policies.configuration(start, &sources)?;
    if config.folder == Path::new("") {
        eprintln!("note: there is no probity.yaml; every built-in policy is enforced");
    }
    let destination = args.destination.resolve(Some(&config))?;
    let run = origin::of(start);
    let found = args.judge(&config, &sources)?;
    let masks = Masks::of(&found.decisions, &sources);
    let build = args.build(&run, &found, now);
    let recorded = args.record(&config, &build, &run, &found, &sources, &destination);
    let report = |decisions| Report {
        decisions,
        policies: &found.policies.set,
        problems: &found.problems,
        sources: &sources,
        masks: &masks,
        files: found.tree.files.total(),
        elapsed: clock.elapsed(),
        verbose: false,
        configured: config.folder != Path::new(""),
        left_out: None,
    };
    let all: Vec<Decision> = found.decisions.iter().chain(&found.images.decisions).cloned().collect();
    args.write(&build, &report(&all))?;
    let unspoken = without_checks(&all);
    let checks: Vec<CheckRecord> = build.checks.iter().filter(|check| speaks(check)).cloned().collect();
    let annotations = Annotations { build: &build, report: &report(&unspoken), checks: &checks };
    args.tell(&annotations)?;
    let sent = recorded?;
    let unsent = sent.why.is_some() && sent.waiting > 0;
    Ok(match () {
        () if unsent && !args.allow_unsent => {
            eprintln!("error: the build is not in the ledger of the server; --allow-unsent lets it go on all the same");
            crate::BROKEN
        }
        () if !found.problems.is_empty() => crate::BROKEN,
        () if build.action == Action::Deny => crate::FINDINGS,
        () => crate::CLEAN,
    })
}

impl Args {
    fn judge(&self, config: &Config, sources: &Arc<Sources>) -> Result<Findings> {
        let policies = self.policies.read(Gate::Ci, config, sources)?;
        policies.own.notes.iter().for_each(|note| eprintln!("note: {note}"));
        let inputs = Inputs {
            paths: match (self.paths.is_empty(), config.paths.is_empty()) {
                (false, _) => self.paths.clone(),
                (true, false) => config.paths.clone(),
                (true, true) => vec![PathBuf::from(".")],
            },
            exclude: self.exclude.clone(),
            environment: self.environment.clone(),
            ..Inputs::default()
        };
        let tree = inputs.read(config, &policies, sources)?;
        let mut decisions = decide(&policies.set, &tree.graph, sources);
        Masks::of(&decisions, sources).clean(&mut decisions, sources);
        let (images, reports) = self.judge_images(config, sources, &policies)?;
        let problems = [&tree.problems, &policies.own.problems, &images.problems];
        let problems = problems.into_iter().flatten().cloned().collect();
        Ok(Findings { policies, tree, decisions, images, reports, problems })
    }

    /// Without images nothing is opened that only they need.
    fn judge_images(
        &self,
        config: &Config,
        sources: &Sources,
        policies: &Policies,
    ) -> Result<(Judged, Vec<(usize, ReportRecord)>)> {
        let reporter = self.signed.open(self.images.len())?;
        if self.images.is_empty() {
            return Ok((Judged::default(), Vec::new()));
        }
        let inspector = self.inspect.open(config, sources)?;
        inspector.notes().for_each(|note| eprintln!("note: {note}"));
        let started = Timestamp::now();
        let environment = self.environment.as_ref();
        let judged = Judged::new(&self.images, &inspector, &policies.set, config, environment, today());
        judged.notes(sources).for_each(|note| eprintln!("note: {note}"));
        let during = ScanTime { started, finished: Timestamp::now() };
        let reports = reporter.map(|reporter| reporter.deliver(&judged, inspector.registry(), during)).transpose()?;
        Ok((judged, reports.unwrap_or_default()))
    }

    /// The record: what the arguments say goes before what the environment says.
    fn build(&self, run: &Run, found: &Findings, now: Timestamp) -> BuildRecord {
        let given = &self.build;
        let checks = self.checks(found);
        let stops =
            |check: &CheckRecord| check.blocks && matches!(check.outcome, CheckOutcome::Failed | CheckOutcome::Error);
        let broken = checks.iter().any(stops) || !found.problems.is_empty();
        BuildRecord {
            project: given.project.clone().unwrap_or_else(|| project(run)),
            version: given.build_version.clone().or_else(|| run.build.tag.clone()).or_else(|| Self::version(found)),
            number: given.build_number.clone().or_else(|| run.build.number.clone()),
            system: run.build.system.map(Into::into),
            builder: run.build.builder.clone(),
            origin: run.origin.clone(),
            started: given.started.or(run.build.started).unwrap_or(now).min(now),
            ended: Timestamp::now(),
            images: Self::built(found),
            checks,
            action: if broken { Action::Deny } else { Action::Allow },
            scanner: format!("probity {}", crate::version::version()),
        }
    }

    fn checks(&self, found: &Findings) -> Vec<CheckRecord> {
        let set = &found.policies.set;
        let own = found.policies.own.problems.iter().chain(&found.tree.problems).cloned().collect::<Vec<_>>();
        let infrastructure =
            Checked { set, decisions: &found.decisions, problems: &own, read: found.tree.files.total() };
        let images = Checked {
            set,
            decisions: &found.images.decisions,
            problems: &found.images.problems,
            read: found.images.inspections.len(),
        };
        let mut checks = vec![pipeline::of_infrastructure(&infrastructure)];
        checks.extend(pipeline::of_images(&images));
        for check in &mut checks {
            let allowed = self.allow_missing.iter().any(|name| *name == check.name);
            if allowed && check.outcome == CheckOutcome::Error {
                check.blocks = false;
            }
        }
        checks
    }

    /// The tag of the first image, when it is one that does not move.
    fn version(found: &Findings) -> Option<String> {
        let reference = found.images.inspections.iter().find_map(|inspection| inspection.image.reference.as_ref())?;
        reference.tag().map(ToString::to_string).filter(|tag| tag != "latest")
    }

    /// The images, those that could not be read too.
    fn built(found: &Findings) -> Vec<BuiltImage> {
        let read = found.images.inspections.iter().map(|inspection| {
            let image = &inspection.image;
            let reference = image.reference.as_ref().map_or_else(|| inspection.address(), ToString::to_string);
            BuiltImage { reference, digest: Some(image.digest.as_ref().unwrap_or(&image.id).to_string()) }
        });
        let unread = found.images.problems.iter();
        let unread = unread.map(|(image, _)| BuiltImage { reference: image.display().to_string(), digest: None });
        read.chain(unread).collect()
    }

    /// Keeps all of it as evidence, and says where it is.
    fn record(
        &self,
        config: &Config,
        build: &BuildRecord,
        run: &Run,
        found: &Findings,
        sources: &Sources,
        destination: &Destination,
    ) -> Result<Sent> {
        let data = Data::find(&self.data, Some(config.data()));
        let scan = |paths, graph, decisions, problems, files, reports| Scan {
            gate: Gate::Ci,
            paths,
            graph,
            decisions,
            policies: found.policies.set.metadata().collect(),
            own_policies: &found.policies.own,
            waivers: found.policies.set.waivers(),
            problems,
            sources,
            files,
            reports,
            frameworks: &found.policies.frameworks,
            today: today(),
        };
        let paths = if self.paths.is_empty() { config.paths.clone() } else { self.paths.clone() };
        let tree = &found.tree;
        let files = scan(&paths, &tree.graph, &found.decisions, &tree.problems, tree.files.total(), &[]);
        let names: Vec<PathBuf> = self.images.iter().map(|image| image.to_string().into()).collect();
        let judged = &found.images;
        let read = judged.inspections.len();
        let images = scan(&names, &judged.graph, &judged.decisions, &judged.problems, read, &found.reports);
        let mut scans = vec![&files];
        if !self.images.is_empty() {
            scans.push(&images);
        }
        let sent = record_all(&scans, Some(build), run, &data, destination)?;
        eprintln!("recorded the build; {}", sent.words(&data));
        Ok(sent)
    }

    fn write(&self, build: &BuildRecord, report: &Report<'_>) -> Result<()> {
        match self.format {
            Form::Text => {
                output::deliver(Format::Text, report, None)?;
                anstream::stdout().lock().write_all(format!("\n{}", pipeline::text(build)).as_bytes())?;
            }
            Form::Json => {
                let mut findings = Vec::new();
                output::write(Format::Json, report, &mut findings)?;
                let findings: serde_json::Value = serde_json::from_slice(&findings)?;
                let document = serde_json::json!({ "build": build, "scan": findings });
                writeln!(std::io::stdout().lock(), "{}", serde_json::to_string_pretty(&document)?)?;
            }
        }
        Ok(())
    }

    /// Commands to the platform do not get between JSON: both streams are read.
    fn tell(&self, annotations: &Annotations<'_>) -> Result<()> {
        let file = self.report.as_deref();
        match self.format {
            Form::Text => annotations.tell(self.annotate, file, &mut std::io::stdout().lock()),
            Form::Json => annotations.tell(self.annotate, file, &mut std::io::stderr().lock()),
        }
    }
}

/// The name of the repository, or of the folder.
fn project(run: &Run) -> String {
    let repository = run.origin.repository.as_deref().and_then(|repository| repository.rsplit('/').next());
    let folder = std::env::current_dir().ok();
    let folder = folder.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    repository.filter(|name| !name.is_empty()).map(str::to_owned).or(folder).unwrap_or_else(|| "unnamed".to_owned())
}

/// Whether a check is told by itself: the findings of the others are told one by one.
fn speaks(check: &CheckRecord) -> bool {
    IMAGE_CHECKS.iter().any(|(name, _)| *name == check.name) || check.outcome == CheckOutcome::Error
}

/// Decisions without the findings that a check speaks of.
fn without_checks(decisions: &[Decision]) -> Vec<Decision> {
    let spoken: HashSet<&str> = IMAGE_CHECKS.iter().map(|(_, policy)| *policy).collect();
    let mut decisions = decisions.to_vec();
    for decision in &mut decisions {
        decision.findings.retain(|finding| !spoken.contains(finding.policy.as_str()));
    }
    decisions
}
