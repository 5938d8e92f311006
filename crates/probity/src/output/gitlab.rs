use std::io::{self, Write};

use probity_model::{Outcome, Severity};
use serde_json::{Value, json};

use super::{Entry, Report};

/// A code quality report of GitLab (its documentation, "Code Quality report format"): a list, without what was accepted.
pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut all: Vec<Value> = report.entries(&[Outcome::Fail, Outcome::Error]).iter().map(issue).collect();
    all.extend(report.problems.iter().map(|(path, problem)| {
        let line = problem.span.and_then(|span| report.sources.locate(span)).map_or(1, |place| place.line);
        let path = path.display().to_string().replace('\\', "/");
        let fingerprint = super::fnv(["unreadable", &path, &problem.message]);
        json!({
            "description": problem.display(report.sources, std::path::Path::new(&path)),
            "check_name": "unreadable",
            "fingerprint": format!("{fingerprint:016x}"),
            "severity": "blocker",
            "location": {"path": path, "lines": {"begin": line}},
        })
    }));
    serde_json::to_writer_pretty(&mut *out, &all)?;
    writeln!(out)
}

fn issue(entry: &Entry<'_>) -> Value {
    let severity = match entry.finding.severity {
        Severity::Critical => "blocker",
        Severity::High => "critical",
        Severity::Medium => "major",
        Severity::Low => "minor",
        Severity::Info => "info",
    };
    let location = entry.finding.location.as_ref();
    json!({
        "description": format!("{}: {} ({})", entry.policy.title, entry.message(), entry.subjects()),
        "check_name": entry.policy.id,
        "fingerprint": entry.fingerprint(),
        "severity": severity,
        "location": {
            "path": entry.path().trim_start_matches("./"),
            "lines": {"begin": location.map_or(1, |location| location.line)},
        },
    })
}
