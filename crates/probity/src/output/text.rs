use std::collections::HashMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use probity_model::{Location, Outcome, Severity, Stage, SubjectKind};

use super::{Entry, Report, controls, harmless};

/// Most lines of source that are shown for a finding.
const EXCERPT: u32 = 4;
/// Most calls of modules that are shown for a finding.
const CALLS: usize = 5;
/// Longest line of source that is shown, in characters.
const LINE: usize = 120;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let failures = report.entries(&[Outcome::Fail, Outcome::Error]);
    for entry in &failures {
        write_finding(report, entry, out)?;
    }
    write_accepted(report, out)?;
    if report.verbose {
        for entry in report.entries(&[Outcome::Unknown]) {
            let place = entry.finding.location.as_ref().map(ToString::to_string).unwrap_or_default();
            writeln!(
                out,
                "{DIM}undecided{DIM:#} {} {place} {}: {}",
                entry.policy.id,
                harmless(&entry.subjects()),
                harmless(&entry.finding.message)
            )?;
        }
    }
    for (path, problem) in report.problems {
        writeln!(out, "{}problem{:#} {}", BOLD, BOLD, harmless(&problem.display(report.sources, path)))?;
    }
    write_summary(report, &failures, out)
}

fn colour(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Critical | Severity::High => AnsiColor::Red,
        Severity::Medium => AnsiColor::Yellow,
        Severity::Low | Severity::Info => AnsiColor::Blue,
    };
    Style::new().bold().fg_color(Some(colour.into()))
}

fn write_finding(report: &Report<'_>, entry: &Entry<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Entry { finding, policy, .. } = entry;
    let style = colour(finding.severity);
    let word =
        if finding.outcome == Outcome::Error { "ERROR".to_owned() } else { finding.severity.as_str().to_uppercase() };
    let stage = if finding.stage == Stage::Enforce { String::new() } else { format!(" [{}]", finding.stage) };
    writeln!(out, "{style}{word:<8}{style:#} {} {BOLD}{}{BOLD:#}{stage}", policy.id, harmless(&policy.title))?;
    if let Some(location) = &finding.location {
        writeln!(out, "  {location} {DIM}in{DIM:#} {}", harmless(&entry.subjects()))?;
    } else {
        writeln!(out, "  {DIM}in{DIM:#} {}", harmless(&entry.subjects()))?;
    }
    writeln!(out, "  {}", harmless(&entry.message()))?;
    if let Some(location) = &finding.location {
        write_excerpt(report, entry, location, out)?;
    }
    write_calls(&entry.calls(report.sources), out)?;
    if !policy.controls.is_empty() {
        writeln!(out, "  {DIM}Controls{DIM:#} {}", controls(policy))?;
    }
    if !policy.fix.is_empty() {
        let fix: Vec<&str> = policy.fix.split_whitespace().collect();
        writeln!(out, "  {DIM}Fix{DIM:#}      {}", harmless(&fix.join(" ")))?;
    }
    writeln!(out)
}

/// The calls that lead to the resources; of a call within a module that is called itself the outer one comes first.
fn write_calls(chains: &[Vec<Location>], out: &mut dyn Write) -> io::Result<()> {
    for chain in chains.iter().take(CALLS) {
        let places: Vec<String> = chain.iter().map(ToString::to_string).collect();
        writeln!(out, "  {DIM}called at{DIM:#} {}", places.join(", then "))?;
    }
    if chains.len() > CALLS {
        writeln!(out, "  {DIM}and called{DIM:#} from {} more places", chains.len() - CALLS)?;
    }
    Ok(())
}

fn write_excerpt(report: &Report<'_>, entry: &Entry<'_>, location: &Location, out: &mut dyn Write) -> io::Result<()> {
    let Some(id) = entry.finding.span.map(|span| span.source) else { return Ok(()) };
    let Some(source) = report.sources.get(id) else { return Ok(()) };
    let last = location.end_line.min(location.line + EXCERPT - 1);
    for (number, line) in source.lines(location.line, last) {
        let start = line.as_ptr().addr() - source.text.as_ptr().addr();
        // The one line of a large plan is not copied.
        let line = report.masks.line(id, start, &line[..line.floor_char_boundary(4 * LINE)]);
        let shown: String = harmless(&line).chars().take(LINE).collect();
        writeln!(out, "  {DIM}{number:>5} |{DIM:#} {shown}")?;
    }
    Ok(())
}

