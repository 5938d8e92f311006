//! Objects that are not what the gate let in: each change that is seen in the cluster and that the API server should have asked
//! about is looked for among the decisions, and told when there is none.
//!
//! A false alarm is worse here than one that is missing. What is being deleted, is exempt, was asked about in another version or
//! as a part (`scale`), or was written through a part that no policy is about, is not told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use probity_cluster::{Change, Kind, Manager, What};
use probity_evidence_ledger::{Digest, DriftKind};
use probity_gate_admission::{Surroundings, content, content_digest, differing, is_asked};
use probity_model::{Action, Finding, Outcome, PolicyId, Severity, Stage, Value};
use probity_policy_core::Operation;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::past;
use super::telling::{About, Drift, Teller, last_manager};
use crate::admission::let_in::uid;
use crate::admission::webhook::{Gate, InForce};
use crate::today;

/// How long a decision may take to be known here: it is on its way through the ledger when another replica made it.
const PATIENCE: Duration = Duration::from_secs(3);

/// So many times other replicas' decisions are waited for.
const ROUNDS: u8 = 3;

/// How long after a failure the ledger is asked again.
const AGAIN: Duration = Duration::from_secs(10);

/// How often it is looked what the API server is to ask about now.
const LOOK: Duration = Duration::from_secs(1);

/// How long after that changed the API server may not ask yet.
const IN_FORCE: Duration = Duration::from_secs(5);

/// How often it is tried again to watch what may not be listed.
const FORBIDDEN: Duration = Duration::from_mins(5);

/// How old a request may be by which a change came about.
const LATELY: Duration = Duration::from_mins(2);

/// Most changes that wait to be compared; more are counted, and not compared.
const MOST_WAITING: usize = 10_000;

/// Most fields that a message names.
const MOST_FIELDS: usize = 8;

/// How long a verdict on what changed may take.
const VERDICT: Duration = Duration::from_secs(2);

/// For whom kinds are watched.
pub(super) const WATCHES: &str = "drift";

/// The group of what the API server asks nobody about.
const UNASKED: &str = "admissionregistration.k8s.io";

/// Tells what is not what was let in, until the end.
pub(super) async fn run(mut teller: Teller, mut ended: watch::Receiver<bool>) {
    let mut changes = teller.gate.cluster.changes();
    let mut seen = Seen::default();
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    let (mut look, mut is_said) = (Instant::now(), false);
    loop {
        let due = waiting.front().map_or(look, |first| first.due.min(look));
        let change = tokio::select! {
            _ = ended.wait_for(|end| *end) => return,
            change = changes.recv() => Some(change),
            () = sleep_until(due) => None,
        };
        match change {
            Some(Ok(change)) if seen.concerns(&teller.gate, &change) => {
                wait(&mut waiting, Waiting { due: Instant::now() + PATIENCE, change, rounds: 0 });
            }
            Some(Ok(_)) | None => {}
            Some(Err(RecvError::Lagged(missed))) => {
                eprintln!("probity: {missed} changes came too fast to be compared with what was let in");
            }
            Some(Err(RecvError::Closed)) => return,
        }
        if look <= Instant::now() {
            seen.look(&teller.gate).await;
            look = Instant::now() + LOOK;
        }
        while waiting.front().is_some_and(|first| first.due <= Instant::now()) {
            let Some(Waiting { change, rounds, .. }) = waiting.pop_front() else { break };
            match look_up(&teller.gate, &change).await {
                Known::LetIn => is_said = false,
                Known::Unknown(why) => {
                    if !std::mem::replace(&mut is_said, true) {
                        eprintln!("probity: changes wait to be compared with what was let in: {why}");
                    }
                    wait(&mut waiting, Waiting { due: Instant::now() + AGAIN, change, rounds });
                }
                Known::Past if rounds + 1 < ROUNDS && past::is_shared(&teller.gate) => {
                    wait(&mut waiting, Waiting { due: Instant::now() + PATIENCE, change, rounds: rounds + 1 });
                }
                Known::Past => {
                    let drift = drift(&teller.gate, &change).await;
                    teller.tell(About::of(&change), drift).await;
                }
            }
        }
    }
}

/// A change that no decision is known of yet.
struct Waiting {
    due: Instant,
    change: Change,
    rounds: u8,
}

