//! Images and builds.

use serde_json::{Value, json};

use super::{list, object, pair, reference};

/// Where the next page begins; null on the last.
fn next() -> Value {
    json!({ "type": ["integer", "null"], "minimum": 0, "description": "What `before` is for the next page." })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn origin() -> Value {
    json!({ "type": "object", "additionalProperties": { "type": "string" } })
}

/// A row of a list: an entry, and what it says.
fn row(name: &str, schema: &str) -> Value {
    object([
        ("index", reference("Count")),
        ("leaf", reference("Digest")),
        ("time", reference("Time")),
        ("gate?", reference("GateNumber")),
        (name, reference(schema)),
    ])
}

/// What was found of images.
pub(super) fn images() -> Vec<(&'static str, Value)> {
    vec![
        ("Signer", object([("name?", text()), ("identity", text()), ("issuer?", text()), ("approved", flag())])),
        ("VulnerabilityCounts", super::counts(["critical", "high", "medium", "low", "unknown"].into_iter())),
        ("ImageVulnerabilities", vulnerabilities()),
        ("Image", image()),
        ("ImageRow", row("image", "Image")),
        ("ImagePage", object([("rows", list(reference("ImageRow"))), ("next", next())])),
    ]
}

fn vulnerabilities() -> Value {
    let gap = object([("ecosystem", text()), ("reason", text()), ("packages", reference("Count"))]);
    let accepted = object([
        ("id", text()),
        ("package", text()),
        ("severity", text()),
        ("reason", text()),
        ("requested_by", text()),
        ("approved_by", text()),
        ("expires", reference("Day")),
    ]);
    object([
        ("database?", object([("date", text()), ("digest", text())])),
        ("complete", flag()),
        ("not_assessed?", list(gap)),
        ("open", reference("VulnerabilityCounts")),
        ("accepted?", list(accepted)),
        ("vex", reference("Count")),
        ("list?", reference("Digest")),
    ])
}

fn image() -> Value {
    let newer = object([("digest?", text()), ("date?", reference("Day"))]);
    let base = object([
        ("name", text()),
        ("digest?", text()),
        ("date?", reference("Day")),
        ("approved", flag()),
        ("newer?", newer),
    ]);
    let dependencies =
        object([("total", reference("Count")), ("approved", reference("Count")), ("unapproved", reference("Count"))]);
    let signature = object([("signer", reference("Signer")), ("signed_at?", reference("Time")), ("form", text())]);
    let attestation =
        object([("predicate_type", text()), ("signer", reference("Signer")), ("signed_at?", reference("Time"))]);
    let provenance = object([
        ("builder?", text()),
        ("identity?", text()),
        ("repository?", text()),
        ("commit?", text()),
        ("started?", reference("Time")),
        ("finished?", reference("Time")),
    ]);
    let sbom = object([
        ("format", text()),
        ("version?", text()),
        ("components", reference("Count")),
        ("signed", flag()),
        ("valid", flag()),
        ("missing?", reference("Count")),
    ]);
    object([
        ("reference", text()),
        ("digest?", text()),
        ("index_digest?", text()),
        ("id", text()),
        ("platform?", text()),
        ("created?", text()),
        ("os?", text()),
        ("user?", text()),
        ("base?", base),
        ("packages?", reference("Count")),
        ("dependencies?", dependencies),
        ("vulnerabilities?", reference("ImageVulnerabilities")),
        ("signatures?", list(signature)),
        ("attestations?", list(attestation)),
        ("refused?", list(object([("kind?", text()), ("reason", text())]))),
        ("provenance?", provenance),
        ("sbom?", sbom),
        ("secrets?", reference("Count")),
        ("report?", object([("digest", text()), ("attached?", text())])),
        ("action", reference("Action")),
        ("outcomes", list(pair(reference("Outcome"), reference("Count")))),
        ("decisions", reference("Count")),
        ("policies?", reference("Digest")),
        ("scanner", text()),
        ("origin", origin()),
    ])
}

/// Builds and their checks.
pub(super) fn builds() -> Vec<(&'static str, Value)> {
    let check = object([
        ("name", text()),
        ("outcome", json!({ "enum": ["passed", "failed", "skipped", "error"] })),
        ("blocks", flag()),
        ("detail?", text()),
        ("fix?", text()),
    ]);
    let build = object([
        ("project", text()),
        ("version?", text()),
        ("number?", text()),
        ("system?", text()),
        ("builder?", text()),
        ("origin", origin()),
        ("started", reference("Time")),
        ("ended", reference("Time")),
        ("images?", list(object([("reference", text()), ("digest?", text())]))),
        ("checks", list(check)),
        ("action", reference("Action")),
        ("scanner", text()),
    ]);
    vec![
        ("Build", build),
        ("BuildRow", row("build", "Build")),
        ("BuildPage", object([("rows", list(reference("BuildRow"))), ("next", next())])),
    ]
}
