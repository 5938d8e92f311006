//! What happens at API servers: requests that gates answered, joined with what the servers did.

use jiff::Timestamp;
use probity_evidence_ledger::{AdmissionRecord, AdmittedImage, ConfirmationRecord, DecisionRecord};
use probity_model::{Action, Outcome, Stage};
use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};

use crate::batch::At;
use crate::rows::{DecisionRow, FindingRow};
use crate::words::kept;

/// Members of each list of a record that its row keeps. The ledger has all of them.
const LISTED: usize = 1_000;

/// The resources that run containers.
const WORKLOADS: &[&str] = &[
    "pods",
    "deployments",
    "deploymentconfigs",
    "replicasets",
    "replicationcontrollers",
    "statefulsets",
    "daemonsets",
    "jobs",
    "cronjobs",
];

/// What became of a request at the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdmissionOutcome {
    /// It was judged, and passed.
    Allowed,
    /// It did not pass.
    Rejected,
    /// It passed because policies are not held against it.
    Exempt,
    /// It passed because it could not be judged.
    FailOpen,
}

impl AdmissionOutcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Allowed, Self::Rejected, Self::Exempt, Self::FailOpen];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Rejected => "rejected",
            Self::Exempt => "exempt",
            Self::FailOpen => "fail-open",
        }
    }

    fn of(action: Action, admission: &AdmissionRecord) -> Self {
        match (action, &admission.exempt, &admission.fail_open) {
            (Action::Deny, ..) => Self::Rejected,
            (_, Some(_), _) => Self::Exempt,
            (_, None, Some(_)) => Self::FailOpen,
            (_, None, None) => Self::Allowed,
        }
    }
}

impl std::str::FromStr for AdmissionOutcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|outcome| outcome.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is none of allowed, rejected, exempt, fail-open"))
    }
}

/// What an API server did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfirmationRow {
    /// The index of its entry in the ledger.
    pub index: u64,
    /// When the server answered; to the microsecond.
    pub time: Timestamp,
    /// The environment of the namespace, as gates knew it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What its audit log says. Of each list the first thousand.
    pub confirmation: ConfirmationRecord,
}

/// A part of the confirmations asked for, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfirmationPage {
    /// The confirmations.
    pub rows: Vec<ConfirmationRow>,
    /// What [`Page::before`](crate::Page) is for the next page; none on the last.
    pub next: Option<u64>,
}

/// A request that a gate answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdmissionRow {
    /// What was decided.
    #[serde(flatten)]
    pub decision: DecisionRow,
    /// What became of it at the gate.
    pub outcome: AdmissionOutcome,
    /// The request. Of each list the first thousand.
    pub admission: AdmissionRecord,
    /// What the server did; none while its audit log has not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<ConfirmationRow>,
}

impl AdmissionRow {
    pub(crate) fn new(
        decision: DecisionRow,
        admission: AdmissionRecord,
        confirmation: Option<ConfirmationRow>,
    ) -> Self {
        let outcome = AdmissionOutcome::of(decision.action, &admission);
        Self { decision, outcome, admission, confirmation }
    }

