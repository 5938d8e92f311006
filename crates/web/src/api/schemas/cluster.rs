//! Requests to API servers, what the servers did, and what changed besides.

use probity_evidence_index::{AdmissionOutcome, DeploymentKnown};
use probity_evidence_ledger::DriftKind;
use serde_json::{Value, json};

use super::{list, object, reference, words};

/// Where the next page begins; null on the last.
fn next() -> Value {
    json!({ "type": ["integer", "null"], "minimum": 0, "description": "What `before` is for the next page." })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn page(row: &str) -> Value {
    object([("rows", list(reference(row))), ("next", next())])
}

/// Requests, and what became of them.
pub(super) fn admissions() -> Vec<(&'static str, Value)> {
    let known = [
        DeploymentKnown::Confirmed,
        DeploymentKnown::Unconfirmed,
        DeploymentKnown::DecisionMissing,
        DeploymentKnown::OutsideOfGates,
    ];
    vec![
        ("Resource", object([("group?", text()), ("version", text()), ("resource", text())])),
        ("AdmittedImage", object([("container", text()), ("reference", text()), ("digest?", text())])),
        ("Admission", admission()),
        ("Confirmation", confirmation()),
        ("AdmissionRow", admission_row()),
        ("AdmissionPage", page("AdmissionRow")),
        (
            "Deployment",
            object([
                ("index", reference("Count")),
                ("time", reference("Time")),
                ("user", text()),
                ("impersonated?", text()),
                ("cluster", text()),
                ("namespace", text()),
                ("environment?", text()),
                ("kind", text()),
                ("name", text()),
                ("operation", text()),
                ("images", list(reference("AdmittedImage"))),
                ("known", json!({ "enum": known })),
            ]),
        ),
        ("DeploymentPage", page("Deployment")),
    ]
}

fn admission() -> Value {
    object([
        ("decision_id", text()),
        ("cluster", text()),
        ("webhook?", text()),
        ("operation", text()),
        ("resource", reference("Resource")),
        ("subresource?", text()),
        ("kind", text()),
        ("namespace?", text()),
        ("name", text()),
        ("object_uid?", text()),
        ("object_digest?", text()),
        ("request_uid", text()),
        ("user", text()),
        ("groups?", list(text())),
        ("images?", list(reference("AdmittedImage"))),
        ("replica", text()),
        ("mutated_by?", list(text())),
        ("exempt?", text()),
        ("fail_open?", text()),
        ("refused?", text()),
        ("duration_us", reference("Count")),
    ])
}

fn confirmation() -> Value {
    object([
        ("audit_id", text()),
        ("cluster", text()),
        ("decisions?", list(text())),
        ("verb", text()),
        ("user", text()),
        ("impersonated?", text()),
        ("resource", reference("Resource")),
        ("subresource?", text()),
        ("namespace?", text()),
        ("name", text()),
        ("object_uid?", text()),
        ("images?", list(reference("AdmittedImage"))),
        ("code", reference("Count")),
        ("denied_by?", text()),
        ("message?", text()),
        ("dry_run?", json!({ "type": "boolean" })),
        ("received?", reference("Time")),
        ("answered?", reference("Time")),
    ])
}

/// A decision, and beside it the request that it is about.
fn admission_row() -> Value {
    let mut row = super::rows::decision();
    let confirmed = object([
        ("index", reference("Count")),
        ("time", reference("Time")),
        ("environment?", text()),
        ("confirmation", reference("Confirmation")),
    ]);
    row["properties"]["outcome"] = words(AdmissionOutcome::ALL.iter().map(|one| one.as_str()));
    row["properties"]["admission"] = reference("Admission");
    row["properties"]["confirmation"] = confirmed;
    if let Some(required) = row["required"].as_array_mut() {
        required.extend([json!("outcome"), json!("admission")]);
    }
    row
}

/// What changed without a gate having been asked.
pub(super) fn changes() -> Vec<(&'static str, Value)> {
    let state = || object([("verdict?", reference("Action")), ("digest?", text())]);
    let subject = object([
        ("kind", text()),
        ("type", text()),
        ("address", text()),
        ("labels", json!({ "type": "object" })),
        ("location?", json!({ "type": "object" })),
    ]);
    let drift = object([
        ("cluster?", text()),
        ("subject", subject),
        ("what", words(DriftKind::ALL.iter().map(|what| what.as_str()))),
        ("message", text()),
        ("severity", reference("Severity")),
        ("before?", state()),
        ("after?", state()),
        ("who?", text()),
        ("policies?", list(text())),
    ]);
    let row = object([
        ("index", reference("Count")),
        ("time", reference("Time")),
        ("gate?", reference("GateNumber")),
        ("drift", drift),
    ]);
    vec![("DriftRow", row), ("DriftPage", page("DriftRow"))]
}

/// What an API server sends of its audit log, and what is known of it.
pub(super) fn audit_log() -> Vec<(&'static str, Value)> {
    let events = json!({
        "type": "object",
        "description": "An EventList of audit.k8s.io/v1, as the webhook backend of kube-apiserver sends it.",
        "properties": { "kind": text(), "apiVersion": text(), "items": list(json!({ "type": "object" })) },
        "required": ["kind", "items"],
    });
    let taken = object([
        ("events", reference("Count")),
        ("confirmations", reference("Count")),
        ("repeated", reference("Count")),
        ("broken", reference("Count")),
    ]);
    let silence = object([("from", reference("Time")), ("to", reference("Time"))]);
    let usage = json!({
        "type": "object",
        "description": "Who used what, how often and when; numbers stand for words and identities.",
    });
    let known = object([("silences", list(silence)), ("usage", usage)]);
    vec![("EventList", events), ("AuditLogTaken", taken), ("KnownUsage", known)]
}
