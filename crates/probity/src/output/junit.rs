use std::collections::BTreeMap;
use std::io::{self, Write};

use probity_evidence_ledger::{CheckOutcome, CheckRecord};
use probity_model::Outcome;

use super::{Entry, Report};

/// `JUnit` XML: a suite for each file, a case for each policy on a resource.
pub(super) fn write(report: &Report<'_>, checks: &[CheckRecord], out: &mut dyn Write) -> io::Result<()> {
    let mut suites: BTreeMap<String, Vec<Entry<'_>>> = BTreeMap::new();
    for entry in report.entries(&[Outcome::Fail, Outcome::Error, Outcome::Waived, Outcome::Skipped]) {
        suites.entry(entry.path()).or_default().push(entry);
    }
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<testsuites name="probity">"#)?;
    write_checks(checks, out)?;
    for (path, entries) in &suites {
        let count = |outcome| entries.iter().filter(|entry| entry.finding.outcome == outcome).count();
        writeln!(
            out,
            r#"  <testsuite name="{}" tests="{}" failures="{}" errors="{}" skipped="{}">"#,
            escaped(path),
            entries.len(),
            count(Outcome::Fail),
            count(Outcome::Error),
            count(Outcome::Waived) + count(Outcome::Skipped)
        )?;
        for entry in entries {
            write_case(entry, out)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    if !report.problems.is_empty() {
        let count = report.problems.len();
        writeln!(out, r#"  <testsuite name="unreadable files" tests="{count}" failures="0" errors="{count}">"#)?;
        for (path, problem) in report.problems {
            let name = escaped(&path.display().to_string());
            let message = escaped(&problem.display(report.sources, path));
            writeln!(out, r#"    <testcase name="{name}"><error message="{message}"/></testcase>"#)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

/// A suite of the checks of a build, those that hold too.
fn write_checks(checks: &[CheckRecord], out: &mut dyn Write) -> io::Result<()> {
    if checks.is_empty() {
        return Ok(());
    }
    let count = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
    writeln!(
        out,
        r#"  <testsuite name="checks of the build" tests="{}" failures="{}" errors="{}" skipped="{}">"#,
        checks.len(),
        count(CheckOutcome::Failed),
        count(CheckOutcome::Error),
        count(CheckOutcome::Skipped)
    )?;
    for check in checks {
        let detail = escaped(&check.detail);
        let fix = escaped(check.fix.as_deref().unwrap_or_default());
        let element = match check.outcome {
            CheckOutcome::Passed => String::new(),
            CheckOutcome::Failed => format!(r#"<failure message="{detail}">{fix}</failure>"#),
            CheckOutcome::Error => format!(r#"<error message="{detail}">{fix}</error>"#),
            CheckOutcome::Skipped => format!(r#"<skipped message="{detail}"/>"#),
        };
        let name = escaped(&check.name);
        writeln!(out, r#"    <testcase name="{name}" classname="probity">{element}</testcase>"#)?;
    }
    writeln!(out, "  </testsuite>")
}

fn write_case(entry: &Entry<'_>, out: &mut dyn Write) -> io::Result<()> {
    let name = escaped(&format!("{} {}", entry.policy.id, entry.policy.title));
    let class = escaped(&entry.decision.subject.address);
    let message = escaped(&entry.message());
    let reason = escaped(entry.finding.reason.as_deref().unwrap_or_default());
    let place = entry.finding.location.as_ref().map(ToString::to_string).unwrap_or_default();
    let place = escaped(&format!("{place} in {}", entry.subjects()));
    let element = match entry.finding.outcome {
        Outcome::Error => format!(r#"<error message="{message}">{place}</error>"#),
        Outcome::Waived | Outcome::Skipped => format!(r#"<skipped message="{reason}"/>"#),
        _ => format!(r#"<failure message="{message}" type="{}">{place}</failure>"#, entry.finding.severity),
    };
    writeln!(out, r#"    <testcase name="{name}" classname="{class}">{element}</testcase>"#)
}

/// Text for an attribute or element; characters that XML 1.0 cannot hold are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(' '),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn xml_is_not_broken_by_names() {
        assert_eq!(escaped("<a b=\"&\">\u{1b}\n"), "&lt;a b=&quot;&amp;&quot;&gt;\u{fffd} ");
    }
}
