use std::io::{self, Write};

use probity_model::{Outcome, Severity};
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
        Severity::ALL.iter().map(|&severity| (severity.to_string(), report.failed(severity).into())).collect();
    let document = Document {
        version: 1,
        tool: json!({"name": "probity", "version": env!("CARGO_PKG_VERSION")}),
        summary: json!({
            "files": report.files,
            "subjects": report.decisions.len(),
            "policies": report.policies.count(),
            "passed": report.count(Outcome::Pass),
            "failed": severities,
            "errors": report.count(Outcome::Error),
            "waived": report.count(Outcome::Waived),
            "skipped": report.count(Outcome::Skipped),
            "unknown": report.count(Outcome::Unknown),
        }),
        findings: Findings(report.entries(&all)),
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
struct Findings<'a>(Vec<Entry<'a>>);

impl Serialize for Findings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(finding))
    }
}

fn finding(entry: &Entry<'_>) -> Value {
    let Entry { decision, finding, policy } = entry;
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
        "location": finding.location,
        "message": finding.message,
        "reason": finding.reason,
        "controls": policy.controls,
        "fix": policy.fix,
        "aliases": policy.aliases,
    })
}
