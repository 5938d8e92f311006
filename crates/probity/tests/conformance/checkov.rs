//! Cases of Checkov: its fixtures, single resources, and the operators of its policies in YAML.

use std::collections::HashMap;
use std::path::Path;

use rayon::prelude::*;
use serde_json::Value;

use crate::Case;
use crate::judged::{Compared, Judged, called, judge, policies_of};

/// Frameworks of the fixtures that we owe.
const FRAMEWORKS: [&str; 4] = ["terraform", "cloudformation", "kubernetes", "dockerfile"];

fn read(file: &Path) -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn result(suite: String, name: String, known: bool, case: &Value, judge: impl FnOnce() -> Judged) -> Case {
    // What no policy judges has no resource that came out right.
    let mut compared = if known { judge().compare(case) } else { Judged::default().compare(case) };
    if !known {
        compared.differences = vec![("*".to_owned(), "no such policy".to_owned())];
    }
    Case { suite, name, compared }
}

pub(crate) fn fixtures(root: &Path) -> Vec<Case> {
    read(&root.join("fixtures.json"))
        .par_iter()
        .filter(|case| FRAMEWORKS.contains(&case["framework"].as_str().unwrap()))
        .flat_map_iter(|case| {
            let framework = case["framework"].as_str().unwrap();
            let path = root.join(case["fixture"].as_str().unwrap());
            let builtin = called(case["id"].as_str().unwrap());
            let name = format!("{} {}", case["id"].as_str().unwrap(), case["fixture"].as_str().unwrap());
            let suite = format!("checkov-fixtures-{framework}");
            let mut results = vec![result(suite, name.clone(), !builtin.is_empty(), case, || judge(&path, builtin))];
            if let Some(policy) = case["policy"].as_str() {
                let own = policies_of(&root.join(policy));
                let suite = format!("checkov-policies-{framework}");
                results.push(result(suite, name, !own.is_empty(), case, || judge(&path, own)));
            }
            results
        })
        .collect()
}

/// The first resource type of each of Checkov's Terraform checks.
fn types(root: &Path) -> HashMap<String, String> {
    let rows = std::fs::read_to_string(root.join("checks.tsv")).unwrap();
    rows.lines()
        .filter_map(|row| {
            let columns: Vec<&str> = row.split('\t').collect();
            let first = columns.get(3)?.split([' ', ',', ';', '|']).next()?.trim_matches('"');
            (columns[1] == "terraform").then(|| (columns[0].to_owned(), first.to_owned()))
        })
        .collect()
}

/// A resource as Checkov keeps it, in which every value is in a list of its own, as it is written.
fn unwrapped(value: &Value) -> Value {
    match value {
        Value::Array(list) => match list.as_slice() {
            [one] if one.as_object().is_none_or(serde_json::Map::is_empty) => unwrapped(one),
            many => many.iter().map(unwrapped).collect(),
        },
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), unwrapped(value))).collect(),
        other => other.clone(),
    }
}

/// The resource of a case as a file: its name and its text.
fn written(case: &Value, types: &HashMap<String, String>) -> Option<(&'static str, String)> {
    if let Some(hcl) = case["hcl"].as_str() {
        return Some(("main.tf", hcl.to_owned()));
    }
    if case["framework"] == "cloudformation" {
        return Some(("template.json", serde_json::json!({"Resources": {"Case": case["conf"]}}).to_string()));
    }
    let resource_type = types.get(case["id"].as_str()?).filter(|_| case["framework"] == "terraform")?;
    let resource = serde_json::json!({"resource": {resource_type: {"case": unwrapped(&case["conf"])}}});
    Some(("main.tf.json", resource.to_string()))
}

/// A case that has no name is known by its check and a digest (FNV-1a) of what it says.
fn digest(case: &Value) -> String {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", case.to_string().bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

pub(crate) fn inline(root: &Path) -> Vec<Case> {
    let types = types(root);
    read(&root.join("inline.json"))
        .iter()
        .map(|case| {
            let builtin = called(case["id"].as_str().unwrap());
            let name = format!("{} {}", case["id"].as_str().unwrap(), digest(case));
            let difference = match written(case, &types) {
                _ if builtin.is_empty() => Some("no such policy".to_owned()),
                None => Some("not a resource that is known".to_owned()),
                Some((file, text)) => {
                    let folder = tempfile::tempdir().unwrap();
                    std::fs::write(folder.path().join(file), text).unwrap();
                    let judged = judge(folder.path(), builtin);
                    let is_judged = judged.failed + judged.passed > 0;
                    let right = is_judged && (judged.failed > 0) == (case["result"] == "FAILED");
                    (!right).then(|| format!("{} failed, {} passed: {case}", judged.failed, judged.passed))
                }
            };
            Case { suite: "checkov-inline".to_owned(), name, compared: whole(difference) }
        })
        .collect()
}

/// What a case is that came out as a whole or did not.
pub(crate) fn whole(difference: Option<String>) -> Compared {
    let differences: Vec<_> = difference.into_iter().map(|difference| ("*".to_owned(), difference)).collect();
    Compared { right: usize::from(differences.is_empty()), total: 1, differences }
}

pub(crate) fn operators(root: &Path) -> Vec<Case> {
    read(&root.join("operators.json"))
        .par_iter()
        .map(|case| {
            let id = case["id"].as_str().unwrap();
            let mut policies = policies_of(&root.join(case["policies"].as_str().unwrap()));
            policies.retain(|policy| policy.metadata().id.as_str() == id);
            let path = root.join(case["fixture"].as_str().unwrap());
            let name = format!("{id} {} {}", case["policies"].as_str().unwrap(), case["fixture"].as_str().unwrap());
            result("checkov-operators".to_owned(), name, !policies.is_empty(), case, || judge(&path, policies))
        })
        .collect()
}
