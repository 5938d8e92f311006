//! What an entry of the ledger says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use probity_model::{Action, Finding, Gate, Labels, Location, PolicyId, Stage};
use probity_model::{Outcome, Severity};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::admission::{AdmissionRecord, ConfirmationRecord, DriftRecord, GapRecord, HeartbeatRecord};
use crate::build::BuildRecord;
use crate::digest::Digest;
use crate::image::ImageRecord;

/// Which gate sent an entry, and its number there. Each gate numbers what it sends from 1 without gaps, so that an entry
/// that never arrived is seen to be missing and one that is sent twice is kept once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GateNumber {
    /// What kind of gate it is.
    pub kind: Gate,
    /// The gate's name, one for each sequence of numbers: `ci/github/acme/portal/1234/1`.
    pub name: SmolStr,
    /// The number, from 1.
    pub sequence: u64,
}

/// What a gate sends to be kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// When it happened, by the clock of the gate.
    pub time: Timestamp,
    /// The gate; none for what the ledger says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateNumber>,
    /// What happened.
    #[serde(flatten)]
    pub body: Body,
}

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When the ledger took it. Never decreases from entry to entry, whatever the clock does.
    pub recorded: Timestamp,
    /// What was sent.
    #[serde(flatten)]
    pub submission: Submission,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "kebab-case")]
pub enum Body {
    /// A subject was judged.
    Decision(Box<DecisionRecord>),
    /// A run of a gate over many subjects ended; its decisions came before it.
    Scan(Box<ScanRecord>),
    /// A container image was looked into; the decisions about it came before it.
    Image(Box<ImageRecord>),
    /// A build of a project was checked.
    Build(Box<BuildRecord>),
    /// What an API server did.
    Confirmation(Box<ConfirmationRecord>),
    /// A gate answered without being able to keep evidence of it.
    Gap(Box<GapRecord>),
    /// A subject changed without a gate having been asked.
    Drift(Box<DriftRecord>),
    /// A replica of a gate lives.
    Heartbeat(Box<HeartbeatRecord>),
    /// The ledger has a new key.
    KeyRotation(KeyRotation),
    /// The ledger's clock was found to be behind the newest entry.
    ClockSetBack(ClockSetBack),
}

impl Body {
    /// The documents that it refers to.
    pub fn documents(&self) -> Vec<Digest> {
        match self {
            Self::Decision(record) => record.input.iter().flat_map(|input| [input.subjects, input.policies]).collect(),
            Self::Scan(record) => vec![record.policies],
            Self::Image(record) => record.documents(),
            Self::Heartbeat(record) => record.policies.into_iter().collect(),
            Self::Build(_)
            | Self::Confirmation(_)
            | Self::Gap(_)
            | Self::Drift(_)
            | Self::KeyRotation(_)
            | Self::ClockSetBack(_) => Vec::new(),
        }
    }

    /// The word that the entry carries as its `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Decision(_) => "decision",
            Self::Scan(_) => "scan",
            Self::Image(_) => "image",
            Self::Build(_) => "build",
            Self::Confirmation(_) => "confirmation",
            Self::Gap(_) => "gap",
            Self::Drift(_) => "drift",
            Self::Heartbeat(_) => "heartbeat",
            Self::KeyRotation(_) => "key-rotation",
            Self::ClockSetBack(_) => "clock-set-back",
        }
    }
}

/// The thing judged, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectRecord {
    /// What kind of thing it is, such as `terraform`.
    pub kind: SmolStr,
    /// Its type in the words of its platform, such as `aws_s3_bucket`.
    #[serde(rename = "type")]
    pub resource_type: SmolStr,
    /// What it is called.
    pub address: String,
    /// Where it belongs.
    pub labels: Labels,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// One policy's outcome that is not a pass, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRecord {
    /// The policy.
    pub policy: PolicyId,
    /// How it came out.
    pub outcome: Outcome,
    /// How bad it is when it does not hold.
    pub severity: Severity,
    /// The stage of the policy when it was asked.
    pub stage: Stage,
    /// What was found, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Why it was waived or skipped, and who says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl From<&Finding> for FindingRecord {
    fn from(finding: &Finding) -> Self {
        Self {
            policy: finding.policy.clone(),
            outcome: finding.outcome,
            severity: finding.severity,
            stage: finding.stage,
            message: finding.message.clone(),
            reason: finding.reason.clone(),
            location: finding.location.clone(),
        }
    }
}

