//! What came of policies, in the forms that commands have.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use probity_model::{
    Category, Decision, Finding, Gate, Key, Labels, Metadata, Outcome, PolicyId, SmolStr, Sources, Stage, SubjectKind,
    SubjectRef, Value, json,
};
use probity_policy_kyverno::testing::Applied;
use probity_policy_kyverno::{RuleResponse, Status, object};

use super::{Args, Judged, severity, write_yaml};
use crate::output::{self, Format, Report, harmless};
use crate::secrets::Masks;

/// Everything that came out.
pub(super) struct Found<'f> {
    pub(super) judged: &'f [Judged],
    pub(super) sources: &'f Sources,
    /// How many policies there are.
    pub(super) policies: usize,
    pub(super) args: &'f Args,
}

pub(super) fn write(found: &Found<'_>, out: &mut dyn Write) -> io::Result<()> {
    match found.args.format {
        Format::Text => text(found, out),
        Format::Json => writeln!(out, "{}", json::write(&document(found))),
        format => findings(found, format, out),
    }
}

pub(super) fn address(resource: &Value) -> String {
    let parts = [object::text(resource, "kind"), object::namespace(resource), object::name(resource)];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("/")
}

/// Every rule's response with its policy and resource.
fn rows<'f>(found: &Found<'f>) -> impl Iterator<Item = (&'f Judged, &'f Applied, &'f RuleResponse)> {
    found.judged.iter().flat_map(|judged| {
        judged.applied.iter().flat_map(move |applied| applied.rules.iter().map(move |rule| (judged, applied, rule)))
    })
}

fn text(found: &Found<'_>, out: &mut dyn Write) -> io::Result<()> {
    const DIM: Style = Style::new().dimmed();
    for (judged, applied, rule) in rows(found) {
        let (word, colour) = match rule.status {
            Status::Fail if applied.enforced.contains(&rule.name) => ("FAIL", Some(AnsiColor::Red)),
            Status::Fail => ("fail", Some(AnsiColor::Yellow)),
            Status::Error => ("ERROR", Some(AnsiColor::Red)),
            Status::Warn => ("warn", Some(AnsiColor::Yellow)),
            Status::Pass if found.args.verbose => ("pass", Some(AnsiColor::Green)),
            Status::Skip if found.args.verbose => ("skip", None),
            Status::Pass | Status::Skip => continue,
        };
        let style = Style::new().bold().fg_color(colour.map(Into::into));
        writeln!(out, "{style}{word:<6}{style:#} {} {}", id(applied, rule), harmless(&judged.address))?;
        if let Some(location) = judged.span.and_then(|span| found.sources.locate(span)) {
            writeln!(out, "       {DIM}{location}{DIM:#}")?;
        }
        if !rule.message.is_empty() && rule.status != Status::Pass {
            writeln!(out, "       {}", harmless(rule.message.trim()))?;
        }
        for (name, value) in &rule.properties {
            writeln!(out, "       {DIM}{}: {}{DIM:#}", harmless(name), harmless(value.trim()))?;
        }
    }
    if found.args.output.is_none() {
        objects(found, out)?;
    }
    summary(found, out)
}

fn objects(found: &Found<'_>, out: &mut dyn Write) -> io::Result<()> {
    for judged in found.judged {
        if let Some(patched) = judged.patched() {
            write_yaml(&format!("changed: {}", address(patched)), patched, out)?;
        }
        for (applied, object) in judged.others() {
            let title = format!("by {} for {}: {}", applied.policy.full(), judged.address, address(object));
            write_yaml(&title, object, out)?;
        }
    }
    Ok(())
}

fn count(found: &Found<'_>, status: Status) -> usize {
    rows(found).filter(|(_, _, rule)| rule.status == status).count()
}

fn summary(found: &Found<'_>, out: &mut dyn Write) -> io::Result<()> {
    const BOLD: Style = Style::new().bold();
    let policies = if found.policies == 1 { "policy" } else { "policies" };
    writeln!(out, "{BOLD}{} {policies}, {} resources{BOLD:#}", found.policies, found.judged.len())?;
    writeln!(
        out,
        "{} passed, {} failed, {} warned, {} errors, {} skipped",
        count(found, Status::Pass),
        count(found, Status::Fail),
        count(found, Status::Warn),
        count(found, Status::Error),
        count(found, Status::Skip)
    )?;
    let audited = rows(found)
        .filter(|(_, applied, rule)| rule.status == Status::Fail && !applied.enforced.contains(&rule.name))
        .count();
    if audited > 0 {
        writeln!(out, "{audited} of them by policies that audit: shown here, and not counted in the exit code")?;
    }
    Ok(())
}

fn count_value(found: &Found<'_>, status: Status) -> Value {
    Value::from(i64::try_from(count(found, status)).unwrap_or(i64::MAX))
}

