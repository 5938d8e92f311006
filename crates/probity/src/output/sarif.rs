use std::collections::BTreeMap;
use std::io::{self, Write};

use probity_model::{Location, Metadata, Outcome, Severity};
use serde_json::{Value, json};

use super::{Entry, Report, controls};

/// SARIF 2.1.0 (OASIS standard).
pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let entries = report.entries(&[Outcome::Fail, Outcome::Error, Outcome::Waived, Outcome::Skipped]);
    let rules: BTreeMap<&str, &Metadata> =
        entries.iter().map(|entry| (entry.policy.id.as_str(), entry.policy)).collect();
    let positions: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(position, id)| (*id, position)).collect();
    let results: Vec<Value> =
        entries.iter().map(|entry| result(report, entry, positions[entry.policy.id.as_str()])).collect();
    let notifications: Vec<Value> = report
        .problems
        .iter()
        .map(|(path, problem)| {
            let text = problem.display(report.sources, path);
            json!({"level": "error", "message": {"text": text}})
        })
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "Probity",
                "semanticVersion": crate::version::version(),
                "rules": rules.values().map(|policy| rule(policy)).collect::<Vec<_>>(),
            }},
            "invocations": [{
                "executionSuccessful": report.problems.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn rule(policy: &Metadata) -> Value {
    let or_title = |text: &str| if text.is_empty() { policy.title.clone() } else { text.to_owned() };
    let tags: Vec<String> = policy.controls.iter().map(|link| link.control.to_string()).collect();
    json!({
        "id": policy.id,
        "shortDescription": {"text": policy.title},
        "fullDescription": {"text": or_title(&policy.why)},
        "help": {"text": format!("{}\n\nControls: {}", or_title(&policy.fix), controls(policy))},
        "defaultConfiguration": {"level": level(policy.severity)},
        "properties": {"tags": tags, "security-severity": score(policy.severity)},
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// In the middle of the ranges that code scanning services sort by.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.5",
        Severity::Info => "0.5",
    }
}

fn result(report: &Report<'_>, entry: &Entry<'_>, position: usize) -> Value {
    let mut result = json!({
        "ruleId": entry.policy.id,
        "ruleIndex": position,
        "level": level(entry.finding.severity),
        "message": {"text": entry.message()},
        "partialFingerprints": {"probity/v1": entry.fingerprint()},
    });
    if let Some(location) = &entry.finding.location {
        let names: Vec<Value> = entry
            .decisions()
            .map(|decision| json!({"fullyQualifiedName": decision.subject.address, "kind": "resource"}))
            .collect();
        result["locations"] = json!([{"physicalLocation": physical(location), "logicalLocations": names}]);
    }
    let calls: Vec<Value> = entry
        .calls(report.sources)
        .iter()
        .flatten()
        .map(|call| json!({"physicalLocation": physical(call), "message": {"text": "called here"}}))
        .collect();
    if !calls.is_empty() {
        result["relatedLocations"] = calls.into();
    }
    let kind = match entry.finding.outcome {
        Outcome::Waived => "external",
        Outcome::Skipped => "inSource",
        _ => return result,
    };
    result["suppressions"] = json!([{"kind": kind, "justification": entry.finding.reason}]);
    result
}

fn physical(location: &Location) -> Value {
    let mut region = json!({"startLine": location.line, "startColumn": location.column});
    if location.end_line >= location.line {
        region["endLine"] = location.end_line.into();
        region["endColumn"] = location.end_column.into();
    }
    let path = super::slashes(location);
    let artifact = if location.path.is_absolute() {
        json!({"uri": format!("file://{}", percent_encoded(&path))})
    } else {
        json!({"uri": percent_encoded(path.trim_start_matches("./")), "uriBaseId": "%SRCROOT%"})
    };
    json!({"artifactLocation": artifact, "region": region})
}

/// The path with everything escaped that a URI may not hold (RFC 3986, section 2).
fn percent_encoded(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::percent_encoded;

    #[test]
    fn paths_become_uris() {
        assert_eq!(percent_encoded("a b/ü%.tf"), "a%20b/%C3%BC%25.tf");
    }
}
