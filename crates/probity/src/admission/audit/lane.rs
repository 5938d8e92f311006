//! Images that running objects have, looked into one after another, so that registries are asked little and nothing else waits.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use probity_gate_admission::Images;
use probity_model::{Finding, Labels, Outcome, PolicyId};

use super::plan::Key;
use crate::admission::images::Known;

/// How long one image may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Images that wait to be looked into, each once, with the objects that have them.
#[derive(Default)]
pub(super) struct Lane {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    order: VecDeque<String>,
    waiting: HashMap<String, Waiting>,
    ended: bool,
}

struct Waiting {
    known: Arc<Known>,
    labels: Labels,
    keys: Vec<Key>,
}

impl Lane {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, known: &Arc<Known>, reference: &str, labels: &Labels, key: &Key) {
        let mut state = self.state();
        if let Some(waiting) = state.waiting.get_mut(reference) {
            // Other policies may be in force since.
            waiting.known = Arc::clone(known);
            if !waiting.keys.contains(key) {
                waiting.keys.push(key.clone());
            }
            return;
        }
        let waiting = Waiting { known: Arc::clone(known), labels: labels.clone(), keys: vec![key.clone()] };
        state.waiting.insert(reference.to_owned(), waiting);
        state.order.push_back(reference.to_owned());
        drop(state);
        self.news.notify_one();
    }

    fn next(&self) -> Option<(String, Waiting)> {
        let mut state = self.state();
        loop {
            if state.ended {
                return None;
            }
            if let Some(reference) = state.order.pop_front()
                && let Some(waiting) = state.waiting.remove(&reference)
            {
                return Some((reference, waiting));
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Looks into what waits until the end; `changed` is told the objects of which something else is known now.
    pub(super) fn work(&self, changed: impl Fn(Vec<Key>)) {
        while let Some((reference, Waiting { known, labels, keys })) = self.next() {
            let before = known.remembered(&reference);
            let found = known.until(Instant::now() + PATIENCE).judge(&reference, &labels);
            if before.is_none_or(|before| said(&before.findings) != said(&found.1)) {
                changed(keys);
            }
        }
    }

    pub(super) fn end(&self) {
        self.state().ended = true;
        self.news.notify_all();
    }
}

/// What of findings is told.
fn said(findings: &[Finding]) -> Vec<(&PolicyId, Outcome, &str)> {
    findings.iter().map(|finding| (&finding.policy, finding.outcome, finding.message.as_str())).collect()
}

/// What is known of the images of an object without asking anybody; what is not, or is old, is looked into later.
pub(super) struct WithoutAsking<'l> {
    pub(super) known: &'l Arc<Known>,
    pub(super) lane: &'l Lane,
    pub(super) key: &'l Key,
    /// Whether nothing is known of some image yet.
    pub(super) is_missing: AtomicBool,
}

impl Images for WithoutAsking<'_> {
    fn judge(&self, reference: &str, labels: &Labels) -> (Option<String>, Vec<Finding>) {
        let remembered = self.known.remembered(reference);
        if !remembered.as_ref().is_some_and(|found| found.is_fresh) {
            self.lane.ask(self.known, reference, labels, self.key);
        }
        let Some(found) = remembered else {
            self.is_missing.store(true, Ordering::Relaxed);
            return (None, Vec::new());
        };
        (found.digest, found.findings)
    }
}
