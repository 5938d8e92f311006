//! What was decided, as an entry of the ledger, without secrets.

use std::sync::LazyLock;
use std::time::Duration;

use probity_evidence_ledger::{
    AdmissionRecord, AdmittedImage, Body, DecisionRecord, Digest, FindingRecord, ResourceRecord, SubjectRecord,
};
use probity_evidence_redact::{Redactor, Secrets};
use probity_gate_admission::{Answer, Passed, subject};
use probity_model::{Action, Labels, Outcome, Subject, SubjectKind, Value};
use probity_policy_core::AdmissionRequest;

/// Compiled once: every request that fails a policy asks it.
static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::new);

/// The secrets of an object, which what is said of it may quote.
pub(super) fn secrets_of(subject: &Subject) -> Secrets {
    let mut secrets = Secrets::new();
    secrets.extend(&REDACTOR.document(subject.kind, &subject.resource_type, &subject.document).secrets);
    secrets
}

/// A text without these secrets, and without what looks like one.
pub(super) fn without(text: &str, secrets: &Secrets) -> String {
    REDACTOR.text(text, secrets).into_owned()
}

/// A request, what was answered, and where.
pub(super) struct Decided<'d> {
    pub(super) request: &'d AdmissionRequest,
    pub(super) answer: &'d Answer,
    /// The digest of the content that is let in.
    pub(super) content: Option<Digest>,
    pub(super) labels: Labels,
    pub(super) cluster: &'d str,
    pub(super) replica: &'d str,
    /// The webhook that was asked.
    pub(super) webhook: &'d str,
    pub(super) took: Duration,
}

/// The entry of a decision.
pub(super) fn body(decided: &Decided<'_>) -> Body {
    let Decided { request, answer, labels, .. } = decided;
    let subject = subject(request, labels.clone());
    let findings = answer.decision.iter().flat_map(|decision| &decision.findings);
    let (passed, others): (Vec<_>, Vec<_>) = findings.partition(|finding| finding.outcome == Outcome::Pass);
    // What is said of an object may quote it.
    let secrets = subject.as_ref().filter(|_| !others.is_empty()).map(secrets_of).unwrap_or_default();
    let text = |text: &str| without(text, &secrets);
    let findings = others.into_iter().map(|finding| FindingRecord {
        message: text(&finding.message),
        reason: finding.reason.as_deref().map(text),
        ..FindingRecord::from(finding)
    });
    let address = subject.as_ref().map(|subject| subject.address.to_string());
    let action = match (&answer.decision, answer.allowed) {
        (_, false) => Action::Deny,
        (Some(decision), true) => decision.action,
        (None, true) => Action::Allow,
    };
    Body::Decision(Box::new(DecisionRecord {
        subject: SubjectRecord {
            kind: SubjectKind::Kubernetes.as_str().into(),
            resource_type: request.text(&["kind", "kind"]).into(),
            address: address.unwrap_or_else(|| request.text(&["name"]).to_owned()),
            labels: labels.clone(),
            location: None,
        },
        action,
        findings: findings.collect(),
        passed: passed.into_iter().map(|finding| finding.policy.clone()).collect(),
        input: None,
        request: None,
        admission: Some(Box::new(admission(decided))),
    }))
}

fn admission(decided: &Decided<'_>) -> AdmissionRecord {
    let Decided { request, answer, content, cluster, replica, webhook, took, .. } = decided;
    let text = |path: &[&str]| request.text(path).to_owned();
    let name = match request.text(&["name"]) {
        "" => {
            request.subject().and_then(|object| object.at(&["metadata", "generateName"])?.as_str()).unwrap_or_default()
        }
        name => name,
    };
    let uid = request.subject().and_then(|object| object.at(&["metadata", "uid"])).and_then(Value::as_str);
    AdmissionRecord {
        decision_id: answer.id.clone(),
        cluster: (*cluster).into(),
        namespace: request.text(&["namespace"]).into(),
        operation: request.operation().as_str().into(),
        webhook: (*webhook).to_owned(),
        resource: ResourceRecord {
            group: request.text(&["resource", "group"]).into(),
            version: request.text(&["resource", "version"]).into(),
            resource: request.text(&["resource", "resource"]).into(),
        },
        subresource: Some(request.text(&["subResource"])).filter(|name| !name.is_empty()).map(Into::into),
        kind: request.text(&["kind", "kind"]).into(),
        name: name.to_owned(),
        object_uid: uid.map(str::to_owned),
        object_digest: content.map(|digest| digest.to_string()),
        request_uid: text(&["uid"]),
        user: request.username().to_owned(),
        groups: request.groups().map(str::to_owned).collect(),
        images: answer
            .images
            .iter()
            .map(|(container, reference, digest)| AdmittedImage {
                container: container.clone(),
                reference: reference.clone(),
                digest: digest.clone(),
            })
            .collect(),
        replica: (*replica).into(),
        mutated_by: answer.mutated_by.clone(),
        exempt: match &answer.passed {
            Some(Passed::Exempt(reason)) => Some(reason.clone()),
            _ => None,
        },
        fail_open: match &answer.passed {
            Some(Passed::FailOpen(reason)) => Some(reason.clone()),
            _ => None,
        },
        refused: answer.refused.clone(),
        duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
    }
}
