//! `cargo xtask bench value` and `bench scan`: time, memory and size against peers, in one run; `bench growth`: how time and
//! memory grow with a tree and with a plan; `bench ledger`, `bench index`
//! and `bench web`: evidence at a million decisions; `bench rego`: Rego against OPA and regorus; `bench opa-api`:
//! decisions over HTTP, against OPA; `bench kyverno`: Kyverno's policies on many Pods, against Kyverno; `bench sentinel`: sets of Sentinel policies on a plan of 5 MB;
//! `bench permissions`: a million events of an audit log against roles and bindings;
//! `bench admission`: reviews a second, and what the gate adds to a request; `bench image`: an image read and scanned, against Trivy, Syft and Grype. `pages` writes the
//! reference pages of the built-in policies; `links` draws a sample of their links to controls for review; `helm` renders
//! charts and compares with what Helm gives, `kustomize` the kustomizations of a tree with what kustomize gives.

mod admission;
mod growth;
mod helm;
mod image;
mod index;
mod kustomize;
mod kyverno;
mod ledger;
mod links;
mod opa_api;
mod pages;
mod permissions;
mod rego;
mod scan;
mod sentinel;
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
       cargo xtask links SEED COUNT
       cargo xtask helm HELM CHARTS...
       cargo xtask kustomize KUSTOMIZE TREE
       cargo xtask bench value
       cargo xtask bench scan PROBITY CHECKOV TREE CHECKS|all [TRIVY]
       cargo xtask bench growth PROBITY TREE
       cargo xtask bench ledger FOLDER [COUNT]
       cargo xtask bench index [DECISIONS] [FOLDER]
       cargo xtask bench web FOLDER
       cargo xtask bench rego GATEKEEPER [FOLDER]
       cargo xtask bench opa-api PROBITY OPA [SECONDS]
       cargo xtask bench kyverno PROBITY KYVERNO POLICIES [PODS]
       cargo xtask bench sentinel SET...
       cargo xtask bench permissions PROBITY [EVENTS]
       cargo xtask bench admission PROBITY [SECONDS]
       cargo xtask bench image PROBITY FOLDER TRIVY [SYFT [GRYPE DATABASES]]";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["pages"] => pages::write(),
        ["pages", "--check"] => pages::check(),
        ["links", seed, count] => links::draw(seed, count.parse().context("COUNT")?),
        ["helm", program, charts @ ..] => helm::check(program.as_ref(), charts),
        ["kustomize", program, tree] => kustomize::check(program.as_ref(), tree.as_ref()),
        ["bench", "value"] => {
            bench_value();
            Ok(())
        }
        ["bench", "scan", probity, checkov, tree, checks] => scan::bench(probity, checkov, tree, checks, None),
        ["bench", "scan", probity, checkov, tree, checks, trivy] => {
            scan::bench(probity, checkov, tree, checks, Some(trivy))
        }
        ["bench", "growth", probity, source] => growth::bench(probity, source.as_ref()),
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
        ["bench", "sentinel", sets @ ..] if !sets.is_empty() => sentinel::bench(sets),
        ["bench", "permissions", probity] => permissions::bench(probity, 1_000_000),
        ["bench", "permissions", probity, events] => permissions::bench(probity, events.parse().context("EVENTS")?),
        ["bench", "admission", probity] => admission::bench(probity, 30),
        ["bench", "admission", probity, seconds] => admission::bench(probity, seconds.parse().context("SECONDS")?),
        ["bench", "image", probity, folder, trivy, rest @ ..] => image::bench(probity, folder, trivy, rest),
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
