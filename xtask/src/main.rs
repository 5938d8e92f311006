//! `cargo xtask bench value` and `bench scan`: time, memory and size against peers, in one run; `bench ledger`, `bench index`
//! and `bench web`: evidence at a million decisions; `bench rego`: Rego against OPA and regorus; `bench opa-api`:
//! decisions over HTTP, against OPA; `bench kyverno`: Kyverno's policies on many Pods, against Kyverno. `pages` writes the
//! reference pages of the built-in policies; `helm` renders charts and compares with what Helm gives,
//! `kustomize` the kustomizations of a tree with what kustomize gives.

mod helm;
mod index;
mod kustomize;
mod kyverno;
mod ledger;
mod opa_api;
mod pages;
mod rego;
mod web;

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use probity_model::json;

/// The one of the product, as some of what is measured runs in this process.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const USAGE: &str = "usage: cargo xtask pages [--check]
       cargo xtask helm HELM CHARTS...
       cargo xtask kustomize KUSTOMIZE TREE
       cargo xtask bench value
       cargo xtask bench scan PROBITY CHECKOV TREE CHECKS [TRIVY]
       cargo xtask bench ledger FOLDER [COUNT]
       cargo xtask bench index [DECISIONS] [FOLDER]
       cargo xtask bench web FOLDER
       cargo xtask bench rego GATEKEEPER [FOLDER]
       cargo xtask bench opa-api PROBITY OPA [SECONDS]
       cargo xtask bench kyverno PROBITY KYVERNO POLICIES [PODS]";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["pages"] => pages::write(),
        ["pages", "--check"] => pages::check(),
        ["helm", program, charts @ ..] => helm::check(program.as_ref(), charts),
        ["kustomize", program, tree] => kustomize::check(program.as_ref(), tree.as_ref()),
        ["bench", "value"] => {
            bench_value();
            Ok(())
        }
        ["bench", "scan", probity, checkov, tree, checks] => bench_scan(probity, checkov, tree, checks, None),
        ["bench", "scan", probity, checkov, tree, checks, trivy] => {
            bench_scan(probity, checkov, tree, checks, Some(trivy))
        }
        ["measure", program, rest @ ..] => measure(program, rest),
        ["bench", "ledger", folder] => ledger::bench(folder.as_ref(), 1_000_000),
        ["bench", "ledger", folder, count] => ledger::bench(folder.as_ref(), count.parse().context("COUNT")?),
        ["bench", "index"] => index::bench(1_000_000, None),
        ["bench", "index", decisions] => index::bench(decisions.parse()?, None),
        ["bench", "index", decisions, folder] => index::bench(decisions.parse()?, Some(folder.as_ref())),
        ["bench", "web", folder] => web::bench(folder.as_ref()),
        ["bench", "rego", library] => rego::bench(library.as_ref(), None),
        ["bench", "rego", library, folder] => rego::bench(library.as_ref(), Some(folder.as_ref())),
        ["peak", program, rest @ ..] => rego::peak(program, rest),
        ["bench", "opa-api", probity, opa] => opa_api::bench(probity, opa, 5),
        ["bench", "opa-api", probity, opa, seconds] => opa_api::bench(probity, opa, seconds.parse()?),
        ["bench", "kyverno", probity, peer, library] => kyverno::bench(probity, peer, library.as_ref(), 10_000),
        ["bench", "kyverno", probity, peer, library, pods] => {
            kyverno::bench(probity, peer, library.as_ref(), pods.parse().context("PODS")?)
        }
        _ => bail!(USAGE),
    }
}

/// A Pod of three containers.
fn pod() -> String {
    let container = |name: &str| {
        format!(
            r#"{{"name":"{name}","image":"registry.example/clinic/{name}:1.2.3","ports":[{{"containerPort":8080,"protocol":"TCP"}}],
            "env":[{{"name":"LOG_LEVEL","value":"info"}},{{"name":"REGION","value":"eu-central-1"}}],
            "resources":{{"requests":{{"cpu":"250m","memory":"256Mi"}},"limits":{{"cpu":"1","memory":"512Mi"}}}},
            "securityContext":{{"runAsNonRoot":true,"runAsUser":65534,"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,
            "capabilities":{{"drop":["ALL"]}}}},
            "readinessProbe":{{"httpGet":{{"path":"/healthz","port":8080}},"periodSeconds":10}},
            "volumeMounts":[{{"name":"data","mountPath":"/data"}}]}}"#
        )
    };
    format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"portal","namespace":"clinic","labels":{{"app":"portal","tier":"web"}}}},
        "spec":{{"serviceAccountName":"portal","containers":[{},{},{}],"volumes":[{{"name":"data","emptyDir":{{}}}}]}}}}"#,
        container("portal"),
        container("proxy"),
        container("logs")
    )
}

