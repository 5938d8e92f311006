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
const PODS: usize = 100;

/// Calls of kubectl of a round.
const KUBECTL: usize = 20;

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
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let (mut kubectl_with, mut kubectl_without) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        for is_gated in [true, false] {
            if is_gated {
                gate.start()?;
            } else {
                gate.stop()?;
            }
            let made = pods(&api, &namespace, round)?;
            let called = kubectl(cluster, &namespace)?;
            // The first round warms all.
            if round > 0 {
                (if is_gated { &mut with } else { &mut without }).extend(made);
                (if is_gated { &mut kubectl_with } else { &mut kubectl_without }).extend(called);
            }
        }
    }
    compare("a Pod made through the API server", with, without);
    compare("`kubectl create` of a Pod", kubectl_with, kubectl_without);
    Ok(())
}

fn pods(api: &gate::Api, namespace: &str, round: usize) -> Result<Vec<Duration>> {
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let mut times = Vec::new();
    for number in 0..PODS {
        let name = format!("pod-{round}-{number}");
        let body = policies::pod(&name, namespace);
        let start = Instant::now();
        api.send("POST", &path, &body)?;
        times.push(start.elapsed());
        api.send("DELETE", &format!("{path}/{name}"), r#"{"gracePeriodSeconds": 0}"#)?;
    }
    Ok(times)
}

fn kubectl(cluster: &Cluster, namespace: &str) -> Result<Vec<Duration>> {
    let file = cluster.folder().join("pod.json");
    fs::write(&file, policies::pod("by-kubectl", namespace))?;
    let file = file.display().to_string();
    let mut times = Vec::new();
    for _ in 0..KUBECTL {
        let start = Instant::now();
        let ran = cluster.kubectl(ADMIN, &["create", "-f", &file]);
        times.push(start.elapsed());
        ensure!(ran.status.success(), "kubectl: {}", ran.stderr);
        cluster.kubectl(ADMIN, &["delete", "-f", &file, "--now"]);
    }
    Ok(times)
}

fn compare(what: impl Display, with: Vec<Duration>, without: Vec<Duration>) {
    let (with, without) = (Latencies::of(with), Latencies::of(without));
    let added = with.median().saturating_sub(without.median());
    println!(
        "  {what}: with the gate {with}; without {without}; {added:.2?} more, {:.2} times",
        ratio(&with, &without)
    );
}

fn ratio(with: &Latencies, without: &Latencies) -> f64 {
    with.median().as_secs_f64() / without.median().as_secs_f64()
}

fn mebibytes(kib: u64) -> String {
    format!("{} MiB", kib / 1024)
}
