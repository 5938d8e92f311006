//! What is answered.

use jiff::Timestamp;
use jiff::civil::Date;
use probity_evidence_ledger::{Digest, Origin, ProblemRecord, WaiverRecord};
use probity_model::{Action, ControlLink, Gate, Outcome, PolicyId, Severity, SmolStr, Stage, Strength};
use serde::{Deserialize, Serialize};

/// How often each outcome occurred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Held.
    pub pass: u64,
    /// Did not hold.
    pub fail: u64,
    /// Did not hold, which a waiver accepts.
    pub waived: u64,
    /// Was not asked.
    pub skipped: u64,
    /// Could not be decided.
    pub unknown: u64,
    /// The policy itself failed.
    pub error: u64,
}

impl Outcomes {
    /// Counts one outcome `count` times more.
    pub fn add(&mut self, outcome: Outcome, count: u64) {
        *match outcome {
            Outcome::Pass => &mut self.pass,
            Outcome::Fail => &mut self.fail,
            Outcome::Waived => &mut self.waived,
            Outcome::Skipped => &mut self.skipped,
            Outcome::Unknown => &mut self.unknown,
            Outcome::Error => &mut self.error,
        } += count;
    }

    /// Adds all of another.
    pub fn add_all(&mut self, other: &Self) {
        for outcome in Outcome::ALL {
            self.add(*outcome, other.of(*outcome));
        }
    }

    /// How often this outcome occurred.
    pub fn of(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Pass => self.pass,
            Outcome::Fail => self.fail,
            Outcome::Waived => self.waived,
            Outcome::Skipped => self.skipped,
            Outcome::Unknown => self.unknown,
            Outcome::Error => self.error,
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        Outcome::ALL.iter().map(|outcome| self.of(*outcome)).sum()
    }

    /// The part that passed, from 0 to 1, of everything that was to be judged: what was waived, skipped, undecided or in
    /// error is not a pass. None when there was nothing, which is not the same as 1.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn pass_rate(&self) -> Option<f64> {
        (self.total() > 0).then(|| self.pass as f64 / self.total() as f64)
    }
}

/// How often each action followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actions {
    /// Passed.
    pub allow: u64,
    /// Passed with a warning.
    pub warn: u64,
    /// Did not pass.
    pub deny: u64,
}

impl Actions {
    /// Counts one action `count` times more.
    pub fn add(&mut self, action: Action, count: u64) {
        *match action {
            Action::Allow => &mut self.allow,
            Action::Warn => &mut self.warn,
            Action::Deny => &mut self.deny,
        } += count;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.allow + self.warn + self.deny
    }
}

/// How many rows there are in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// So many, or at least so many.
    pub count: u64,
    /// Whether there are exactly so many.
    pub exact: bool,
}

/// A part of the decisions asked for, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecisionPage {
    /// The decisions.
    pub rows: Vec<DecisionRow>,
    /// How many there are on all pages.
    pub total: Total,
    /// What [`Page::before`](crate::Page) is for the next page; none on the last.
    pub next: Option<u64>,
}

/// The gate of an entry, and its number there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateRef {
    /// What kind of gate it is: `ci`.
    pub kind: SmolStr,
    /// Its name.
    pub name: String,
    /// The number, from 1.
    pub sequence: u64,
}

/// A decision as lists show it. Long texts are cut; the ledger has them in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecisionRow {
    /// Its index in the ledger.
    pub index: u64,
    /// Its leaf hash there (RFC 6962).
    pub leaf: Digest,
    /// When it was decided, by the clock of the gate; to the microsecond.
    pub time: Timestamp,
    /// When the ledger took it; to the microsecond.
    pub recorded: Timestamp,
    /// Where it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateRef>,
    /// The subject's kind.
    pub subject_kind: String,
    /// The subject's type.
    pub resource_type: String,
    /// The subject's address.
    pub address: String,
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
    pub action: Action,
    /// The worst severity of a failure or error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The outcomes of all policies that were asked.
    pub outcomes: Outcomes,
    /// Findings that are not a pass.
    pub findings: Vec<FindingRow>,
}

