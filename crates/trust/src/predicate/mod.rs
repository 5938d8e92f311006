//! What is attested: the predicates of in-toto statements, read as far as policies ask for them.
//!
//! A reader takes what is there and leaves the rest empty; whether something must be there is for an
//! [`Expectation`] to say.

mod expectation;
mod provenance;
mod report;
mod sbom;
mod scan;
mod vex;

use jiff::Timestamp;
use probity_model::Value;
use probity_model::value::Array;

pub use expectation::{Expectation, Unmet};
pub use provenance::{Material, Provenance, repository};
pub use report::{TestResult, VerificationSummary};
pub use sbom::{Sbom, SbomFormat};
pub use scan::Scan;
pub use vex::{Vex, VexStatement};

use crate::Statement;

/// What cosign 3 states of an image that it signs: nothing but its digest.
pub const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
/// SLSA provenance, version 1.
pub const SLSA_PROVENANCE_V1: &str = "https://slsa.dev/provenance/v1";
/// SLSA provenance, version 0.2.
pub const SLSA_PROVENANCE_V0_2: &str = "https://slsa.dev/provenance/v0.2";
/// A summary of what a verifier found, SLSA's VSA.
pub const VERIFICATION_SUMMARY: &str = "https://slsa.dev/verification_summary/v1";
/// A vulnerability scan in cosign's form.
pub const COSIGN_SCAN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
/// A vulnerability scan in in-toto's form.
pub const SCAN: &str = "https://in-toto.io/attestation/vulns/v0.2";
/// The result of tests.
pub const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// A CycloneDX SBOM.
pub const CYCLONEDX: &str = "https://cyclonedx.org/bom";
/// An SPDX SBOM.
pub const SPDX: &str = "https://spdx.dev/Document";
/// An OpenVEX document.
pub const OPENVEX: &str = "https://openvex.dev/ns";

/// A predicate of a type that is known.
#[derive(Debug, Clone)]
pub enum Predicate {
    /// How it was built.
    Provenance(Provenance),
    /// What is in it.
    Sbom(Sbom),
    /// Which vulnerabilities were found.
    Scan(Scan),
    /// What a verifier found.
    VerificationSummary(VerificationSummary),
    /// How tests went.
    TestResult(TestResult),
    /// Which vulnerabilities matter.
    Vex(Vex),
}

impl Predicate {
    /// Reads a statement's predicate; `None` where its type is not known.
    pub fn of(statement: &Statement) -> Option<Self> {
        let predicate = &statement.predicate;
        let kind = statement.predicate_type.as_str();
        Some(match kind {
            SLSA_PROVENANCE_V1 => Self::Provenance(Provenance::v1(predicate)),
            SLSA_PROVENANCE_V0_2 => Self::Provenance(Provenance::v0_2(predicate)),
            COSIGN_SCAN | SCAN | "https://in-toto.io/attestation/vulns/v0.1" => Self::Scan(Scan::read(predicate)),
            VERIFICATION_SUMMARY => Self::VerificationSummary(VerificationSummary::read(predicate)),
            TEST_RESULT => Self::TestResult(TestResult::read(predicate)),
            _ if versioned(kind, CYCLONEDX) => Self::Sbom(Sbom::read(SbomFormat::CycloneDx, predicate)),
            _ if versioned(kind, SPDX) => Self::Sbom(Sbom::read(SbomFormat::Spdx, predicate)),
            _ if versioned(kind, OPENVEX) => Self::Vex(Vex::read(predicate)),
            _ => return None,
        })
    }

    /// What policies ask for, and the name it goes by in a document.
    fn summary(&self) -> (&'static str, Value) {
        match self {
            Self::Provenance(found) => ("provenance", found.document()),
            Self::Sbom(found) => ("sbom", found.document()),
            Self::Scan(found) => ("scan", found.document()),
            Self::VerificationSummary(found) => ("verificationSummary", found.document()),
            Self::TestResult(found) => ("testResult", found.document()),
            Self::Vex(found) => ("vex", found.document()),
        }
    }
}

/// The summary of a statement's predicate, for its document.
pub(crate) fn summary(statement: &Statement) -> Option<(&'static str, Value)> {
    Predicate::of(statement).map(|predicate| predicate.summary())
}

/// Whether a type is this one, with or without a version behind.
fn versioned(kind: &str, base: &str) -> bool {
    kind.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The text at a path, if it is one and not empty.
fn text(value: &Value, path: &[&str]) -> Option<String> {
    value.at(path).and_then(Value::as_str).filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

/// The list at a path; empty if there is none.
fn list<'v>(value: &'v Value, path: &[&str]) -> &'v [Value] {
    value.at(path).and_then(Value::as_array).map(Array::as_slice).unwrap_or_default()
}

/// The time at a path (RFC 3339), if it is one.
fn time(value: &Value, path: &[&str]) -> Option<Timestamp> {
    value.at(path).and_then(Value::as_str)?.parse().ok()
}

/// An entry of a document: left out where there is nothing.
fn entry(name: &str, found: Option<impl ToString>) -> Option<(&str, Value)> {
    found.map(|found| (name, Value::from(found.to_string())))
}

fn count(number: usize) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}
