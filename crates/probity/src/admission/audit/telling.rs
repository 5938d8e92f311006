//! Objects that became worse without a request, told as drift: each, and when there are many of one change, how many more.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use probity_evidence_ledger::{Body, DriftKind, DriftRecord, DriftState, SubjectRecord};
use probity_model::{Labels, PolicyId, Severity, SubjectKind};
use tokio::sync::watch;

use super::judging::Judged;
use super::records::{Cause, Record};
use crate::admission::webhook::Gate;

/// So many objects of one change have an entry each.
const MOST: usize = 200;

/// Most policies that an entry names.
const MAX_POLICIES: usize = 50;

/// Longest message of an entry, in characters.
const LONGEST: usize = 2_000;

/// How long the disk is waited for at a time, and how long after a failure an entry is written again.
const PATIENCE: Duration = Duration::from_secs(20);
const AGAIN: Duration = Duration::from_secs(1);

/// Tells what became worse, on a thread of its own.
pub(super) struct Teller {
    gate: Arc<Gate>,
    /// Of policies, by epochs.
    by_policies: Mutex<Wave>,
    /// Of what is around objects, by rounds.
    by_surroundings: Mutex<Wave>,
    entries: Mutex<Option<Sender<DriftRecord>>>,
    writing: Mutex<Option<JoinHandle<()>>>,
}

/// What was made worse together.
#[derive(Debug, Default)]
struct Wave {
    number: u32,
    told: usize,
    /// How many were not told one by one.
    more: usize,
    severity: Option<Severity>,
    policies: BTreeSet<PolicyId>,
}

impl Wave {
    /// Whether one more is told by itself; and what is to be said of the wave before, when this is another.
    fn take(&mut self, number: u32, severity: Severity, policies: &[PolicyId]) -> (bool, Option<Self>) {
        let other = (self.number != number).then(|| std::mem::replace(self, Self { number, ..Self::default() }));
        let is_told = self.told < MOST;
        if is_told {
            self.told += 1;
        } else {
            self.more += 1;
            self.severity = self.severity.max(Some(severity));
            let room = MAX_POLICIES.saturating_sub(self.policies.len());
            self.policies.extend(policies.iter().take(room).cloned());
        }
        (is_told, other.filter(|wave| wave.more > 0))
    }

    /// What is to be said at the end of a look at all objects.
    fn end(&mut self) -> Option<Self> {
        let rest = Self { number: self.number, told: self.told, ..Self::default() };
        (self.more > 0).then(|| std::mem::replace(self, rest))
    }
}

impl Teller {
    pub(super) fn start(gate: &Arc<Gate>, ended: watch::Receiver<bool>) -> Self {
        let (sender, entries) = channel();
        let writer = Arc::clone(gate);
        let writing = std::thread::spawn(move || write_until_end(&writer, &entries, &ended));
        Self {
            gate: Arc::clone(gate),
            by_policies: Mutex::default(),
            by_surroundings: Mutex::default(),
            entries: Mutex::new(Some(sender)),
            writing: Mutex::new(Some(writing)),
        }
    }

