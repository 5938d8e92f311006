//! What happens at a Kubernetes API server, as it is kept: requests that a gate answered, what the server then did, what
//! changed besides, and whether the gate's replicas live.

use std::fmt;

use jiff::Timestamp;
use probity_model::{Action, PolicyId, Severity};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::digest::Digest;
use crate::entry::SubjectRecord;

/// A request to an API server that a gate answered. The environment is told by the labels of the subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdmissionRecord {
    /// The name of the decision (a UUID), in the server's audit log too.
    pub decision_id: String,
    /// The cluster, as the gate's configuration calls it.
    pub cluster: String,
    /// The webhook that was asked, as the server calls it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub webhook: String,
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    pub operation: SmolStr,
    /// The resource.
    pub resource: ResourceRecord,
    /// The part of the resource, such as `scale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<SmolStr>,
    /// The kind of the object, such as `Deployment`.
    pub kind: SmolStr,
    /// The namespace; empty for what is in none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The name; when the server gives it, what it begins with and `*`.
    pub name: String,
    /// The `metadata.uid` of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_uid: Option<String>,
    /// The digest of the content that was let in: of what of the object is not the server's to say. None when nothing was
    /// let in, or an object was deleted or connected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_digest: Option<String>,
    /// The uid of the review. Webhooks that are asked about the same request are given different ones.
    pub request_uid: String,
    /// Who asked, as the server knows it: `alice@company.com`, `system:serviceaccount:ci:deployer`.
    pub user: String,
    /// The groups of who asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The images that the object runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<AdmittedImage>,
    /// The replica of the gate that answered.
    pub replica: String,
    /// The policies that changed the object.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mutated_by: Vec<PolicyId>,
    /// Why it passed whatever policies say: an exempt namespace or user, the break-glass group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exempt: Option<String>,
    /// Why it could not be judged and passed nevertheless, as the gate fails open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_open: Option<String>,
    /// Why it did not pass, when that is no policy's verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// How long the answer took, in microseconds.
    pub duration_us: u64,
}

/// A resource of an API server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceRecord {
    /// The group; empty for the core one.
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub group: SmolStr,
    /// The version, such as `v1`.
    pub version: SmolStr,
    /// The name in the plural, such as `deployments`.
    pub resource: SmolStr,
}

/// A container of an object and its image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdmittedImage {
    /// The container.
    pub container: String,
    /// The image, as the object names it.
    pub reference: String,
    /// The digest that the reference means; none when it was not resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// What an API server did, as its audit log says (`audit.k8s.io/v1`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfirmationRecord {
    /// The `auditID` of the event.
    pub audit_id: String,
    /// The cluster, as whoever reads its log calls it.
    pub cluster: String,
    /// The decisions of gates that the server asked, by the names that they gave. None: it passed outside of all gates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<String>,
    /// The verb, such as `create`.
    pub verb: SmolStr,
    /// Who asked.
    pub user: String,
    /// As whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonated: Option<String>,
    /// The resource.
    pub resource: ResourceRecord,
    /// The part of the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<SmolStr>,
    /// The namespace; empty for what is in none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The name of the object.
    pub name: String,
    /// The `metadata.uid` of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_uid: Option<String>,
    /// The images that the object runs, when the log has the object.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<AdmittedImage>,
    /// The status code of the answer (RFC 9110).
    pub code: u16,
    /// Who refused it: a webhook, an admission policy, `authorization` or `the API server`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied_by: Option<String>,
    /// What the server said when it did not do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether nothing was to be kept of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// When the server took the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<Timestamp>,
    /// When the server answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<Timestamp>,
}

impl ConfirmationRecord {
    /// Whether the server did what it was asked for.
    pub fn done(&self) -> bool {
        (200..300).contains(&self.code) && !self.dry_run
    }
}

/// Requests that a gate answered while it could not keep evidence of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapRecord {
    /// The cluster.
    #[serde(default)]
    pub cluster: String,
    /// The replica.
    #[serde(default)]
    pub replica: String,
    /// When the first of them was answered.
    pub from: Timestamp,
    /// When the last of them was.
    pub to: Timestamp,
    /// How many passed.
    pub allowed: u64,
    /// How many did not.
    pub denied: u64,
    /// Why they could not be kept.
    pub why: String,
}

/// What kind of change it is that no gate was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftKind {
    /// The object is not what the gate let in.
    ChangedOutOfBand,
    /// A policy is new or says something else.
    PolicyChanged,
    /// What policies look at beside the object is not what it was.
    SurroundingsChanged,
    /// What was accepted is not accepted any more.
    WaiverExpired,
    /// A vulnerability became known.
    Advisory,
    /// The image's base has a newer version.
    BaseOutdated,
    /// Someone may do more than before.
    RightsWidened,
    /// Rights that nobody uses.
    UnusedRights,
    /// The webhooks by which the server asks were changed.
    WebhookChanged,
}

impl DriftKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::ChangedOutOfBand,
        Self::PolicyChanged,
        Self::SurroundingsChanged,
        Self::WaiverExpired,
        Self::Advisory,
        Self::BaseOutdated,
        Self::RightsWidened,
        Self::UnusedRights,
        Self::WebhookChanged,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChangedOutOfBand => "changed-out-of-band",
            Self::PolicyChanged => "policy-changed",
            Self::SurroundingsChanged => "surroundings-changed",
            Self::WaiverExpired => "waiver-expired",
            Self::Advisory => "advisory",
            Self::BaseOutdated => "base-outdated",
            Self::RightsWidened => "rights-widened",
            Self::UnusedRights => "unused-rights",
            Self::WebhookChanged => "webhook-changed",
        }
    }
}

impl fmt::Display for DriftKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A subject that is not what it was, without a gate having been asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftRecord {
    /// The cluster; empty when it is of none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// The thing that changed.
    pub subject: SubjectRecord,
    /// What kind of change it is.
    pub what: DriftKind,
    /// What changed, in words.
    pub message: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was known before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<DriftState>,
    /// What is known now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DriftState>,
    /// Who changed it, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// The policies by which it is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyId>,
}

/// One side of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DriftState {
    /// What a gate would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Action>,
    /// The digest of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Whether a replica goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplicaState {
    /// It answers, and says so again after the interval.
    Alive,
    /// It ended as it was asked to; nothing follows.
    Stopped,
}

impl ReplicaState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Stopped => "stopped",
        }
    }
}

/// That a replica of a gate lives. One that falls silent without having said that it stops was lost, and what it answered
/// since may be lost with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatRecord {
    /// The cluster; empty for gates that are in none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// The replica.
    pub replica: String,
    /// When it started.
    pub since: Timestamp,
    /// Whether it goes on.
    pub state: ReplicaState,
    /// Seconds until it says so again.
    pub interval_s: u32,
    /// The number that it gave its last entry before this one; 0 when this is its first.
    pub last_sequence: u64,
    /// The policies in force, when there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<Digest>,
    /// The version of Probity.
    pub version: String,
}