    /// `ALLOWED` or `REJECTED`.
    pub fn word(&self) -> &'static str {
        if self.outcome == AdmissionOutcome::Rejected { "REJECTED" } else { "ALLOWED" }
    }

    /// Why, in words: what was checked, or what does not hold.
    pub fn why(&self) -> String {
        let admission = &self.admission;
        match self.outcome {
            AdmissionOutcome::Exempt => {
                format!("not held to policies: {}", admission.exempt.as_deref().unwrap_or_default())
            }
            AdmissionOutcome::FailOpen => {
                format!("passed without being judged: {}", admission.fail_open.as_deref().unwrap_or_default())
            }
            AdmissionOutcome::Rejected => self.refusal(),
            AdmissionOutcome::Allowed => self.checked(),
        }
    }

    fn refusal(&self) -> String {
        let denying = |finding: &&FindingRow| finding.stage == Stage::Enforce && is_failure(finding);
        let mut denying = self.decision.findings.iter().filter(denying);
        let Some(first) = denying.next() else {
            return self.admission.refused.clone().unwrap_or_else(|| "the ledger has no reason".to_owned());
        };
        format!("{}{}", told(first), more(denying.count(), "policy is not met", "policies are not met"))
    }

    fn checked(&self) -> String {
        let count = self.decision.outcomes.total();
        if count == 0 {
            return "no policy applies".to_owned();
        }
        let checked = format!("{count} {} checked", if count == 1 { "policy" } else { "policies" });
        let mut found = self.decision.findings.iter().filter(|finding| finding.outcome != Outcome::Pass);
        match found.next() {
            None if count == 1 => format!("{checked}, passed"),
            None => format!("{checked}, all passed"),
            Some(first) => {
                let outcome = match first.stage {
                    Stage::Observe if is_failure(first) => "noted",
                    _ if is_failure(first) => "warned",
                    _ => first.outcome.as_str(),
                };
                format!("{checked}, {outcome}: {}{}", told(first), more(found.count(), "finding", "findings"))
            }
        }
    }

    /// The request in one line: `2025-03-22T10:20:15Z ALLOWED alice@company.com patient-portal: 8 policies checked, all passed`.
    pub fn line(&self) -> String {
        let time = self.decision.time.strftime("%Y-%m-%dT%H:%M:%SZ");
        let admission = &self.admission;
        format!("{time} {} {} {}: {}", self.word(), admission.user, admission.name, self.why())
    }

    /// What the server did, in words.
    pub fn confirmed(&self) -> String {
        match &self.confirmation {
            None => "not confirmed by the server's audit log".to_owned(),
            Some(row) => done(&row.confirmation),
        }
    }
}

/// What a server did, in words.
pub fn done(confirmation: &ConfirmationRecord) -> String {
    let code = confirmation.code;
    match &confirmation.denied_by {
        _ if confirmation.done() => format!("done by the server ({code})"),
        _ if confirmation.dry_run => format!("a dry run, nothing was kept ({code})"),
        Some(by) => format!("refused by {by} ({code})"),
        None => format!("not done by the server ({code})"),
    }
}

fn is_failure(finding: &FindingRow) -> bool {
    matches!(finding.outcome, Outcome::Fail | Outcome::Error | Outcome::Unknown)
}

fn told(finding: &FindingRow) -> String {
    let message = finding.message.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    if message.is_empty() { finding.policy.clone() } else { format!("{message} ({})", finding.policy) }
}

fn more(count: usize, one: &str, many: &str) -> String {
    match count {
        0 => String::new(),
        1 => format!("; 1 more {one}"),
        count => format!("; {count} more {many}"),
    }
}

/// A part of the requests asked for, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdmissionPage {
    /// The requests.
    pub rows: Vec<AdmissionRow>,
    /// What [`Page::before`](crate::Page) is for the next page; none on the last.
    pub next: Option<u64>,
}

/// Which requests are asked for. What is not given does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdmissionFilter {
    /// Answered at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Answered before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// The cluster: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The namespace: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Who asked: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The kind of the object, such as `Deployment`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The name of the object: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// An image that it runs: how it is named, a pattern; or its digest, or the beginning of it, as `sha256:…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The digest of the content that was let in, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_digest: Option<String>,
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// What became of it at the gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<AdmissionOutcome>,
    /// Only those that the server is known to have done, or only those that it is not known to have done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<bool>,
}

/// Who put something that runs into a cluster.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deployment {
    /// The index of the entry in the ledger that tells it: of the decision, or of the confirmation where no gate was asked.
    pub index: u64,
    /// When; to the microsecond.
    pub time: Timestamp,
    /// Who.
    pub user: String,
    /// As whom, when that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonated: Option<String>,
    /// The cluster.
    pub cluster: String,
    /// The namespace.
    pub namespace: String,
    /// The environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The kind, or the resource where no gate was asked.
    pub kind: String,
    /// The name.
    pub name: String,
    /// `CREATE` or `UPDATE`.
    pub operation: String,
    /// The images that it runs, as far as they are known.
    pub images: Vec<AdmittedImage>,
    /// How it is known to have happened.
    pub known: DeploymentKnown,
}

/// How a deployment is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeploymentKnown {
    /// A gate let it pass, and the server did it.
    Confirmed,
    /// A gate let it pass; the server's audit log has not told what became of it.
    Unconfirmed,
    /// The server did it, and a gate was asked; what that decided is not in the ledger.
    DecisionMissing,
    /// The server did it, and no gate was asked.
    OutsideOfGates,
}

