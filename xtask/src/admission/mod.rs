//! `cargo xtask bench admission PROBITY [SECONDS]`: the gate in front of a real API server. First reviews straight at its
//! webhook, at a constant rate and as many as it takes; then Pods made and deleted through the API server, with the gate and
//! without it in turn. `PROBITY_KUBERNETES` names the folder of `e2e/kubernetes/build`.

#[path = "../../../crates/probity/tests/kubernetes/cluster/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
mod cluster;
mod gate;
mod load;
mod policies;

use std::fmt::Display;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cluster::{ADMIN, Cluster};
use gate::Gate;
use load::{Latencies, Load};

/// Reviews a second that are asked for.
const RATE: u32 = 1_000;

/// Connections of the load.
const CONNECTIONS: usize = 32;

/// Rounds through the API server, each with the gate and without it.
const ROUNDS: usize = 5;

/// Pods of a round.
const PODS: usize = 40;

/// Calls of kubectl of a round.
const KUBECTL: usize = 40;

/// What makes it idle: nothing is asked for so long, and what was asked before is in the ledger and its index.
const IDLE: Duration = Duration::from_millis(500);

pub(crate) fn bench(probity: &str, seconds: u64) -> Result<()> {
    let cluster = Cluster::start(None).context("PROBITY_KUBERNETES names no folder; e2e/kubernetes/build makes it")?;
    let time = Duration::from_secs(seconds);
    for (what, builtin) in [("50 policies", false), ("50 policies and the built-in ones", true)] {
        let mut gate = Gate::new(probity, &cluster, builtin)?;
        gate.start()?;
        println!("{what}: {} resident before the first review", mebibytes(gate.resident()?));
        straight(&gate, time)?;
        if !builtin {
            through(&cluster, &mut gate)?;
        }
        gate.stop()?;
        println!("  {}", gate.verified()?);
    }
    Ok(())
}

/// Reviews straight at the webhook.
fn straight(gate: &Gate, time: Duration) -> Result<()> {
    let load = Load { url: gate.url("/validate/fail"), connections: CONNECTIONS };
    load.at_rate(RATE, Duration::from_secs(2))?;
    let steady = load.at_rate(RATE, time)?;
    println!("  {RATE} reviews a second for {time:?}: {steady}, {} resident", mebibytes(gate.resident()?));
    let most = Load { connections: 16, ..load }.as_many(time / 2)?;
    let rate = u128::try_from(most.count())? * 1_000_000 / (time / 2).as_micros();
    println!("  as many as it takes, 16 at once: {rate} a second, {most}, {} resident", mebibytes(gate.resident()?));
    Ok(())
}

/// Pods through the API server, with the gate and without it.
fn through(cluster: &Cluster, gate: &mut Gate) -> Result<()> {
    let api = gate::Api::of(cluster)?;
    let namespace = cluster.namespace("bench");
    let [mut with, mut without] = [Through::default(), Through::default()];
    for round in 0..=ROUNDS {
        for is_gated in [true, false] {
            if is_gated {
                gate.start()?;
            } else {
                gate.stop()?;
            }
            let seen = Through {
                busy: pods(&api, &namespace, (round, "busy"), Duration::ZERO)?,
                idle: pods(&api, &namespace, (round, "idle"), IDLE)?,
                ..kubectl(cluster, &namespace)?
            };
            // The first round warms all.
            if round > 0 {
                (if is_gated { &mut with } else { &mut without }).extend(seen);
            }
        }
    }
    compare("a Pod made through the API server, one after another", with.busy, without.busy);
    compare("a Pod made through the API server at idle", with.idle, without.idle);
    compare("the request of `kubectl create` of a Pod at idle, as kubectl says", with.request, without.request);
    compare("`kubectl create` of a Pod at idle as a whole", with.kubectl, without.kubectl);
    Ok(())
}

/// What a Pod took.
#[derive(Default)]
struct Through {
    /// By a client that asks without end.
    busy: Vec<Duration>,
    /// By a client that pauses.
    idle: Vec<Duration>,
    /// By kubectl, the request alone, in whole milliseconds.
    request: Vec<Duration>,
    /// By kubectl, from its start to its end.
    kubectl: Vec<Duration>,
}

impl Through {
    fn extend(&mut self, more: Self) {
        self.busy.extend(more.busy);
        self.idle.extend(more.idle);
        self.request.extend(more.request);
        self.kubectl.extend(more.kubectl);
    }
}

fn pods(api: &gate::Api, namespace: &str, (round, name): (usize, &str), pause: Duration) -> Result<Vec<Duration>> {
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let mut times = Vec::new();
    for number in 0..PODS {
        let name = format!("pod-{name}-{round}-{number}");
        let body = policies::pod(&name, namespace);
        sleep(pause);
        let start = Instant::now();
        api.send("POST", &path, &body)?;
        times.push(start.elapsed());
        api.send("DELETE", &format!("{path}/{name}"), r#"{"gracePeriodSeconds": 0}"#)?;
    }
    Ok(times)
}

fn kubectl(cluster: &Cluster, namespace: &str) -> Result<Through> {
    let file = cluster.folder().join("pod.json");
    fs::write(&file, policies::pod("by-kubectl", namespace))?;
    let file = file.display().to_string();
    let mut seen = Through::default();
    for _ in 0..KUBECTL {
        sleep(IDLE);
        let start = Instant::now();
        // It tells of its requests.
        let ran = cluster.kubectl(ADMIN, &["create", "-f", &file, "-v=6"]);
        seen.kubectl.push(start.elapsed());
        ensure!(ran.status.success(), "kubectl: {}", ran.stderr);
        seen.request.push(request(&ran.stderr).with_context(|| format!("kubectl says no time: {}", ran.stderr))?);
        cluster.kubectl(ADMIN, &["delete", "-f", &file, "--now"]);
    }
    Ok(seen)
}

/// What the request that makes something took, as kubectl says.
fn request(told: &str) -> Option<Duration> {
    let line = told.lines().find(|line| line.contains(r#"verb="POST""#))?;
    let milliseconds = line.split_once("milliseconds=")?.1.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_millis(milliseconds))
}

fn compare(what: impl Display, with: Vec<Duration>, without: Vec<Duration>) {
    let (with, without) = (Latencies::of(with), Latencies::of(without));
    let added = with.median().saturating_sub(without.median());
    let mean = with.mean().saturating_sub(without.mean());
    let error = with.error().as_secs_f64().hypot(without.error().as_secs_f64());
    println!(
        "  {what}: with the gate {with}; without {without}; {added:.2?} more ({mean:.2?} ± {:.2?} of means), {:.2} times",
        Duration::from_secs_f64(error),
        with.median().as_secs_f64() / without.median().as_secs_f64()
    );
}

fn mebibytes(kib: u64) -> String {
    format!("{} MiB", kib / 1024)
}
