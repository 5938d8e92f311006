//! `cargo xtask bench sentinel SET...`: the policies of published sets (folders with a `sentinel.hcl`) on a plan of 5 MB: each
//! alone, and 300 on two threads. There is no peer, as Sentinel is closed: times and memory are absolute.

mod plan;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use probity_model::{Sources, json};
use probity_policy_sentinel::terraform::Plan;
use probity_policy_sentinel::testing::Loader;
use probity_policy_sentinel::{Evaluation, Import, Policy, Verdict};

/// Bytes of the plan.
const PLAN: usize = 5_000_000;

/// Policies that judge it together, and threads that they share.
const TOGETHER: usize = 300;
const THREADS: usize = 2;

/// Runs of which the median counts.
const RUNS: usize = 5;

/// A policy with what it imports.
struct Loaded {
    name: String,
    policy: Policy,
    imports: Vec<(String, Import)>,
}

impl Loaded {
    fn run(&self, plan: &Plan) -> Result<Verdict, String> {
        let mut evaluation = Evaluation::new(&self.policy).with_plan(plan);
        for (name, import) in &self.imports {
            evaluation = evaluation.with_import(name.as_str(), import.clone());
        }
        evaluation.run().map(|outcome| outcome.verdict).map_err(|failure| failure.to_string())
    }
}

pub(crate) fn bench(sets: &[&str]) -> Result<()> {
    let sources = Sources::default();
    let mut loader = Loader::new(&sources);
    let mut policies = Vec::new();
    let start = Instant::now();
    for set in sets {
        load(&mut loader, Path::new(set), &mut policies)?;
    }
    println!("{} policies of {} sets are read in {:.1?}", policies.len(), sets.len(), start.elapsed());
    ensure!(!policies.is_empty(), "no policies are there");
    let (text, resources) = plan::text(PLAN);
    println!("a plan of {} bytes with {resources} resources; at most {} MiB before", text.len(), peak_mib()?);
    let start = Instant::now();
    let document = json::read(text.as_bytes()).map_err(|problem| anyhow!("{problem}"))?;
    let plan = Plan::new(&document)?;
    println!("read in {:.1?}; at most {} MiB", start.elapsed(), peak_mib()?);
    drop(text);
    each(&policies, &plan);
    together(&policies, &Plan::new(&document)?);
    println!("at most {} MiB", peak_mib()?);
    Ok(())
}

fn load(loader: &mut Loader<'_>, set: &Path, policies: &mut Vec<Loaded>) -> Result<()> {
    let configuration = loader.configuration(&set.join("sentinel.hcl")).map_err(|message| anyhow!(message))?;
    let imports = loader.imports(&configuration, set).map_err(|message| anyhow!(message))?;
    for entry in &configuration.policies {
        let path: PathBuf = set.join(&entry.source);
        let policy = loader.policy(&path).map_err(|message| anyhow!(message))?;
        policies.push(Loaded { name: entry.name.clone(), policy, imports: imports.clone() });
    }
    Ok(())
}

/// Each policy alone, on one thread.
fn each(policies: &[Loaded], plan: &Plan) {
    let mut times: Vec<(Duration, &str)> = Vec::new();
    let (mut passed, mut failed, mut errors) = (0, 0, 0);
    let first = Instant::now();
    let _ = policies[0].run(plan);
    println!("the first policy, which has the imports made: {:.1?}", first.elapsed());
    for policy in policies {
        let mut runs: Vec<Duration> = Vec::with_capacity(RUNS);
        for run in 0..RUNS {
            let start = Instant::now();
            let verdict = policy.run(plan);
            runs.push(start.elapsed());
            match verdict {
                _ if run > 0 => {}
                Ok(Verdict::Pass) => passed += 1,
                Ok(_) => failed += 1,
                Err(message) => {
                    errors += 1;
                    println!("{}: {message}", policy.name);
                }
            }
        }
        runs.sort();
        times.push((runs[RUNS / 2], &policy.name));
    }
    times.sort();
    let (slowest, name) = times[times.len() - 1];
    println!("{passed} pass, {failed} fail, {errors} end with an error");
    println!("one policy: median {:.1?}, slowest {slowest:.1?} ({name})", times[times.len() / 2].0);
}

/// Many policies on a plan of which nothing was asked yet.
fn together(policies: &[Loaded], plan: &Plan) {
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let at = next.fetch_add(1, Ordering::Relaxed)
                    && at < TOGETHER
                {
                    let _ = policies[at % policies.len()].run(plan);
                }
            });
        }
    });
    println!("{TOGETHER} policies on {THREADS} threads: {:.1?}", start.elapsed());
}

fn peak_mib() -> Result<i64> {
    Ok(getrusage(UsageWho::RUSAGE_SELF)?.max_rss() / 1024)
}
