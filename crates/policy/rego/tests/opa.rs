//! OPA's own test suite, for Rego v0 and v1.
//!
//! The cases lie in the Go module of OPA, in `v1/test/cases/testdata`. They are found through `PROBITY_OPA_CASES` (that
//! folder) or by asking `go` for the module. Every case that does not pass is named with the reason in
//! `tests/opa-failing.txt`: a case that begins to pass or to fail without being named there fails the test. The figures are
//! those of `conformance.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use probity_model::value::{Key, Object, Value};
use probity_model::{SourceId, Sources, json, yaml};
use probity_policy_rego::observe::{Event, Observer};
use probity_policy_rego::{
    CompileOptions, Documents, Evaluation, Impure, Limits, Policies, System, Version, parse_value,
};

const MODULE: &str = "github.com/open-policy-agent/opa@v1.22.2";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The folder of the cases, when it is on this machine.
fn cases_folder() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("PROBITY_OPA_CASES") {
        return Some(PathBuf::from(path));
    }
    let output = Command::new("go").args(["mod", "download", "-json", MODULE]).current_dir("/").output().ok()?;
    let answer = json::read(&output.stdout).ok()?;
    let folder = answer.get("Dir")?.as_str()?;
    Some(Path::new(folder).join("v1/test/cases/testdata"))
}

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

struct Case {
    note: String,
    file: String,
    fields: Value,
}

fn cases(folder: &Path) -> Vec<Case> {
    let mut files = Vec::new();
    yaml_files(folder, &mut files);
    let mut cases = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.strip_prefix(folder).unwrap().display().to_string();
        let documents = yaml::read(&text, SourceId(0), yaml::Dialect::Core)
            .unwrap_or_else(|(problem, _)| panic!("{}: {problem}", path.display()));
        for document in documents {
            for fields in document.value.get("cases").and_then(Value::as_array).into_iter().flatten() {
                let note = fields.get("note").and_then(Value::as_str).unwrap_or_default().to_owned();
                cases.push(Case { note, file: file.clone(), fields: fields.clone() });
            }
        }
    }
    cases
}

fn text<'v>(fields: &'v Value, name: &str) -> Option<&'v str> {
    fields.get(name).and_then(Value::as_str)
}

fn flag(fields: &Value, name: &str) -> bool {
    fields.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// What a value is as JSON: sets are lists, keys are texts.
fn plain(value: &Value) -> Value {
    match value {
        Value::Array(array) => Value::array(array.iter().map(plain)),
        Value::Set(set) => Value::array(set.iter().map(plain)),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(key, value)| (Key::new(key.as_str()), plain(value))).collect::<Object>())
        }
        other => other.clone(),
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(array) => {
            let mut elements: Vec<Value> = array.iter().cloned().collect();
            elements.sort();
            Value::array(elements)
        }
        other => other.clone(),
    }
}

/// What is given by the system, and nothing of the process.
struct Host {
    system: System,
    runtime: Value,
}

impl probity_policy_rego::Host for Host {
    fn now_ns(&self) -> Result<i64, String> {
        self.system.now_ns()
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), String> {
        self.system.random(buffer)
    }

    fn lookup(&self, name: &str) -> Result<Vec<std::net::IpAddr>, String> {
        self.system.lookup(name)
    }

    fn runtime(&self) -> Result<Value, String> {
        Ok(self.runtime.clone())
    }
}

/// Hears everything, and looks at all values that it is told of.
struct Listener;

impl Observer for Listener {
    fn event(&self, event: &Event<'_>) {
        std::hint::black_box(event.values());
    }
}

/// Runs a case, plainly and while it is observed; what differs from what it wants.
fn run(case: &Case, version: Version) -> Result<(), String> {
    run_as(case, version, CompileOptions::default())?;
    let observed = CompileOptions { observe: true, keep_prints: true, ..CompileOptions::default() };
    run_as(case, version, observed).map_err(|difference| format!("observed: {difference}"))
}

