//! What tests have shown.

use std::time::Duration;

use probity_model::Location;
use probity_policy_rego::observe::CoverageReport;

/// What became of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It held.
    Pass,
    /// It did not hold.
    Fail,
    /// It could not be decided.
    Error,
    /// It was not run.
    Skipped,
}

impl Outcome {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
}

/// Why a test did not hold: the expression that had no solution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Where it stands.
    pub location: Location,
    /// Its lines as written.
    pub text: String,
    /// The values in it that are known, by what is written for them.
    pub values: Vec<(String, String)>,
}

/// One test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name in full, such as `data.kubernetes_test.test_root`.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took. Tests of one rule share its time.
    pub duration: Duration,
    /// Where it stands.
    pub location: Option<Location>,
    /// What went wrong, in a sentence.
    pub message: Option<String>,
    /// Which expression failed.
    pub failure: Option<Failure>,
    /// What was evaluated, when that was asked for.
    pub trace: String,
    /// What it printed.
    pub output: String,
}

/// Tests that stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// Their file.
    pub name: String,
    /// The language they are written in.
    pub language: &'static str,
    /// In order of the text.
    pub cases: Vec<Case>,
}

/// The results of all tests.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Results {
    /// By file.
    pub suites: Vec<Suite>,
    /// How much of the policies was evaluated, when that was asked for.
    pub coverage: Option<CoverageReport>,
    /// How long all took.
    pub duration: Duration,
}

/// How many tests there are of each outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Held.
    pub passed: usize,
    /// Did not hold.
    pub failed: usize,
    /// Could not be decided.
    pub errors: usize,
    /// Were not run.
    pub skipped: usize,
}

impl Summary {
    /// Of these tests.
    pub fn of<'c>(cases: impl IntoIterator<Item = &'c Case>) -> Self {
        let mut summary = Self::default();
        for case in cases {
            match case.outcome {
                Outcome::Pass => summary.passed += 1,
                Outcome::Fail => summary.failed += 1,
                Outcome::Error => summary.errors += 1,
                Outcome::Skipped => summary.skipped += 1,
            }
        }
        summary
    }

    /// All tests.
    pub fn total(self) -> usize {
        self.passed + self.failed + self.errors + self.skipped
    }

    /// Whether none failed and none erred.
    pub fn is_clean(self) -> bool {
        self.failed == 0 && self.errors == 0
    }
}

impl Results {
    /// All tests.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.suites.iter().flat_map(|suite| &suite.cases)
    }

    /// How many there are of each outcome.
    pub fn summary(&self) -> Summary {
        Summary::of(self.cases())
    }
}
