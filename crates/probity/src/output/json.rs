use std::io::{self, Write};

use probity_model::Outcome;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{Entry, Report};

/// Everything but passes. `version` changes when a field changes its meaning or goes away.
pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let all = [Outcome::Fail, Outcome::Error, Outcome::Waived, Outcome::Skipped, Outcome::Unknown];
    let problems: Vec<Value> = report
        .problems
        .iter()
        .map(|(path, problem)| {
            let location = problem.span.and_then(|span| report.sources.locate(span));
            json!({"path": path, "location": location, "message": problem.message, "help": problem.help})
        })
        .collect();
    let severities: serde_json::Map<String, Value> =
        report.failed().into_iter().map(|(severity, count)| (severity.to_string(), count.into())).collect();
    let mut summary = json!({
        "files": report.files,
        "subjects": report.decisions.len(),
        "policies": report.policies.count(),
        "passed": report.passed(),
            "failed": severities,
            "errors": report.count(Outcome::Error),
            "waived": report.count(Outcome::Waived),
            "skipped": report.count(Outcome::Skipped),
            "unknown": report.count(Outcome::Unknown),
    });
    if let Some(left_out) = report.left_out {
        summary["diff"] = json!({"base": left_out.base, "commit": left_out.commit, "left_out": left_out.count});
    }
    let document = Document {
        version: 1,
        tool: json!({"name": "probity", "version": crate::version::version()}),
        summary,
        findings: Findings(report, report.entries(&all)),
        problems,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

#[derive(Serialize)]
struct Document<'a> {
    findings: Findings<'a>,
    problems: Vec<Value>,
    summary: Value,
    tool: Value,
    version: u32,
}

/// Each is made when it is written: of a large plan there are hundreds of thousands.
struct Findings<'a>(&'a Report<'a>, Vec<Entry<'a>>);

impl Serialize for Findings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.1.iter().map(|entry| finding(self.0, entry)))
    }
}

/// A finding. `subject` is the first resource, `subjects` has all of them by name, and `calls` the chains of module calls
/// that lead to them.
fn finding(report: &Report<'_>, entry: &Entry<'_>) -> Value {
    let Entry { decision, finding, policy, .. } = entry;
    let subjects: Vec<&str> = entry.decisions().map(|decision| decision.subject.address.as_str()).collect();
    json!({
        "policy": policy.id,
        "title": policy.title,
        "severity": finding.severity,
        "outcome": finding.outcome,
        "stage": finding.stage,
        "gate": decision.gate,
        "subject": {
            "kind": decision.subject.kind,
            "type": decision.subject.resource_type,
            "address": decision.subject.address,
            "labels": decision.subject.labels,
        },
        "subjects": subjects,
        "calls": entry.calls(report.sources),
        "location": finding.location,
        "message": finding.message,
        "reason": finding.reason,
        "controls": policy.controls,
        "fix": policy.fix,
        "aliases": policy.aliases,
    })
}
