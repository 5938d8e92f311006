//! `cargo xtask bench rego GATEKEEPER [FOLDER]`: evaluation, start-up and memory of Rego against OPA and the bytecode machine of
//! regorus, in one run. Each engine is a program of its own that does the same (see the example `measure` of
//! `policy/rego`, and `xtask/peers`), built here; one that cannot be built, as there is no Go, is left out.

mod workloads;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use workloads::Workload;

use crate::ratio;

/// Rounds of all engines in turn; the median of each figure counts.
const ROUNDS: usize = 5;
/// How long an engine evaluates a workload in a round.
const MILLISECONDS: &str = "400";

struct Engine {
    name: &'static str,
    program: PathBuf,
}

/// What a run of an engine said.
#[derive(Default)]
struct Run {
    start: u64,
    /// Nanoseconds of one evaluation.
    median: u64,
    peak_kib: u64,
    results: Vec<serde_json::Value>,
}

/// A folder that is given keeps the workloads.
pub(crate) fn bench(library: &Path, folder: Option<&Path>) -> Result<()> {
    let engines = build()?;
    let own = tempfile::tempdir()?;
    let work = folder.unwrap_or(own.path());
    let mut workloads = workloads::gatekeeper(library, work)?;
    workloads.push(workloads::rbac(work)?);
    workloads.extend(workloads::plan(work)?);
    println!("evaluation, microseconds (how many times ours) and peak memory, MiB; medians of {ROUNDS} rounds");
    header(&engines);
    let mut ratios: Vec<Vec<f64>> = vec![Vec::new(); engines.len()];
    for workload in &workloads {
        let runs = rounds(&engines, workload, MILLISECONDS)?;
        same_results(&engines, workload, &runs)?;
        row(&workload.name, &runs, |run| run.median);
        for (ratios, run) in ratios.iter_mut().zip(&runs) {
            if let (Some(run), Some(own)) = (run, &runs[0]) {
                ratios.push(ratio(run.median, own.median));
            }
        }
    }
    print!("{:28}", "median of the ratios");
    for ratios in &mut ratios {
        ratios.sort_by(f64::total_cmp);
        let median = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN);
        print!("{:28}", format!("{median:10.1}x"));
    }
    println!(
        "\n\nstart-up, microseconds from reading the files to the first evaluation, and peak memory after it, MiB"
    );
    header(&engines);
    let bundle = workloads::bundle(work)?;
    let runs = rounds(&engines, &bundle, "0")?;
    same_results(&engines, &bundle, &runs)?;
    row(&bundle.name, &runs, |run| run.start);
    Ok(())
}

fn header(engines: &[Engine]) {
    print!("{:28}", "");
    for engine in engines {
        print!("{:28}", engine.name);
    }
    println!();
}

fn row(name: &str, runs: &[Option<Run>], figure: fn(&Run) -> u64) {
    print!("{name:28}");
    let own = runs[0].as_ref().map_or(1, figure);
    for run in runs {
        let cell = run.as_ref().map_or_else(
            || "refused".to_owned(),
            |run| {
                let (time, memory) = (ratio(figure(run), 1000), ratio(run.peak_kib, 1024));
                format!("{time:10.1} {:>6.1}x {memory:7.1}", ratio(figure(run), own))
            },
        );
        print!("{cell:28}");
    }
    println!();
}

/// The programs, built from what is here.
fn build() -> Result<Vec<Engine>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let cargo = |arguments: &[&str], folder: &Path, target: &Path| {
        let mut command = Command::new(env!("CARGO"));
        command.args(["build", "--release"]).args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", target);
        command
    };
    let mut own = cargo(&["-p", "probity-policy-rego", "--example", "measure"], root, &target);
    if !own.status()?.success() {
        bail!("the example `measure` of policy/rego cannot be built");
    }
    let mut engines = vec![Engine { name: "Probity", program: target.join("release/examples/measure") }];
    let peers = target.join("peers");
    let opa = peers.join("opa");
    let go =
        Command::new("go").args(["build", "-o"]).arg(&opa).arg(".").current_dir(root.join("xtask/peers/opa")).status();
    if go.is_ok_and(|status| status.success()) {
        engines.push(Engine { name: "OPA", program: opa });
    }
    let mut regorus = cargo(&["--locked"], &root.join("xtask/peers/regorus"), &peers);
    if regorus.status().is_ok_and(|status| status.success()) {
        engines.push(Engine { name: "regorus, RVM", program: peers.join("release/probity-bench-regorus") });
    }
    Ok(engines)
}

/// Each engine's run of median time; `None` when it refuses the workload.
fn rounds(engines: &[Engine], workload: &Workload, milliseconds: &str) -> Result<Vec<Option<Run>>> {
    let mut runs: Vec<Vec<Run>> = engines.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (engine, runs) in engines.iter().zip(&mut runs) {
            runs.extend(run(engine, workload, milliseconds)?);
        }
    }
    Ok(runs
        .into_iter()
        .map(|mut runs| {
            runs.sort_by_key(|run| (run.median, run.start));
            (!runs.is_empty()).then(|| runs.swap_remove(runs.len() / 2))
        })
        .collect())
}

fn run(engine: &Engine, workload: &Workload, milliseconds: &str) -> Result<Option<Run>> {
    // The peak is that of all children of a process, so each run has a parent of its own.
    let output = Command::new(std::env::current_exe()?)
        .args(["peak".as_ref(), engine.program.as_os_str(), workload.folder.as_os_str()])
        .args([&workload.query, workload.version, milliseconds])
        .output()?;
    if !output.status.success() {
        if engine.name == "Probity" || engine.name == "OPA" {
            bail!("{} at {}: {}", engine.name, workload.name, String::from_utf8_lossy(&output.stderr));
        }
        return Ok(None);
    }
    let mut run = Run::default();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "start" => run.start = rest.parse()?,
            "median" => run.median = rest.parse()?,
            "peak" => run.peak_kib = rest.parse()?,
            "result" => run.results.push(serde_json::from_str(rest)?),
            "undefined" => run.results.push(serde_json::Value::Null),
            _ => {}
        }
    }
    Ok(Some(run))
}

/// Figures mean nothing unless all say the same; a peer that does not is told of.
fn same_results(engines: &[Engine], workload: &Workload, runs: &[Option<Run>]) -> Result<()> {
    let own = runs[0].as_ref().context("a run of ours")?;
    for (engine, run) in engines.iter().zip(runs) {
        if run.as_ref().is_some_and(|run| run.results != own.results) {
            println!("{}: the result of {} is another", workload.name, engine.name);
        }
    }
    Ok(())
}

/// Runs a program and says what most memory it had, in KiB, after what it says itself.
pub(crate) fn peak(program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program).args(arguments).status()?;
    let peak = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN)?.max_rss();
    println!("peak {peak}");
    std::process::exit(status.code().unwrap_or(1));
}
