//! Sums.

use serde_json::{Value, json};

use super::{list, object, pair, reference};

/// Sums over a period, controls and frameworks.
pub(super) fn postures() -> Vec<(&'static str, Value)> {
    let text = || json!({ "type": "string" });
    let days = || list(object([("day", reference("Day")), ("outcomes", reference("Outcomes"))]));
    let control = |more: Vec<(&str, Value)>| {
        let mut schema = object([
            ("control", text()),
            ("title", text()),
            ("text", text()),
            ("technical", json!({ "enum": ["fully", "partly", "no"] })),
            ("posture?", reference("ControlPosture")),
        ]);
        for (name, of) in more {
            schema["properties"][name] = of;
            if let Some(required) = schema["required"].as_array_mut() {
                required.push(json!(name));
            }
        }
        schema
    };
    vec![
        (
            "Overview",
            object([
                ("entries", reference("Count")),
                ("actions", reference("Actions")),
                ("outcomes", reference("Outcomes")),
                ("days", list(pair(reference("Day"), reference("Actions")))),
                ("environments", list(pair(json!({ "type": ["string", "null"] }), reference("Actions")))),
                ("scans", reference("Count")),
                ("incomplete_scans", reference("Count")),
                ("gates", reference("Count")),
                ("missing", reference("Count")),
            ]),
        ),
        (
            "ControlPosture",
            object([
                ("control", text()),
                (
                    "policies",
                    list(object([
                        ("policy", text()),
                        ("title", text()),
                        ("serves", reference("Strength")),
                        ("why", text()),
                        ("outcomes", reference("Outcomes")),
                    ])),
                ),
                ("decisions", reference("Count")),
                ("outcomes", reference("Outcomes")),
            ]),
        ),
        ("Control", control(Vec::new())),
        ("ControlDetail", control(vec![("period", reference("Period")), ("days", days())])),
        (
            "FrameworkPosture",
            object([
                ("framework", text()),
                ("title", text()),
                ("version", text()),
                ("period", reference("Period")),
                ("controls", list(reference("Control"))),
            ]),
        ),
    ]
}

/// Policies, and how they changed.
pub(super) fn policies() -> Vec<(&'static str, Value)> {
    let text = || json!({ "type": "string" });
    vec![
        (
            "PolicyRecord",
            object([
                ("id", text()),
                ("title", text()),
                ("severity", reference("Severity")),
                ("category", text()),
                ("why", text()),
                ("fix", text()),
                ("aliases", list(text())),
                ("controls", list(object([("control", text()), ("serves", reference("Strength")), ("why", text())]))),
                ("language", text()),
                ("builtin", json!({ "type": "boolean" })),
            ]),
        ),
        (
            "PolicyRow",
            object([("id", text()), ("record?", reference("PolicyRecord")), ("outcomes", reference("Outcomes"))]),
        ),
        ("PolicyList", object([("rows", list(reference("PolicyRow")))])),
        (
            "PolicyDetail",
            object([
                ("policy", reference("PolicyRow")),
                (
                    "versions",
                    list(object([
                        ("first_entry", reference("Count")),
                        ("first_time", reference("Time")),
                        ("record", reference("PolicyRecord")),
                    ])),
                ),
            ]),
        ),
        (
            "PolicyChangeList",
            object([(
                "rows",
                list(object([
                    ("entry", reference("Count")),
                    ("time", reference("Time")),
                    ("gate?", text()),
                    ("set", reference("Digest")),
                    ("before?", reference("Digest")),
                    ("known", json!({ "type": "boolean" })),
                    ("added", list(text())),
                    ("removed", list(text())),
                    ("changed", list(text())),
                    ("sources_changed", json!({ "type": "boolean" })),
                ])),
            )]),
        ),
    ]
}
