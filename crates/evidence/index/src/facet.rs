//! What entries are found by. Each facet has values; for each value it is kept which entries have it.

use probity_model::{Outcome, Severity};

pub(crate) const KIND: i64 = 0;
pub(crate) const DAY: i64 = 1;
pub(crate) const GATE: i64 = 2;
pub(crate) const GATE_KIND: i64 = 3;
pub(crate) const ENVIRONMENT: i64 = 4;
pub(crate) const SERVICE: i64 = 5;
pub(crate) const OWNER: i64 = 6;
pub(crate) const ACTION: i64 = 7;
pub(crate) const SUBJECT_KIND: i64 = 8;
pub(crate) const RESOURCE_TYPE: i64 = 9;
pub(crate) const ADDRESS: i64 = 10;
/// The list of all policies that were asked.
pub(crate) const JUDGED: i64 = 11;
/// A finding that is not a pass, by policy, outcome and severity: [`finding`].
pub(crate) const FINDING: i64 = 12;
/// A finding of any policy, by outcome and severity: [`outcome`].
pub(crate) const OUTCOME: i64 = 13;

/// The value of a finding that is not a pass.
pub(crate) fn finding(policy: i64, of: Outcome, severity: Severity) -> i64 {
    (policy << 8) | outcome(of, severity)
}

/// The value of an outcome with a severity. A pass has none, and is kept as the lowest.
pub(crate) fn outcome(outcome: Outcome, severity: Severity) -> i64 {
    (outcome as i64) << 4 | severity as i64
}

/// The outcomes that are not a pass.
pub(crate) fn not_a_pass() -> impl Iterator<Item = Outcome> {
    Outcome::ALL.iter().copied().filter(|outcome| *outcome != Outcome::Pass)
}
