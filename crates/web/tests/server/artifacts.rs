//! Images and builds, as pipelines send them.

use jiff::Timestamp;
use probity_evidence_ledger::Body;
use serde_json::{Value, json};

/// An image of a project that was built on a day.
pub(crate) fn image(project: &str, day: i64, list: &probity_evidence_ledger::Digest) -> Body {
    let signer = json!({ "name": "release workflow", "approved": true, "issuer": "https://token.actions.githubusercontent.com",
        "identity": format!("https://github.com/acme/{project}/.github/workflows/build.yml@refs/heads/main") });
    let critical = u64::from(day % 13 == 4);
    body(
        "image",
        &json!({
            "reference": format!("registry.example.com/acme/{project}:1.{day}.0"), "digest": digest(project, day),
            "id": digest("configuration", day), "platform": "linux/amd64", "created": "2026-03-01T00:00:00Z",
            "os": "Debian GNU/Linux 12 (bookworm)", "user": "65534", "packages": 177,
            "base": { "name": "debian:12-slim", "digest": digest("base", 0), "date": "2026-02-20", "approved": true,
                "newer": { "digest": digest("base", 1), "date": "2026-03-20" } },
            "dependencies": { "total": 177, "approved": 175, "unapproved": 2 },
            "vulnerabilities": {
                "database": { "date": "2026-03-01T00:00:00Z", "digest": digest("database", 0) }, "complete": false, "vex": 1,
                "not_assessed": [{ "ecosystem": "npm", "reason": "the database has no advisories of it", "packages": 29 }],
                "open": { "critical": critical, "high": 2, "medium": 5, "low": 0, "unknown": 0 }, "list": list,
                "accepted": [{ "id": "CVE-2026-1234", "package": "pkg:deb/debian/openssl@3.0.15", "severity": "critical",
                    "reason": "The function is not called.", "requested_by": "Mara Lindqvist",
                    "approved_by": "Tomasz Wójcik", "expires": "2999-01-01" }],
            },
            "signatures": [{ "signer": signer, "signed_at": "2026-03-01T00:10:00Z", "form": "cosign bundle" }],
            "attestations": [{ "predicate_type": "https://slsa.dev/provenance/v1", "signer": signer }],
            "refused": [{ "kind": "signature", "reason": "the signature is over another digest" }],
            "provenance": { "builder": "https://github.com/actions/runner", "repository": format!("github.com/acme/{project}"),
                "commit": "abc", "finished": "2026-03-01T00:05:00Z" },
            "sbom": { "format": "CycloneDX", "version": "1.6", "components": 177, "signed": true, "valid": true, "missing": 0 },
            "action": if critical > 0 { "deny" } else { "allow" }, "outcomes": [["pass", 30]], "decisions": 0,
            "scanner": "probity 0.1.0", "origin": { "repository": format!("github.com/acme/{project}") },
        }),
    )
}

/// The build that made it.
pub(crate) fn build(project: &str, day: i64, ended: Timestamp) -> Body {
    let failed = day % 13 == 4;
    body(
        "build",
        &json!({
            "project": project, "version": format!("1.{day}.0"), "number": (day + 1).to_string(), "system": "github",
            "builder": "build.yml on runner 3", "started": ended - jiff::SignedDuration::from_secs(225), "ended": ended,
            "origin": { "repository": format!("github.com/acme/{project}"), "commit": format!("{:040x}", day + 1), "actor": "mara" },
            "images": [{ "reference": format!("registry.example.com/acme/{project}:1.{day}.0"), "digest": digest(project, day) }],
            "checks": [
                { "name": "infrastructure", "outcome": "passed", "blocks": true, "detail": "12 files, 30 subjects" },
                { "name": "signed", "outcome": "passed", "blocks": true },
                { "name": "sbom", "outcome": "skipped", "blocks": false, "detail": "left out" },
                { "name": "vulnerabilities", "outcome": if failed { "failed" } else { "passed" }, "blocks": true,
                    "detail": "CVE-2026-9 in `openssl`", "fix": "Raise the package." },
                { "name": "base", "outcome": "error", "blocks": false, "detail": "no list of bases", "fix": "Name a list." },
            ],
            "action": if failed { "deny" } else { "allow" }, "scanner": "probity 0.1.0",
        }),
    )
}

fn digest(of: &str, day: i64) -> String {
    probity_evidence_ledger::Digest::of(format!("{of}{day}").as_bytes()).to_string()
}

fn body(kind: &str, record: &Value) -> Body {
    serde_json::from_value(json!({ "kind": kind, "body": record })).unwrap()
}

/// The same with other texts wherever a text may be anything.
pub(crate) fn with_texts(body: &Body, text: &dyn Fn(&str) -> String) -> Body {
    let mut value = serde_json::to_value(body).unwrap();
    replace(&mut value["body"], "", text);
    serde_json::from_value(value).unwrap()
}

/// What has a form of its own stays.
const FORMED: &[&str] = &[
    "action",
    "outcome",
    "outcomes",
    "list",
    "policies",
    "date",
    "expires",
    "started",
    "ended",
    "finished",
    "signed_at",
];

fn replace(value: &mut Value, name: &str, text: &dyn Fn(&str) -> String) {
    match value {
        _ if FORMED.contains(&name) && !value.as_str().is_some_and(|date| name == "date" && date.contains('T')) => {}
        Value::String(said) => *said = text(name),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, name, text)),
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| replace(field, name, text)),
        _ => {}
    }
}