/// Median time of one call, over batches in turn with another's.
fn compare(mut ours: impl FnMut(), mut theirs: impl FnMut()) -> (Duration, Duration) {
    const BATCHES: usize = 41;
    const CALLS: u32 = 2_000;
    let time = |call: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..CALLS).for_each(|_| call());
        start.elapsed() / CALLS
    };
    let (mut a, mut b): (Vec<Duration>, Vec<Duration>) =
        (0..BATCHES).map(|_| (time(&mut ours), time(&mut theirs))).unzip();
    a.sort();
    b.sort();
    (a[BATCHES / 2], b[BATCHES / 2])
}

fn bench_value() {
    let text = pod();
    let bytes = text.as_bytes();
    let (ours, theirs) = compare(
        || drop(black_box(json::read(black_box(bytes)))),
        || drop(black_box(serde_json::from_slice::<serde_json::Value>(black_box(bytes)))),
    );
    println!("parse a Pod of {} bytes: Value {ours:?}, serde_json::Value {theirs:?}", bytes.len());
    if let (Ok(ours), Ok(theirs)) = (json::read(bytes), serde_json::from_slice::<serde_json::Value>(bytes)) {
        let (ours, theirs) = compare(|| drop(black_box(ours.clone())), || drop(black_box(theirs.clone())));
        println!("clone it: Value {ours:?}, serde_json::Value {theirs:?}");
    }
}

/// Runs that are measured of each command; one more before them warms the caches.
const RUNS: usize = 7;

/// The same checks on the same tree by Probity and by Checkov, in turn; Trivy takes no list of checks and does all of
/// its own. Medians of whole commands.
fn bench_scan(probity: &str, checkov: &str, tree: &str, checks: &str, trivy: Option<&str>) -> Result<()> {
    let cache = std::env::temp_dir().join("probity-bench-trivy").display().to_string();
    let own = ["scan", "--no-config", "--soft-fail", "--check", checks, tree];
    let all = ["scan", "--no-config", "--soft-fail", tree];
    let peer = ["--compact", "--quiet", "--framework", "terraform", "--check", checks, "-d", tree];
    let other =
        ["config", "--quiet", "--cache-dir", &cache, "--skip-check-update", "--misconfig-scanners", "terraform", tree];
    let mut commands: Vec<(&str, &str, &[&str])> = vec![
        ("probity", probity, &own),
        ("probity, all policies", probity, &all),
        ("probity --version", probity, &["--version"]),
        ("checkov", checkov, &peer),
    ];
    commands.extend(trivy.map(|trivy| ("trivy, all checks", trivy, &other[..])));
    let mut runs: Vec<Vec<Measured>> = vec![Vec::new(); commands.len()];
    for round in 0..=RUNS {
        for ((_, program, arguments), runs) in commands.iter().zip(&mut runs) {
            let measured = measured(program, arguments)?;
            if round > 0 {
                runs.push(measured);
            }
        }
    }
    let median = |runs: &[Measured]| {
        let (mut times, mut peaks): (Vec<_>, Vec<_>) = runs.iter().map(|run| (run.time, run.peak_kib)).unzip();
        times.sort();
        peaks.sort_unstable();
        (times[RUNS / 2].as_secs_f64(), peaks[RUNS / 2])
    };
    let (own_time, own_peak) = median(&runs[0]);
    for ((name, ..), runs) in commands.iter().zip(&runs) {
        let (time, peak) = median(runs);
        let (times, memory) = (time / own_time, ratio(peak, own_peak));
        println!(
            "{name:22} {:9.1} ms {:8.1} MiB  exit {}  ({times:.1} times the time, {memory:.1} times the memory)",
            time * 1000.0,
            ratio(peak, 1024),
            runs[0].code
        );
    }
    let size = std::fs::metadata(probity).with_context(|| format!("{probity} is not there"))?.len();
    println!("size of the binary: {:.1} MiB", ratio(size, 1 << 20));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit behind the point")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

#[derive(Debug, Clone, Copy)]
struct Measured {
    time: Duration,
    /// Most memory that was resident at once, in KiB.
    peak_kib: u64,
    code: i32,
}

/// Runs a command below a process of its own, whose children are that command alone: the system tells the peak memory
/// only of all children together.
fn measured(program: &str, arguments: &[&str]) -> Result<Measured> {
    let output = Command::new(std::env::current_exe()?).arg("measure").arg(program).args(arguments).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [nanoseconds, peak_kib, code] = numbers[..] else {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr));
    };
    Ok(Measured { time: Duration::from_nanos(nanoseconds), peak_kib, code: i32::try_from(code)? })
}

/// Prints nanoseconds, peak memory in KiB, and the exit code of a command.
fn measure(program: &str, arguments: &[&str]) -> Result<()> {
    let start = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("{program} cannot be run"))?;
    let time = start.elapsed().as_nanos();
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    println!("{time} {peak} {}", status.code().context("ended by a signal")?);
    Ok(())
}
