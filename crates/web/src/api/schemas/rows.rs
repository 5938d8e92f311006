//! Rows of lists.

use serde_json::{Value, json};

use super::{list, object, pair, reference};

/// Where the next page begins; null on the last.
fn next() -> Value {
    json!({ "type": ["integer", "null"], "minimum": 0, "description": "What `before` is for the next page." })
}

/// A decision in a list.
pub(super) fn decision() -> Value {
    let text = || json!({ "type": "string" });
    object([
        ("index", reference("Count")),
        ("leaf", reference("Digest")),
        ("time", reference("Time")),
        ("recorded", reference("Time")),
        ("gate?", reference("GateNumber")),
        ("subject_kind", text()),
        ("resource_type", text()),
        ("address", text()),
        ("environment?", text()),
        ("service?", text()),
        ("owner?", text()),
        ("action", reference("Action")),
        ("severity?", reference("Severity")),
        ("outcomes", reference("Outcomes")),
        ("findings", list(reference("FindingRow"))),
    ])
}

/// Lists of decisions and of runs.
pub(super) fn lists() -> Vec<(&'static str, Value)> {
    let text = || json!({ "type": "string" });
    let next =
        || json!({ "type": ["integer", "null"], "minimum": 0, "description": "What `before` is for the next page." });
    vec![
        (
            "FindingRow",
            object([
                ("policy", text()),
                ("outcome", reference("Outcome")),
                ("severity", reference("Severity")),
                ("stage", reference("Stage")),
                ("message", text()),
                ("reason?", text()),
            ]),
        ),
        ("DecisionRow", decision()),
        (
            "DecisionPage",
            object([
                ("rows", list(reference("DecisionRow"))),
                ("total", object([("count", reference("Count")), ("exact", json!({ "type": "boolean" }))])),
                ("next", next()),
            ]),
        ),
        (
            "ScanRow",
            object([
                ("index", reference("Count")),
                ("time", reference("Time")),
                ("gate?", reference("GateNumber")),
                ("origin", json!({ "type": "object", "additionalProperties": { "type": "string" } })),
                ("paths", list(text())),
                ("files", reference("Count")),
                ("decisions", reference("Count")),
                ("outcomes", reference("Outcomes")),
                ("problem_count", reference("Count")),
                ("problems", list(object([("path", text()), ("message", text())]))),
                ("policies", reference("Digest")),
                ("frameworks", list(text())),
                ("version", text()),
            ]),
        ),
        ("ScanPage", object([("rows", list(reference("ScanRow"))), ("next", next())])),
    ]
}

/// Waivers and gates.
pub(super) fn gates_and_waivers() -> Vec<(&'static str, Value)> {
    let text = || json!({ "type": "string" });
    vec![
        (
            "WaiverRow",
            object([
                (
                    "waiver",
                    object([
                        ("policy", text()),
                        ("vulnerability?", text()),
                        ("package?", text()),
                        ("subject", text()),
                        ("reason", text()),
                        ("requested_by", text()),
                        ("approved_by", text()),
                        ("expires", reference("Day")),
                    ]),
                ),
                ("first_entry", reference("Count")),
                ("first_time", reference("Time")),
                ("last_entry", reference("Count")),
                ("last_time", reference("Time")),
                ("scans", reference("Count")),
            ]),
        ),
        ("WaiverList", object([("rows", list(reference("WaiverRow")))])),
        (
            "GateRow",
            object([
                ("id", reference("Count")),
                ("kind", text()),
                ("name", text()),
                ("first_sequence", reference("Count")),
                ("last_sequence", reference("Count")),
                ("entries", reference("Count")),
                ("missing", reference("Count")),
                ("gaps", list(pair(reference("Count"), reference("Count")))),
                ("first_time", reference("Time")),
                ("last_time", reference("Time")),
                ("ended", json!({ "type": "boolean" })),
            ]),
        ),
        (
            "GatePage",
            object([
                ("rows", list(reference("GateRow"))),
                ("total", reference("Count")),
                ("missing", reference("Count")),
                ("next", next()),
            ]),
        ),
    ]
}
