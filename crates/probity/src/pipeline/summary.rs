//! How a build came out, for people: on a terminal, and as Markdown where a platform shows that.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use probity_evidence_ledger::{BuildRecord, CheckOutcome, CheckRecord};
use probity_model::Action;

use crate::output::harmless;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// What a build is called: `build #42 of patient-portal 1.2.3`.
fn name(build: &BuildRecord) -> String {
    let number = build.number.as_ref().map(|number| format!(" #{number}")).unwrap_or_default();
    let version = build.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    harmless(&format!("build{number} of {}{version}", build.project))
}

fn origin(build: &BuildRecord) -> String {
    let origin = &build.origin;
    let parts = [
        origin.commit.as_ref().map(|commit| format!("commit {commit}")),
        origin.reference.as_ref().map(|reference| format!("of {reference}")),
        origin.actor.as_ref().map(|actor| format!("by {actor}")),
        build.system.as_ref().map(|system| format!("on {system}")),
    ];
    harmless(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

fn images(build: &BuildRecord) -> impl Iterator<Item = String> {
    build.images.iter().map(|image| match &image.digest {
        Some(digest) if !image.reference.contains(digest.as_str()) => {
            harmless(&format!("{} {digest}", image.reference))
        }
        _ => harmless(&image.reference),
    })
}

/// A line for each check, with the reason and how to mend it where it does not hold.
pub(crate) fn text(build: &BuildRecord) -> String {
    let mut out = format!("{BOLD}{}{BOLD:#}\n", name(build));
    let mut line = |name: &str, text: &str| {
        // Writing to a text cannot fail.
        let _ = writeln!(out, "  {DIM}{name:<8}{DIM:#} {text}");
    };
    line("source", &origin(build));
    images(build).for_each(|image| line("image", &image));
    for check in &build.checks {
        let (style, word) = word(check);
        let detail = harmless(&check.detail);
        let _ = writeln!(out, "  {style}{word:<8}{style:#} {:<15} {detail}", check.name);
        if let Some(fix) = check.fix.as_ref().filter(|_| check.outcome != CheckOutcome::Passed) {
            let _ = writeln!(out, "  {:<8} {:<15} fix: {}", "", "", harmless(fix));
        }
    }
    let seconds = build.ended.duration_since(build.started).as_secs();
    let outcome = if build.action == Action::Deny { "FAILED" } else { "PASSED" };
    let _ = writeln!(out, "{BOLD}{outcome}{BOLD:#} after {seconds} s{}", failed(build));
    out
}

fn failed(build: &BuildRecord) -> String {
    let names: Vec<&str> = build.checks.iter().filter(|check| stops(check)).map(|check| check.name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}

/// Whether the build fails by it.
fn stops(check: &CheckRecord) -> bool {
    check.blocks && matches!(check.outcome, CheckOutcome::Failed | CheckOutcome::Error)
}

fn word(check: &CheckRecord) -> (Style, &'static str) {
    let (colour, word) = match check.outcome {
        CheckOutcome::Passed => (AnsiColor::Green, "PASSED"),
        CheckOutcome::Skipped => (AnsiColor::Yellow, "SKIPPED"),
        CheckOutcome::Failed if check.blocks => (AnsiColor::Red, "FAILED"),
        CheckOutcome::Error if check.blocks => (AnsiColor::Red, "ERROR"),
        CheckOutcome::Failed | CheckOutcome::Error => (AnsiColor::Yellow, "WARNING"),
    };
    (Style::new().bold().fg_color(Some(colour.into())), word)
}

/// The same as a table.
pub(crate) fn markdown(build: &BuildRecord) -> String {
    let outcome = if build.action == Action::Deny { "failed" } else { "passed" };
    let mut out = format!("### Probity: {} {outcome}\n\n{}\n\n", escaped(&name(build)), escaped(&origin(build)));
    for image in images(build) {
        let _ = writeln!(out, "- {}", escaped(&image));
    }
    out.push_str("\n| Check | Outcome | Found | Fix |\n| --- | --- | --- | --- |\n");
    for check in &build.checks {
        let fix = check.fix.as_deref().filter(|_| check.outcome != CheckOutcome::Passed).unwrap_or_default();
        let mark = if stops(check) { "**" } else { "" };
        let _ = writeln!(
            out,
            "| {} | {mark}{}{mark} | {} | {} |",
            escaped(&check.name),
            check.outcome,
            escaped(&check.detail),
            escaped(fix)
        );
    }
    out
}

/// Text that is neither Markdown nor HTML, on one line.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in harmless(text).chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '!' | '@' => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn names_are_not_markdown() {
        assert_eq!(
            escaped("a|b [x](http://e) <img> `c`\n# @team"),
            "a\\|b \\[x\\](http://e) &lt;img&gt; \\`c\\`\u{fffd}\\# \\@team"
        );
    }
}
