use std::io::{self, Write};

use crate::results::{Case, Outcome, Results, Summary};

/// `JUnit` XML: a suite for each file, a case for each test.
pub fn junit(results: &Results, out: &mut dyn Write) -> io::Result<()> {
    let all = results.summary();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    let seconds = results.duration.as_secs_f64();
    writeln!(out, r#"<testsuites name="probity test" {} time="{seconds:.6}">"#, counts(all))?;
    for suite in &results.suites {
        let seconds: f64 = suite.cases.iter().map(|case| case.duration.as_secs_f64()).sum();
        let counts = counts(Summary::of(&suite.cases));
        writeln!(out, r#"  <testsuite name="{}" {counts} time="{seconds:.6}">"#, escaped(&suite.name))?;
        for case in &suite.cases {
            write_case(case, out)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn counts(summary: Summary) -> String {
    format!(
        r#"tests="{}" failures="{}" errors="{}" skipped="{}""#,
        summary.total(),
        summary.failed,
        summary.errors,
        summary.skipped
    )
}

fn write_case(case: &Case, out: &mut dyn Write) -> io::Result<()> {
    let (class, name) = split(&case.name);
    let seconds = case.duration.as_secs_f64();
    write!(out, r#"    <testcase name="{}" classname="{}" time="{seconds:.6}""#, escaped(name), escaped(class))?;
    if let Some(location) = &case.location {
        let file = escaped(&location.path.display().to_string());
        write!(out, r#" file="{file}" line="{}""#, location.line)?;
    }
    write!(out, ">")?;
    let message = escaped(&summary_of(case));
    match case.outcome {
        Outcome::Pass => {}
        Outcome::Fail => write!(out, r#"<failure message="{message}">{}</failure>"#, escaped_text(&details(case)))?,
        Outcome::Error => write!(out, r#"<error message="{message}"/>"#)?,
        Outcome::Skipped => write!(out, r#"<skipped message="{message}"/>"#)?,
    }
    if !case.output.is_empty() {
        write!(out, "<system-out>{}</system-out>", escaped_text(&case.output))?;
    }
    writeln!(out, "</testcase>")
}

/// A name apart in the package and the test.
fn split(name: &str) -> (&str, &str) {
    let end = name.find('/').unwrap_or(name.len());
    let at = ["test_", "todo_test_"].iter().filter_map(|prefix| name[..end].find(&format!(".{prefix}"))).min();
    match at {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => ("", name),
    }
}

fn summary_of(case: &Case) -> String {
    match (&case.message, &case.failure) {
        (Some(message), _) => message.clone(),
        (None, Some(failure)) => {
            format!("{}:{}: no solution", failure.location.path.display(), failure.location.line)
        }
        (None, None) => String::new(),
    }
}

fn details(case: &Case) -> String {
    let Some(failure) = &case.failure else { return String::new() };
    let mut lines = vec![format!("{}", failure.location), failure.text.clone()];
    lines.extend(failure.values.iter().map(|(name, value)| format!("{name} is {value}")));
    if !case.trace.is_empty() {
        lines.push(case.trace.clone());
    }
    lines.join("\n")
}

fn escaped(text: &str) -> String {
    escape(text, true)
}

fn escaped_text(text: &str) -> String {
    escape(text, false)
}

/// Text for an attribute, in one line, or for an element; characters that XML 1.0 cannot hold are replaced.
fn escape(text: &str, one_line: bool) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(if one_line { ' ' } else { character }),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