/// A finding that is not a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingRow {
    /// The policy.
    pub policy: String,
    /// How it came out.
    pub outcome: Outcome,
    /// How bad it is.
    pub severity: Severity,
    /// The stage of the policy when it was asked.
    pub stage: Stage,
    /// What was found.
    pub message: String,
    /// Why it was waived or skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An entry of any kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntryRow {
    /// Its index in the ledger.
    pub index: u64,
    /// Its leaf hash there (RFC 6962).
    pub leaf: Digest,
    /// What kind of entry: `decision`, `scan`, `image`, `build`, `key-rotation`, `clock-set-back`.
    pub kind: String,
    /// When it happened, by the clock of the gate.
    pub time: Timestamp,
    /// When the ledger took it.
    pub recorded: Timestamp,
    /// The gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateRef>,
}

/// Sums over a period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// Entries of the ledger that the index knows, from the first: the ledger range that every answer is over.
    pub entries: u64,
    /// Decisions by action.
    pub actions: Actions,
    /// Findings by outcome.
    pub outcomes: Outcomes,
    /// By day: decisions by action. Only days that have decisions.
    pub days: Vec<(Date, Actions)>,
    /// By environment, the one with most decisions first; none for subjects without one.
    pub environments: Vec<(Option<String>, Actions)>,
    /// Runs that ended in the period.
    pub scans: u64,
    /// Runs that could not read everything.
    pub incomplete_scans: u64,
    /// Gates that sent anything in the period.
    pub gates: u64,
    /// Numbers that gates left out, of all gates that sent anything in the period.
    pub missing: u64,
}

/// The findings of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DayOutcomes {
    /// The day, in UTC.
    pub day: Date,
    /// The findings.
    pub outcomes: Outcomes,
}

/// A policy that serves a control, and how.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Serving {
    /// The policy.
    pub policy: PolicyId,
    /// The good state, in one line.
    pub title: String,
    /// How much of the control it answers for.
    pub serves: Strength,
    /// Why.
    pub why: String,
    /// Its findings in the period.
    pub outcomes: Outcomes,
}

/// What is known of a control in a period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ControlPosture {
    /// The control.
    pub control: SmolStr,
    /// The policies that serve it, the strongest first.
    pub policies: Vec<Serving>,
    /// Decisions in which at least one of them was asked.
    pub decisions: u64,
    /// The findings of all of them.
    pub outcomes: Outcomes,
}

impl ControlPosture {
    /// The strongest service that a policy which was asked in the period gives.
    pub fn strongest_asked(&self) -> Option<Strength> {
        self.policies.iter().filter(|policy| policy.outcomes.total() > 0).map(|policy| policy.serves).max()
    }
}

/// A policy and its findings in a period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyRow {
    /// The policy.
    pub id: PolicyId,
    /// What is known of it; none when the ledger does not have its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<PolicyRecord>,
    /// Its findings in the period.
    pub outcomes: Outcomes,
}

/// A policy as the set that it was in says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// Its identifier.
    pub id: PolicyId,
    /// The good state, in one line.
    pub title: String,
    /// How bad it is when it does not hold.
    pub severity: Severity,
    /// What it is about.
    #[serde(default)]
    pub category: String,
    /// What goes wrong without it.
    #[serde(default)]
    pub why: String,
    /// What to change.
    #[serde(default)]
    pub fix: String,
    /// Identifiers of the same requirement in other tools.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The controls it serves.
    #[serde(default)]
    pub controls: Vec<ControlLink>,
    /// The language it is written in.
    #[serde(default)]
    pub language: String,
    /// Whether it comes with Probity.
    #[serde(default)]
    pub builtin: bool,
}

/// One policy in full: its versions too.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyDetail {
    /// The policy, and its findings in the period.
    pub policy: PolicyRow,
    /// Every version of what is known of it, the newest first, with the entry that it was first seen by.
    pub versions: Vec<PolicyVersion>,
}

/// A version of a policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyVersion {
    /// The entry by which it was first seen.
    pub first_entry: u64,
    /// When that happened.
    pub first_time: Timestamp,
    /// What it said.
    pub record: PolicyRecord,
}

