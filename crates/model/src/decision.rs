use serde::Serialize;
use smol_str::SmolStr;

use crate::finding::{Finding, Outcome};
use crate::policy::words;
use crate::source::{Location, Sources, Span};
use crate::stage::{Gate, Stage};
use crate::subject::{Labels, Subject, SubjectKind};

words! {
    /// What a gate does with the change.
    #[derive(PartialOrd, Ord, Hash)]
    Action: "an action" {
        /// It passes.
        Allow = "allow",
        /// It passes with a warning.
        Warn = "warn",
        /// It does not pass.
        Deny = "deny",
    }
}

/// Which subject a decision is about.
#[derive(Debug, Clone, Serialize)]
pub struct SubjectRef {
    /// What kind of thing it is.
    pub kind: SubjectKind,
    /// Its type in the words of its platform.
    #[serde(rename = "type")]
    pub resource_type: SmolStr,
    /// What it is called.
    pub address: SmolStr,
    /// Where it belongs.
    pub labels: Labels,
    /// The text it was read from.
    #[serde(skip)]
    pub span: Option<Span>,
    /// Where it stands, in lines; filled by [`Decision::locate`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The module calls that lead to it, the outermost first.
    #[serde(skip)]
    pub calls: Vec<Span>,
}

impl From<&Subject> for SubjectRef {
    fn from(subject: &Subject) -> Self {
        Self {
            kind: subject.kind,
            resource_type: subject.resource_type.clone(),
            address: subject.address.clone(),
            labels: subject.labels.clone(),
            span: subject.header.or(subject.span),
            location: None,
            calls: subject.calls.clone(),
        }
    }
}

/// All findings of one evaluation, and the action that follows from them.
#[derive(Debug, Clone, Serialize)]
pub struct Decision {
    /// The thing judged.
    pub subject: SubjectRef,
    /// Where it was judged.
    pub gate: Gate,
    /// What follows.
    pub action: Action,
    /// What was found, in the order of the policies.
    pub findings: Vec<Finding>,
}

impl Decision {
    /// The action that follows from findings: a failure or error counts by the stage of its policy.
    pub fn action_of(findings: &[Finding]) -> Action {
        findings
            .iter()
            .filter(|finding| matches!(finding.outcome, Outcome::Fail | Outcome::Error))
            .map(|finding| match finding.stage {
                Stage::Observe => Action::Allow,
                Stage::Warn => Action::Warn,
                Stage::Enforce => Action::Deny,
            })
            .max()
            .unwrap_or(Action::Allow)
    }

    /// Fills in files, lines and columns for the subject and for every finding that is not a pass.
    pub fn locate(&mut self, sources: &Sources) {
        let locate = |span: Option<Span>| span.and_then(|span| sources.locate(span));
        if self.findings.iter().all(|finding| finding.outcome == Outcome::Pass) {
            return;
        }
        self.subject.location = locate(self.subject.span);
        for finding in self.findings.iter_mut().filter(|finding| finding.outcome != Outcome::Pass) {
            finding.location = locate(finding.span).or_else(|| self.subject.location.clone());
        }
    }
}
