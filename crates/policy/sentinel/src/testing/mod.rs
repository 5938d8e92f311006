//! Tests of policies as `sentinel test` runs them: `test/<policy>/*.hcl` and `*.json` beside `<policy>.sentinel`.

mod find;
mod load;

use std::fmt;
use std::path::PathBuf;

use probity_model::{Sources, Value};

pub use find::{Case, find};
pub use load::Loader;
pub(crate) use load::normalized;

use crate::eval::Limits;
use crate::evaluation::Evaluation;
use crate::host::Host;
use crate::outcome::{Datum, Trace, Verdict};

/// What a test case came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// Every rule came to what was expected.
    Pass,
    /// Some did not.
    Fail(Vec<Mismatch>, Box<Trace>),
    /// The policy could not be evaluated, or the case not be read.
    Error(String),
}

/// A rule that came to something else than expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// Its name.
    pub rule: String,
    /// What it must come to.
    pub expected: String,
    /// What it came to.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {:?} to be {}, got: {}", self.rule, self.expected, self.found)
    }
}

/// Runs cases; files that several of them read are read once.
pub struct Runner<'r> {
    loader: Loader<'r>,
    host: &'r dyn Host,
    limits: Limits,
}

impl<'r> Runner<'r> {
    /// A runner whose policies may have from outside what the host gives.
    pub fn new(sources: &'r Sources, host: &'r dyn Host) -> Self {
        Self { loader: Loader::new(sources), host, limits: Limits::default() }
    }

    /// The same runner with other bounds for each evaluation.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Runs a case.
    pub fn run(&mut self, case: &Case) -> Judgement {
        match self.judge(case) {
            Ok(judgement) => judgement,
            Err(message) => Judgement::Error(message),
        }
    }

    fn judge(&mut self, case: &Case) -> Result<Judgement, String> {
        let folder = case.file.parent().map(PathBuf::from).unwrap_or_default();
        let policy = self.loader.policy(&case.policy)?;
        let configuration = self.loader.configuration(&case.file)?;
        let mut evaluation = Evaluation::new(&policy).with_host(self.host).with_limits(self.limits);
        for (name, import) in self.loader.imports(&configuration, &folder)? {
            evaluation = evaluation.with_import(name, import);
        }
        for (name, value) in &configuration.params {
            evaluation = evaluation.with_param(name, value.clone());
        }
        for (name, value) in &configuration.globals {
            evaluation = evaluation.with_global(name, value.clone());
        }
        let expected = configuration.expected.unwrap_or_default();
        evaluation = evaluation.with_rules(expected.keys().cloned());
        let outcome = evaluation.run().map_err(|failure| failure.to_string())?;
        if expected.is_empty() {
            return Ok(match outcome.verdict {
                Verdict::Pass => Judgement::Pass,
                _ => fail(vec![mismatch("main", "a pass".to_owned(), Some(&outcome.main))], outcome.trace),
            });
        }
        let mismatches: Vec<Mismatch> = expected
            .iter()
            .filter(|(name, expected)| !is(outcome.rule(name), expected))
            .map(|(name, expected)| mismatch(name, format!("{expected:?}"), outcome.rule(name)))
            .collect();
        Ok(if mismatches.is_empty() { Judgement::Pass } else { fail(mismatches, outcome.trace) })
    }
}

fn fail(mismatches: Vec<Mismatch>, trace: Trace) -> Judgement {
    Judgement::Fail(mismatches, Box::new(trace))
}

fn is(found: Option<&Datum>, expected: &Value) -> bool {
    found.and_then(Datum::known) == Some(expected)
}

fn mismatch(rule: &str, expected: String, found: Option<&Datum>) -> Mismatch {
    let found = found.map_or_else(|| "no such rule".to_owned(), Datum::to_string);
    Mismatch { rule: rule.to_owned(), expected, found }
}
