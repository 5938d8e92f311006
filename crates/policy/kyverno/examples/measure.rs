//! `measure RESOURCE POLICIES...`: how long it takes to judge a resource by the policies of files and folders that are
//! about its kind, each policy compiled once, on one thread.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect, Document};
use probity_model::{SourceId, json};
use probity_policy_kyverno::{Offline, Policies, Policy, Request, Status, Surroundings, is_policy};

const RUNS: u32 = 2_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let resource = arguments.next().ok_or("a file with a resource is needed")?;
    let resource = documents(Path::new(&resource))?.into_iter().next().ok_or("there is no resource")?;
    let mut files = Vec::new();
    for path in arguments {
        collect(Path::new(&path), &mut files)?;
    }
    files.sort();
    let mut policies = Vec::new();
    for file in &files {
        for document in documents(file)?.iter().filter(|document| is_policy(&document.value)) {
            match Policy::read(Node::root(&document.value, document.span)) {
                Ok(policy) => policies.push(policy),
                Err(problems) => eprintln!("{}: {}", file.display(), problems[0]),
            }
        }
    }
    let count = policies.len();
    let policies: Policies = policies.into_iter().collect();
    let text = json::write(&resource.value);
    let around = Surroundings { host: &Offline, exceptions: &[] };
    let judge = || -> usize {
        let Ok(object) = json::read(text.as_bytes()) else { return 0 };
        let request = Request::of_object(&object);
        let asked = policies.for_kind(&request.gvk.kind);
        asked.map(|policy| policy.validate(&request, around).rules.len()).sum()
    };
    let responses = judge();
    let start = Instant::now();
    for _ in 0..RUNS {
        black_box(judge());
    }
    let each = start.elapsed() / RUNS;
    println!("{count} policies, {responses} rules answer: {:.1} µs a request", each.as_secs_f64() * 1e6);
    slowest(&policies, &resource, around);
    Ok(())
}

/// Tells the policies that take longest.
fn slowest(policies: &Policies, resource: &Document, around: Surroundings<'_>) {
    let request = Request::of_object(&resource.value);
    let mut times: Vec<(f64, String)> = Vec::new();
    for policy in policies.for_kind(&request.gvk.kind) {
        let start = Instant::now();
        for _ in 0..RUNS {
            black_box(policy.validate(&request, around));
        }
        let response = policy.validate(&request, around);
        let said: Vec<&str> = response.rules.iter().map(|rule| Status::as_str(rule.status)).collect();
        let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(RUNS);
        times.push((each, format!("{} ({})", policy.name, said.join(", "))));
    }
    times.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (time, name) in times.iter().take(15) {
        println!("{time:8.2} µs  {name}");
    }
}

fn documents(path: &Path) -> Result<Vec<Document>, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(path)?;
    yaml::read(&text, SourceId(0), Dialect::Kubernetes).map_err(|(problem, _)| problem.to_string().into())
}

/// The YAML files below a folder, without those of tests.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_file() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    Ok(())
}
