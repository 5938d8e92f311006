use std::io::{self, Write};

use probity_evidence_ledger::{CheckOutcome, CheckRecord};
use probity_model::{Outcome, Severity};

use super::{Report, check_words};

/// Logging commands of Azure Pipelines (its documentation, "Logging commands"), which become issues of a run.
pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    for entry in report.entries(&[Outcome::Fail, Outcome::Error]) {
        let level = match entry.finding.severity {
            Severity::Critical | Severity::High => "error",
            Severity::Medium | Severity::Low | Severity::Info => "warning",
        };
        let place = entry.finding.location.as_ref().map(|location| {
            format!(
                "sourcepath={};linenumber={};columnnumber={};",
                property(&entry.path()),
                location.line,
                location.column
            )
        });
        let text = format!("{}: {} ({}). {}", entry.policy.title, entry.message(), entry.subjects(), entry.policy.fix);
        let (place, code) = (place.unwrap_or_default(), property(entry.policy.id.as_str()));
        writeln!(out, "##vso[task.logissue type={level};{place}code={code};]{}", message(&text))?;
    }
    for (path, problem) in report.problems {
        let file = property(&path.display().to_string());
        let text = message(&problem.display(report.sources, path));
        writeln!(out, "##vso[task.logissue type=error;sourcepath={file};]{text}")?;
    }
    Ok(())
}

/// Checks of a build that do not hold.
pub(super) fn write_checks(checks: &[CheckRecord], out: &mut dyn Write) -> io::Result<()> {
    for check in checks.iter().filter(|check| matches!(check.outcome, CheckOutcome::Failed | CheckOutcome::Error)) {
        let level = if check.blocks { "error" } else { "warning" };
        let code = property(&check.name);
        writeln!(out, "##vso[task.logissue type={level};code={code};]{}", message(&check_words(check)))?;
    }
    Ok(())
}

/// Text that ends with the line.
fn message(text: &str) -> String {
    text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(';', "%3B").replace(']', "%5D")
}

#[cfg(test)]
mod tests {
    use super::{message, property};

    #[test]
    fn names_cannot_end_a_command() {
        assert_eq!(property("a;b]\n##vso[task.complete]"), "a%3Bb%5D%0A##vso[task.complete%5D");
        assert_eq!(message("100%\r\n"), "100%AZP25%0D%0A");
    }
}
