//! JSON Schemas (2020-12) of what the API takes and gives.

mod artifacts;
mod cluster;
mod rows;
mod sums;

use probity_evidence_index::AdmissionOutcome;
use probity_evidence_ledger::DriftKind;
use probity_model::{Action, Gate, Outcome, Severity, Stage, Strength};
use serde_json::{Map, Value, json};

use super::ingest::{BLOBS, SUBMISSIONS};

/// A reference to a schema of the document.
pub(crate) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// What a parameter is for, and its schema.
pub(crate) fn parameter(name: &str) -> (&'static str, Value) {
    let text = || json!({ "type": "string" });
    let day = || json!({ "type": "string", "format": "date" });
    let number = || json!({ "type": "integer", "minimum": 0 });
    match name {
        "from" => ("The first day, in UTC. For decisions a time may be given.", day()),
        "to" => ("The last day, in UTC; it is included. For decisions a time may be given, which is not.", day()),
        "before" => ("What `next` of the page before was.", number()),
        "limit" => ("Rows at most.", json!({ "type": "integer", "minimum": 1, "maximum": 1000 })),
        "start" => ("The first entry.", number()),
        "index" => ("The number of an entry, from 0.", number()),
        "gate" => ("The name of a gate; `*` stands for anything.", text()),
        "gate_kind" => ("The kind of gate.", words(Gate::ALL.iter().map(|gate| gate.as_str()))),
        "environment" => ("The environment of the subject.", text()),
        "service" => ("The service of the subject.", text()),
        "owner" => ("Who answers for the subject.", text()),
        "action" => ("What followed.", words(Action::ALL.iter().map(|action| action.as_str()))),
        "outcome" => ("A finding came out like this.", words(Outcome::ALL.iter().map(|outcome| outcome.as_str()))),
        "severity" => (
            "A finding, or a change, is at least as bad.",
            words(Severity::ALL.iter().map(|severity| severity.as_str())),
        ),
        "policy" => ("A policy's id; `*` stands for anything in a filter.", text()),
        "control" => ("A control: `soc2:CC6.1` in a filter, `CC6.1` in a path.", text()),
        "framework" => ("A framework: `soc2`.", text()),
        "subject_kind" => ("The kind of the subject: `terraform`.", text()),
        "resource_type" => ("The type of the subject: `aws_s3_bucket`.", text()),
        "address" => ("The address of the subject; `*` stands for anything.", text()),
        "text" => {
            ("Words that all occur in address, type, labels, gate, or in policies and messages of findings.", text())
        }
        "image" => {
            ("How the image was asked for, `*` stands for anything; or its digest or the beginning of it.", text())
        }
        "project" => ("What was built; `*` stands for anything.", text()),
        "number" => ("The number of the build.", text()),
        "commit" => ("The commit that was built, or the beginning of it.", text()),
        "digest" => ("The digest of an image that was built, or the beginning of it.", text()),
        "cluster" => ("The cluster; `*` stands for anything.", text()),
        "namespace" => ("The namespace; `*` stands for anything.", text()),
        "user" => ("Who asked; `*` stands for anything.", text()),
        "kind" => ("The kind of the object: `Deployment`.", text()),
        "name" => ("The name of the object; `*` stands for anything.", text()),
        "object_digest" => ("The digest of the content that was let in.", text()),
        "operation" => ("What was asked for.", words(["CREATE", "UPDATE", "DELETE", "CONNECT"].into_iter())),
        "result" => ("What the gate answered.", words(AdmissionOutcome::ALL.iter().map(|one| one.as_str()))),
        "done" => ("Whether the API server is known to have done it.", json!({ "type": "boolean" })),
        "controllers" => ("Also what Kubernetes' own controllers did.", json!({ "type": "boolean" })),
        "timeout" => ("What API servers send besides; it says nothing here.", text()),
        "what" => ("The kind of change.", words(DriftKind::ALL.iter().map(|what| what.as_str()))),
        "missing" => ("Only gates with missing numbers.", json!({ "type": "boolean" })),
        "incomplete" => ("Only runs that could not read everything.", json!({ "type": "boolean" })),
        "samples" => (
            "Decisions to draw as samples for each control; 5 when it is left out.",
            json!({ "type": "integer", "minimum": 0, "maximum": 100 }),
        ),
        "seed" => ("What samples are drawn by: the same seed draws the same ones.", text()),
        "format" => ("The form of the report; `html` when it is left out.", json!({ "enum": ["html", "csv", "json"] })),
        _ => unreachable!("a parameter that is not described: {name}"),
    }
}

fn words<'w>(all: impl Iterator<Item = &'w str>) -> Value {
    json!({ "enum": all.collect::<Vec<_>>() })
}

/// An object: each member with its schema; a name that ends in `?` may be left out. There are no others.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, schema) in members {
        let bare = name.trim_end_matches('?');
        if bare == name {
            required.push(bare.to_owned());
        }
        properties.insert(bare.to_owned(), schema);
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn list(items: Value) -> Value {
    let mut schema = json!({ "type": "array" });
    schema["items"] = items;
    schema
}

fn pair(first: Value, second: Value) -> Value {
    let mut schema = json!({ "type": "array", "minItems": 2, "maxItems": 2 });
    schema["prefixItems"] = Value::Array(vec![first, second]);
    schema
}

