//! What changed while nobody looked: objects that are there at the start are compared with what the ledger has of them.
//!
//! Only an object that a gate once let in is compared, and only when it was written after the last request about it that a gate
//! was asked. One that was written as a part, or in another version, is not.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use probity_cluster::{Kind, Manager};
use probity_evidence_ledger::Digest;
use probity_gate_admission::content_digest;
use probity_model::Value;
use tokio::sync::watch;
use tokio::time::sleep;

use super::changed::{asked_kinds, is_exempt, is_going, is_written_in_parts, verdict};
use super::past::{self, Asked};
use super::telling::{About, Drift, Teller, last_manager};
use crate::admission::webhook::Gate;

/// How often it is looked whether all is known.
const LOOK: Duration = Duration::from_millis(500);

/// How long decisions may be on their way to the ledger.
const ARRIVED: Duration = Duration::from_secs(5);

/// Most objects that a server is asked about; a ledger of this machine is asked about all.
const MOST_ASKED: usize = 5_000;

/// Most objects that are told each by an entry.
const MOST_TOLD: usize = 200;

/// The API server's times of writing are cut to the second, and clocks differ.
const SLACK: Duration = Duration::from_secs(2);

/// Compares what is there, once.
pub(super) async fn run(mut teller: Teller, mut ended: watch::Receiver<bool>) {
    tokio::select! {
        _ = ended.wait_for(|end| *end) => {}
        () = compare(&mut teller) => {}
    }
}

async fn compare(teller: &mut Teller) {
    let gate = Arc::clone(&teller.gate);
    let kinds = watched_kinds(&gate).await;
    sleep(ARRIVED).await;
    let (mut asked, mut told) = (0, 0);
    for kind in kinds {
        for object in gate.cluster.objects(&kind) {
            asked += 1;
            if asked > MOST_ASKED && past::is_shared(&gate) {
                eprintln!("probity: {MOST_ASKED} objects were compared with what was let in before, and no more");
                return;
            }
            let Some(found) = look_at(&gate, &kind, &object).await else { continue };
            told += 1;
            if told > MOST_TOLD {
                eprintln!("probity: more objects are not what was let in; {MOST_TOLD} were told");
                return;
            }
            let (namespace, name) = name(&object);
            let about = About { kind: &kind.kind, namespace, name, before: None, after: Some(&object) };
            teller.tell(about, found).await;
        }
    }
}

/// For whom kinds are watched.
pub(super) const WATCHES: &str = "what changed while no gate was there";

/// The kinds that are asked about and may be listed, once they are known.
async fn watched_kinds(gate: &Gate) -> Vec<Kind> {
    let in_force = loop {
        match gate.in_force() {
            Some(in_force) => break in_force,
            None => sleep(LOOK).await,
        }
    };
    let mut kinds = Vec::new();
    for (kind, _) in asked_kinds(gate, &in_force) {
        if gate.cluster.may_watch(&kind).await {
            kinds.push(kind);
        }
    }
    gate.cluster.watch_aside(WATCHES, &kinds);
    while !kinds.iter().all(|kind| gate.cluster.knows(kind)) {
        sleep(LOOK).await;
    }
    kinds
}

fn name(object: &Value) -> (&str, &str) {
    let text = |field| object.at(&["metadata", field]).and_then(Value::as_str).unwrap_or_default();
    (text("namespace"), text("name"))
}

/// What is told of an object, when it is not what was let in.
async fn look_at(gate: &Arc<Gate>, kind: &Kind, object: &Value) -> Option<Drift> {
    let (namespace, name) = name(object);
    if is_going(object) || is_exempt(gate, kind, namespace, name) {
        return None;
    }
    let digest = content_digest(object);
    let last = let_in_otherwise(gate, kind, object, &digest).await?;
    let managers = gate.cluster.managers(kind, namespace, name).await?;
    if !is_written_after(&managers, last.time) {
        return None;
    }
    // It may have been let in while this was found out.
    if digest.parse().is_ok_and(|digest: Digest| gate.let_in.user(&digest).is_some()) {
        return None;
    }
    let what = format!(
        "it was changed while no gate was asked, since {} let in {} for {}",
        last.admission.replica,
        last.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        last.admission.user
    );
    let judged = verdict(gate, Some(object.clone()), namespace.to_owned()).await;
    let drift = judged.drift(what, last_manager(&managers));
    Some(Drift { digest_before: last.admission.object_digest, ..drift })
}

