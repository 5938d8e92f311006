//! What a report says, before it is written in any form.

use jiff::Timestamp;
use jiff::civil::Date;
use probity_controls::Technical;
use probity_evidence_index::{
    DayOutcomes, DecisionRow, FindingRow, GapRow, GateRow, Outcomes, Overview, Period, PolicyChange, Sample, ScanRow,
    Serving, Silence, WaiverRow,
};
use probity_evidence_ledger::Digest;
use probity_model::{PolicyId, Strength};
use serde::{Serialize, Serializer};

/// The version of the JSON form; counts up when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// A framework's controls and what the ledger knows of them in a period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The version of this form: [`VERSION`].
    pub version: u32,
    /// How it came to be.
    pub header: Header,
    /// The framework.
    pub framework: FrameworkFacts,
    /// Sums over the period.
    pub overview: Overview,
    /// Controls by status.
    pub summary: Vec<(Status, usize)>,
    /// Every control of the framework, in its order.
    pub controls: Vec<Control>,
    /// Whether the population is complete.
    pub completeness: Completeness,
    /// Sets of policies that were new in the period.
    pub policy_changes: Vec<PolicyChange>,
    /// Waivers in force in the period.
    pub waivers: Vec<WaiverRow>,
}

/// How a report came to be: what auditors ask of every list that a system made (AT-C 205).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Header {
    /// What was asked, as a command.
    pub query: String,
    /// The days.
    pub period: Period,
    /// The last day that had begun when the report was made; later days are not gaps.
    pub through: Date,
    /// The environment; none for all.
    pub environment: Option<String>,
    /// The seed of the samples.
    pub seed: String,
    /// Decisions drawn for each control.
    pub samples: u64,
    /// Who ran it.
    pub made_by: String,
    /// When.
    pub made_at: Timestamp,
    /// The version of Probity.
    pub probity: String,
    /// Entries of the ledger that it is over, from the first.
    pub entries: u64,
    /// The ledger.
    pub ledger: Option<LedgerFacts>,
    /// How many rows it has.
    pub rows: Rows,
}

/// The checkpoint under which the entries are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerFacts {
    /// Which ledger.
    pub origin: String,
    /// Entries under the checkpoint.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// The signed checkpoint.
    pub checkpoint: String,
}

/// How many rows a report has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// Controls.
    pub controls: u64,
    /// Decisions in the period.
    pub decisions: u64,
    /// Findings in the period, by all policies.
    pub findings: u64,
    /// Waivers.
    pub waivers: u64,
    /// Decisions drawn.
    pub samples: u64,
}

/// The framework, as `probity controls` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FrameworkFacts {
    /// Its name in ids.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// The version.
    pub version: String,
    /// Who publishes it.
    pub publisher: String,
    /// Where the ids are from, and whose words the texts are.
    pub source: String,
}

/// What can be said of a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// A policy that serves it did not hold, or was in error, at least once.
    Failing,
    /// Nothing failed, but some of it could not be decided or was not asked.
    Undecided,
    /// Nothing failed but what a waiver accepts.
    Excepted,
    /// Everything passed.
    Passing,
    /// Policies serve it, and none was asked in the period.
    NoEvidence,
    /// Software can check it, and no policy serves it.
    NotServed,
    /// People and papers answer for it.
    NotTechnical,
}

impl Status {
    /// All, the worst first.
    pub const ALL: [Self; 7] = [
        Self::Failing,
        Self::Undecided,
        Self::Excepted,
        Self::Passing,
        Self::NoEvidence,
        Self::NotServed,
        Self::NotTechnical,
    ];

    /// What follows from the findings of the policies that serve a control.
    pub fn of(served: bool, technical: Technical, outcomes: &Outcomes) -> Self {
        match (served, technical) {
            (false, Technical::No) => Self::NotTechnical,
            (false, _) => Self::NotServed,
            (true, _) if outcomes.total() == 0 => Self::NoEvidence,
            (true, _) if outcomes.fail + outcomes.error > 0 => Self::Failing,
            (true, _) if outcomes.unknown + outcomes.skipped > 0 => Self::Undecided,
            (true, _) if outcomes.waived > 0 => Self::Excepted,
            (true, _) => Self::Passing,
        }
    }

