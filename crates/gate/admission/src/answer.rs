//! What the API server is told.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use probity_model::{Action, Decision, Finding, Metadata, Outcome, PolicyId, Stage, Value, json};

use crate::review;

/// Longest warning, in characters: longer ones are cut by clients (RFC 7234, as the API server applies it).
const MAX_WARNING: usize = 256;

/// Most warnings of an answer.
const MAX_WARNINGS: usize = 10;

/// Longest message of a denial, in characters.
const MAX_MESSAGE: usize = 8_192;

/// Most policies that an audit annotation names.
const MAX_NAMED: usize = 50;

/// Why a request passed without a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// It is exempt, by this rule.
    Exempt(String),
    /// It could not be judged, for this reason, and the gate fails open.
    FailOpen(String),
}

/// What follows from a request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The name of the decision, in the audit log too.
    pub id: String,
    /// The request's uid.
    pub uid: String,
    /// Whether it passes.
    pub allowed: bool,
    /// Why it passed without a verdict.
    pub passed: Option<Passed>,
    /// Why it does not pass, when that is no policy's verdict.
    pub refused: Option<String>,
    /// What was found.
    pub decision: Option<Decision>,
    /// The policies that changed the object.
    pub mutated_by: Vec<PolicyId>,
    /// What policies made of the object, as operations on it.
    pub patch: Vec<Value>,
    /// What the user is told besides.
    pub warnings: Vec<String>,
    /// The denial in words, for the user.
    pub message: String,
    /// The images of the object: container, reference, and the digest that it means, when that is known.
    pub images: Vec<(String, String, Option<String>)>,
}

impl Answer {
    /// A request that passes.
    pub fn allowed(id: String, uid: &str) -> Self {
        Self {
            id,
            uid: uid.to_owned(),
            allowed: true,
            passed: None,
            refused: None,
            decision: None,
            mutated_by: Vec::new(),
            patch: Vec::new(),
            warnings: Vec::new(),
            message: String::new(),
            images: Vec::new(),
        }
    }

    /// A request that passes without a verdict.
    pub fn passed(id: String, uid: &str, passed: Passed) -> Self {
        let warnings = match &passed {
            Passed::FailOpen(reason) => vec![format!("not judged by policies: {reason}")],
            Passed::Exempt(_) => Vec::new(),
        };
        Self { passed: Some(passed), warnings, ..Self::allowed(id, uid) }
    }

    /// A request that does not pass because it cannot be judged.
    pub fn refused(id: String, uid: &str, reason: String) -> Self {
        let message = format!("it cannot be judged, and what is not judged does not pass here: {reason}");
        Self { allowed: false, refused: Some(reason), message, ..Self::allowed(id, uid) }
    }

