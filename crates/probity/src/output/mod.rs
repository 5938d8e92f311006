//! The forms in which findings are written.

mod csv;
mod github;
mod json;
mod junit;
mod sarif;
mod text;
pub(crate) mod yaml;

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use probity_model::{Decision, Finding, Metadata, Outcome, PolicyId, Problem, Severity, Sources, SubjectKind};

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// Everything, for programs.
    Json,
    /// SARIF 2.1.0, for code scanning services.
    Sarif,
    #[value(help = "JUnit XML, for test reports")]
    Junit,
    /// Annotations of GitHub Actions.
    Github,
    /// A table for spreadsheets.
    Csv,
}

pub(crate) use csv::quoted as csv_field;

/// What a scan found.
pub(crate) struct Report<'a> {
    pub(crate) decisions: &'a [Decision],
    pub(crate) policies: &'a HashMap<&'a PolicyId, &'a Metadata>,
    pub(crate) problems: &'a [(PathBuf, Problem)],
    pub(crate) sources: &'a Sources,
    pub(crate) files: usize,
    pub(crate) elapsed: Duration,
    pub(crate) verbose: bool,
    /// Whether there is a probity.yaml.
    pub(crate) configured: bool,
}

/// A finding with what it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) decision: &'a Decision,
    pub(crate) finding: &'a Finding,
    pub(crate) policy: &'a Metadata,
}

impl<'a> Report<'a> {
    /// Every finding that came out so, the most severe first, then by place and policy. What several kustomizations share
    /// at one place is there once.
    pub(crate) fn entries(&self, outcomes: &[Outcome]) -> Vec<Entry<'a>> {
        let mut entries: Vec<Entry<'a>> = self
            .decisions
            .iter()
            .flat_map(|decision| decision.findings.iter().map(move |finding| (decision, finding)))
            .filter(|(_, finding)| outcomes.contains(&finding.outcome))
            .filter_map(|(decision, finding)| {
                Some(Entry { decision, finding, policy: self.policies.get(&finding.policy).copied()? })
            })
            .collect();
        entries.sort_by(|a, b| {
            let key = |entry: &Entry<'a>| {
                (std::cmp::Reverse(entry.finding.severity), &entry.finding.location, &entry.finding.policy)
            };
            key(a).cmp(&key(b)).then_with(|| a.decision.subject.address.cmp(&b.decision.subject.address))
        });
        entries.dedup_by(|later, earlier| is_shared(earlier, later));
        entries
    }

    /// How many findings came out so.
    pub(crate) fn count(&self, outcome: Outcome) -> usize {
        self.decisions
            .iter()
            .flat_map(|decision| &decision.findings)
            .filter(|finding| finding.outcome == outcome)
            .count()
    }

    /// How many failures are of this severity.
    pub(crate) fn failed(&self, severity: Severity) -> usize {
        self.decisions
            .iter()
            .flat_map(|decision| &decision.findings)
            .filter(|finding| finding.outcome == Outcome::Fail && finding.severity == severity)
            .count()
    }
}

/// Whether both are one finding, of a base that several kustomizations use.
fn is_shared(a: &Entry<'_>, b: &Entry<'_>) -> bool {
    let is_rendered = |entry: &Entry<'_>| {
        entry.decision.subject.kind == SubjectKind::Kubernetes && !entry.decision.subject.calls.is_empty()
    };
    is_rendered(a)
        && is_rendered(b)
        && a.finding.location.is_some()
        && (&a.finding.location, &a.finding.policy, a.finding.outcome)
            == (&b.finding.location, &b.finding.policy, b.finding.outcome)
}

impl Entry<'_> {
    /// The path that the finding points at, `/` between its parts; empty when it points nowhere.
    pub(crate) fn path(&self) -> String {
        let location = self.finding.location.as_ref();
        location.map(|location| location.path.display().to_string().replace('\\', "/")).unwrap_or_default()
    }
}

/// Writes a report.
pub(crate) fn write(format: Format, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Text => text::write(report, out),
        Format::Json => json::write(report, out),
        Format::Sarif => sarif::write(report, out),
        Format::Junit => junit::write(report, out),
        Format::Github => github::write(report, out),
        Format::Csv => csv::write(report, out),
    }
}

/// A framework's name as people write it.
pub(crate) fn framework_name(id: &str) -> &str {
    match id {
        "soc2" => "SOC 2",
        "pci-dss" => "PCI DSS",
        "hipaa" => "HIPAA",
        "iso-27001" => "ISO 27001",
        "nist-800-53" => "NIST 800-53",
        "cis-aws" => "CIS AWS",
        "cis-azure" => "CIS Azure",
        "cis-google" => "CIS Google",
        "cis-kubernetes" => "CIS Kubernetes",
        "cis-docker" => "CIS Docker",
        other => other,
    }
}

/// The controls that a policy serves, in one line.
pub(crate) fn controls(policy: &Metadata) -> String {
    let names: Vec<String> = policy
        .controls
        .iter()
        .map(|link| format!("{} {}", framework_name(&link.control.framework), link.control.requirement))
        .collect();
    names.join(", ")
}

/// The text without characters that a terminal or a log would act upon.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\t' => ' ',
            control if control.is_control() => '\u{fffd}',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn terminals_are_not_given_orders() {
        assert_eq!(harmless("a\u{1b}[31mb\tc\r"), "a\u{fffd}[31mb c\u{fffd}");
    }
}
