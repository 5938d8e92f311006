//! Builds in the forms of a list.

use std::io::Write;

use anyhow::Result;
use probity_evidence_index::{BuildFilter, BuildRow, Queries};
use probity_evidence_ledger::{BuildRecord, CheckOutcome};
use probity_model::Action;

use super::{Form, pages};
use crate::output::{csv_field, harmless};

/// Writes the builds that fit, as many as are asked for.
pub(super) fn write(
    queries: &Queries,
    filter: &BuildFilter,
    limit: u64,
    form: Form,
    out: &mut impl Write,
) -> Result<()> {
    if form == Form::Csv {
        writeln!(out, "entry,time,project,version,number,system,commit,actor,started,ended,action,image,checks,leaf")?;
    }
    let ask = |page| {
        let page = queries.builds(filter, page)?;
        Ok((page.rows, page.next))
    };
    pages(limit, "build", ask, |row: &BuildRow| {
        match form {
            Form::Json => writeln!(out, "{}", serde_json::to_string(row)?)?,
            Form::Csv => write_csv(row, out)?,
            Form::Text => writeln!(out, "{}  entry {}", line(&row.build), row.index)?,
        }
        Ok(())
    })?;
    Ok(out.flush()?)
}

/// A build in one line: when it ended, what it was, how it came out, from when to when.
pub(in super::super) fn line(build: &BuildRecord) -> String {
    let number = build.number.as_ref().map(|number| format!(" #{number}")).unwrap_or_default();
    let version = build.version.as_ref().map(|version| format!(" v{}", version.trim_start_matches('v')));
    let outcome = if build.action == Action::Deny { "FAILED" } else { "PASSED" };
    let day = |time: jiff::Timestamp| time.strftime("%Y-%m-%d").to_string();
    let clock = |time: jiff::Timestamp| time.strftime("%H:%M:%S").to_string();
    let started = if day(build.started) == day(build.ended) {
        clock(build.started)
    } else {
        format!("{} {}", day(build.started), clock(build.started))
    };
    harmless(&format!(
        "{} build{number} {}{} {outcome} ({}) {started} to {}",
        build.ended.strftime("%Y-%m-%dT%H:%M:%SZ"),
        build.project,
        version.unwrap_or_default(),
        checks(build),
        clock(build.ended)
    ))
}

/// The checks by name, with how those came out that did not pass.
fn checks(build: &BuildRecord) -> String {
    let checks = build.checks.iter().map(|check| match check.outcome {
        CheckOutcome::Passed => check.name.to_string(),
        outcome => format!("{} {outcome}", check.name),
    });
    let checks: Vec<String> = checks.collect();
    if checks.is_empty() { "no checks".to_owned() } else { checks.join(", ") }
}

fn write_csv(row: &BuildRow, out: &mut impl Write) -> Result<()> {
    let build = &row.build;
    let optional = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let images = build.images.iter().map(|image| match &image.digest {
        Some(digest) if !image.reference.contains(digest.as_str()) => format!("{}@{digest}", image.reference),
        _ => image.reference.clone(),
    });
    let fields = [
        row.index.to_string(),
        row.time.to_string(),
        build.project.clone(),
        optional(build.version.as_deref()),
        optional(build.number.as_deref()),
        optional(build.system.as_deref()),
        optional(build.origin.commit.as_deref()),
        optional(build.origin.actor.as_deref()),
        build.started.to_string(),
        build.ended.to_string(),
        build.action.to_string(),
        images.collect::<Vec<_>>().join(" "),
        checks(build),
        row.leaf.to_string(),
    ];
    Ok(writeln!(out, "{}", fields.iter().map(|field| csv_field(field)).collect::<Vec<_>>().join(","))?)
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_build_is_one_line() {
        let mut build = serde_json::json!({
            "project": "patient-portal", "version": "1.2.3", "number": "42", "started": "2026-11-27T10:15:00Z",
            "ended": "2026-11-27T10:18:45.5Z", "action": "allow", "scanner": "probity 1",
            "checks": [{"name": "signed", "outcome": "passed"}, {"name": "sbom", "outcome": "passed"}],
        });
        let written = |build: &serde_json::Value| line(&serde_json::from_value(build.clone()).unwrap());
        assert_eq!(
            written(&build),
            "2026-11-27T10:18:45Z build #42 patient-portal v1.2.3 PASSED (signed, sbom) 10:15:00 to 10:18:45"
        );
        build["action"] = "deny".into();
        build["started"] = "2026-11-26T23:59:00Z".into();
        build["checks"][1]["outcome"] = "error".into();
        build["version"] = "v2\u{1b}".into();
        assert_eq!(
            written(&build),
            "2026-11-27T10:18:45Z build #42 patient-portal v2\u{fffd} FAILED (signed, sbom error) 2026-11-26 23:59:00 to 10:18:45"
        );
    }
}
