//! What is found of one object, in the words of reports.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use probity_cluster::{Audited, Reported, Verdict};
use probity_gate_admission::{Images, Surroundings, content_digest, watched_subject};
use probity_model::{Finding, Labels, Metadata, Outcome, PolicyId, Stage, Subject, Value};
use probity_policy_core::{Cluster as _, PolicySet};

use super::records::Rank;
use crate::admission::entry;
use crate::admission::webhook::{Gate, InForce};
use crate::today;

/// How long policies may ask the cluster for one object.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most controls that a result names.
const MAX_CONTROLS: usize = 10;

/// What was found of an object.
pub(super) struct Judged {
    /// In the words of reports, without secrets.
    pub(super) audited: Audited,
    /// Where it belongs, and what it is called.
    pub(super) labels: Labels,
    pub(super) address: String,
    pub(super) rank: Rank,
    /// The same without what is said of its images.
    pub(super) own: Rank,
    /// Whether all policies could be asked for that: what one that fails would say now may be what it said before.
    pub(super) is_sure: bool,
    /// Whether it, or its namespace, is being deleted: what is around it goes as well.
    pub(super) goes: bool,
    /// The beginning of the digest of its content.
    pub(super) content: u64,
    /// What does not hold, at the strictest stage.
    pub(super) worst: Vec<Finding>,
    /// Whether it is a waiver that ended by which some of that does not hold.
    pub(super) waiver_ended: bool,
}

/// Judges an object as it is; `None` for what is no object.
pub(super) fn judge(gate: &Gate, in_force: &InForce, object: &Value, images: Option<&dyn Images>) -> Option<Judged> {
    let namespace = text(object, &["metadata", "namespace"]);
    let labels = gate.labels(namespace, Some(object));
    let cluster = gate.cluster.with_deadline(Instant::now() + PATIENCE);
    let today = today();
    let around = Surroundings { cluster: Some(&cluster), today, labels: &labels, images };
    let mut findings = in_force.judge.audit(object, &around)?.findings;
    let subject = watched_subject(object, labels.clone())?;
    if findings.iter().any(|finding| finding.outcome != Outcome::Pass) {
        // Whoever may read a report need not be one who may read the object.
        let secrets = entry::secrets_of(&subject);
        for finding in findings.iter_mut().filter(|finding| finding.outcome != Outcome::Pass) {
            finding.message = entry::without(&finding.message, &secrets);
            finding.reason = finding.reason.as_deref().map(|reason| entry::without(reason, &secrets));
        }
    }
    let rank = Rank::of(&findings);
    let set = in_force.judge.background();
    let of_itself = || findings.iter().filter(|finding| set.get(&finding.policy).is_some());
    let own = Rank::of(of_itself());
    let is_sure = of_itself().all(|finding| !matches!(finding.outcome, Outcome::Error | Outcome::Unknown));
    let images = in_force.images.as_ref().map(|known| known.set());
    let metadata = |id: &PolicyId| set.get(id).or_else(|| images?.get(id));
    let digest = content_digest(object);
    let content = digest.rsplit(':').next().and_then(|hex| u64::from_str_radix(hex.get(..16)?, 16).ok());
    let results = findings.iter().map(|finding| reported(finding, metadata(&finding.policy))).collect();
    let audited = Audited {
        api_version: text(object, &["apiVersion"]).to_owned(),
        kind: text(object, &["kind"]).to_owned(),
        namespace: namespace.to_owned(),
        name: text(object, &["metadata", "name"]).to_owned(),
        uid: uid(object).to_owned(),
        digest,
        results,
    };
    let worst: Vec<Finding> = findings.into_iter().filter(|finding| rank.is_of(finding)).collect();
    let waiver_ended = worst.iter().any(|finding| is_waiver_ended(set, finding, &subject, today));
    let address = subject.address.to_string();
    let is_deleted = |object: &Value| object.at(&["metadata", "deletionTimestamp"]).is_some();
    let within = (!namespace.is_empty()).then(|| gate.cluster.namespace(namespace).ok().flatten()).flatten();
    let goes = is_deleted(object) || within.as_ref().is_some_and(is_deleted);
    let content = content.unwrap_or_default();
    Some(Judged { audited, labels, address, rank, own, is_sure, goes, content, worst, waiver_ended })
}

/// The UID of an object.
pub(super) fn uid(object: &Value) -> &str {
    text(object, &["metadata", "uid"])
}

pub(super) fn text<'o>(object: &'o Value, path: &[&str]) -> &'o str {
    object.at(path).and_then(Value::as_str).unwrap_or_default()
}

fn is_waiver_ended(set: &PolicySet, finding: &Finding, subject: &Subject, today: Date) -> bool {
    set.waivers().iter().any(|waiver| waiver.covers(&finding.policy, subject) && waiver.expires < today)
}

fn reported(finding: &Finding, metadata: Option<&Metadata>) -> Reported {
    let verdict = match (finding.outcome, finding.stage) {
        (Outcome::Pass, _) => Verdict::Pass,
        (Outcome::Fail, Stage::Warn) => Verdict::Warn,
        (Outcome::Fail, Stage::Observe | Stage::Enforce) => Verdict::Fail,
        (Outcome::Error, _) => Verdict::Error,
        (Outcome::Waived | Outcome::Skipped | Outcome::Unknown, _) => Verdict::Skip,
    };
    let mut reported = Reported {
        policy: finding.policy.to_string(),
        rule: String::new(),
        verdict,
        severity: Some(finding.severity),
        category: String::new(),
        message: finding.message.clone(),
        properties: BTreeMap::new(),
    };
    // What holds is only counted.
    if verdict == Verdict::Pass {
        return reported;
    }
    if let Some(reason) = &finding.reason {
        reported.message = format!("{}; {reason}", finding.message);
    }
    let mut say = |name: &str, text: String| {
        if !text.is_empty() {
            reported.properties.insert(name.to_owned(), text);
        }
    };
    say("stage", finding.stage.to_string());
    if let Some(metadata) = metadata {
        let controls = metadata.controls.iter().take(MAX_CONTROLS).map(|link| link.control.to_string());
        say("controls", controls.collect::<Vec<_>>().join(", "));
        say("fix", metadata.fix.clone());
        reported.category = metadata.category.to_string();
    }
    reported
}
