use std::io::{self, Write};

use probity_evidence_ledger::{CheckOutcome, CheckRecord};
use probity_model::{Outcome, Severity};
use serde_json::{Value, json};

use super::{Entry, Report, check_words};

/// A code quality report of GitLab (its documentation, "Code Quality report format"): a list, without what was accepted.
pub(super) fn write(report: &Report<'_>, checks: &[CheckRecord], out: &mut dyn Write) -> io::Result<()> {
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
    let broken = checks.iter().filter(|check| matches!(check.outcome, CheckOutcome::Failed | CheckOutcome::Error));
    all.extend(broken.map(of_check));
    serde_json::to_writer_pretty(&mut *out, &all)?;
    writeln!(out)
}

/// A check stands in no file: it is shown at the configuration, which says what is checked.
fn of_check(check: &CheckRecord) -> Value {
    let name = format!("probity {}", check.name);
    json!({
        "description": check_words(check),
        "check_name": name,
        "fingerprint": format!("{:016x}", super::fnv([&name, "", ""])),
        "severity": if check.blocks { "blocker" } else { "minor" },
        "location": {"path": crate::config::FILE_NAME, "lines": {"begin": 1}},
    })
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