impl DeploymentKnown {
    /// It in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Unconfirmed => "unconfirmed",
            Self::DecisionMissing => "decision missing",
            Self::OutsideOfGates => "outside of gates",
        }
    }
}

/// A part of the deployments asked for, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeploymentPage {
    /// The deployments.
    pub rows: Vec<Deployment>,
    /// What [`Page::before`](crate::Page) is for the next page; none on the last.
    pub next: Option<u64>,
}

/// Which deployments are asked for. What is not given does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeploymentFilter {
    /// At this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// The cluster: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The namespace: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Who: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// An image, as in [`AdmissionFilter::image`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Also what Kubernetes' own controllers did, such as the Pods of a Deployment.
    pub controllers: bool,
}

/// Writes the row of a request.
pub(crate) fn write_admission(
    connection: &Connection,
    at: At,
    decision: &DecisionRecord,
    admission: &AdmissionRecord,
) -> rusqlite::Result<()> {
    let mut row = admission.clone();
    row.groups.truncate(LISTED);
    row.images.truncate(LISTED);
    row.mutated_by.truncate(LISTED);
    connection
        .prepare_cached(
            "INSERT INTO admission VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute((
            at.id,
            at.time,
            kept(&admission.decision_id),
            kept(&admission.cluster),
            kept(&admission.namespace),
            decision.subject.labels.environment.as_deref().map(kept),
            kept(&admission.user),
            kept(&admission.kind),
            kept(&admission.name),
            kept(&admission.operation),
            AdmissionOutcome::of(decision.action, admission) as i64,
            runs_containers(&admission.resource.resource, admission.subresource.as_deref()),
            kept(&admission.webhook),
            admission.object_digest.as_deref().map(kept),
            json(&row)?,
        ))?;
    write_images(connection, at, &row.images)
}

/// Writes the row of what a server did. An event that was told before is passed over.
pub(crate) fn write_confirmation(
    connection: &Connection,
    at: At,
    confirmation: &ConfirmationRecord,
) -> rusqlite::Result<()> {
    let mut row = confirmation.clone();
    row.decisions.truncate(LISTED);
    row.images.truncate(LISTED);
    let (cluster, namespace) = (kept(&confirmation.cluster), kept(&confirmation.namespace));
    // Labels are for gates to know: what passed outside of them belongs where the last decision about its namespace did.
    let environment: Option<Option<String>> = connection
        .prepare_cached(
            "SELECT environment FROM admission WHERE cluster = ?1 AND namespace = ?2 ORDER BY entry DESC LIMIT 1",
        )?
        .query_row((&cluster, &namespace), |row| row.get(0))
        .optional()?;
    let added = connection
        .prepare_cached("INSERT OR IGNORE INTO confirmation VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?
        .execute((
            at.id,
            at.time,
            kept(&confirmation.audit_id),
            cluster,
            namespace,
            environment.flatten(),
            kept(confirmation.impersonated.as_ref().unwrap_or(&confirmation.user)),
            row.decisions.is_empty(),
            confirmation.done(),
            matches!(confirmation.verb.as_str(), "create" | "update" | "patch" | "apply")
                && runs_containers(&confirmation.resource.resource, confirmation.subresource.as_deref()),
            json(&row)?,
        ))?;
    if added == 0 {
        return Ok(());
    }
    for decision in &row.decisions {
        connection
            .prepare_cached("INSERT OR IGNORE INTO confirmed VALUES (?1, ?2)")?
            .execute((kept(decision), at.id))?;
    }
    write_images(connection, at, &row.images)
}

fn write_images(connection: &Connection, at: At, images: &[AdmittedImage]) -> rusqlite::Result<()> {
    for image in images {
        let digest = image.digest.as_deref().or_else(|| Some(image.reference.split_once('@')?.1));
        connection.prepare_cached("INSERT OR IGNORE INTO admission_image VALUES (?1, ?2, ?3)")?.execute((
            kept(&image.reference),
            digest.map(kept).unwrap_or_default(),
            at.id,
        ))?;
    }
    Ok(())
}

fn runs_containers(resource: &str, subresource: Option<&str>) -> bool {
    // Ephemeral containers run images, too.
    matches!(subresource, None | Some("ephemeralcontainers")) && WORKLOADS.contains(&resource)
}

pub(crate) fn json(row: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(row).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