    /// What people read.
    pub fn words(self) -> &'static str {
        match self {
            Self::Failing => "Failures",
            Self::Undecided => "Partly undecided",
            Self::Excepted => "With exceptions",
            Self::Passing => "All passed",
            Self::NoEvidence => "No evidence",
            Self::NotServed => "Not covered",
            Self::NotTechnical => "Not technical",
        }
    }

    /// The class of its chip in [`crate::style::SHARED`].
    pub fn chip(self) -> &'static str {
        match self {
            Self::Failing => "chip chip-fail",
            Self::Undecided | Self::Excepted => "chip chip-warn",
            Self::Passing => "chip chip-pass",
            Self::NoEvidence => "chip chip-info",
            Self::NotServed | Self::NotTechnical => "chip chip-none",
        }
    }
}

/// One control.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Control {
    /// The id as the standard prints it.
    pub id: String,
    /// What it is about, in our own words.
    pub title: String,
    /// What it asks for, in our own words.
    pub text: String,
    /// Whether software can check it.
    #[serde(serialize_with = "technical")]
    pub technical: Technical,
    /// What can be said of it.
    pub status: Status,
    /// The most that a policy which was asked in the period answers for; none when none was asked.
    pub serves: Option<Strength>,
    /// The policies that serve it.
    pub policies: Vec<Serving>,
    /// Decisions in which one of them was asked.
    pub decisions: u64,
    /// Their findings.
    pub outcomes: Outcomes,
    /// The part of the findings that passed, from 0 to 1; none without findings.
    pub pass_rate: Option<f64>,
    /// Findings by day; only days that have any.
    pub days: Vec<DayOutcomes>,
    /// Days without evidence, as ranges with both ends.
    pub gaps: Vec<(Date, Date)>,
    /// Days without evidence.
    pub days_without: u64,
    /// Waivers in force for its policies.
    pub exceptions: Vec<WaiverRow>,
    /// Decisions in which a policy that serves it failed or was in error: the newest.
    pub failures: Vec<Failure>,
    /// How many there are.
    pub failure_count: u64,
    /// Decisions drawn from all in which one of its policies was asked.
    pub sample: Sample,
}

/// A decision with findings against one control.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// Index in the ledger.
    pub index: u64,
    /// Leaf hash there.
    pub leaf: Digest,
    /// When it was decided.
    pub time: Timestamp,
    /// The subject's address.
    pub address: String,
    /// The subject's environment.
    pub environment: Option<String>,
    /// The findings of policies that serve the control.
    pub findings: Vec<FindingRow>,
}

impl Failure {
    pub(crate) fn new(row: DecisionRow, policies: &[PolicyId]) -> Self {
        use probity_model::Outcome;
        let of_control = |finding: &FindingRow| {
            matches!(finding.outcome, Outcome::Fail | Outcome::Error)
                && policies.iter().any(|policy| policy.as_str() == finding.policy)
        };
        Self {
            index: row.index,
            leaf: row.leaf,
            time: row.time,
            address: row.address,
            environment: row.environment,
            findings: row.findings.into_iter().filter(of_control).collect(),
        }
    }
}

/// Whether anything is missing from the population.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Completeness {
    /// Gates that sent anything in the period.
    pub gates: u64,
    /// Numbers that they left out.
    pub missing: u64,
    /// The newest gates that left out numbers.
    pub gates_with_gaps: Vec<GateRow>,
    /// Times in which replicas of gates said nothing although they had not stopped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub silences: Vec<Silence>,
    /// Times in which gates answered without being able to keep evidence of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unrecorded: Vec<GapRow>,
    /// Runs that ended in the period.
    pub scans: u64,
    /// Runs that could not read everything.
    pub incomplete: u64,
    /// The newest of them.
    pub incomplete_scans: Vec<ScanRow>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn technical<S: Serializer>(technical: &Technical, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(technical.as_str())
}