fn wait(waiting: &mut VecDeque<Waiting>, one: Waiting) {
    if waiting.len() >= MOST_WAITING
        && let Some(Waiting { change, .. }) = waiting.pop_front()
    {
        let (kind, name) = (&change.kind.kind, &change.name);
        eprintln!("probity: {kind} {name} was not compared with what was let in: too many changes wait");
    }
    let place = waiting.partition_point(|other| other.due <= one.due);
    waiting.insert(place, one);
}

/// A resource that the API server asks about, and how long it has.
type Resource = (String, String, Operation);

/// What the API server asks about.
#[derive(Default)]
struct Seen {
    since: BTreeMap<Resource, Instant>,
    /// The policies that were looked at last.
    last: Option<Arc<InForce>>,
    forbidden: BTreeMap<Kind, Instant>,
}

impl Seen {
    /// Takes what policies in force now have the API server ask about, and watches it.
    async fn look(&mut self, gate: &Gate) {
        let Some(in_force) = gate.in_force() else { return };
        let is_same = self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &in_force));
        let retried = self.forbidden.values().any(|since| since.elapsed() > FORBIDDEN);
        if is_same && !retried {
            return;
        }
        let now = Instant::now();
        let (mut since, mut watched) = (BTreeMap::new(), Vec::new());
        for (kind, asked) in asked_kinds(gate, &in_force) {
            let is_forbidden = self.forbidden.get(&kind).is_some_and(|since| since.elapsed() < FORBIDDEN);
            if is_forbidden {
                continue;
            }
            if !gate.cluster.may_watch(&kind).await {
                self.forbidden.insert(kind, now);
                continue;
            }
            self.forbidden.remove(&kind);
            watched.push(kind.clone());
            for operation in asked {
                let resource = (kind.group.clone(), kind.plural.clone(), operation);
                let known = self.since.get(&resource).copied();
                since.insert(resource, known.unwrap_or(now));
            }
        }
        gate.cluster.watch_aside(WATCHES, &watched);
        self.since = since;
        self.last = Some(in_force);
    }

    /// Whether a change is one that the API server should have asked about, and that is not known to be let in.
    fn concerns(&self, gate: &Gate, change: &Change) -> bool {
        if change.listed {
            return false;
        }
        let (operation, old, new) = match &change.what {
            What::Added(new) => (Operation::Create, None, new),
            What::Modified { old, new } => (Operation::Update, Some(old), new),
            What::Deleted(_) => return false,
        };
        let kind = &change.kind;
        let resource = (kind.group.clone(), kind.plural.clone(), operation);
        let is_long = |since: &Instant| since.elapsed() >= IN_FORCE;
        let is_let_in = match old {
            Some(old) => is_explained(old, new, &change.managers),
            None => gate.let_in.is_made(new),
        };
        self.since.get(&resource).is_some_and(is_long)
            && !is_going(new)
            && !is_exempt(gate, kind, &change.namespace, &change.name)
            && !is_let_in
            && content_digest(new).parse().is_ok_and(|digest: Digest| gate.let_in.user(&digest).is_none())
    }
}

/// The kinds that the API server asks about when they are made or changed, in the versions that it prefers.
pub(super) fn asked_kinds(gate: &Gate, in_force: &InForce) -> Vec<(Kind, Vec<Operation>)> {
    let kinds = gate.cluster.kinds("*").into_iter().filter(|kind| kind.group != UNASKED);
    let asked = kinds.map(|kind| {
        let is_asked = |operation: &Operation| is_asked(&in_force.asked, &kind.group, &kind.plural, *operation);
        let operations = [Operation::Create, Operation::Update].into_iter().filter(is_asked).collect();
        (kind, operations)
    });
    asked.filter(|(_, operations): &(Kind, Vec<Operation>)| !operations.is_empty()).collect()
}

/// Whether an object is being deleted: then controllers let it go.
pub(super) fn is_going(object: &Value) -> bool {
    object.at(&["metadata", "deletionTimestamp"]).is_some_and(|time| !time.is_null())
}

/// Whether nobody is asked about an object because of its namespace.
pub(super) fn is_exempt(gate: &Gate, kind: &Kind, namespace: &str, name: &str) -> bool {
    let is_namespace = kind.group.is_empty() && kind.kind == "Namespace";
    let namespace = if is_namespace { name } else { namespace };
    let is_named = |in_force: &InForce| in_force.judge.exemptions().namespaces.iter().any(|known| known == namespace);
    gate.in_force().is_none_or(|in_force| is_named(&in_force))
}

