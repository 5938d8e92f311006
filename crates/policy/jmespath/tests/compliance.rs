//! `JMESPath`'s compliance cases, as Kyverno's library keeps them and as jmespath.test has them.
//!
//! Kyverno's lie in its Go module, in `compliance`, and are found by asking `go` for it. jmespath.test's are found through
//! `PROBITY_JMESPATH_CASES` (its folder `tests`), and are not looked at without. A key that is not found counts as null.
//! Every case that does not pass is named with the reason in `tests/compliance-failing.txt`; one that begins to pass or to
//! fail without being named there fails the test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use probity_model::{Value, json};
use probity_policy_jmespath::{Closed, Evaluation, Expression};

const MODULE: &str = "github.com/kyverno/go-jmespath@v0.4.1-0.20231124160150-95e59c162877";

fn module_folder() -> Option<PathBuf> {
    let output = Command::new("go").args(["mod", "download", "-json", MODULE]).current_dir("/").output().ok()?;
    let answer = json::read(&output.stdout).ok()?;
    Some(Path::new(answer.get("Dir")?.as_str()?).join("compliance"))
}

fn search(expression: &str, given: &Value) -> Result<Value, String> {
    let expression = Expression::parse(expression).map_err(|error| error.to_string())?;
    match expression.search(given, &Evaluation::new(&Closed)) {
        Err(error) if error.is_not_found() => Ok(Value::Null),
        other => other.map_err(|error| error.to_string()),
    }
}

/// What differs from what a case wants.
fn difference(case: &Value, given: &Value) -> Option<String> {
    let expression = case.get("expression")?.as_str()?;
    let found = search(expression, given);
    match (case.get("error"), case.get("result")) {
        (Some(_), _) => found.ok().map(|value| format!("gives {value:?}, not an error")),
        (None, Some(wanted)) => match found {
            Ok(value) if same(&value, wanted) => None,
            Ok(value) => Some(format!("gives {value:?}, not {wanted:?}")),
            Err(error) => Some(error),
        },
        // Cases of speed have no result.
        (None, None) => found.err(),
    }
}

/// Objects have no order, so what is made of their values has none.
fn same(found: &Value, wanted: &Value) -> bool {
    let sorted = |value: &Value| {
        let mut elements = value.as_array()?.as_slice().to_vec();
        elements.sort();
        Some(elements)
    };
    found == wanted || sorted(found).is_some_and(|found| sorted(wanted) == Some(found))
}

/// Names of the cases, and what differs of those that differ.
fn run(folder: &Path, source: &str, all: &mut BTreeSet<String>, differing: &mut Vec<(String, String)>) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let suites = json::read(&std::fs::read(path).unwrap()).unwrap();
        for suite in suites.as_array().unwrap() {
            let given = suite.get("given").cloned().unwrap_or_default();
            for case in suite.get("cases").and_then(Value::as_array).into_iter().flatten() {
                let expression = case.get("expression").and_then(Value::as_str).unwrap_or_default();
                let name = format!("{source} {file}: {}", expression.escape_default());
                if let Some(difference) = difference(case, &given) {
                    differing.push((name.clone(), difference));
                }
                all.insert(name);
            }
        }
    }
}

/// The names in the list of those that fail; each stands on a line, its reason behind a `#` on a line before.
fn named() -> BTreeSet<String> {
    let list = include_str!("compliance-failing.txt");
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn compliance() {
    let (mut all, mut differing) = (BTreeSet::new(), Vec::new());
    match module_folder() {
        Some(folder) => run(&folder, "kyverno", &mut all, &mut differing),
        None if std::env::var_os("CI").is_some() => panic!("the cases in {MODULE} could not be had"),
        None => eprintln!("the cases in {MODULE} are not here, so they are not tried"),
    }
    if let Some(folder) = std::env::var_os("PROBITY_JMESPATH_CASES") {
        run(Path::new(&folder), "jmespath.test", &mut all, &mut differing);
    }
    let failing: BTreeSet<&str> = differing.iter().map(|(name, _)| name.as_str()).collect();
    let named = named();
    let unexpected: Vec<_> = differing.iter().filter(|(name, _)| !named.contains(name)).collect();
    let passing: Vec<_> = named.iter().filter(|name| all.contains(*name) && !failing.contains(name.as_str())).collect();
    println!("{} of {} cases pass", all.len() - failing.len(), all.len());
    assert!(unexpected.is_empty(), "not named in compliance-failing.txt: {unexpected:#?}");
    assert!(passing.is_empty(), "named in compliance-failing.txt, and pass: {passing:#?}");
}
