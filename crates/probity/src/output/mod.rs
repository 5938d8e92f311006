//! The forms in which findings are written.

mod azure;
mod csv;
mod github;
mod gitlab;
mod json;
mod junit;
mod sarif;
mod text;
pub(crate) mod yaml;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::change::LeftOut;
use crate::files::write_file;
use crate::secrets::Masks;
use probity_evidence_ledger::CheckRecord;
use probity_model::{Decision, Finding, Location, Metadata, Outcome, PolicyId, Problem, Severity, Sources, Stage};
use probity_policy_core::PolicySet;

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
    #[value(help = "Code quality of GitLab, shown in merge requests")]
    Gitlab,
    /// Logging commands of Azure Pipelines.
    Azure,
    /// A table for spreadsheets.
    Csv,
}

pub(crate) use csv::quoted as csv_field;

/// What a scan found.
pub(crate) struct Report<'a> {
    pub(crate) decisions: &'a [Decision],
    pub(crate) policies: &'a dyn Policies,
    pub(crate) problems: &'a [(PathBuf, Problem)],
    pub(crate) sources: &'a Sources,
    /// What excerpts of sources do not show.
    pub(crate) masks: &'a Masks,
    /// Files that were read; images are none.
    pub(crate) files: usize,
    pub(crate) elapsed: Duration,
    pub(crate) verbose: bool,
    /// Whether there is a probity.yaml.
    pub(crate) configured: bool,
    /// What is not among the findings, for it was there before a change.
    pub(crate) left_out: Option<&'a LeftOut>,
}

/// Writes a report to a file, or else to the standard output.
pub(crate) fn deliver(format: Format, report: &Report<'_>, file: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = file else {
        let mut out = BufWriter::new(anstream::stdout());
        write(format, report, &mut out)?;
        return Ok(out.flush()?);
    };
    let mut out = anstream::StripStream::new(Vec::new());
    write(format, report, &mut out)?;
    write_file(path, &String::from_utf8_lossy(&out.into_inner()))
}

/// The policies that were asked.
pub(crate) trait Policies {
    /// How many there are.
    fn count(&self) -> usize;

    /// What is known of one of them.
    fn get(&self, id: &PolicyId) -> Option<&Metadata>;
}

impl Policies for PolicySet {
    fn count(&self) -> usize {
        self.ids().len()
    }

    fn get(&self, id: &PolicyId) -> Option<&Metadata> {
        self.get(id)
    }
}

impl Policies for HashMap<PolicyId, Metadata> {
    fn count(&self) -> usize {
        self.len()
    }

    fn get(&self, id: &PolicyId) -> Option<&Metadata> {
        self.get(id)
    }
}

/// A finding with what it belongs to. What a policy says of several resources that stand at one place, as those of a module
/// that is called often do, is one finding: there is one line to change.
#[derive(Clone)]
pub(crate) struct Entry<'a> {
    pub(crate) decision: &'a Decision,
    pub(crate) finding: &'a Finding,
    pub(crate) policy: &'a Metadata,
    /// The decisions on the other resources.
    pub(crate) others: Vec<&'a Decision>,
}

/// What findings have in common that are shown as one. One resource has as many as its policy finds, in their order.
type Place<'a> = (&'a PolicyId, Outcome, Stage, &'a Location, Option<&'a str>, usize);

impl<'a> Report<'a> {
    /// Every finding that came out so, the most severe first, then by place and policy.
    pub(crate) fn entries(&self, outcomes: &[Outcome]) -> Vec<Entry<'a>> {
        let mut entries: Vec<Entry<'a>> = Vec::new();
        let mut known: HashMap<Place<'a>, usize> = HashMap::new();
        let mut decisions: Vec<&Decision> = self.decisions.iter().collect();
        decisions.sort_by(|a, b| a.subject.address.cmp(&b.subject.address));
        for decision in decisions {
            let mut counts: HashMap<(&PolicyId, &Location), usize> = HashMap::new();
            for finding in decision.findings.iter().filter(|finding| outcomes.contains(&finding.outcome)) {
                let Some(policy) = self.policies.get(&finding.policy) else { continue };
                let place = finding.location.as_ref().map(|location| {
                    let count = counts.entry((&finding.policy, location)).or_default();
                    *count += 1;
                    (&finding.policy, finding.outcome, finding.stage, location, finding.reason.as_deref(), *count)
                });
                if let Some(&position) = place.and_then(|place| known.get(&place)) {
                    entries[position].others.push(decision);
                    continue;
                }
                known.extend(place.map(|place| (place, entries.len())));
                entries.push(Entry { decision, finding, policy, others: Vec::new() });
            }
        }
        entries.sort_by(|a, b| {
            let key = |entry: &Entry<'a>| (std::cmp::Reverse(entry.finding.severity), &entry.finding.location);
            key(a).cmp(&key(b)).then_with(|| a.finding.policy.cmp(&b.finding.policy))
        });
        entries
    }

    /// How many policies held on a resource.
    pub(crate) fn passed(&self) -> usize {
        let findings = self.decisions.iter().flat_map(|decision| &decision.findings);
        findings.filter(|finding| finding.outcome == Outcome::Pass).count()
    }

    /// How many findings came out so.
    pub(crate) fn count(&self, outcome: Outcome) -> usize {
        self.entries(&[outcome]).len()
    }

    /// How many failures there are, by severity.
    pub(crate) fn failed(&self) -> BTreeMap<Severity, usize> {
        let mut counts: BTreeMap<Severity, usize> = Severity::ALL.iter().map(|severity| (*severity, 0)).collect();
        for entry in self.entries(&[Outcome::Fail]) {
            *counts.entry(entry.finding.severity).or_default() += 1;
        }
        counts
    }
}