fn counts<'w>(names: impl Iterator<Item = &'w str>) -> Value {
    let names: Vec<&str> = names.collect();
    let properties: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), reference("Count"))).collect();
    json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false })
}

/// All schemas by their names.
pub(crate) fn all() -> Map<String, Value> {
    let mut all = Map::new();
    for (name, schema) in words_and_numbers()
        .into_iter()
        .chain(entries())
        .chain(sent())
        .chain(artifacts::images())
        .chain(artifacts::builds())
        .chain(cluster::admissions())
        .chain(cluster::changes())
        .chain(cluster::audit_log())
        .chain(rows::lists())
        .chain(rows::gates_and_waivers())
        .chain(sums::postures())
        .chain(sums::policies())
    {
        all.insert(name.to_owned(), schema);
    }
    all
}

fn words_and_numbers() -> Vec<(&'static str, Value)> {
    let text = || json!({ "type": "string" });
    vec![
        ("Count", json!({ "type": "integer", "minimum": 0 })),
        ("Time", json!({ "type": "string", "format": "date-time" })),
        ("Day", json!({ "type": "string", "format": "date" })),
        ("Digest", json!({ "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" })),
        ("Action", words(Action::ALL.iter().map(|one| one.as_str()))),
        ("Outcome", words(Outcome::ALL.iter().map(|one| one.as_str()))),
        ("Severity", words(Severity::ALL.iter().map(|one| one.as_str()))),
        ("Stage", words(Stage::ALL.iter().map(|one| one.as_str()))),
        ("Strength", words(Strength::ALL.iter().map(|one| one.as_str()))),
        ("Outcomes", counts(Outcome::ALL.iter().map(|one| one.as_str()))),
        ("Actions", counts(Action::ALL.iter().map(|one| one.as_str()))),
        ("Period", object([("first", reference("Day")), ("last", reference("Day"))])),
        (
            "Problem",
            json!({
                "type": "object",
                "description": "RFC 9457. `type` names one of #/components/x-problems. Some have members of their own.",
                "properties": {
                    "type": text(), "title": text(), "status": reference("Count"), "detail": text(), "parameter": text(),
                    "gate": text(), "sequence": reference("Count"), "index": reference("Count"), "digest": text(),
                    "missing": list(reference("Digest")),
                },
                "required": ["type", "title", "status", "detail"],
            }),
        ),
    ]
}

fn entries() -> Vec<(&'static str, Value)> {
    let text = || json!({ "type": "string" });
    let gate = object([("kind", text()), ("name", text()), ("sequence", reference("Count"))]);
    vec![
        ("GateNumber", gate),
        (
            "Entry",
            json!({
                "type": "object",
                "description": "One entry of the ledger. What the body holds follows from its kind.",
                "properties": {
                    "recorded": reference("Time"),
                    "time": reference("Time"),
                    "gate": reference("GateNumber"),
                    "kind": { "enum": [
                        "decision", "scan", "image", "build", "confirmation", "gap", "drift", "heartbeat", "key-rotation",
                        "clock-set-back",
                    ] },
                    "body": { "type": "object" },
                },
                "required": ["recorded", "time", "kind", "body"],
            }),
        ),
        (
            "ProvenEntry",
            object([
                ("index", reference("Count")),
                ("leaf", reference("Digest")),
                ("entry", reference("Entry")),
                ("canonical", text()),
                ("proof", text()),
                ("verified", json!({ "type": "boolean" })),
            ]),
        ),
        (
            "EntryList",
            object([
                (
                    "entries",
                    list(object([
                        ("index", reference("Count")),
                        ("leaf", reference("Digest")),
                        ("entry", reference("Entry")),
                    ])),
                ),
                ("size", reference("Count")),
                ("next?", reference("Count")),
            ]),
        ),
        (
            "Checkpoint",
            object([
                ("origin", text()),
                ("size", reference("Count")),
                ("root", reference("Digest")),
                ("note", text()),
                ("key", text()),
                ("fingerprint", text()),
            ]),
        ),
    ]
}

fn sent() -> Vec<(&'static str, Value)> {
    let blob =
        object([("digest", reference("Digest")), ("data", json!({ "type": "string", "contentEncoding": "base64" }))]);
    let bounded = |items: Value, most: usize| json!({ "type": "array", "items": items, "maxItems": most });
    vec![
        (
            "Submission",
            json!({
                "type": "object",
                "description": "An entry as a gate sends it: a decision, a scan, an image or a build, numbered by the gate from 1 without gaps.",
                "properties": {
                    "time": reference("Time"),
                    "gate": reference("GateNumber"),
                    "kind": { "enum": ["decision", "scan", "image", "build"] },
                    "body": { "type": "object" },
                },
                "required": ["time", "gate", "kind", "body"],
            }),
        ),
        (
            "Ingest",
            object([("blobs?", bounded(blob, BLOBS)), ("submissions", bounded(reference("Submission"), SUBMISSIONS))]),
        ),
        (
            "Receipts",
            object([(
                "receipts",
                list(object([
                    ("index", reference("Count")),
                    ("leaf", reference("Digest")),
                    ("repeated", json!({ "type": "boolean" })),
                ])),
            )]),
        ),
        ("Asked", object([("digests", bounded(reference("Digest"), BLOBS))])),
        ("Missing", object([("missing", list(reference("Digest")))])),
    ]
}
