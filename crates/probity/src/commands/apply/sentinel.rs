//! `probity apply` for Sentinel policies, as `sentinel apply` does.

mod report;

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use probity_model::{Sources, Value, json};
use probity_policy_rego::Impure;
use probity_policy_sentinel::config::EnforcementLevel;
use probity_policy_sentinel::set::{self, Options};
use probity_policy_sentinel::{EvaluateError, Outcome, Reason, SentinelPolicy, Verdict};

use super::Args;
use crate::input;
use crate::output::Format;
use crate::outside::Outside;
use crate::policies::sentinel::texts_of;

/// What an error is that says nothing of a policy, by Sentinel's exit codes.
const OTHER: u8 = 9;

/// What Sentinel policies are evaluated with.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Sentinel policies")]
pub(super) struct SentinelArgs {
    /// The plan that is judged, or the state: what `terraform show -json` writes. It comes before what the configuration mocks.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// What the import tfrun gives, in JSON.
    #[arg(long, value_name = "FILE", requires = "plan")]
    run: Option<PathBuf>,
    /// The configuration. Default: sentinel.hcl or sentinel.json beside a policy, or in the current folder.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A value for a parameter, in JSON or as a text. May be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = read_value)]
    params: Vec<(String, Value)>,
    /// A value for a name that is there without an import, in JSON or as a text. May be repeated.
    #[arg(long = "global", value_name = "NAME=VALUE", value_parser = read_value)]
    globals: Vec<(String, Value)>,
    /// Also show how policies that pass came to it.
    #[arg(long)]
    trace: bool,
    /// A host that policies may send requests to (import http), such as api.example.com. May be repeated.
    #[arg(long, value_name = "HOST")]
    allow_http: Vec<String>,
    /// End as `sentinel apply` does: 0 pass, 1 fail, 2 undefined, 3 an error in a policy, 9 any other error.
    #[arg(long)]
    sentinel_exit_codes: bool,
}

fn read_value(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            let value = json::read(value.as_bytes()).unwrap_or_else(|_| value.into());
            Ok((name.trim().to_owned(), value))
        }
        _ => Err(format!("`{text}` is not NAME=VALUE")),
    }
}

/// A policy that was evaluated.
struct Applied<'p> {
    policy: &'p SentinelPolicy,
    result: Result<(Outcome, Vec<Reason>), EvaluateError>,
    duration: Duration,
    /// Whether what it came to decides how the command ends.
    counts: bool,
}

/// Whether the policies that are named are Sentinel's.
pub(super) fn is_asked(args: &Args) -> bool {
    let is_part = |path: &PathBuf| set::is_policy_file(path) || set::is_configuration_file(path);
    let has_part = |folder: &PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).any(|path| is_part(&path))
    };
    let SentinelArgs { plan, config, .. } = &args.sentinel;
    plan.is_some()
        || config.is_some()
        || args.policies.iter().any(|path| is_part(path) || has_part(path))
        || args.policies.is_empty() && configuration_in(Path::new("")).is_some()
}

