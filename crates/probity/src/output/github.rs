use std::io::{self, Write};

use probity_evidence_ledger::{CheckOutcome, CheckRecord};
use probity_model::{Outcome, Severity};

use super::{Report, check_words, controls};

/// Workflow commands of GitHub Actions, which become annotations of a change.
pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    for entry in report.entries(&[Outcome::Fail, Outcome::Error]) {
        let level = match entry.finding.severity {
            Severity::Critical | Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low | Severity::Info => "notice",
        };
        let mut place = String::new();
        if let Some(location) = &entry.finding.location {
            place = format!(
                "file={},line={},endLine={},col={},",
                property(&entry.path()),
                location.line,
                location.end_line,
                location.column
            );
        }
        let title = property(&format!("{} {}", entry.policy.id, entry.policy.title));
        let text = format!(
            "{} ({})\nControls: {}\nFix: {}",
            entry.message(),
            entry.subjects(),
            controls(entry.policy),
            entry.policy.fix
        );
        writeln!(out, "::{level} {place}title={title}::{}", message(&text))?;
    }
    for (path, problem) in report.problems {
        let file = property(&path.display().to_string());
        writeln!(out, "::error file={file}::{}", message(&problem.display(report.sources, path)))?;
    }
    Ok(())
}

/// Checks of a build that do not hold.
pub(super) fn write_checks(checks: &[CheckRecord], out: &mut dyn Write) -> io::Result<()> {
    for check in checks.iter().filter(|check| matches!(check.outcome, CheckOutcome::Failed | CheckOutcome::Error)) {
        let level = if check.blocks { "error" } else { "warning" };
        let title = property(&format!("probity {} {}", check.name, check.outcome));
        writeln!(out, "::{level} title={title}::{}", message(&check_words(check)))?;
    }
    Ok(())
}

fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::property;

    #[test]
    fn names_cannot_end_a_command() {
        assert_eq!(property("a::b,c\n::error::"), "a%3A%3Ab%2Cc%0A%3A%3Aerror%3A%3A");
    }
}