/// Everything, for programs. `version` changes when a field changes its meaning or goes away.
fn document(found: &Found<'_>) -> Value {
    let results = rows(found).map(|(judged, applied, rule)| {
        let mut entries: Vec<(&str, Value)> = vec![
            ("policy", applied.policy.full().into()),
            ("kind", applied.policy.kind.clone().into()),
            ("rule", rule.name.clone().into()),
            ("status", rule.status.as_str().into()),
            ("message", rule.message.as_str().into()),
            ("enforced", applied.enforced.contains(&rule.name).into()),
            ("severity", severity(applied).as_str().into()),
            ("resource", reference(judged)),
        ];
        if let Some(location) = judged.span.and_then(|span| found.sources.locate(span)) {
            let path = location.path.display().to_string();
            let place = [("path", Value::from(path)), ("line", i64::from(location.line).into())];
            entries.push(("location", Value::object(place)));
        }
        if !applied.policy.category.is_empty() {
            entries.push(("category", applied.policy.category.clone().into()));
        }
        if !applied.actions.is_empty() {
            let actions = applied.actions.iter().map(|action| Value::from(action.as_str()));
            entries.push(("actions", Value::array(actions)));
        }
        if !rule.properties.is_empty() {
            let properties = rule.properties.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str())));
            entries.push(("properties", Value::object(properties)));
        }
        Value::object(entries)
    });
    let patched = found.judged.iter().filter_map(Judged::patched).cloned();
    let others = found.judged.iter().flat_map(Judged::others).map(|(_, object)| object.clone());
    let counts = [Status::Pass, Status::Fail, Status::Warn, Status::Error, Status::Skip];
    Value::object([
        ("version", 1.into()),
        ("summary", Value::object(counts.map(|status| (status.as_str(), count_value(found, status))))),
        ("results", Value::array(results)),
        ("patched", Value::array(patched)),
        ("generated", Value::array(others)),
    ])
}

fn reference(judged: &Judged) -> Value {
    let resource = &judged.resource;
    if object::text(resource, "kind").is_empty() {
        return Value::object([("name", Value::from(judged.address.as_str()))]);
    }
    let fields = [
        ("apiVersion", object::text(resource, "apiVersion")),
        ("kind", object::text(resource, "kind")),
        ("namespace", object::namespace(resource)),
        ("name", object::name(resource)),
    ];
    let fields = fields.into_iter().filter(|(_, text)| !text.is_empty());
    Value::Object(fields.map(|(key, text)| (Key::new(key), Value::from(text))).collect())
}

/// The forms that scans have: each rule is a policy.
fn findings(found: &Found<'_>, format: Format, out: &mut dyn Write) -> io::Result<()> {
    let mut policies: HashMap<PolicyId, Metadata> = HashMap::new();
    let mut decisions = Vec::new();
    for judged in found.judged {
        let mut findings = Vec::new();
        for applied in &judged.applied {
            for rule in &applied.rules {
                let finding = finding(judged, applied, rule);
                let metadata = || metadata(&finding.policy, applied, rule);
                policies.entry(finding.policy.clone()).or_insert_with(metadata);
                findings.push(finding);
            }
        }
        let mut decision =
            Decision { subject: subject(judged), gate: Gate::Ci, action: Decision::action_of(&findings), findings };
        decision.locate(found.sources);
        decisions.push(decision);
    }
    let report = Report {
        decisions: &decisions,
        policies: &policies,
        problems: &[],
        sources: found.sources,
        masks: &Masks::default(),
        files: found.args.resources.len(),
        elapsed: Duration::ZERO,
        verbose: found.args.verbose,
        configured: false,
        left_out: None,
    };
    output::write(format, &report, out)
}

fn finding(judged: &Judged, applied: &Applied, rule: &RuleResponse) -> Finding {
    let outcome = match rule.status {
        Status::Pass => Outcome::Pass,
        Status::Fail | Status::Warn => Outcome::Fail,
        Status::Error => Outcome::Error,
        Status::Skip => Outcome::Skipped,
    };
    let stage = match rule.status {
        Status::Warn => Stage::Warn,
        Status::Fail if !applied.enforced.contains(&rule.name) => Stage::Warn,
        _ => Stage::Enforce,
    };
    Finding {
        policy: PolicyId(SmolStr::from(id(applied, rule))),
        outcome,
        severity: severity(applied),
        stage,
        message: if outcome == Outcome::Pass { String::new() } else { message(rule) },
        reason: (outcome == Outcome::Skipped).then(|| rule.message.clone()),
        span: judged.span,
        location: None,
    }
}

/// What a rule is called among all; policies in CEL have no rules with names.
fn id(applied: &Applied, rule: &RuleResponse) -> String {
    let has_rules = matches!(applied.policy.kind.as_str(), "ClusterPolicy" | "Policy");
    let policy = applied.policy.full();
    if has_rules { format!("{policy}/{}", rule.name) } else { policy }
}

/// What a rule says, and what it adds to reports.
fn message(rule: &RuleResponse) -> String {
    let added: Vec<String> = rule.properties.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    if added.is_empty() { rule.message.clone() } else { format!("{} ({})", rule.message, added.join(", ")) }
}

fn metadata(id: &PolicyId, applied: &Applied, rule: &RuleResponse) -> Metadata {
    Metadata {
        id: id.clone(),
        title: format!("{} {}", applied.policy.full(), rule.name).trim_end().to_owned(),
        severity: severity(applied),
        category: Category::General,
        why: String::new(),
        fix: String::new(),
        aliases: Vec::new(),
        controls: Vec::new(),
        language: "kyverno",
        builtin: false,
    }
}

fn subject(judged: &Judged) -> SubjectRef {
    SubjectRef {
        kind: SubjectKind::Kubernetes,
        resource_type: object::text(&judged.resource, "kind").into(),
        address: judged.address.as_str().into(),
        labels: Labels::default(),
        span: judged.span,
        location: None,
        calls: Vec::new(),
    }
}