impl<'a> Entry<'a> {
    /// The decisions on all resources that it is about.
    pub(crate) fn decisions(&self) -> impl Iterator<Item = &'a Decision> {
        std::iter::once(self.decision).chain(self.others.iter().copied())
    }

    /// What the resources are called: a few of them, and how many more there are.
    pub(crate) fn subjects(&self) -> String {
        const SHOWN: usize = 3;
        let mut names: Vec<&str> = self.decisions().map(|decision| decision.subject.address.as_str()).collect();
        names.dedup();
        let more = names.len().saturating_sub(SHOWN);
        names.truncate(SHOWN);
        let shown = names.join(", ");
        if more == 0 { shown } else { format!("{shown} and {more} more") }
    }

    /// The module calls that lead to the resources, each chain once, the outermost call first.
    pub(crate) fn calls(&self, sources: &Sources) -> Vec<Vec<Location>> {
        let mut chains = Vec::new();
        for decision in self.decisions().filter(|decision| !decision.subject.calls.is_empty()) {
            let chain: Vec<Location> = decision.subject.calls.iter().filter_map(|call| sources.locate(*call)).collect();
            if !chains.contains(&chain) {
                chains.push(chain);
            }
        }
        chains.sort();
        chains
    }

    /// What was found, and of a failure why it is no longer accepted.
    pub(crate) fn message(&self) -> String {
        let message = &self.finding.message;
        match (&self.finding.reason, self.finding.outcome) {
            (Some(reason), Outcome::Fail) => format!("{message}; {reason}"),
            _ => message.clone(),
        }
    }

    /// The same as long as policy, file and resource are, wherever the lines move.
    pub(crate) fn fingerprint(&self) -> String {
        let (policy, address) = (self.policy.id.as_str(), self.decision.subject.address.as_str());
        format!("{:016x}", fnv([policy, &self.path(), address]))
    }
}

/// FNV-1a of 64 bits over texts: fingerprints are compared with those of other builds, so the function is fixed.
fn fnv(texts: [&str; 3]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Entry<'_> {
    /// The path that the finding points at, `/` between its parts; empty when it points nowhere.
    pub(crate) fn path(&self) -> String {
        self.finding.location.as_ref().map(slashes).unwrap_or_default()
    }
}

/// The path of a place, `/` between its parts.
fn slashes(location: &Location) -> String {
    location.path.display().to_string().replace('\\', "/")
}

/// Writes a report.
pub(crate) fn write(format: Format, report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Text => text::write(report, out),
        Format::Json => json::write(report, out),
        Format::Sarif => sarif::write(report, out),
        Format::Junit => junit::write(report, &[], out),
        Format::Github => github::write(report, out),
        Format::Gitlab => gitlab::write(report, &[], out),
        Format::Azure => azure::write(report, out),
        Format::Csv => csv::write(report, out),
    }
}

/// Writes a report with the checks of the build that it is of, where the form has a place for them.
pub(crate) fn write_build(
    format: Format,
    report: &Report<'_>,
    checks: &[CheckRecord],
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Junit => junit::write(report, checks, out),
        Format::Gitlab => gitlab::write(report, checks, out),
        Format::Github => {
            github::write(report, out)?;
            github::write_checks(checks, out)
        }
        Format::Azure => {
            azure::write(report, out)?;
            azure::write_checks(checks, out)
        }
        Format::Text | Format::Json | Format::Sarif | Format::Csv => write(format, report, out),
    }
}

/// What is said of a check that does not hold.
fn check_words(check: &CheckRecord) -> String {
    let fix = check.fix.as_ref().map(|fix| format!("\nFix: {fix}")).unwrap_or_default();
    format!("{} {}: {}{fix}", check.name, check.outcome, check.detail)
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
    use super::{fnv, harmless};

    #[test]
    fn fingerprints_stay() {
        assert_eq!(fnv(["PRB-AWS-S3-001", "main.tf", "aws_s3_bucket.a"]), 0x8d9d_108b_d04f_c511);
        assert_ne!(fnv(["ab", "", ""]), fnv(["a", "b", ""]));
    }

    #[test]
    fn terminals_are_not_given_orders() {
        assert_eq!(harmless("a\u{1b}[31mb\tc\r"), "a\u{fffd}[31mb c\u{fffd}");
    }
}
