//! What the platform is told.

use std::collections::{BTreeMap, HashMap};

use probity_model::{Decision, Metadata, Outcome as Found, PolicyId, Severity};
use serde_json::{Value, json};

use crate::finding::{Effect, effect, outcome, shortened};

/// Most outcomes of one result.
pub(crate) const MAX_OUTCOMES: usize = 250;

/// Longest message, in characters.
const MESSAGE: usize = 1_000;

/// Longest address that the platform takes, in characters.
const URL: usize = 500;

/// Bytes of all bodies together.
const BODIES: usize = 900_000;

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is being worked on.
    Running,
    /// Nothing that is enforced objects.
    Passed,
    /// Something objects, or it could not be judged.
    Failed,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }
}

/// How loudly a tag is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    None,
    Info,
    Warning,
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A word beside an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) label: &'static str,
    pub(crate) level: Level,
}

/// One finding, as the platform shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub(crate) id: String,
    pub(crate) description: String,
    /// Markdown.
    pub(crate) body: String,
    pub(crate) url: Option<String>,
    pub(crate) status: Tag,
    pub(crate) severity: Tag,
}

/// How a task came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub(crate) status: Status,
    pub(crate) message: String,
    pub(crate) url: Option<String>,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Judged {
    /// What follows from decisions. `problems` say what could not be read, and so was not judged: with one nothing
    /// passes. `page` leads to all of it; `pages` to each decision, in their order, or there are none.
    pub fn new(
        decisions: &[Decision],
        policies: &HashMap<PolicyId, Metadata>,
        problems: &[String],
        page: Option<String>,
        pages: &[String],
    ) -> Self {
        let mut found: Vec<(Effect, usize, &probity_model::Finding)> = decisions
            .iter()
            .enumerate()
            .flat_map(|(at, decision)| decision.findings.iter().map(move |finding| (at, finding)))
            .filter_map(|(at, finding)| Some((effect(finding)?, at, finding)))
            .collect();
        let address = |at: usize| decisions[at].subject.address.as_str();
        // The worst first; the rest in an order that is the same each time.
        found.sort_by(|a, b| {
            let worse = (b.0, b.2.severity).cmp(&(a.0, a.2.severity));
            worse.then_with(|| (&a.2.policy, address(a.1)).cmp(&(&b.2.policy, address(b.1))))
        });
        let outcomes = found.iter().take(MAX_OUTCOMES).map(|&(effect, at, finding)| {
            let page = pages.get(at).map(String::as_str);
            outcome(effect, &decisions[at], finding, policies.get(&finding.policy), page)
        });
        let outcomes = within(distinct(outcomes.collect()));
        let is_denied = found.first().is_some_and(|(effect, ..)| *effect == Effect::Denied);
        let status = if is_denied || !problems.is_empty() { Status::Failed } else { Status::Passed };
        let left_out = found.len() - outcomes.len();
        let effects: Vec<(Effect, Severity)> =
            found.iter().map(|(effect, _, finding)| (*effect, finding.severity)).collect();
        let message = message(&effects, decisions, problems, left_out);
        Self { status, message, url: page, outcomes }
    }

    /// That a task could not be judged, and why.
    pub fn not_judged(reason: &str) -> Self {
        let message = shortened(&format!("Not judged, so not passed: {reason}"), MESSAGE);
        Self { status: Status::Failed, message, url: None, outcomes: Vec::new() }
    }

    /// That a task is being worked on.
    pub(crate) fn running() -> Self {
        let message = "Probity judges this run.".to_owned();
        Self { status: Status::Running, message, url: None, outcomes: Vec::new() }
    }

    /// The document of JSON:API that says so, with or without outcomes.
    pub(crate) fn document(&self, with_outcomes: bool) -> Value {
        let mut attributes = json!({"status": self.status.as_str(), "message": self.message});
        if let Some(url) = self.url.as_ref().filter(|url| url.len() <= URL) {
            attributes["url"] = json!(url);
        }
        let mut data = json!({"type": "task-results", "attributes": attributes});
        if with_outcomes && !self.outcomes.is_empty() {
            let all: Vec<Value> = self.outcomes.iter().map(Outcome::document).collect();
            data["relationships"] = json!({"outcomes": {"data": all}});
        }
        json!({ "data": data })
    }
}

impl Outcome {
    fn document(&self) -> Value {
        let tag = |tag: &Tag| json!([{"label": tag.label, "level": tag.level.as_str()}]);
        let mut attributes = json!({
            "outcome-id": self.id,
            "description": self.description,
            "body": self.body,
            "tags": {"Status": tag(&self.status), "Severity": tag(&self.severity)},
        });
        if let Some(url) = &self.url {
            attributes["url"] = json!(url);
        }
        json!({"type": "task-result-outcomes", "attributes": attributes})
    }
}

/// Gives outcomes with the same identifier one of their own.
fn distinct(mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for outcome in &mut outcomes {
        let times = seen.entry(outcome.id.clone()).or_default();
        *times += 1;
        if *times > 1 {
            outcome.id.push_str(&format!(" #{times}"));
        }
    }
    outcomes
}

/// The first ones, as many as go into one message.
fn within(mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let mut left = BODIES;
    let fits = outcomes.iter().take_while(|outcome| match left.checked_sub(outcome.body.len()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    });
    let count = fits.count();
    outcomes.truncate(count);
    outcomes
}

fn message(found: &[(Effect, Severity)], decisions: &[Decision], problems: &[String], left_out: usize) -> String {
    let mut parts = Vec::new();
    if let Some(problem) = problems.first() {
        let more = if problems.len() > 1 { format!(" (and {} more)", problems.len() - 1) } else { String::new() };
        parts.push(format!("Not everything could be read, so it does not pass: {}{more}.", shortened(problem, 400)));
    }
    let denied = by_severity(found, Effect::Denied);
    if !denied.is_empty() {
        let count: usize = denied.values().sum();
        let list: Vec<String> =
            denied.iter().rev().map(|(level, count)| format!("{count} {}", level.as_str())).collect();
        parts.push(format!("{} this run: {}.", counted(count, "finding denies", "findings deny"), list.join(", ")));
    }
    for (effect, one, many) in [
        (Effect::Warned, "warning", "warnings"),
        (Effect::Observed, "finding is only observed", "findings are only observed"),
    ] {
        let count = by_severity(found, effect).values().sum();
        if count > 0 {
            parts.push(format!("{}.", counted(count, one, many)));
        }
    }
    let outcomes = |outcome: Found| {
        decisions.iter().flat_map(|decision| &decision.findings).filter(|finding| finding.outcome == outcome).count()
    };
    parts.push(format!("{} passed.", counted(outcomes(Found::Pass), "check", "checks")));
    for (outcome, words) in [(Found::Waived, "waived"), (Found::Unknown, "undecided until apply")] {
        if outcomes(outcome) > 0 {
            parts.push(format!("{} {words}.", outcomes(outcome)));
        }
    }
    if decisions.is_empty() {
        parts.push("There was nothing to judge.".to_owned());
    }
    if left_out > 0 {
        parts.push(format!("{} not listed: the worst are.", counted(left_out, "finding is", "findings are")));
    }
    shortened(&parts.join(" "), MESSAGE)
}

fn by_severity(found: &[(Effect, Severity)], effect: Effect) -> BTreeMap<Severity, usize> {
    let mut counts = BTreeMap::new();
    found.iter().filter(|(own, _)| *own == effect).for_each(|(_, severity)| *counts.entry(*severity).or_default() += 1);
    counts
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests;
