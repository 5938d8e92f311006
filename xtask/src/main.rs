//! `cargo xtask bench value`, and `cargo xtask bench scan PROBITY CHECKOV TREE CHECKS`: speed against a peer, in one run;
//! `cargo xtask bench index` and `cargo xtask bench web`: the index and the pages at a million decisions.

mod index;
mod ledger;
mod web;

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use probity_model::json;

const USAGE: &str = "usage: cargo xtask bench value
       cargo xtask bench scan PROBITY CHECKOV TREE CHECKS
       cargo xtask bench ledger FOLDER [COUNT]
       cargo xtask bench index [DECISIONS] [FOLDER]
       cargo xtask bench web FOLDER";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["bench", "value"] => {
            bench_value();
            Ok(())
        }
        ["bench", "ledger", folder] => ledger::bench(folder.as_ref(), 1_000_000),
        ["bench", "ledger", folder, count] => ledger::bench(folder.as_ref(), count.parse().context("COUNT")?),
        ["bench", "scan", probity, checkov, tree, checks] => bench_scan(probity, checkov, tree, checks),
        ["bench", "index"] => index::bench(1_000_000, None),
        ["bench", "index", decisions] => index::bench(decisions.parse()?, None),
        ["bench", "index", decisions, folder] => index::bench(decisions.parse()?, Some(folder.as_ref())),
        ["bench", "web", folder] => web::bench(folder.as_ref()),
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

/// The same checks on the same tree by Probity and by Checkov, in turn; medians of whole commands.
fn bench_scan(probity: &str, checkov: &str, tree: &str, checks: &str) -> Result<()> {
    const RUNS: usize = 5;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(run(probity, &["scan", "--no-config", "--soft-fail", "--check", checks, tree])?);
        theirs
            .push(run(checkov, &["--compact", "--quiet", "--framework", "terraform", "--check", checks, "-d", tree])?);
    }
    ours.sort();
    theirs.sort();
    let (ours, theirs) = (ours[RUNS / 2], theirs[RUNS / 2]);
    println!("probity {ours:?}, checkov {theirs:?}, ratio {:.1}", theirs.as_secs_f64() / ours.as_secs_f64());
    Ok(())
}

/// Wall time of a whole command; its exit code does not matter.
fn run(program: &str, arguments: &[&str]) -> Result<Duration> {
    let start = Instant::now();
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("{program} cannot be run"))?;
    Ok(start.elapsed())
}
