//! The report of a scan, to be signed and kept beside the image: the predicate of an in-toto statement.

use jiff::Timestamp;
use probity_model::{Decision, Finding, Outcome, Value};

use crate::document::text;

/// The type of the predicate: cosign's attestation of a scan for vulnerabilities, which policies of others ask for by this name.
pub const SCAN_REPORT: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

/// The scanner's name in its reports.
const SCANNER: &str = "https://github.com/probity-dev/probity";

/// When a scan began and ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanTime {
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
}

/// The predicate of an image's scan: `scanner` (`uri`, `version`, `db`, `result`) and `metadata` (`scanStartedOn`,
/// `scanFinishedOn`). In `scanner.result` are
///
/// - `image`: `reference`, `digest`, `id`, `platform`
/// - `packages`: their number, and `assessed`, `complete` and `notAssessed` of the lookup
/// - `counts` of open vulnerabilities by severity, and `vulnerabilities`: each with `id`, `package`, `version`, `severity`, `open`,
///   and, where somebody accepted it or says that it is not there, `waiver` and `vex`
/// - `decision`: `action`, and the policies that `failed` (with `severity` and `stage`), were `waived` (with the `reason`), are `undecided` or
///   `passed`
///
/// `document` is that of [`Inspection::document`](crate::Inspection::document), without what is secret in it.
pub fn scan_report(document: &Value, decision: &Decision, during: ScanTime) -> Value {
    let known = document.get("vulnerabilities").cloned().unwrap_or_default();
    let of = |key: &str| known.get(key).cloned().unwrap_or_default();
    let database = of("database");
    let result = Value::object([
        ("image", image(document)),
        ("packages", count(document, "packages")),
        ("assessed", of("assessed")),
        ("complete", of("complete")),
        ("notAssessed", of("not_assessed")),
        ("counts", of("counts")),
        ("vulnerabilities", vulnerabilities(&of("found"))),
        ("decision", decided(decision)),
    ]);
    let scanner = Value::object([
        ("uri", Value::from(SCANNER)),
        ("version", Value::from(env!("CARGO_PKG_VERSION"))),
        (
            "db",
            Value::object([
                ("version", database.get("digest").cloned().unwrap_or_default()),
                ("lastUpdate", database.get("date").cloned().unwrap_or_default()),
            ]),
        ),
        ("result", result),
    ]);
    let metadata =
        Value::object([("scanStartedOn", text(&during.started)), ("scanFinishedOn", text(&during.finished))]);
    Value::object([("scanner", scanner), ("metadata", metadata)])
}

fn image(document: &Value) -> Value {
    let at = |path: &[&str]| document.at(path).cloned().unwrap_or_default();
    Value::object([
        ("reference", at(&["reference", "text"])),
        ("digest", at(&["digest"])),
        ("id", at(&["id"])),
        ("platform", at(&["platform", "text"])),
    ])
}

fn count(document: &Value, key: &str) -> Value {
    let all = document.get(key).and_then(Value::as_array);
    all.map_or(Value::Null, |all| i64::try_from(all.len()).unwrap_or(i64::MAX).into())
}

fn vulnerabilities(found: &Value) -> Value {
    let Some(found) = found.as_array() else { return Value::Null };
    Value::array(found.iter().map(|found| {
        let at = |path: &[&str]| found.at(path).cloned().unwrap_or_default();
        let always = [
            ("id", at(&["id"])),
            ("package", at(&["package", "name"])),
            ("version", at(&["package", "version"])),
            ("severity", at(&["severity"])),
            ("open", at(&["open"])),
        ];
        let said = ["waiver", "vex"].map(|key| (key, at(&[key]))).into_iter().filter(|(_, value)| !value.is_null());
        Value::object(always.into_iter().chain(said))
    }))
}

fn decided(decision: &Decision) -> Value {
    let of = |outcomes: &[Outcome], show: fn(&Finding) -> Value| {
        let found = decision.findings.iter().filter(|finding| outcomes.contains(&finding.outcome));
        Value::array(found.map(show))
    };
    let name = |finding: &Finding| Value::from(finding.policy.as_str());
    let failed = |finding: &Finding| {
        Value::object([
            ("policy", Value::from(finding.policy.as_str())),
            ("severity", finding.severity.as_str().into()),
            ("stage", finding.stage.as_str().into()),
        ])
    };
    let waived = |finding: &Finding| {
        Value::object([
            ("policy", Value::from(finding.policy.as_str())),
            ("reason", finding.reason.as_deref().map_or(Value::Null, Value::from)),
        ])
    };
    Value::object([
        ("action", decision.action.as_str().into()),
        ("failed", of(&[Outcome::Fail, Outcome::Error], failed)),
        ("waived", of(&[Outcome::Waived, Outcome::Skipped], waived)),
        ("undecided", of(&[Outcome::Unknown], name)),
        ("passed", of(&[Outcome::Pass], name)),
    ])
}