/// Whether an object may have been written by other ways than as a whole: through a part of it, which may write what counts.
pub(super) fn is_written_in_parts(managers: &[Manager]) -> bool {
    managers.iter().any(|manager| match manager.subresource.as_str() {
        "" => false,
        "status" => manager.owns(&["metadata"]),
        _ => true,
    })
}

/// Whether nothing differs that counts, or only what is written by other ways than with the object: by the parts of it
/// that were written last (`status` writes annotations, `resize` resources), and when a Pod is given its node.
fn is_explained(old: &Value, new: &Value, managers: &[Manager]) -> bool {
    let paths = differing(&content(old), &content(new), usize::MAX);
    let last = managers.iter().filter_map(|manager| manager.time).max();
    let is_part = |manager: &&Manager| !manager.subresource.is_empty() && manager.time == last;
    let node = |object: &Value| object.at(&["spec", "nodeName"]).is_some_and(|name| !name.is_null());
    let is_placed = !node(old) && node(new);
    paths.iter().all(|path| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let is_metadata = matches!(path.as_slice(), ["metadata", "annotations" | "labels", ..]);
        (is_placed && is_metadata) || managers.iter().filter(is_part).any(|manager| manager.owns(&path))
    })
}

/// What is known of a change.
enum Known {
    /// It was let in, or cannot be compared.
    LetIn,
    /// Nothing is known of it.
    Past,
    /// It cannot be told now, and why.
    Unknown(String),
}

/// Looks for the decision of a change, here and in the ledger.
async fn look_up(gate: &Arc<Gate>, change: &Change) -> Known {
    let (What::Added(new) | What::Modified { new, .. }) = &change.what else { return Known::LetIn };
    let digest = content_digest(new);
    let kind = &change.kind;
    let name = (change.namespace.as_str(), change.name.as_str());
    let is_here = digest.parse().is_ok_and(|digest: Digest| gate.let_in.user(&digest).is_some());
    if is_here || gate.let_in.is_let_in_otherwise(&kind.group, &kind.version, &kind.plural, name) {
        return Known::LetIn;
    }
    // What a list tells after a watch broke off may be several changes.
    if change.managers.is_empty() {
        match gate.cluster.managers(kind, name.0, name.1).await {
            Some(managers) if !is_written_in_parts(&managers) => {}
            // It is gone, or cannot be compared.
            Some(_) | None => return Known::LetIn,
        }
    }
    let (gate, change) = (Arc::clone(gate), change.clone());
    let asked = tokio::task::spawn_blocking(move || {
        anyhow::Ok(past::is_let_in(&gate, &digest)? || is_asked_otherwise(&gate, &change)?)
    });
    match asked.await {
        Ok(Ok(true)) => Known::LetIn,
        Ok(Ok(false)) => Known::Past,
        Ok(Err(error)) => Known::Unknown(format!("{error:#}")),
        Err(error) => Known::Unknown(error.to_string()),
    }
}

/// Whether the ledger has that an object was made by this request, or that it was asked about lately in another version or as
/// a part, so that its content is not known.
fn is_asked_otherwise(gate: &Gate, change: &Change) -> anyhow::Result<bool> {
    let kind = &change.kind;
    let made = match &change.what {
        What::Added(new) => uid(new),
        What::Modified { .. } | What::Deleted(_) => None,
    };
    let from = Timestamp::now() - LATELY;
    let rows = past::about(gate, &kind.kind, (&change.namespace, &change.name), Some(from))?;
    Ok(rows.iter().map(|row| &row.admission).any(|admission| {
        let is_part = admission.subresource.is_some() && admission.object_digest.is_none();
        let is_other = is_part || admission.resource.version != kind.version.as_str();
        let is_made = made.is_some() && admission.object_uid.as_deref() == made && admission.object_digest.is_some();
        is_other || is_made
    }))
}

/// What is told of a change that nobody decided about: what is different, who wrote it, and what policies say of it now.
async fn drift(gate: &Arc<Gate>, change: &Change) -> Drift {
    let About { before, after, .. } = About::of(change);
    let what = match (before, after) {
        (Some(old), Some(new)) => {
            let paths = differing(&content(old), &content(new), MOST_FIELDS + 1);
            let mut named: Vec<String> = paths.iter().take(MOST_FIELDS).map(|path| path.join(".")).collect();
            if paths.len() > MOST_FIELDS {
                named.push("and more".to_owned());
            }
            format!("it was changed and no gate was asked: {}", named.join(", "))
        }
        _ => "it was made and no gate was asked".to_owned(),
    };
    let judged = verdict(gate, after.cloned(), change.namespace.clone()).await;
    judged.drift(what, last_manager(&change.managers))
}

