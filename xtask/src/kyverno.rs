//! `cargo xtask bench kyverno PROBITY KYVERNO POLICIES [PODS]`: the Pod Security policies of Kyverno's library on thousands of
//! Pods, by `probity apply` and by Kyverno's command in turn: time and peak memory of whole commands; and how long fifty of the
//! library's policies take to judge one Pod, as an admission request does.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, json};
use probity_policy_kyverno::{Offline, Policies, Policy, Request, Surroundings, is_policy};

use crate::{Measured, measured, pod, ratio};

/// Runs of ours that are measured; the peer, which takes minutes, runs once.
const RUNS: usize = 3;

/// Policies that judge one Pod together.
const ASKED: usize = 50;

pub(crate) fn bench(probity: &str, kyverno: &str, library: &Path, pods: usize) -> Result<()> {
    one_request(library)?;
    many_pods(probity, kyverno, library, pods)
}

/// Judges one Pod by the first policies of the library that are about Pods; its text is read each time.
fn one_request(library: &Path) -> Result<()> {
    const REQUESTS: u32 = 5_000;
    let mut files = Vec::new();
    collect(library, &mut files)?;
    files.sort();
    let text = pod();
    let object = json::read(text.as_bytes()).map_err(|problem| anyhow::anyhow!("{problem}"))?;
    let around = Surroundings { host: &Offline, exceptions: &[] };
    let mut asked: Vec<Policy> = Vec::new();
    for file in files {
        let documents = yaml::read(&fs::read_to_string(&file)?, SourceId(0), Dialect::Kubernetes).unwrap_or_default();
        for document in documents.iter().filter(|document| is_policy(&document.value)) {
            let Ok(policy) = Policy::read(Node::root(&document.value, document.span)) else { continue };
            let judges_pods = Policies::from_iter([policy.clone()]).for_kind("Pod").next().is_some();
            if judges_pods && asked.len() < ASKED {
                asked.push(policy);
            }
        }
    }
    let policies: Policies = asked.into_iter().collect();
    let judge = || -> usize {
        let Ok(object) = json::read(text.as_bytes()) else { return 0 };
        let request = Request::of_object(&object);
        policies.for_kind(&request.gvk.kind).map(|policy| policy.validate(&request, around).rules.len()).sum()
    };
    let (asked, rules) = (policies.for_kind("Pod").count(), judge());
    let start = Instant::now();
    for _ in 0..REQUESTS {
        black_box(judge());
    }
    let each = start.elapsed() / REQUESTS;
    println!(
        "one Pod of {} bytes, {asked} policies, {rules} rules answer: {each:?} a request",
        json::write(&object).len()
    );
    Ok(())
}

fn many_pods(probity: &str, kyverno: &str, library: &Path, pods: usize) -> Result<()> {
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