fn write_accepted(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    for entry in report.entries(&[Outcome::Waived, Outcome::Skipped]) {
        let place = entry.finding.location.as_ref().map(ToString::to_string).unwrap_or_default();
        writeln!(
            out,
            "{DIM}{:<8}{DIM:#} {} {place} {}: {}",
            entry.finding.outcome,
            entry.policy.id,
            harmless(&entry.subjects()),
            harmless(entry.finding.reason.as_deref().unwrap_or_default())
        )?;
    }
    Ok(())
}

fn write_summary(report: &Report<'_>, failures: &[Entry<'_>], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{BOLD}{}{BOLD:#} in {:.2} s", judged(report), report.elapsed.as_secs_f64())?;
    let failed: Vec<String> = report
        .failed()
        .into_iter()
        .rev()
        .filter(|(_, count)| *count > 0)
        .map(|(severity, count)| format!("{count} {severity}"))
        .collect();
    let failed = if failed.is_empty() { "nothing found".to_owned() } else { format!("found {}", failed.join(", ")) };
    writeln!(
        out,
        "{failed}; {} passed, {} waived, {} skipped, {} undecided{}",
        report.passed(),
        report.count(Outcome::Waived),
        report.count(Outcome::Skipped),
        report.count(Outcome::Unknown),
        if report.problems.is_empty() {
            String::new()
        } else {
            format!(", {} could not be read", report.problems.len())
        }
    )?;
    if let Some(left_out) = report.left_out {
        let (count, commit) = (left_out.count, left_out.short());
        let were = if count == 1 { "1 finding was".to_owned() } else { format!("{count} findings were") };
        writeln!(out, "{were} there in {} ({commit}) already, and left out", harmless(&left_out.base))?;
    }
    let resources: usize = failures.iter().map(|entry| entry.others.len() + 1).sum();
    if resources > failures.len() {
        writeln!(out, "each is shown once, for all resources that come from its line: {resources} in all")?;
    }
    let observed = failures.iter().filter(|entry| entry.finding.stage != Stage::Enforce).count();
    if observed > 0 {
        writeln!(out, "{observed} of them at stage observe or warn: shown here, and not counted in the exit code")?;
    }
    if report.files == 0 && report.decisions.is_empty() && report.problems.is_empty() {
        writeln!(out, "There was nothing to judge: no Terraform, Kubernetes manifest, Dockerfile or workflow")?;
    }
    write_next(report, failures, out)
}

/// How much was judged, and by how many policies.
fn judged(report: &Report<'_>) -> String {
    let images = report.decisions.iter().filter(|decision| decision.subject.kind == SubjectKind::Image).count();
    let mut parts = Vec::new();
    if report.files > 0 || images == 0 {
        parts.push(count(report.files, "file", "files"));
        parts.push(count(report.decisions.len() - images, "resource", "resources"));
    }
    if images > 0 {
        parts.push(count(images, "image", "images"));
    }
    parts.push(count(report.policies.count(), "policy", "policies"));
    parts.join(", ")
}

fn count(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

fn write_next(report: &Report<'_>, failures: &[Entry<'_>], out: &mut dyn Write) -> io::Result<()> {
    const SHOWN: usize = 3;
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for entry in failures {
        *counts.entry(entry.policy.id.as_str()).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    if let Some(first) = failures.first().map(|entry| entry.policy) {
        let often: Vec<String> = counts.iter().take(SHOWN).map(|(id, count)| format!("{id} ({count})")).collect();
        writeln!(out, "\nMost often: {}", often.join(", "))?;
        let mut next = Vec::new();
        // A policy that only the command line named is not found again without it.
        if first.builtin || report.configured {
            next.push(format!("`probity policy explain {}` says why it matters and how to mend it", first.id));
        }
        if !report.configured {
            next.push(
                "`probity init` writes a probity.yaml to start small: everything shown, nothing enforced yet"
                    .to_owned(),
            );
        }
        for (at, line) in next.iter().enumerate() {
            writeln!(out, "{} {line}", if at == 0 { "Next:" } else { "     " })?;
        }
    }
    Ok(())
}