    /// What follows from what was found; `metadata` knows the policies.
    pub(crate) fn of_decision<'m>(
        id: String,
        uid: &str,
        decision: Decision,
        metadata: impl Fn(&PolicyId) -> Option<&'m Metadata>,
    ) -> Self {
        let told = |stage: Stage| {
            decision.findings.iter().filter(move |finding| is_failure(finding) && finding.stage == stage)
        };
        let warnings = told(Stage::Warn).map(|finding| line(finding, metadata(&finding.policy))).collect();
        let denying: Vec<String> =
            told(Stage::Enforce).map(|finding| line(finding, metadata(&finding.policy))).collect();
        let message = match &denying[..] {
            [] => String::new(),
            [one] => one.clone(),
            many => format!("{} policies are not met:\n- {}", many.len(), many.join("\n- ")),
        };
        let allowed = decision.action != Action::Deny;
        Self { allowed, warnings, message, decision: Some(decision), ..Self::allowed(id, uid) }
    }

    /// The `AdmissionReview` that answers.
    pub fn response(&self) -> Value {
        let mut fields = vec![
            ("uid", Value::from(self.uid.as_str())),
            ("allowed", self.allowed.into()),
            ("auditAnnotations", self.annotations()),
        ];
        if !self.allowed {
            let status = Value::object([
                ("code", Value::from(403)),
                ("reason", "Forbidden".into()),
                ("message", cut(&self.message, MAX_MESSAGE).into()),
            ]);
            fields.push(("status", status));
        }
        if !self.warnings.is_empty() {
            fields.push(("warnings", Value::array(warnings(&self.warnings).map(Value::from))));
        }
        if self.allowed && !self.patch.is_empty() {
            let patch = json::write(&Value::array(self.patch.clone()));
            fields.push(("patchType", "JSONPatch".into()));
            fields.push(("patch", STANDARD.encode(patch).into()));
        }
        review::response(Value::object(fields))
    }

    /// What the API server writes to its audit log.
    fn annotations(&self) -> Value {
        let mut annotations = vec![("decision", Value::from(self.id.as_str()))];
        if let Some(decision) = &self.decision {
            let failed: Vec<&str> = decision
                .findings
                .iter()
                .filter(|finding| is_failure(finding))
                .map(|finding| finding.policy.as_str())
                .collect();
            let asked = decision.findings.len();
            annotations.push(("policies", format!("{asked} checked, {} failed", failed.len()).into()));
            if !failed.is_empty() {
                let more = failed.len().saturating_sub(MAX_NAMED);
                let mut named = failed[..failed.len().min(MAX_NAMED)].join(", ");
                if more > 0 {
                    named = format!("{named} and {more} more");
                }
                annotations.push(("failed", named.into()));
            }
        }
        match (&self.passed, &self.refused) {
            (Some(Passed::Exempt(reason)), _) => annotations.push(("exempt", reason.as_str().into())),
            (Some(Passed::FailOpen(reason)), _) => annotations.push(("fail-open", reason.as_str().into())),
            (None, Some(reason)) => annotations.push(("fail-closed", reason.as_str().into())),
            (None, None) => {}
        }
        if !self.mutated_by.is_empty() {
            let by: Vec<&str> = self.mutated_by.iter().map(PolicyId::as_str).collect();
            annotations.push(("mutated-by", by.join(", ").into()));
        }
        Value::object(annotations)
    }
}

/// Whether a finding is against the subject.
fn is_failure(finding: &Finding) -> bool {
    matches!(finding.outcome, Outcome::Fail | Outcome::Error)
}

/// A finding for the one who asked: policy, what was found, the controls that it serves, and how to mend it.
fn line(finding: &Finding, metadata: Option<&Metadata>) -> String {
    let failed = if finding.outcome == Outcome::Error { "it cannot be told: " } else { "" };
    let controls = metadata.map(|metadata| metadata.controls.as_slice()).unwrap_or_default();
    let controls: Vec<String> = controls.iter().take(3).map(|link| link.control.to_string()).collect();
    let controls = if controls.is_empty() { String::new() } else { format!(" ({})", controls.join(", ")) };
    let fix = metadata.map(|metadata| metadata.fix.split_whitespace().collect::<Vec<_>>().join(" "));
    let fix = fix.filter(|fix| !fix.is_empty()).map(|fix| format!(". Fix: {fix}")).unwrap_or_default();
    let said = finding.message.trim().trim_end_matches('.');
    format!("{}: {failed}{said}{controls}{fix}", finding.policy)
}

/// Warnings that clients show: short ones, each once, and not too many.
fn warnings(all: &[String]) -> impl Iterator<Item = String> {
    let more = all.len().saturating_sub(MAX_WARNINGS);
    let shown = if more > 0 { MAX_WARNINGS - 1 } else { all.len() };
    let rest = (more > 0).then(|| format!("and {} more warnings", all.len() - shown));
    all[..shown].iter().map(|warning| cut(warning, MAX_WARNING)).chain(rest)
}

/// A text of at most so many characters, on one line when it is a warning's.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}
