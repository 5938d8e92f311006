//! The three engines.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use probity_model::value::{Key, Set, SmolStr, Value};
use probity_model::{Sources, json};
use probity_policy_rego::{
    CompileOptions, Documents, Error, Errors, Evaluation, Impure, Limits, Policies, System, Version,
};

use crate::case::{Answer, Case, Failure, Outcome};

/// How long one evaluation may take.
const PATIENCE: Duration = Duration::from_secs(3);

fn failure(errors: &Errors) -> Failure {
    errors.0.first().map_or_else(Failure::default, one_failure)
}

fn one_failure(error: &Error) -> Failure {
    Failure { code: error.code.as_str().to_owned(), message: error.text(), codes: Vec::new() }
}

/// Our own engine.
pub fn ours(case: &Case) -> Answer {
    let names: Vec<PathBuf> = (0..case.modules.len()).map(|number| format!("test-{number}.rego").into()).collect();
    let texts = names.iter().map(PathBuf::as_path).zip(case.modules.iter().map(String::as_str));
    let version = if case.v0 { Version::V0 } else { Version::V1 };
    let policies = match Policies::read(texts, version, CompileOptions::default(), Arc::new(Sources::default())) {
        Ok(policies) => policies,
        Err(errors) => return Answer { refused: Some(failure(&errors)), ..Answer::default() },
    };
    let documents = Documents { input: case.input.clone(), data: Some(case.data.clone()) };
    let host = System::allowing([Impure::Clock]);
    let results = case.queries.iter().map(|query| {
        let query = match policies.query(query) {
            Ok(query) => query,
            Err(errors) => return Outcome::Failed(failure(&errors)),
        };
        let limits = Limits { deadline: Some(Instant::now() + PATIENCE), ..Limits::default() };
        let evaluation =
            Evaluation { limits, strict_builtin_errors: case.strict, host: &host, ..Evaluation::default() };
        match query.evaluate(&documents, &evaluation) {
            Err(error) => Outcome::Failed(one_failure(&error)),
            Ok(solutions) if solutions.is_empty() => Outcome::Undefined,
            Ok(solutions) => {
                let values = solutions
                    .into_iter()
                    .map(|mut solution| solution.remove(&SmolStr::new_static("x")).unwrap_or(Value::Bool(true)));
                Outcome::Values(Value::Set(values.collect()))
            }
        }
    });
    Answer { results: results.collect(), ..Answer::default() }
}

