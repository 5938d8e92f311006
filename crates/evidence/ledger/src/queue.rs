//! What waits to be committed.

use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::entry::GateNumber;
use crate::error::AppendError;
use crate::leaf::Prepared;
use crate::ledger::Receipt;

/// So many submissions may wait; who brings more waits too.
const MAX_WAITING: usize = 20_000;
/// So many submissions are committed together.
const MAX_GROUP: usize = 4_096;

/// One submission.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) number: Option<GateNumber>,
    pub(crate) prepared: Prepared,
}

/// Submissions that are kept all or none, and who waits for the answer.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) items: Vec<Item>,
    pub(crate) reply: SyncSender<Result<Vec<Receipt>, AppendError>>,
}

/// What the writer is to do.
#[derive(Debug)]
pub(crate) enum Work {
    /// Commit these.
    Commit(Vec<Batch>),
    /// Close the segment, so that it comes under a checkpoint.
    Seal,
    /// Nothing came until the deadline.
    Idle,
    /// Nothing will come any more.
    Closed,
}

#[derive(Debug, Default)]
struct State {
    batches: Vec<Batch>,
    waiting: usize,
    seal: bool,
    closed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Something came in.
    filled: Condvar,
    /// Something was taken out.
    drained: Condvar,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, batch: Batch) -> Result<(), AppendError> {
        let mut state = self.state();
        while state.waiting >= MAX_WAITING && !state.closed {
            state = self.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return Err(AppendError::Failed("the ledger was closed".to_owned()));
        }
        state.waiting += batch.items.len();
        state.batches.push(batch);
        self.filled.notify_one();
        Ok(())
    }

    pub(crate) fn ask_for_checkpoint(&self) {
        self.state().seal = true;
        self.filled.notify_one();
    }

    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }

    /// Waits for work until a deadline.
    pub(crate) fn take(&self, deadline: Option<Instant>) -> Work {
        let mut state = self.state();
        loop {
            if !state.batches.is_empty() {
                let group = take_group(&mut state);
                self.drained.notify_all();
                return Work::Commit(group);
            }
            if std::mem::take(&mut state.seal) {
                return Work::Seal;
            }
            if state.closed {
                return Work::Closed;
            }
            let now = Instant::now();
            let patience = match deadline {
                Some(deadline) if deadline <= now => return Work::Idle,
                Some(deadline) => deadline - now,
                None => Duration::from_hours(1),
            };
            state = self.filled.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Batches that together are not too many, at least one.
fn take_group(state: &mut State) -> Vec<Batch> {
    let mut count = 0;
    let fits = |batch: &&Batch| {
        let first = count == 0;
        count += batch.items.len();
        first || count <= MAX_GROUP
    };
    let taken = state.batches.iter().take_while(fits).count();
    let group: Vec<Batch> = state.batches.drain(..taken).collect();
    state.waiting -= group.iter().map(|batch| batch.items.len()).sum::<usize>();
    group
}