/// The last request by which an object was let in, when it was with another content.
async fn let_in_otherwise(gate: &Arc<Gate>, kind: &Kind, object: &Value, digest: &str) -> Option<Asked> {
    let (namespace, name) = name(object);
    let (gate, version, digest) = (Arc::clone(gate), kind.version.clone(), digest.to_owned());
    let (kind, namespace, name) = (kind.kind.clone(), namespace.to_owned(), name.to_owned());
    let asked = tokio::task::spawn_blocking(move || {
        let asked = past::about(&gate, &kind, (&namespace, &name), None)?;
        let found = last_let_in(asked, &version, &digest);
        Ok(match found {
            Some(_) if past::is_let_in(&gate, &digest)? => None,
            found => found,
        })
    });
    // What cannot be told is not told.
    let asked: anyhow::Result<Option<Asked>> = asked.await.ok()?;
    asked.ok()?
}

/// The newest request of an object, with the content that was let in last; none when that is the one there is, or not known. The
/// newest come first.
fn last_let_in(asked: Vec<Asked>, version: &str, digest: &str) -> Option<Asked> {
    let is_comparable = |asked: &Asked| {
        let admission = &asked.admission;
        let is_whole = admission.subresource.as_deref().is_none_or(|part| part == "ephemeralcontainers");
        is_whole && admission.resource.version == version
    };
    let is_this = |asked: &Asked| asked.admission.object_digest.as_deref() == Some(digest);
    if asked.iter().any(is_this) || !asked.iter().all(is_comparable) {
        return None;
    }
    let newest = asked.first()?.time;
    let last = asked.into_iter().find(|asked| asked.admission.object_digest.is_some())?;
    Some(Asked { time: newest, ..last })
}

/// Whether an object was last written, as a whole, after a time.
fn is_written_after(managers: &[Manager], time: Timestamp) -> bool {
    let whole = managers.iter().filter(|manager| manager.subresource.is_empty());
    let last = whole.filter_map(|manager| manager.time).max();
    !is_written_in_parts(managers) && last.is_some_and(|last| last >= time + SLACK)
}

#[cfg(test)]
mod tests {
    use probity_evidence_ledger::{AdmissionRecord, ResourceRecord};

    use super::*;

    fn asked(second: i64, version: &str, subresource: Option<&str>, digest: Option<&str>) -> Asked {
        let resource = ResourceRecord { version: version.into(), ..ResourceRecord::default() };
        let admission = AdmissionRecord {
            resource,
            subresource: subresource.map(Into::into),
            object_digest: digest.map(str::to_owned),
            ..AdmissionRecord::default()
        };
        Asked { time: Timestamp::from_second(second).unwrap(), admission }
    }

    #[test]
    fn what_was_let_in_last_is_compared_only_when_it_is_known() {
        let (mine, other) = (Some("sha256:1"), Some("sha256:2"));
        let cases = [
            (vec![], None),
            (vec![asked(9, "v1", None, mine)], None),
            // Denied in between.
            (vec![asked(9, "v1", None, None), asked(5, "v1", None, other)], Some(9)),
            (vec![asked(9, "v1", None, None)], None),
            (vec![asked(9, "v1", None, other), asked(5, "v1", None, mine)], None),
            (vec![asked(9, "v2", None, other), asked(5, "v1", None, other)], None),
            (vec![asked(9, "v1", Some("scale"), None), asked(5, "v1", None, other)], None),
            (vec![asked(9, "v1", Some("ephemeralcontainers"), other)], Some(9)),
        ];
        for (number, (rows, expected)) in cases.into_iter().enumerate() {
            let found = last_let_in(rows, "v1", "sha256:1").map(|asked| asked.time.as_second());
            assert_eq!(found, expected, "case {number}");
        }
    }
}
