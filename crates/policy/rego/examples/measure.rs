//! How long policies take to be compiled and evaluated, for `cargo xtask bench rego`.
//!
//! `measure FOLDER NAME v0|v1 MILLISECONDS` compiles the `*.rego` of a folder, evaluates the rules of that name once for
//! each `input*.json`, over `data.json` if there is one, and then again and again for that time. It prints `start` and
//! nanoseconds, `result` and JSON or `undefined` for each input, `median` and `min` nanoseconds of one evaluation.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use probity_model::value::Value;
use probity_model::{Sources, json};
use probity_policy_rego::{CompileOptions, Documents, Entry, Evaluation, Policies, Version};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, name, version, milliseconds] = arguments.as_slice() else {
        panic!("usage: measure FOLDER NAME v0|v1 MILLISECONDS");
    };
    let folder = Path::new(folder);
    let version = if version == "v0" { Version::V0 } else { Version::V1 };
    let milliseconds: u64 = milliseconds.parse().expect("milliseconds are a number");
    let start = Instant::now();
    let entry = prepare(folder, name, version);
    println!("start {}", start.elapsed().as_nanos());

    let read = |path: PathBuf| json::read(&std::fs::read(path).expect("a file can be read")).expect("it is JSON");
    let data = files(folder, "data", ".json").into_iter().next().map(read);
    let inputs: Vec<Documents> = files(folder, "input", ".json")
        .into_iter()
        .map(|path| Documents { input: Some(read(path)), data: data.clone() })
        .collect();
    for documents in &inputs {
        match evaluate(&entry, documents) {
            Some(value) => println!("result {}", json::write(&value)),
            None => println!("undefined"),
        }
    }
    if milliseconds == 0 {
        return;
    }
    let once = Instant::now();
    evaluate_all(&entry, &inputs);
    let calls = (200_000 / once.elapsed().as_nanos().max(1)).max(1);
    let mut samples = Vec::new();
    let end = Instant::now() + Duration::from_millis(milliseconds);
    while Instant::now() < end || samples.len() < 5 {
        let begun = Instant::now();
        (0..calls).for_each(|_| evaluate_all(&entry, &inputs));
        samples.push(begun.elapsed().as_nanos() / (calls * inputs.len() as u128));
    }
    samples.sort_unstable();
    println!("median {}", samples[samples.len() / 2]);
    println!("min {}", samples[0]);
}

fn prepare(folder: &Path, name: &str, version: Version) -> Entry {
    let texts: Vec<(PathBuf, String)> = files(folder, "", ".rego")
        .into_iter()
        .map(|path| (path.clone(), std::fs::read_to_string(path).expect("a module can be read")))
        .collect();
    let texts = texts.iter().map(|(path, text)| (path.as_path(), text.as_str()));
    let policies = Policies::read(texts, version, CompileOptions::default(), Arc::new(Sources::default()));
    policies.expect("the modules compile").entry(name).expect("there are rules of that name")
}

/// The files of a folder with this beginning and ending, in order.
fn files(folder: &Path, beginning: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let names = entries.map(|entry| entry.expect("the folder can be read").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(beginning) && name.ends_with(ending)).collect();
    names.sort();
    names.into_iter().map(|name| folder.join(name)).collect()
}

fn evaluate(entry: &Entry, documents: &Documents) -> Option<Value> {
    entry.evaluate(documents, &Evaluation::default()).expect("it can be evaluated")
}

fn evaluate_all(entry: &Entry, inputs: &[Documents]) {
    for documents in inputs {
        drop(evaluate(entry, documents));
    }
}
