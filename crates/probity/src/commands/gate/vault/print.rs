//! What an audit found, as it comes.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use probity_gate_vault::audit::{Counts, Judged};
use probity_model::{Action, Decision, Outcome, Severity, Stage, json};
use probity_policy_core::PolicySet;

use crate::output::harmless;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// A line of JSON for each request that something was found of.
    Jsonl,
}

/// Writes findings, and counts them.
pub(super) struct Printer<'p> {
    pub(super) format: Format,
    /// Also what could not be decided; with lines of JSON every request.
    pub(super) verbose: bool,
    pub(super) set: &'p PolicySet,
    pub(super) tally: Tally,
}

/// Findings by outcome.
#[derive(Debug, Default)]
pub(super) struct Tally {
    failed: u64,
    errors: u64,
    undecided: u64,
    skipped: u64,
    /// Whether something is enforced against.
    pub(super) denied: bool,
}

impl Printer<'_> {
    pub(super) fn judged(&mut self, judged: &Judged, out: &mut dyn Write) -> io::Result<()> {
        let decision = &judged.decision;
        self.tally.denied |= decision.action == Action::Deny;
        for finding in &decision.findings {
            match finding.outcome {
                Outcome::Fail => self.tally.failed += 1,
                Outcome::Error => self.tally.errors += 1,
                Outcome::Unknown => self.tally.undecided += 1,
                Outcome::Skipped | Outcome::Waived => self.tally.skipped += 1,
                Outcome::Pass => {}
            }
        }
        match self.format {
            Format::Jsonl => self.line(judged, out),
            Format::Text => self.text(decision, out),
        }
    }

    fn line(&self, judged: &Judged, out: &mut dyn Write) -> io::Result<()> {
        let decision = &judged.decision;
        if !self.verbose && decision.findings.iter().all(|finding| finding.outcome == Outcome::Pass) {
            return Ok(());
        }
        let mut line = serde_json::to_value(decision)?;
        if let Some(fields) = line.as_object_mut() {
            fields.insert("time".to_owned(), judged.time.to_string().into());
            let id = judged.subject.document.at(&["request", "id"]).map(json::write);
            fields.extend(id.and_then(|id| Some(("request_id".to_owned(), serde_json::from_str(&id).ok()?))));
        }
        writeln!(out, "{line}")
    }

    fn text(&self, decision: &Decision, out: &mut dyn Write) -> io::Result<()> {
        for finding in &decision.findings {
            let Some(policy) = self.set.get(&finding.policy) else { continue };
            let (word, style) = match finding.outcome {
                Outcome::Pass => continue,
                Outcome::Unknown if !self.verbose => continue,
                Outcome::Fail => (finding.severity.as_str().to_uppercase(), colour(finding.severity)),
                Outcome::Error => ("ERROR".to_owned(), colour(finding.severity)),
                Outcome::Unknown => ("undecided".to_owned(), DIM),
                Outcome::Skipped | Outcome::Waived => (finding.outcome.to_string(), DIM),
            };
            let stage = if finding.stage == Stage::Enforce { String::new() } else { format!(" [{}]", finding.stage) };
            writeln!(out, "{style}{word:<8}{style:#} {} {BOLD}{}{BOLD:#}{stage}", policy.id, harmless(&policy.title))?;
            let place = finding.location.as_ref().map(|place| format!("{}:{}", place.path.display(), place.line));
            let place = place.unwrap_or_default();
            writeln!(out, "  {} {DIM}in{DIM:#} {}", harmless(&place), harmless(&decision.subject.address))?;
            writeln!(out, "  {}", harmless(&finding.message))?;
            if let Some(reason) = &finding.reason {
                writeln!(out, "  {}", harmless(reason))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    /// What it came to.
    pub(super) fn summary(&self, counts: Counts, out: &mut dyn Write) -> io::Result<()> {
        if self.format != Format::Text {
            return Ok(());
        }
        let Tally { failed, errors, undecided, skipped, .. } = &self.tally;
        let hint = if *undecided > 0 && !self.verbose { " (-v lists them)" } else { "" };
        let requests = if counts.judged == 1 { "request" } else { "requests" };
        writeln!(
            out,
            "{} {requests} judged, {} refused by Vault itself, in {} entries: {failed} failed, {errors} errors, {skipped} overridden or \
             waived, {undecided} undecided{hint}",
            counts.judged, counts.refused, counts.entries
        )
    }
}

fn colour(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Critical | Severity::High => AnsiColor::Red,
        Severity::Medium => AnsiColor::Yellow,
        Severity::Low | Severity::Info => AnsiColor::Blue,
    };
    Style::new().bold().fg_color(Some(colour.into()))
}