/// OPA, in a process of its own.
pub struct Opa {
    child: Child,
    stdin: BufWriter<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Opa {
    /// Starts the program that is made from `opa/main.go`.
    pub fn start(program: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .env("GOMAXPROCS", "1")
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdin = BufWriter::new(child.stdin.take().context("no stdin")?);
        let stdout = BufReader::new(child.stdout.take().context("no stdout")?);
        Ok(Self { child, stdin, stdout })
    }

    pub fn answer(&mut self, case: &Case) -> Result<Answer> {
        writeln!(self.stdin, "{}", case.line())?;
        self.stdin.flush()?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        anyhow::ensure!(!line.is_empty(), "OPA has ended: {:?}", self.child.try_wait());
        let answer = json::read(line.as_bytes()).map_err(|error| anyhow::anyhow!("{error}\n{line}"))?;
        let results = answer.get("results").and_then(Value::as_array).into_iter().flatten().map(outcome);
        Ok(Answer {
            refused: answer.get("compile").and_then(read_failure),
            types: answer.get("types").and_then(read_failure),
            results: results.collect(),
        })
    }
}

impl Drop for Opa {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_failure(value: &Value) -> Option<Failure> {
    let text = |name| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let codes = value.get("codes").and_then(Value::as_array).into_iter().flatten();
    let codes = codes.filter_map(Value::as_str).map(str::to_owned).collect();
    value.get("code").map(|_| Failure { code: text("code"), message: text("message"), codes })
}

fn outcome(result: &Value) -> Outcome {
    if let Some(failure) = read_failure(result) {
        return Outcome::Failed(failure);
    }
    result.get("value").map_or(Outcome::Undefined, |value| Outcome::Values(decode(value)))
}

/// Sets and objects with other keys than texts are written as objects with a key of their own.
fn decode(value: &Value) -> Value {
    match value {
        Value::Array(elements) => Value::array(elements.iter().map(decode)),
        Value::Object(object) => {
            if let Some(members) = object.get("$set").and_then(Value::as_array) {
                return Value::Set(members.iter().map(decode).collect::<Set>());
            }
            if let Some(entries) = object.get("$map").and_then(Value::as_array) {
                let entry = |entry: &Value| {
                    let entry = entry.as_array()?;
                    Some((Key::from_value(&decode(entry.get(0)?)), decode(entry.get(1)?)))
                };
                return Value::Object(entries.iter().filter_map(entry).collect());
            }
            Value::Object(object.iter().map(|(key, value)| (key.clone(), decode(value))).collect())
        }
        other => other.clone(),
    }
}

/// The other engine in Rust.
pub fn regorus(case: &Case) -> Answer {
    let mut engine = regorus::Engine::new();
    engine.set_rego_v0(case.v0);
    engine.set_strict_builtin_errors(case.strict);
    engine.set_execution_timer_config(regorus::utils::limits::ExecutionTimerConfig {
        limit: PATIENCE,
        check_interval: NonZeroU32::new(1000).unwrap_or(NonZeroU32::MIN),
    });
    let failed = |error: &dyn std::fmt::Display| Failure {
        code: "error".to_owned(),
        message: error.to_string(),
        codes: Vec::new(),
    };
    for (number, module) in case.modules.iter().enumerate() {
        if let Err(error) = engine.add_policy(format!("test-{number}.rego"), module.clone()) {
            return Answer { refused: Some(failed(&error)), ..Answer::default() };
        }
    }
    let loaded = engine.add_data_json(&json::write(&case.data)).and_then(|()| match &case.input {
        Some(input) => engine.set_input_json(&json::write(input)),
        None => Ok(()),
    });
    if let Err(error) = loaded {
        return Answer { refused: Some(failed(&error)), ..Answer::default() };
    }
    let results = case.queries.iter().map(|query| match engine.eval_query(query.clone(), false) {
        Err(error) => Outcome::Failed(failed(&error)),
        Ok(results) => {
            let key = regorus::Value::from("x");
            let values = results.result.iter().map(|result| match result.bindings.as_object() {
                Ok(bindings) => bindings.get(&key).and_then(of_regorus).unwrap_or(Value::Bool(true)),
                Err(_) => Value::Bool(true),
            });
            let values: Set = values.collect();
            if values.is_empty() { Outcome::Undefined } else { Outcome::Values(Value::Set(values)) }
        }
    });
    Answer { results: results.collect(), ..Answer::default() }
}

fn of_regorus(value: &regorus::Value) -> Option<Value> {
    Some(match value {
        regorus::Value::Null => Value::Null,
        regorus::Value::Bool(truth) => Value::Bool(*truth),
        regorus::Value::Number(number) => json::read(number.format_decimal().as_bytes()).ok()?,
        regorus::Value::String(text) => Value::from(&**text),
        regorus::Value::Array(elements) => Value::Array(elements.iter().map(of_regorus).collect::<Option<_>>()?),
        regorus::Value::Set(members) => Value::Set(members.iter().map(of_regorus).collect::<Option<_>>()?),
        regorus::Value::Object(entries) => {
            let entries =
                entries.iter().map(|(key, value)| Some((Key::from_value(&of_regorus(key)?), of_regorus(value)?)));
            Value::Object(entries.collect::<Option<_>>()?)
        }
        regorus::Value::Undefined => return None,
    })
}
