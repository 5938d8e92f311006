use std::io::{self, Write};

use probity_policy_rego::observe::{CoverageReport, FileCoverage};

use super::readable;
use crate::results::{Case, Outcome, Results};

/// How results are written for people.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Also tests that pass, and the trace of those that fail.
    pub verbose: bool,
    /// With colours, as ANSI sequences.
    pub colour: bool,
}

/// The results as a test runner shows them: what did not pass, with what failed in it and what it printed; coverage;
/// how many there were of each outcome.
pub fn text(results: &Results, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for suite in &results.suites {
        let shown = |case: &&Case| style.verbose || case.outcome != Outcome::Pass;
        let mut cases = suite.cases.iter().filter(shown).peekable();
        if cases.peek().is_some() {
            writeln!(out, "{}:", suite.name)?;
        }
        for case in cases {
            write_case(case, style, out)?;
        }
    }
    if let Some(report) = &results.coverage {
        write_coverage(report, out)?;
    }
    let summary = results.summary();
    let word = if summary.is_clean() { paint(style, "32", "ok") } else { paint(style, "31", "FAILED") };
    writeln!(
        out,
        "{word}: {} passed, {} failed, {} errors, {} skipped in {}",
        summary.passed,
        summary.failed,
        summary.errors,
        summary.skipped,
        readable(results.duration)
    )
}

fn paint(style: Style, code: &str, text: &str) -> String {
    if style.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

fn write_case(case: &Case, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (word, code) = match case.outcome {
        Outcome::Pass => ("PASS", "32"),
        Outcome::Fail => ("FAIL", "31"),
        Outcome::Error => ("ERROR", "31"),
        Outcome::Skipped => ("SKIPPED", "33"),
    };
    writeln!(out, "  {} {} ({})", paint(style, code, word), case.name, readable(case.duration))?;
    if let Some(message) = &case.message {
        writeln!(out, "    {}", message.replace('\n', "\n    "))?;
    }
    if let Some(failure) = &case.failure {
        let location = &failure.location;
        writeln!(out, "    {}:{}: no solution", location.path.display(), location.line)?;
        for (number, line) in (location.line..).zip(failure.text.lines()) {
            writeln!(out, "      {number} | {line}")?;
        }
        for (name, value) in &failure.values {
            writeln!(out, "      {name} is {value}")?;
        }
    }
    if !case.output.is_empty() {
        writeln!(out, "    printed:")?;
        for line in case.output.lines() {
            writeln!(out, "      {line}")?;
        }
    }
    if style.verbose && !case.trace.is_empty() {
        writeln!(out, "    what had no solution, with what it is within:")?;
        for line in case.trace.lines() {
            writeln!(out, "      {line}")?;
        }
    }
    Ok(())
}

fn write_coverage(report: &CoverageReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "coverage:")?;
    for (path, file) in &report.files {
        writeln!(out, "  {:>6.1} %  {path}{}", file.coverage, missed(file))?;
    }
    writeln!(out, "  {:>6.1} %  of all lines", report.coverage)
}

/// The lines that were missed, as ranges.
fn missed(file: &FileCoverage) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for line in &file.not_covered_lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *line => *last = *line,
            _ => ranges.push((*line, *line)),
        }
    }
    let texts: Vec<String> = ranges
        .iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    if texts.is_empty() { String::new() } else { format!(", not lines {}", texts.join(", ")) }
}