/// A set of policies that was seen for the first time, against the set that was new before it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyChange {
    /// The entry by which it was first seen.
    pub entry: u64,
    /// When that happened.
    pub time: Timestamp,
    /// The gate that used it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// The set.
    pub set: Digest,
    /// The set that was new before it; none for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Digest>,
    /// Whether both sets could be read; otherwise nothing is known of what changed.
    pub known: bool,
    /// Policies it has that the set before had not.
    pub added: Vec<PolicyId>,
    /// Policies it has no more.
    pub removed: Vec<PolicyId>,
    /// Policies of which something else is said now.
    pub changed: Vec<PolicyId>,
    /// Whether the sources of the policies changed.
    pub sources_changed: bool,
}

/// A part of the runs asked for, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScanPage {
    /// The runs.
    pub rows: Vec<ScanRow>,
    /// What [`Page::before`](crate::Page) is for the next page; none on the last.
    pub next: Option<u64>,
}

/// A run of a gate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScanRow {
    /// The index of its entry in the ledger.
    pub index: u64,
    /// When it ended.
    pub time: Timestamp,
    /// The gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateRef>,
    /// Where the files came from.
    pub origin: Origin,
    /// What was asked to be scanned.
    pub paths: Vec<String>,
    /// Files read.
    pub files: u64,
    /// Decisions it made.
    pub decisions: u64,
    /// Findings by outcome.
    pub outcomes: Outcomes,
    /// How much could not be read.
    pub problem_count: u64,
    /// What could not be read: the first of them.
    pub problems: Vec<ProblemRecord>,
    /// The set of policies.
    pub policies: Digest,
    /// The frameworks that policies were chosen by; empty for all.
    pub frameworks: Vec<String>,
    /// The version of Probity.
    pub version: String,
}

/// A waiver that was in force in a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaiverRow {
    /// The waiver.
    pub waiver: WaiverRecord,
    /// The first run with it.
    pub first_entry: u64,
    /// When that was.
    pub first_time: Timestamp,
    /// The last run with it.
    pub last_entry: u64,
    /// When that was.
    pub last_time: Timestamp,
    /// Runs with it.
    pub scans: u64,
}

/// A gate and its numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateRow {
    /// A number of its own in this index, by which pages go on.
    pub id: u64,
    /// What kind of gate it is.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The lowest number it sent.
    pub first_sequence: u64,
    /// The highest number it sent.
    pub last_sequence: u64,
    /// Entries it sent.
    pub entries: u64,
    /// Numbers from 1 to its highest that never came.
    pub missing: u64,
    /// The first of the ranges of those numbers, both ends included.
    pub gaps: Vec<(u64, u64)>,
    /// When it sent its first entry.
    pub first_time: Timestamp,
    /// When it sent its last.
    pub last_time: Timestamp,
    /// Whether its highest number is the end of a run; otherwise a run goes on or broke off.
    pub ended: bool,
}

/// A part of the gates asked for, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GatePage {
    /// The gates.
    pub rows: Vec<GateRow>,
    /// Gates on all pages.
    pub total: u64,
    /// Numbers that are missing on all pages.
    pub missing: u64,
    /// What [`Page::before`](crate::Page) is for the next page; none on the last.
    pub next: Option<u64>,
}

/// Which gates are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GateFilter {
    /// Their name: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The kind of gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Gate>,
    /// Gates that sent anything on these days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<crate::Period>,
    /// Only gates with missing numbers.
    pub only_missing: bool,
}

/// Decisions drawn from all that a filter names.
///
/// The drawing can be repeated by anyone: the population is in the order of ledger indexes; draw number k, from 0, takes
/// the decision at position `n mod population`, where n is the first eight bytes (big-endian) of the SHA-256 of
/// `seed:k`; one that was drawn before is passed over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// The seed.
    pub seed: String,
    /// Decisions there are.
    pub population: u64,
    /// The decisions drawn, in the order of the drawing.
    pub rows: Vec<DecisionRow>,
}

/// The values that filters can have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Choices {
    /// Environments of subjects.
    pub environments: Vec<String>,
    /// Services of subjects.
    pub services: Vec<String>,
    /// Owners of subjects.
    pub owners: Vec<String>,
    /// Kinds of subjects.
    pub subject_kinds: Vec<String>,
    /// Types of subjects.
    pub resource_types: Vec<String>,
    /// Frameworks of which a policy serves a control.
    pub frameworks: Vec<String>,
}