/// A subject, what was found, and what followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// The thing judged.
    pub subject: SubjectRecord,
    /// What followed.
    pub action: Action,
    /// Every outcome that is not a pass, in the order of the policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingRecord>,
    /// The policies that hold, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<PolicyId>,
    /// What it was judged from, kept so that it can be judged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<InputRef>,
    /// What an application asked and was told, when that is what was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Box<RequestRecord>>,
    /// The request to an API server, when that is what was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admission: Option<Box<AdmissionRecord>>,
}

/// A question of an application, and the answer. Documents are JSON texts, so that numbers keep every digit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestRecord {
    /// The name under which the application knows the decision (a UUID).
    pub decision_id: String,
    /// The document that was asked for, parts with `/` between; empty for a query.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The query, when it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The input, masked and redacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The answer, masked and redacted; none when it was undefined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// What policies were answered from outside, by function and operands, masked and redacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside: Option<String>,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The address that the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// The name of the token that it showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The role of that token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The revisions of the bundles in force, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub revisions: BTreeMap<String, String>,
    /// Nanoseconds that parts of it took, by OPA's names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, u64>,
    /// What a mask took away, as JSON Pointers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<String>,
    /// What a mask replaced, as JSON Pointers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<String>,
    /// How many values were redacted.
    #[serde(skip_serializing_if = "is_zero")]
    pub redacted: u32,
}

/// Where the inputs of a decision are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRef {
    /// The subjects that were read together, which refer to which, and how the policies were applied.
    pub subjects: Digest,
    /// The position of the subject among them.
    pub position: u32,
    /// The policies.
    pub policies: Digest,
    /// The day by which skips and waivers expired.
    pub day: Date,
    /// How many values of the subject were redacted before it was kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redacted: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Where the scanned files came from, as far as the gate knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// The repository, without credentials: `github.com/acme/portal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The branch or tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Who started the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The workspace of Terraform, with its organization: `acme/portal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The stage that a run of Terraform was at, such as `post_plan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Where the run can be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The machine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// What one run of a gate looked at and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanRecord {
    /// Where the files came from.
    pub origin: Origin,
    /// What was asked to be scanned.
    pub paths: Vec<String>,
    /// Files read.
    pub files: u64,
    /// Decisions of this run. They are the entries of the same gate that were numbered just before this one.
    pub decisions: u64,
    /// Findings by outcome, passes included.
    pub outcomes: Vec<(Outcome, u64)>,
    /// What could not be read: the scan is not complete when there is anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ProblemRecord>,
    /// The policies.
    pub policies: Digest,
    /// The waivers in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<WaiverRecord>,
    /// The frameworks that policies were chosen by; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frameworks: Vec<String>,
    /// The version of Probity.
    pub version: String,
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemRecord {
    /// The file.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

/// A waiver, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WaiverRecord {
    /// Policies it covers: a pattern with `*`. Empty, which no policy is called, when it is of a vulnerability.
    pub policy: String,
    /// The vulnerability that it covers, by any identifier: a pattern with `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulnerability: Option<String>,
    /// The packages in which it covers the vulnerability, by name or package URL without version: a pattern with `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Addresses of the subjects it covers, or images by registry and repository: a pattern with `*`.
    pub subject: String,
    /// Why the finding is accepted.
    pub reason: String,
    /// Who asked for it.
    pub requested_by: String,
    /// Who approved it.
    pub approved_by: String,
    /// The last day on which it counts.
    pub expires: Date,
}

impl WaiverRecord {
    /// What it covers, in words: the policies, or the vulnerability and the packages.
    pub fn of(&self) -> String {
        match (&self.vulnerability, &self.package) {
            (None, _) => self.policy.clone(),
            (Some(vulnerability), None) => vulnerability.clone(),
            (Some(vulnerability), Some(package)) => format!("{vulnerability} in {package}"),
        }
    }
}

/// That the ledger has a new key, said by the old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRotation {
    /// The verifier key (C2SP signed-note, `name+id+key`) that signed until here.
    pub old: String,
    /// The verifier key that signs from here.
    pub new: String,
    /// The old key's Ed25519 signature over the statement of the rotation, in base64.
    pub signature: String,
}

/// That the clock was behind the newest entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSetBack {
    /// What the clock said.
    pub clock: Timestamp,
    /// When the newest entry was taken.
    pub newest: Timestamp,
}
