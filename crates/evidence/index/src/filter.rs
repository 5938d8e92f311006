//! What is asked for.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use probity_model::{Action, Gate, Outcome, Severity};
use serde::{Deserialize, Serialize};

/// Which decisions are asked for: those to which everything given applies.
///
/// Texts are compared as they are; none is ever part of a statement. `policy`, `gate` and `address` may be patterns, in
/// which `*` stands for any run of characters and `?` for one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Decided at or after this time, by the clock of the gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Decided before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// The gate's name: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// The kind of gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate_kind: Option<Gate>,
    /// The subject's environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The subject's service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Who answers for the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// A finding came out like this. With a policy, control or framework: a finding of those policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// A finding that is not a pass is at least as bad; together with the outcome a pass, a policy that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity_at_least: Option<Severity>,
    /// A policy was asked: its id, or a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// A policy that serves this control was asked: `soc2:CC6.1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// A policy that serves a control of this framework was asked: `soc2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
    /// The subject's kind, such as `terraform`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_kind: Option<String>,
    /// The subject's type, such as `aws_s3_bucket`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// The subject's address: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Words that all occur in the address, type, labels, gate, or in the policies and messages of findings that are not
    /// a pass. A word of three letters or more that ends in `*` stands for all that begin so. Case does not matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Filter {
    /// Decisions of a period.
    pub fn within(period: Period) -> Self {
        Self { from: Some(period.start()), to: Some(period.end()), ..Self::default() }
    }
}

/// Which part of a list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Rows whose ledger index is lower; all when there is none.
    pub before: Option<u64>,
    /// At most so many rows; never more than [`Page::MAX`].
    pub limit: usize,
}

impl Page {
    /// The most rows that are given at once.
    pub const MAX: usize = 1_000;

    /// The newest rows.
    pub fn first(limit: usize) -> Self {
        Self { before: None, limit }
    }

    /// The rows after those whose last has this index.
    pub fn after(next: u64, limit: usize) -> Self {
        Self { before: Some(next), limit }
    }

    pub(crate) fn rows(self) -> usize {
        self.limit.clamp(1, Self::MAX)
    }
}

/// Whole days in UTC, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
}

impl Period {
    /// From one day to another, both included.
    pub fn new(first: Date, last: Date) -> Self {
        Self { first, last }
    }

    /// The start of the first day.
    pub fn start(self) -> Timestamp {
        midnight(self.first)
    }

    /// The end of the last day, which is no longer within.
    pub fn end(self) -> Timestamp {
        self.last.tomorrow().map_or(Timestamp::MAX, midnight)
    }

    /// The days, in order.
    pub fn days(self) -> impl Iterator<Item = Date> {
        std::iter::successors(Some(self.first), |day| day.tomorrow().ok()).take_while(move |day| *day <= self.last)
    }
}

fn midnight(day: Date) -> Timestamp {
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
}

/// What sums are made over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The days.
    pub period: Period,
    /// One environment; all when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

impl Scope {
    /// All environments.
    pub fn all(period: Period) -> Self {
        Self { period, environment: None }
    }
}
