//! What was asked before.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::host::HostError;

type Slot<T> = Arc<OnceLock<Result<T, HostError>>>;

/// Answers by what was asked. Who asks the same at the same time waits for one answer.
#[derive(Debug)]
pub(super) struct Known<K, T>(Mutex<HashMap<K, Slot<T>>>);

impl<K, T> Default for Known<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, T: Clone> Known<K, T> {
    /// The answer; asked for if it is not known.
    pub(super) fn get(&self, key: K, ask: impl FnOnce() -> Result<T, HostError>) -> Result<T, HostError> {
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone();
        slot.get_or_init(ask).clone()
    }
}
