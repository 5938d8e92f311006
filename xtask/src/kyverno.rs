//! `cargo xtask bench kyverno PROBITY KYVERNO POLICIES [PODS]`: the Pod Security policies of Kyverno's library on thousands of
//! Pods, by `probity apply` and by Kyverno's command in turn: time and peak memory of whole commands.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{Measured, measured, ratio};

/// Runs of ours that are measured; the peer, which takes minutes, runs once.
const RUNS: usize = 3;

pub(crate) fn bench(probity: &str, kyverno: &str, library: &Path, pods: usize) -> Result<()> {
    let mut policies = Vec::new();
    for level in ["baseline", "restricted"] {
        collect(&library.join("pod-security").join(level), &mut policies)?;
    }
    policies.sort();
    ensure!(!policies.is_empty(), "{}: no Pod Security policies are there", library.display());
    let folder = tempfile::tempdir()?;
    let resources = folder.path().join("pods.yaml");
    fs::write(&resources, all(pods))?;
    let policies: Vec<String> = policies.iter().map(|path| path.display().to_string()).collect();
    let resources = resources.display().to_string();
    let mut arguments = vec!["apply"];
    arguments.extend(policies.iter().map(String::as_str));
    arguments.extend(["--resource", &resources]);
    println!("{} policies, {pods} Pods", policies.len());
    let mut runs = (0..RUNS).map(|_| measured(probity, &arguments)).collect::<Result<Vec<_>>>()?;
    runs.sort_by_key(|run| run.time);
    let ours = runs[RUNS / 2];
    let theirs = measured(kyverno, &arguments)?;
    show("probity apply", ours, ours);
    show("kyverno apply", theirs, ours);
    Ok(())
}

fn show(name: &str, run: Measured, ours: Measured) {
    println!(
        "{name:14} {:9.2} s {:8.1} MiB  exit {}  ({:.1} times the time, {:.1} times the memory)",
        run.time.as_secs_f64(),
        ratio(run.peak_kib, 1024),
        run.code,
        run.time.as_secs_f64() / ours.time.as_secs_f64(),
        ratio(run.peak_kib, ours.peak_kib)
    );
}

/// The files with policies below a folder, without those of tests.
fn collect(folder: &Path, policies: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            collect(&path, policies)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml")
            && fs::read_to_string(&path)?.contains("kind: ClusterPolicy")
        {
            policies.push(path);
        }
    }
    Ok(())
}

/// Pods of one to three containers; each tenth breaks some of the policies.
fn all(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let bad = number % 10 == 0;
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: pod-{number}\n  namespace: team-{}\n  labels: {{app: app-{}, tier: web}}\n\
             spec:\n  hostNetwork: {bad}\n  securityContext: {{runAsNonRoot: {}, seccompProfile: {{type: RuntimeDefault}}}}\n  \
             volumes: [{{name: data, emptyDir: {{}}}}]\n  containers:\n",
            number % 50,
            number % 200,
            !bad
        );
        for container in 0..=number % 3 {
            let _ = write!(
                text,
                "  - name: c{container}\n    image: registry.example/app-{}:1.{number}\n    ports: [{{containerPort: 80{container}}}]\n    \
                 env: [{{name: LOG_LEVEL, value: info}}]\n    resources: {{requests: {{cpu: 250m, memory: 256Mi}}}}\n    \
                 securityContext: {{allowPrivilegeEscalation: {bad}, privileged: {bad}, capabilities: {{drop: [ALL]}}}}\n    \
                 volumeMounts: [{{name: data, mountPath: /data}}]\n",
                number % 200
            );
        }
    }
    text
}