fn run_as(case: &Case, version: Version, options: CompileOptions) -> Result<(), String> {
    let fields = &case.fields;
    let modules: Vec<(PathBuf, String)> = fields
        .get("modules")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, module)| (format!("test-{index}.rego").into(), module.as_str().unwrap_or_default().to_owned()))
        .collect();
    let sources = Arc::new(Sources::default());
    let policies =
        Policies::read(modules.iter().map(|(path, text)| (path.as_path(), text.as_str())), version, options, sources)
            .map_err(|errors| format!("does not compile: {errors}"))?;
    let query = policies
        .query(text(fields, "query").unwrap_or_default())
        .map_err(|errors| format!("query does not compile: {errors}"))?;
    let input = match text(fields, "input_term") {
        Some(term) => Some(parse_value(term).map_err(|errors| format!("input_term: {errors}"))?),
        None => fields.get("input").cloned(),
    };
    let documents = Documents { input, data: fields.get("data").cloned() };
    let system = System::allowing([Impure::Clock, Impure::Random, Impure::Lookup]);
    let host = Host { system, runtime: Value::object::<&str>([]) };
    let limits = Limits { steps: 20_000_000, ..Limits::default() };
    let evaluation = Evaluation {
        limits,
        strict_builtin_errors: flag(fields, "strict_error"),
        host: &host,
        observer: Some(&Listener),
        ..Evaluation::default()
    };
    let result = query.evaluate(&documents, &evaluation);
    let (code, message) = (text(fields, "want_error_code"), text(fields, "want_error"));
    if code.is_some() || message.is_some() {
        let Err(error) = result else { return Err(format!("no error, but {result:?}")) };
        if code.is_some_and(|code| code != error.code.as_str()) {
            return Err(format!("another code: {error}"));
        }
        let shown = error.to_string();
        return match message {
            Some(message) if !shown.contains(message) => Err(format!("another message: {shown}\nwanted: {message}")),
            _ => Ok(()),
        };
    }
    let solutions = result.map_err(|error| error.to_string())?;
    let Some(wanted) = fields.get("want_result").and_then(Value::as_array) else { return Ok(()) };
    let wanted: BTreeSet<Value> = wanted.iter().cloned().collect();
    let found: BTreeSet<Value> = solutions
        .iter()
        .map(|bindings| {
            Value::object(bindings.iter().map(|(name, value)| {
                let value = plain(value);
                (name.as_str(), if flag(fields, "sort_bindings") { sorted(&value) } else { value })
            }))
        })
        .collect();
    if found == wanted { Ok(()) } else { Err(format!("found  {found:?}\nwanted {wanted:?}")) }
}

struct Outcome {
    total: usize,
    failed: BTreeMap<String, String>,
}

fn run_suite(folder: &Path, version: Version, only: Option<&str>) -> Outcome {
    let cases = cases(folder);
    let total = cases.len();
    let mut failed = BTreeMap::new();
    for case in &cases {
        if only.is_some_and(|only| !case.file.contains(only) && !case.note.contains(only)) {
            continue;
        }
        let outcome = std::panic::catch_unwind(|| run(case, version)).unwrap_or_else(|_| Err("panicked".to_owned()));
        if let Err(reason) = outcome {
            failed.insert(format!("{}: {}", case.file.split('/').next().unwrap_or_default(), case.note), reason);
        }
    }
    Outcome { total, failed }
}

/// The cases that are known to fail, by suite; `v1 folder: note # reason` a line.
fn known() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/opa-failing.txt"))
        .unwrap_or_default();
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let (case, reason) = line.rsplit_once(" # ").unwrap_or((line, ""));
        assert!(!reason.trim().is_empty(), "a failing case without reason: {line}");
        let (suite, case) = case.split_once(' ').unwrap_or((case, ""));
        known.entry(suite.to_owned()).or_default().insert(case.trim().to_owned());
    }
    known
}

fn figures(suite: &str) -> Option<(usize, usize)> {
    let text = std::fs::read_to_string(workspace().join("conformance.toml")).ok()?;
    let section = text.split(&format!("[opa-{suite}]")).nth(1)?;
    let number = |name: &str| {
        let line = section.lines().take(4).find(|line| line.starts_with(name))?;
        line.split_once('=')?.1.trim().parse().ok()
    };
    Some((number("passed")?, number("total")?))
}

fn all_suites() {
    let Some(folder) = cases_folder().filter(|folder| folder.is_dir()) else {
        assert!(std::env::var_os("CI").is_none(), "OPA's cases are not on this machine");
        eprintln!("skipped: OPA's cases are not on this machine");
        return;
    };
    let only = std::env::var("PROBITY_OPA_ONLY").ok();
    let mut known = known();
    let mut report = String::new();
    for (suite, version) in [("v0", Version::V0), ("v1", Version::V1)] {
        let outcome = run_suite(&folder.join(suite), version, only.as_deref());
        let named = known.remove(suite).unwrap_or_default();
        let passed = outcome.total - outcome.failed.len();
        eprintln!("{suite}: {passed} of {}", outcome.total);
        for (case, reason) in &outcome.failed {
            if !named.contains(case) {
                let _ = writeln!(report, "{suite} {case}\n    {}", reason.replace('\n', "\n    "));
            }
        }
        if only.is_some() {
            continue;
        }
        for case in named.iter().filter(|case| !outcome.failed.contains_key(*case)) {
            let _ = writeln!(report, "{suite} {case}\n    passes, but is named as failing");
        }
        if figures(suite) != Some((passed, outcome.total)) {
            let _ = writeln!(report, "[opa-{suite}]\npassed = {passed}\ntotal = {}", outcome.total);
        }
    }
    assert!(report.is_empty(), "OPA's suite differs from what is checked in:\n{report}");
}

#[test]
fn passes_opas_own_suite() {
    // Frames are large without optimisation.
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(all_suites).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}