fn configuration_in(folder: &Path) -> Option<PathBuf> {
    ["sentinel.hcl", "sentinel.json"].iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Runs the command; gives the exit code.
pub(super) fn run(args: &Args) -> Result<u8> {
    match apply(args) {
        Err(error) if args.sentinel.sentinel_exit_codes => {
            eprintln!("error: {}", crate::words(&error));
            Ok(OTHER)
        }
        result => result,
    }
}

fn apply(args: &Args) -> Result<u8> {
    if !matches!(args.format, Format::Text | Format::Json) {
        bail!("Sentinel policies are told as text or json here; `probity scan --policy` has the other forms");
    }
    let sources = Sources::default();
    let policies = policies(args, &sources)?;
    let plan = plan(&args.sentinel)?;
    let host = Outside::new([Impure::Clock], &args.sentinel.allow_http);
    let applied: Vec<Applied<'_>> = policies
        .iter()
        .map(|(policy, counts)| {
            let started = Instant::now();
            let result = policy.evaluate(plan.as_ref(), &host);
            Applied { policy, result, duration: started.elapsed(), counts: *counts }
        })
        .collect();
    let mut out = BufWriter::new(anstream::stdout());
    match args.format {
        Format::Json => writeln!(out, "{}", json::write(&report::document(&applied)))?,
        _ => report::text(&applied, args.sentinel.trace || args.verbose, &mut out)?,
    }
    out.flush()?;
    Ok(exit_code(&applied, args.sentinel.sentinel_exit_codes))
}

/// The policies, each with whether it counts: those that are named do, and of a set those that are mandatory.
fn policies(args: &Args, sources: &Sources) -> Result<Vec<(SentinelPolicy, bool)>> {
    let SentinelArgs { config, plan, params, .. } = &args.sentinel;
    let beside = args.policies.iter().find_map(|path| configuration_in(path.parent()?));
    let configuration = config.clone().or(beside).or_else(|| configuration_in(Path::new("")));
    let names = Names::of(&args.policies);
    let texts = texts_of(names.paths.iter().chain(&configuration))?;
    let options = Options { with_mocks: plan.is_none(), asked: names.files.clone() };
    let set = set::read(texts, &options, sources);
    if !set.problems.is_empty() {
        bail!(set.problems.join("\nerror: "));
    }
    let mut chosen: Vec<SentinelPolicy> = set.policies.into_iter().filter(|policy| names.mean(policy)).collect();
    names.check(&chosen)?;
    for policy in &mut chosen {
        give(policy, &args.sentinel);
    }
    if let Some((name, _)) =
        params.iter().find(|(name, _)| !chosen.iter().any(|policy| policy.params.contains_key(name)))
    {
        bail!("no policy has a parameter `{name}`");
    }
    let counts = |policy: &SentinelPolicy| !names.mean_all() || policy.level != Some(EnforcementLevel::Advisory);
    let with_counts = |policy: SentinelPolicy| {
        let counts = counts(&policy);
        (policy, counts)
    };
    Ok(chosen.into_iter().map(with_counts).collect())
}

/// What the command line names: files and folders, policies among the files, and policies of the configuration.
struct Names {
    paths: Vec<PathBuf>,
    files: Vec<PathBuf>,
    labels: Vec<PathBuf>,
}

impl Names {
    fn of(named: &[PathBuf]) -> Self {
        let is_label = |path: &PathBuf| !path.exists() && path.components().count() == 1 && !set::is_policy_file(path);
        let (labels, paths): (Vec<PathBuf>, Vec<PathBuf>) = named.iter().cloned().partition(is_label);
        let files = paths.iter().filter(|path| set::is_policy_file(path)).cloned().collect();
        Self { paths, files, labels }
    }

    /// Whether no policy is named, and so all are meant.
    fn mean_all(&self) -> bool {
        self.files.is_empty() && self.labels.is_empty()
    }

    fn mean(&self, policy: &SentinelPolicy) -> bool {
        self.mean_all()
            || self.labels.iter().any(|label| is_label_of(label, policy))
            || self.files.iter().any(|path| set::is_same_file(path, policy.policy.path()))
    }

    /// Checks that there is a policy for each name.
    fn check(&self, chosen: &[SentinelPolicy]) -> Result<()> {
        let is_missing = |label: &&PathBuf| !chosen.iter().any(|policy| is_label_of(label, policy));
        if let Some(missing) = self.labels.iter().find(is_missing) {
            bail!("{}: there is no such file, and no policy of that name in the configuration", missing.display());
        }
        if chosen.is_empty() {
            bail!("no Sentinel policy is there: name a policy, or a sentinel.hcl that names some");
        }
        Ok(())
    }
}

fn is_label_of(label: &Path, policy: &SentinelPolicy) -> bool {
    label.as_os_str() == policy.name.as_str()
}

/// Gives a policy what the command line has for it.
fn give(policy: &mut SentinelPolicy, args: &SentinelArgs) {
    let known = |name: &String| policy.policy.params().any(|(known, _)| known == name);
    let params: Vec<(String, Value)> = args.params.iter().filter(|(name, _)| known(name)).cloned().collect();
    policy.params.extend(params);
    if !args.globals.is_empty() {
        let mut globals = (*policy.globals).clone();
        globals.extend(args.globals.iter().cloned());
        policy.globals = globals.into();
    }
}

fn plan(args: &SentinelArgs) -> Result<Option<Value>> {
    let Some(path) = &args.plan else { return Ok(None) };
    let read = |path: &Path| {
        let text = input::read_text(path)?;
        json::read(text.as_bytes()).map_err(|problem| anyhow::anyhow!("{}: {problem}", path.display()))
    };
    let plan = read(path)?;
    let Some(run) = &args.run else { return Ok(Some(plan)) };
    let Value::Object(members) = plan else { bail!("{}: a plan is an object", path.display()) };
    let members = members.iter().map(|(key, value)| (key.clone(), value.clone()));
    let run = read(run).context("what tfrun gives")?;
    Ok(Some(Value::Object(members.chain([("tfrun".into(), run)]).collect())))
}

/// The worst of what counts: an error, undefined, a failure.
fn exit_code(applied: &[Applied<'_>], like_sentinel: bool) -> u8 {
    let code = |applied: &Applied<'_>| match &applied.result {
        Err(_) => 3,
        Ok((outcome, _)) => match outcome.verdict {
            Verdict::Pass => 0,
            Verdict::Fail => 1,
            Verdict::Undefined => 2,
        },
    };
    let worst = applied.iter().filter(|applied| applied.counts).map(code).max().unwrap_or(0);
    match worst {
        0 => crate::CLEAN,
        worst if like_sentinel => worst,
        _ => crate::FINDINGS,
    }
}
