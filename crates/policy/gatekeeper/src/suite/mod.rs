//! Gator's suites (`test.gatekeeper.sh/v1alpha1`): templates and constraints tried on objects, with what must come out.

mod assertion;
mod filter;
mod read;
mod run;

use std::path::PathBuf;
use std::time::Duration;

use probity_model::Value;

pub use filter::{Filter, FilterError};
pub use run::run;

use crate::object;

/// How a suite, a test or a case came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it says.
    Passed,
    /// Otherwise than it says, or it could not be run; with the reason.
    Failed(String),
    /// It says that it is to be left out, or the filter does.
    Skipped,
}

/// What came out of a suite.
#[derive(Debug, Clone)]
pub struct SuiteReport {
    /// Its file.
    pub path: PathBuf,
    /// Its name; may be empty.
    pub name: String,
    /// [`Outcome::Failed`] only when it could not be run at all; what its tests came out as is with them.
    pub outcome: Outcome,
    /// How long all of it took.
    pub duration: Duration,
    /// Its tests in order.
    pub tests: Vec<TestReport>,
}

/// What came out of a test: a template with a constraint.
#[derive(Debug, Clone)]
pub struct TestReport {
    /// Its name.
    pub name: String,
    /// [`Outcome::Failed`] only for the template and constraint themselves; what the cases came out as is with them.
    pub outcome: Outcome,
    /// How long all of it took.
    pub duration: Duration,
    /// Its cases in order.
    pub cases: Vec<CaseReport>,
}

/// What came out of a case: an object that the constraint judged.
#[derive(Debug, Clone)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// How it came out.
    pub outcome: Outcome,
    /// How long it took.
    pub duration: Duration,
}

impl Outcome {
    fn of(result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self::Passed,
            Err(reason) => Self::Failed(reason),
        }
    }

    fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl SuiteReport {
    /// Whether anything in it failed.
    pub fn is_failure(&self) -> bool {
        self.outcome.is_failure() || self.tests.iter().any(TestReport::is_failure)
    }
}

impl TestReport {
    /// Whether it or a case of it failed.
    pub fn is_failure(&self) -> bool {
        self.outcome.is_failure() || self.cases.iter().any(|case| case.outcome.is_failure())
    }
}

/// Why there is nothing to report of a file.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// It could not be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is no suite, or not as suites are.
    #[error("{0}")]
    Invalid(String),
}

/// Whether a document is a suite.
pub fn is_suite(document: &Value) -> bool {
    object::text(document, "kind") == "Suite" && object::group(document) == "test.gatekeeper.sh"
}