    /// An object is worse than it was.
    pub(super) fn worse(&self, judged: &Judged, why: Cause, before: &Record, now: &Record) {
        let mut policies: Vec<PolicyId> = judged.worst.iter().map(|finding| finding.policy.clone()).collect();
        policies.dedup();
        policies.truncate(MAX_POLICIES);
        let severity = judged.worst.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Low);
        let number = match why {
            Cause::Policies => now.epoch,
            Cause::Surroundings => now.round,
        };
        let (is_told, other) = self.wave(why).take(number, severity, &policies);
        if let Some(wave) = other {
            self.tell_rest(why, wave);
        }
        if !is_told {
            return;
        }
        let what = if why == Cause::Policies && judged.waiver_ended { DriftKind::WaiverExpired } else { kind(why) };
        let found = judged.worst.iter().map(|finding| match &finding.reason {
            Some(reason) => format!("{}: {}; {reason}", finding.policy, finding.message),
            None => format!("{}: {}", finding.policy, finding.message),
        });
        let state = |record: &Record| DriftState {
            verdict: Some(record.rank.action()),
            digest: Some(judged.audited.digest.clone()),
        };
        self.send(DriftRecord {
            cluster: self.gate.cluster_name.to_string(),
            subject: SubjectRecord {
                kind: SubjectKind::Kubernetes.as_str().into(),
                resource_type: judged.audited.kind.as_str().into(),
                address: judged.address.clone(),
                labels: judged.labels.clone(),
                location: None,
            },
            what,
            message: shortened(&found.collect::<Vec<_>>().join("; ")),
            severity,
            before: Some(state(before)),
            after: Some(state(now)),
            who: None,
            policies,
        });
    }

    /// All objects were looked at: how many more there were is told.
    pub(super) fn end_of_round(&self) {
        for why in [Cause::Policies, Cause::Surroundings] {
            let rest = self.wave(why).end();
            if let Some(wave) = rest {
                self.tell_rest(why, wave);
            }
        }
    }

    fn wave(&self, why: Cause) -> MutexGuard<'_, Wave> {
        let wave = match why {
            Cause::Policies => &self.by_policies,
            Cause::Surroundings => &self.by_surroundings,
        };
        wave.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_rest(&self, why: Cause, wave: Wave) {
        let by = match why {
            Cause::Policies => "the same change of policies",
            Cause::Surroundings => "what changed around them",
        };
        let cluster = self.gate.cluster_name.to_string();
        self.send(DriftRecord {
            subject: SubjectRecord {
                kind: SubjectKind::Kubernetes.as_str().into(),
                resource_type: "Cluster".into(),
                address: format!("Cluster/{cluster}"),
                labels: Labels::default(),
                location: None,
            },
            cluster,
            what: kind(why),
            message: format!("{} more objects are worse than before by {by}", wave.more),
            severity: wave.severity.unwrap_or(Severity::Low),
            before: None,
            after: None,
            who: None,
            policies: wave.policies.into_iter().collect(),
        });
    }

    fn send(&self, record: DriftRecord) {
        if let Some(entries) = &*self.entries.lock().unwrap_or_else(PoisonError::into_inner) {
            // The thread ends only after this.
            let _ = entries.send(record);
        }
    }

    /// Waits until all is written, or cannot be.
    pub(super) fn end(&self) {
        self.end_of_round();
        drop(self.entries.lock().unwrap_or_else(PoisonError::into_inner).take());
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A thread that panicked has said so.
        let _ = writing.map(JoinHandle::join);
    }
}

fn write_until_end(gate: &Gate, entries: &Receiver<DriftRecord>, ended: &watch::Receiver<bool>) {
    for record in entries {
        let (time, body) = (Timestamp::now(), Body::Drift(Box::new(record)));
        let mut said = false;
        while let Err(why) = gate.queue.keep(time, body.clone(), Instant::now() + PATIENCE) {
            if !std::mem::replace(&mut said, true) {
                eprintln!("probity: that an object is worse than it was is not kept yet: {why}");
            }
            if *ended.borrow() {
                return;
            }
            std::thread::sleep(AGAIN);
        }
    }
}

fn kind(why: Cause) -> DriftKind {
    match why {
        Cause::Policies => DriftKind::PolicyChanged,
        Cause::Surroundings => DriftKind::SurroundingsChanged,
    }
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(LONGEST) {
        None => message.to_owned(),
        Some((end, _)) => format!("{}…", &message[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_change_so_many_are_told_and_the_others_counted() {
        let mut wave = Wave::default();
        let policies = [PolicyId::from("P")];
        let told = |wave: &mut Wave, epoch: u32, count: usize| {
            let taken: Vec<_> = (0..count).map(|_| wave.take(epoch, Severity::High, &policies)).collect();
            let others = taken.iter().filter_map(|(_, other)| other.as_ref().map(|wave| wave.more)).collect::<Vec<_>>();
            (taken.iter().filter(|(told, _)| *told).count(), others)
        };
        assert_eq!(told(&mut wave, 1, MOST + 7), (MOST, vec![]));
        let rest = wave.end().unwrap();
        assert_eq!((rest.more, rest.severity), (7, Some(Severity::High)));
        assert_eq!(rest.policies.len(), 1);
        // What comes after the end of the look is still of the same change.
        assert_eq!(told(&mut wave, 1, 2), (0, vec![]));
        assert_eq!(told(&mut wave, 2, 1), (1, vec![2]));
        assert!(wave.end().is_none());
    }
}
