use jiff::Timestamp;
use probity_model::Value;

use super::{entry, list, text, time};

/// What a verifier found (SLSA's verification summary attestation, version 1).
#[derive(Debug, Clone, PartialEq)]
pub struct VerificationSummary {
    /// Who verified: `verifier.id`.
    pub verifier: Option<String>,
    /// When.
    pub verified: Option<Timestamp>,
    /// What: `resourceUri`.
    pub resource: Option<String>,
    /// By which policy: `policy.uri`.
    pub policy: Option<String>,
    /// Whether it passed; `None` where it does not say.
    pub passed: Option<bool>,
    /// The levels that it meets.
    pub levels: Vec<String>,
}

impl VerificationSummary {
    pub(super) fn read(predicate: &Value) -> Self {
        let result = text(predicate, &["verificationResult"]);
        let levels = list(predicate, &["verifiedLevels"]).iter();
        Self {
            verifier: text(predicate, &["verifier", "id"]),
            verified: time(predicate, &["timeVerified"]),
            resource: text(predicate, &["resourceUri"]),
            policy: text(predicate, &["policy", "uri"]),
            passed: result.map(|result| result == "PASSED"),
            levels: levels.filter_map(|level| level.as_str().map(ToOwned::to_owned)).collect(),
        }
    }

    /// It as a document.
    pub fn document(&self) -> Value {
        let entries = [
            entry("verifier", self.verifier.as_deref()),
            entry("verifiedAt", self.verified),
            entry("resource", self.resource.as_deref()),
            entry("policy", self.policy.as_deref()),
            self.passed.map(|passed| ("passed", Value::from(passed))),
            Some(("levels", Value::array(self.levels.iter().map(|level| Value::from(level.as_str()))))),
        ];
        Value::object(entries.into_iter().flatten())
    }
}

/// How tests went (in-toto's test result, version 0.1).
#[derive(Debug, Clone, PartialEq)]
pub struct TestResult {
    /// `PASSED`, `WARNED` or `FAILED`.
    pub result: Option<String>,
    /// Where to read more.
    pub url: Option<String>,
    /// The tests that failed.
    pub failed: Vec<String>,
    /// The tests that warned.
    pub warned: Vec<String>,
    /// The tests that passed.
    pub passed: Vec<String>,
}

impl TestResult {
    pub(super) fn read(predicate: &Value) -> Self {
        let names = |key| {
            let listed = list(predicate, &[key]).iter();
            listed.filter_map(|name| name.as_str().map(ToOwned::to_owned)).collect()
        };
        Self {
            result: text(predicate, &["result"]),
            url: text(predicate, &["url"]),
            failed: names("failedTests"),
            warned: names("warnedTests"),
            passed: names("passedTests"),
        }
    }

    /// It as a document.
    pub fn document(&self) -> Value {
        let names = |names: &[String]| Value::array(names.iter().map(|name| Value::from(name.as_str())));
        let entries = [
            entry("result", self.result.as_deref()),
            entry("url", self.url.as_deref()),
            Some(("failed", names(&self.failed))),
            Some(("warned", names(&self.warned))),
            Some(("passed", names(&self.passed))),
        ];
        Value::object(entries.into_iter().flatten())
    }
}
