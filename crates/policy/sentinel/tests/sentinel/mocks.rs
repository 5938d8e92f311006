//! Holds the imports made of plans against the mocks that HCP Terraform made of the same plans:
//! `PROBITY_SENTINEL_SETS=FOLDER cargo test -p probity-policy-sentinel`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use probity_model::{Sources, Value};
use probity_policy_sentinel::terraform::Plan;
use probity_policy_sentinel::{Datum, Evaluation, Policy};

/// The imports, what each has, and the ending of its mocks' names.
const IMPORTS: [(&str, &str, &[&str]); 3] = [
    (
        "tfplan/v2",
        "mock-tfplan-v2.sentinel",
        &[
            "terraform_version",
            "variables",
            "planned_values",
            "resource_changes",
            "resource_drift",
            "output_changes",
            "raw",
        ],
    ),
    (
        "tfconfig/v2",
        "mock-tfconfig-v2.sentinel",
        &["providers", "resources", "provisioners", "variables", "outputs", "module_calls"],
    ),
    ("tfstate/v2", "mock-tfstate-v2.sentinel", &["terraform_version", "resources", "outputs"]),
];

fn mocks(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => mocks(&path, found),
            _ if path.ends_with("mock-tfplan-v2.sentinel") => found.push(path),
            _ => {}
        }
    }
}

/// The values of names in a text; none when it cannot be read or has an error.
fn values(text: &str, names: &[&str], plan: Option<&Plan>) -> Option<BTreeMap<String, Datum>> {
    let sources = Sources::default();
    let policy = Policy::parse(&sources, sources.add("mock.sentinel", format!("{text}\nmain = true"))).ok()?;
    let mut evaluation = Evaluation::new(&policy).with_rules(names.iter().map(|name| (*name).to_owned()));
    if let Some(plan) = plan {
        evaluation = evaluation.with_plan(plan);
    }
    match evaluation.run() {
        Ok(outcome) => Some(outcome.asked),
        Err(failure) => {
            println!("{failure}");
            None
        }
    }
}

/// Where two values differ first; what is not known is only not known.
fn difference(ours: &Value, theirs: &Value, path: &str) -> Option<String> {
    match (ours, theirs) {
        (Value::Unknown(_), Value::Unknown(_)) => None,
        (Value::Object(a), Value::Object(b)) => {
            let missing =
                a.iter().find(|(key, _)| b.get_key(key).is_none()).map(|(key, _)| format!("{path}.{key}: only ours"));
            missing.or_else(|| {
                b.iter().find_map(|(key, theirs)| match a.get_key(key) {
                    Some(ours) => difference(ours, theirs, &format!("{path}.{key}")),
                    None => Some(format!("{path}.{key}: only theirs, {theirs:?}")),
                })
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(at, (a, b))| difference(a, b, &format!("{path}[{at}]")))
        }
        _ if ours == theirs => None,
        _ => Some(format!("{path}: {ours:?}, not {theirs:?}")),
    }
}

fn compare(ours: Option<&Datum>, theirs: &Datum, name: &str) -> Option<String> {
    match (ours, theirs) {
        (Some(Datum::Known(ours)), Datum::Known(theirs)) => difference(ours, theirs, name),
        (Some(Datum::Undefined(_)), Datum::Undefined(_)) => None,
        (ours, theirs) => Some(format!("{name}: {ours:?}, not {theirs:?}")),
    }
}

#[test]
fn imports_are_as_the_mocks_of_the_same_plans() {
    let Ok(folder) = std::env::var("PROBITY_SENTINEL_SETS") else {
        eprintln!("skipped: PROBITY_SENTINEL_SETS names no folder");
        return;
    };
    let mut paths = Vec::new();
    mocks(Path::new(&folder), &mut paths);
    let (mut same, mut all, mut different) = (0, 0, 0);
    for path in &paths {
        let Some(plan) = values(&std::fs::read_to_string(path).unwrap(), &["raw"], None) else { continue };
        let Some(Datum::Known(raw)) = plan.get("raw") else { continue };
        let Ok(plan) = Plan::new(raw) else { continue };
        for (import, file, names) in IMPORTS {
            let Ok(text) = std::fs::read_to_string(path.with_file_name(file)) else { continue };
            let Some(theirs) = values(&text, names, None) else { continue };
            let members: Vec<String> = theirs.keys().map(|name| format!("{name} = tf.{name}")).collect();
            let text = format!("import {import:?} as tf\n{}", members.join("\n"));
            let ours = values(&text, names, Some(&plan)).unwrap_or_default();
            for (name, theirs) in &theirs {
                all += 1;
                match compare(ours.get(name), theirs, name) {
                    None => same += 1,
                    Some(difference) => {
                        different += 1;
                        println!("{} {import}: {difference}", path.display());
                    }
                }
            }
        }
    }
    println!("{same} of {all} members are the same, {different} are not");
    // Authors of cases change mocks by hand, but leave `raw` as it was.
    assert!(all > 0 && same * 100 >= all * 98, "{same} of {all}");
}
