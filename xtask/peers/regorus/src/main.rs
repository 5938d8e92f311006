//! Evaluates one policy over and over with the bytecode machine of regorus, for `cargo xtask bench rego`; see the
//! example `measure` of `policy/rego` for what it is given and prints.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::RegoVM;
use regorus::{Engine, Rc, Value};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, query, version, milliseconds] = arguments.as_slice() else {
        bail!("usage: regorus FOLDER QUERY v0|v1 MILLISECONDS");
    };
    let (folder, milliseconds) = (Path::new(folder), milliseconds.parse()?);
    let start = Instant::now();
    let mut machine = prepare(folder, query, version == "v0")?;
    println!("start {}", start.elapsed().as_nanos());

    if let Ok(text) = std::fs::read_to_string(folder.join("data.json")) {
        machine.set_data(Value::from_json_str(&text)?)?;
    }
    let inputs = files(folder, "json")?
        .iter()
        .filter(|path| !path.ends_with("data.json"))
        .map(|path| Value::from_json_str(&std::fs::read_to_string(path)?))
        .collect::<Result<Vec<_>>>()?;
    for input in &inputs {
        match evaluate(&mut machine, input)? {
            Value::Undefined => println!("undefined"),
            value => println!("result {}", value.to_json_str()?.replace('\n', " ")),
        }
    }
    if milliseconds == 0 {
        return Ok(());
    }
    let mut round = || inputs.iter().try_for_each(|input| evaluate(&mut machine, input).map(drop));
    let once = Instant::now();
    round()?;
    let calls = (200_000 / once.elapsed().as_nanos().max(1)).max(1);
    let mut samples = Vec::new();
    let end = Instant::now() + Duration::from_millis(milliseconds);
    while Instant::now() < end || samples.len() < 5 {
        let begun = Instant::now();
        for _ in 0..calls {
            round()?;
        }
        samples.push(begun.elapsed().as_nanos() / (calls * inputs.len() as u128));
    }
    samples.sort_unstable();
    println!("median {}", samples[samples.len() / 2]);
    println!("min {}", samples[0]);
    Ok(())
}

/// The files of a folder with this ending, in order.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn prepare(folder: &Path, query: &str, v0: bool) -> Result<RegoVM> {
    let mut engine = Engine::new();
    engine.set_rego_v0(v0);
    for path in files(folder, "rego")? {
        let text = std::fs::read_to_string(&path)?;
        engine.add_policy(path.display().to_string(), text)?;
    }
    let policy = engine.compile_with_entrypoint(&Rc::from(query))?;
    let program = Compiler::compile_from_policy(&policy, &[query]).ok().context("its machine refuses the policy")?;
    let mut machine = RegoVM::new();
    machine.load_program(program);
    Ok(machine)
}

fn evaluate(machine: &mut RegoVM, input: &Value) -> Result<Value> {
    machine.set_input(input.clone());
    Ok(machine.execute_entry_point_by_index(0)?)
}