/// What the policies in force say of an object that nobody decided about.
pub(super) struct Verdict {
    action: Action,
    /// Those by which it would be denied.
    denying: Vec<PolicyId>,
}

impl Default for Verdict {
    fn default() -> Self {
        Self { action: Action::Allow, denying: Vec::new() }
    }
}

impl Verdict {
    /// What is told of it.
    pub(super) fn drift(self, what: String, who: Option<String>) -> Drift {
        let denying: Vec<&str> = self.denying.iter().map(PolicyId::as_str).collect();
        let (severity, message) = match self.action {
            Action::Deny => (Severity::High, format!("{what}; it would be denied by {}", denying.join(", "))),
            _ => (Severity::Medium, what),
        };
        let drift = Drift::new(DriftKind::ChangedOutOfBand, severity, message);
        Drift { who, policies: self.denying, verdict: Some(self.action), ..drift }
    }
}

/// Judges an object by the policies in force.
pub(super) async fn verdict(gate: &Arc<Gate>, object: Option<Value>, namespace: String) -> Verdict {
    let gate = Arc::clone(gate);
    let judged = tokio::task::spawn_blocking(move || {
        let (object, in_force) = (object?, gate.in_force()?);
        let labels = gate.labels(&namespace, Some(&object));
        let cluster = gate.cluster.with_deadline(std::time::Instant::now() + VERDICT);
        let around = Surroundings { cluster: Some(&cluster), today: today(), labels: &labels, images: None };
        in_force.judge.audit(&object, &around)
    });
    let Ok(Some(decision)) = judged.await else { return Verdict::default() };
    let denies = |finding: &&Finding| {
        finding.stage == Stage::Enforce && matches!(finding.outcome, Outcome::Fail | Outcome::Error)
    };
    let denying = decision.findings.iter().filter(denies).map(|finding| finding.policy.clone()).collect();
    Verdict { action: decision.action, denying }
}

#[cfg(test)]
mod tests {
    use probity_model::json;

    use super::*;

    fn read(text: &str) -> Value {
        json::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_written_by_other_ways_is_explained() {
        let pod = |node: &str, labels: &str, image: &str| {
            read(&format!(
                r#"{{"kind": "Pod", "metadata": {{"name": "web", "labels": {{{labels}}}}},
                    "spec": {{"containers": [{{"image": "{image}"}}]{node}}}}}"#
            ))
        };
        let node = r#", "nodeName": "n1""#;
        let zone = r#""topology.kubernetes.io/zone": "a""#;
        let cases = [
            (pod("", "", "a"), pod("", "", "a"), true),
            (pod("", "", "a"), pod(node, zone, "a"), true),
            (pod("", "", "a"), pod(node, zone, "b"), false),
            (pod(node, "", "a"), pod(node, zone, "a"), false),
            (pod(node, "", "a"), pod(node, "", "b"), false),
        ];
        for (number, (old, new, expected)) in cases.into_iter().enumerate() {
            assert_eq!(is_explained(&old, &new, &[]), expected, "case {number}");
        }
    }

    #[test]
    fn changes_wait_in_the_order_in_which_they_are_due() {
        let change = |name: &str| Change {
            kind: Arc::new(Kind {
                group: String::new(),
                version: "v1".to_owned(),
                kind: "Pod".to_owned(),
                plural: "pods".to_owned(),
                namespaced: true,
            }),
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            what: What::Deleted(Value::Null),
            listed: false,
            managers: Arc::default(),
        };
        let (start, mut waiting) = (Instant::now(), VecDeque::new());
        for (name, seconds) in [("a", 3), ("b", 10), ("c", 3), ("d", 1)] {
            let due = start + Duration::from_secs(seconds);
            wait(&mut waiting, Waiting { due, change: change(name), rounds: 0 });
        }
        let names: Vec<&str> = waiting.iter().map(|one| one.change.name.as_str()).collect();
        assert_eq!(names, ["d", "a", "c", "b"]);
        for _ in 0..MOST_WAITING + 5 {
            wait(&mut waiting, Waiting { due: start, change: change("e"), rounds: 0 });
        }
        assert_eq!(waiting.len(), MOST_WAITING);
    }
}
