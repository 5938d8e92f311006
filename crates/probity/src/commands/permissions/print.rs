//! A report on rights and their use, for people.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use probity_model::Severity;
use probity_rbac::{Excess, Rule, RuleExcess, Window};

use super::report::{Report, Told};
use crate::output::harmless;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Most rules of one kind that are listed of a rule of a role.
const LISTED: usize = 5;

/// Writes a report; subjects of which there is nothing to tell are counted.
pub(super) fn text(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if let Some(window) = &report.window {
        head(window, out)?;
    }
    for doubt in &report.doubts {
        writeln!(out, "not known: {doubt}")?;
    }
    if report.window.is_some() {
        writeln!(out)?;
    }
    let mut silent = 0;
    for told in &report.subjects {
        if told.escalations.is_empty() && told.excess.as_ref().is_none_or(is_all_used) {
            silent += 1;
            continue;
        }
        subject(told, out)?;
    }
    let told = report.subjects.len() - silent;
    let rest = if report.window.is_some() { "use all that they have" } else { "have nothing that leads further" };
    writeln!(out, "{} told of {}, {silent} {rest}", told, count(report.subjects.len() as u64, "subject"))
}

fn is_all_used(excess: &Excess) -> bool {
    excess.doubts.is_empty()
        && excess.missing_roles.is_empty()
        && excess.rules.iter().all(|rule| rule.unused.is_empty() && rule.unseen.is_empty())
}

fn head(window: &Window, out: &mut dyn Write) -> io::Result<()> {
    let days = window.days();
    let (first, last) = (window.first.map(|time| time.to_string()), window.last.map(|time| time.to_string()));
    if let (Some(first), Some(last)) = (first, last) {
        writeln!(out, "{days} days of use, from {first} to {last}")?;
    }
    writeln!(
        out,
        "{}, {} denied, {} allowed by another authorizer than RBAC",
        count(window.events, "request"),
        window.denied,
        window.by_other
    )
}

fn subject(told: &Told, out: &mut dyn Write) -> io::Result<()> {
    let seen = told.excess.as_ref().map_or(String::new(), |excess| match excess.last_seen {
        Some(time) => format!(", last seen {time}"),
        None => ", never seen".to_owned(),
    });
    writeln!(out, "{BOLD}{}{BOLD:#}{DIM}{seen}{DIM:#}", harmless(&told.subject.to_string()))?;
    for path in &told.escalations {
        writeln!(out, "  {} reaches {}", badge(path.severity), harmless(&path.reach.to_string()))?;
        for step in &path.steps {
            writeln!(out, "           {}", harmless(&step.to_string()))?;
        }
    }
    if let Some(excess) = &told.excess {
        for rule in &excess.rules {
            rule_excess(rule, out)?;
        }
        for missing in &excess.missing_roles {
            let (binding, role) = (harmless(&missing.binding.to_string()), harmless(&missing.role.to_string()));
            writeln!(out, "  {DIM}missing {DIM:#} {binding} gives {role}, which is not there")?;
        }
        for doubt in &excess.doubts {
            writeln!(out, "  not known: {}", harmless(doubt))?;
        }
    }
    writeln!(out)
}

fn rule_excess(told: &RuleExcess, out: &mut dyn Write) -> io::Result<()> {
    let from = format!("{DIM}({} of {}){DIM:#}", harmless(&told.binding.to_string()), harmless(&told.role.to_string()));
    if !told.unused.is_empty() {
        let is_broad = !told.used.is_empty() && told.unused.first() == Some(&told.rule);
        let word = if is_broad { "too wide:" } else { "unused:" };
        writeln!(out, "  {} {word} {} {from}", badge(told.severity), list(&told.unused))?;
        if is_broad {
            writeln!(out, "           used of it: {}", list(&told.used))?;
        }
    }
    if !told.unseen.is_empty() {
        writeln!(out, "  {DIM}unseen  {DIM:#} a log does not show: {} {from}", list(&told.unseen))?;
    }
    Ok(())
}

fn list(rules: &[Rule]) -> String {
    let mut listed: Vec<String> = rules.iter().take(LISTED).map(|rule| harmless(&rule.to_string())).collect();
    if rules.len() > LISTED {
        listed.push(format!("{} more", rules.len() - LISTED));
    }
    listed.join("; ")
}

fn count(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn badge(severity: Severity) -> String {
    let colour = match severity {
        Severity::Critical | Severity::High => AnsiColor::Red,
        Severity::Medium => AnsiColor::Yellow,
        Severity::Low | Severity::Info => AnsiColor::Blue,
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    format!("{style}{:<8}{style:#}", severity.as_str().to_uppercase())
}
