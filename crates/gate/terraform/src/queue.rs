//! Tasks that wait for a worker.

use std::collections::{HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::journal::Entry;

/// So many tasks that have ended are remembered: the platform sends one again when it did not hear the answer.
const REMEMBERED: usize = 4_096;

/// What becomes of a task that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It has a place.
    New,
    /// It came before.
    Known,
    /// There is no place.
    Full,
}

/// A line that is not longer than it may be.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Entry>,
    /// Places that are promised.
    promised: usize,
    /// Tasks that wait, are being done, or ended not long ago.
    known: HashSet<String>,
    ended: VecDeque<String>,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(most: usize) -> Self {
        Self { state: Mutex::default(), ready: Condvar::new(), most }
    }

    /// Promises a place to a task that is new. It is to be taken by [`Self::push`] or given back by [`Self::withdraw`].
    pub(crate) fn admit(&self, id: &str) -> Admission {
        let mut state = self.state();
        if state.known.contains(id) {
            return Admission::Known;
        }
        if state.closed || state.waiting.len() + state.promised >= self.most {
            return Admission::Full;
        }
        state.promised += 1;
        state.known.insert(id.to_owned());
        Admission::New
    }

    pub(crate) fn withdraw(&self, id: &str) {
        let mut state = self.state();
        state.promised = state.promised.saturating_sub(1);
        state.known.remove(id);
    }

    pub(crate) fn push(&self, entry: Entry) {
        let mut state = self.state();
        state.promised = state.promised.saturating_sub(1);
        state.waiting.push_back(entry);
        self.ready.notify_one();
    }

    /// Puts a task in line that was taken before, however many wait.
    pub(crate) fn resume(&self, entry: Entry) {
        let mut state = self.state();
        state.known.insert(entry.task.task_result_id.clone());
        state.waiting.push_back(entry);
        self.ready.notify_one();
    }

    /// The next task; waits for one. `None` once the line is closed.
    pub(crate) fn take(&self) -> Option<Entry> {
        let state = self.state();
        let idle = |state: &mut State| state.waiting.is_empty() && !state.closed;
        let mut state = self.ready.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        if state.closed { None } else { state.waiting.pop_front() }
    }

    /// Says that a task has ended.
    pub(crate) fn end(&self, id: &str) {
        let mut state = self.state();
        state.ended.push_back(id.to_owned());
        if state.ended.len() > REMEMBERED
            && let Some(oldest) = state.ended.pop_front()
        {
            state.known.remove(&oldest);
        }
    }

    /// Has nobody take anything any more. What waits is in the journal.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.ready.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(id: &str) -> Entry {
        let task = json!({
            "payload_version": 1, "stage": "post_plan", "access_token": "t", "organization_name": "acme",
            "workspace_name": "portal", "run_id": "run-1", "task_result_id": id, "task_result_callback_url": "https://a/"
        });
        Entry { received: jiff::Timestamp::UNIX_EPOCH, attempts: 0, task: serde_json::from_value(task).unwrap() }
    }

    #[test]
    fn a_task_has_one_place_and_places_are_few() {
        let queue = Queue::new(2);
        assert_eq!(queue.admit("a"), Admission::New);
        assert_eq!(queue.admit("a"), Admission::Known);
        assert_eq!(queue.admit("b"), Admission::New);
        assert_eq!(queue.admit("c"), Admission::Full);
        queue.withdraw("b");
        assert_eq!(queue.admit("b"), Admission::New);
        queue.push(entry("a"));
        queue.push(entry("b"));
        assert_eq!(queue.admit("c"), Admission::Full);
        assert_eq!(queue.take().unwrap().task.task_result_id, "a");
        assert_eq!(queue.admit("c"), Admission::New);
        queue.end("a");
        assert_eq!(queue.admit("a"), Admission::Known);
        queue.close();
        assert!(queue.take().is_none());
        assert_eq!(queue.admit("d"), Admission::Full);
    }

    #[test]
    fn what_ended_long_ago_is_forgotten() {
        let queue = Queue::new(1);
        queue.resume(entry("first"));
        queue.end("first");
        for n in 0..REMEMBERED {
            queue.end(&n.to_string());
        }
        queue.take();
        assert_eq!(queue.admit("first"), Admission::New);
    }
}
