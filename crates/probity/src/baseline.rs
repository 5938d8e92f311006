//! Baselines: findings that were there before, and are passed over.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use probity_model::{Decision, Outcome, Value, json};
use probity_policy_core::PolicySet;

use crate::input;

/// The findings as a baseline.
pub(crate) fn write(decisions: &[Decision]) -> String {
    let findings: Vec<Value> = decisions
        .iter()
        .flat_map(|decision| {
            decision.findings.iter().filter(|finding| finding.outcome == Outcome::Fail).map(|finding| {
                Value::object([
                    ("policy", Value::from(finding.policy.as_str())),
                    ("subject", decision.subject.address.as_str().into()),
                    ("path", path_of(decision).into()),
                ])
            })
        })
        .collect();
    json::write(&Value::object([("version", 1.into()), ("findings", Value::array(findings))])) + "\n"
}

fn path_of(decision: &Decision) -> String {
    decision.subject.location.as_ref().map(|location| location.path.display().to_string()).unwrap_or_default()
}

/// Turns failures that a baseline has into skips.
pub(crate) fn apply(decisions: &mut [Decision], set: &PolicySet, path: &Path) -> Result<()> {
    let text = input::read_text(path)?;
    let value = json::read(text.as_bytes()).map_err(|problem| anyhow::anyhow!("{}: {problem}", path.display()))?;
    let known = known_findings(&value)
        .with_context(|| format!("{}: neither a baseline written by --write-baseline nor Checkov's", path.display()))?;
    for decision in decisions {
        let (address, file) = (decision.subject.address.to_string(), path_of(decision));
        for finding in decision.findings.iter_mut().filter(|finding| finding.outcome == Outcome::Fail) {
            let metadata = set.get(&finding.policy);
            let aliases = metadata.iter().flat_map(|metadata| &metadata.aliases).map(probity_model::SmolStr::as_str);
            let paths = std::iter::once(finding.policy.as_str())
                .chain(aliases)
                .filter_map(|name| known.get(&(name.to_owned(), address.clone())));
            if paths.flatten().any(|known| same_file(known, &file)) {
                finding.outcome = Outcome::Skipped;
                finding.reason = Some("in the baseline".to_owned());
            }
        }
        decision.action = Decision::action_of(&decision.findings);
    }
    Ok(())
}

/// Whether both mean one file: Checkov writes paths from the scanned folder, with a slash before them.
fn same_file(known: &str, path: &str) -> bool {
    let known = known.trim_start_matches("./").trim_start_matches('/');
    let path = path.trim_start_matches("./");
    path == known || path.strip_suffix(known).is_some_and(|before| before.ends_with('/'))
}

/// Paths by policy and subject.
type Known = HashMap<(String, String), Vec<String>>;

fn known_findings(value: &Value) -> Option<Known> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut known = Known::new();
    let mut add = |policy: String, subject: String, path: String| {
        known.entry((policy, subject)).or_default().push(path);
    };
    if let Some(findings) = value.get("findings").and_then(Value::as_array) {
        for finding in findings {
            add(text(finding, "policy")?, text(finding, "subject")?, text(finding, "path")?);
        }
        return Some(known);
    }
    for file in value.get("failed_checks")?.as_array()? {
        let path = text(file, "file")?;
        for finding in file.get("findings")?.as_array()? {
            for id in finding.get("check_ids")?.as_array()? {
                add(id.as_str()?.to_owned(), text(finding, "resource")?, path.clone());
            }
        }
    }
    Some(known)
}
