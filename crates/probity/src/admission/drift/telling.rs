//! What drifted is told: as an entry of the ledger, in the figures, and in the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use probity_cluster::{Change, Manager, What};
use probity_evidence_ledger::{Body, DriftKind, DriftRecord, DriftState, SubjectRecord};
use probity_gate_admission::content_digest;
use probity_model::{Action, CONTAINER_IMAGE, Labels, PolicyId, Severity, SubjectKind, Value};
use tokio::sync::watch;

use crate::admission::webhook::Gate;
use crate::output::harmless;

/// How long the disk is waited for at a time.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long after a failure an entry is written again.
const AGAIN: Duration = Duration::from_secs(1);

/// Longest message of an entry, in characters.
const LONGEST: usize = 2_000;

/// Tells what drifted.
pub(super) struct Teller {
    pub(super) gate: Arc<Gate>,
    ended: watch::Receiver<bool>,
}

/// What is told.
#[derive(Debug)]
pub(super) struct Drift {
    pub(super) what: DriftKind,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) who: Option<String>,
    pub(super) policies: Vec<PolicyId>,
    /// What policies would do with it as it is.
    pub(super) verdict: Option<Action>,
    /// The digest of the content before, when the object as it was is not known.
    pub(super) digest_before: Option<String>,
}

impl Drift {
    /// Something that changed, told by no policy and done by nobody known.
    pub(super) fn new(what: DriftKind, severity: Severity, message: String) -> Self {
        Self { what, severity, message, who: None, policies: Vec::new(), verdict: None, digest_before: None }
    }
}

/// The object that drifted, as it was and as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) kind: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) before: Option<&'a Value>,
    pub(super) after: Option<&'a Value>,
}

impl<'a> About<'a> {
    /// The object of a change.
    pub(super) fn of(change: &'a Change) -> Self {
        let (before, after) = match &change.what {
            What::Added(new) => (None, Some(new)),
            What::Modified { old, new } => (Some(old), Some(new)),
            What::Deleted(old) => (Some(old), None),
        };
        Self { kind: &change.kind.kind, namespace: &change.namespace, name: &change.name, before, after }
    }
}

impl Teller {
    pub(super) fn new(gate: Arc<Gate>, ended: watch::Receiver<bool>) -> Self {
        Self { gate, ended }
    }

    /// Keeps an entry of an object that drifted, and says so. It is on the disk when this returns, unless the end came first.
    pub(super) async fn tell(&mut self, about: About<'_>, drift: Drift) {
        let record = self.record(about, drift);
        self.keep_and_say(record).await;
    }

    /// The same of an image that runs in the cluster. `address` names it and its digest.
    pub(super) async fn tell_of_image(&mut self, address: String, labels: Labels, drift: Drift) {
        let subject = SubjectRecord {
            kind: SubjectKind::Image.as_str().into(),
            resource_type: CONTAINER_IMAGE.into(),
            address,
            labels,
            location: None,
        };
        let record = DriftRecord {
            cluster: self.gate.cluster_name.to_string(),
            subject,
            what: drift.what,
            message: shortened(drift.message),
            severity: drift.severity,
            before: None,
            after: None,
            who: drift.who,
            policies: drift.policies,
        };
        self.keep_and_say(record).await;
    }

    async fn keep_and_say(&self, record: DriftRecord) {
        let line = format!("{} {}: {}", record.what, record.subject.address, record.message);
        eprintln!("probity: drift: {}", harmless(&line));
        self.gate.figures.drifted(record.what);
        let (time, body) = (Timestamp::now(), Body::Drift(Box::new(record)));
        let mut said = false;
        while let Err(why) = self.keep(time, body.clone()).await {
            if !std::mem::replace(&mut said, true) {
                eprintln!("probity: that it drifted is not kept yet: {why}");
            }
            let mut ended = self.ended.clone();
            tokio::select! {
                _ = ended.wait_for(|end| *end) => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    async fn keep(&self, time: Timestamp, body: Body) -> Result<(), String> {
        let gate = Arc::clone(&self.gate);
        let keep = tokio::task::spawn_blocking(move || gate.queue.keep(time, body, Instant::now() + PATIENCE));
        keep.await.map_err(|error| error.to_string())?
    }

    fn record(&self, about: About<'_>, drift: Drift) -> DriftRecord {
        let About { kind, namespace, name, before, after } = about;
        let place = if namespace.is_empty() { format!("{kind}/{name}") } else { format!("{kind}/{namespace}/{name}") };
        let labels = self.gate.labels(namespace, after.or(before));
        let before = before.map(content_digest).or(drift.digest_before);
        DriftRecord {
            cluster: self.gate.cluster_name.to_string(),
            subject: SubjectRecord {
                kind: SubjectKind::Kubernetes.as_str().into(),
                resource_type: kind.into(),
                address: place,
                labels,
                location: None,
            },
            what: drift.what,
            message: shortened(drift.message),
            severity: drift.severity,
            before: before.map(|digest| DriftState { verdict: None, digest: Some(digest) }),
            after: after.map(|object| DriftState { verdict: drift.verdict, digest: Some(content_digest(object)) }),
            who: drift.who,
            policies: drift.policies,
        }
    }
}

fn shortened(message: String) -> String {
    match message.char_indices().nth(LONGEST) {
        None => message,
        Some((end, _)) => format!("{}...", &message[..end]),
    }
}

/// Who last wrote an object, as far as the API server keeps it: what the program called itself.
pub(super) fn last_manager(managers: &[Manager]) -> Option<String> {
    let others = managers.iter().filter(|manager| manager.subresource != "status" && manager.time.is_some());
    let last = others.max_by_key(|manager| manager.time)?;
    Some(format!("the client {}", last.name))
}
