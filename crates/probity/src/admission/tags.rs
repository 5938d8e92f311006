//! The digests that tags mean now.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use probity_subject_image::{Digest, Location, Reference, Registry, Repository};

use crate::words;

/// How long the digest of a tag counts.
const FRESH: Duration = Duration::from_mins(5);

/// How long it counts that a tag could not be looked up.
const FAILED: Duration = Duration::from_secs(5);

/// Most tags that are remembered.
const MOST: usize = 10_000;

/// Tags that are looked up at the same time.
const AT_ONCE: usize = 8;

/// The tags of registries.
pub(super) struct Tags {
    registry: Registry,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    known: HashMap<String, (Instant, Result<Digest, String>)>,
    /// Tags that are being looked up.
    asked: Vec<String>,
}

impl Tags {
    pub(super) fn new(registry: Registry) -> Arc<Self> {
        Arc::new(Self { registry, state: Mutex::default(), changed: Condvar::new() })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The digest that a reference means. It is looked up on a thread of its own, which goes on when nobody waits any more,
    /// so that the next request finds it done.
    pub(super) fn digest(self: &Arc<Self>, reference: &Reference, deadline: Instant) -> Result<Digest, String> {
        if let Some(digest) = reference.digest() {
            return Ok(digest.clone());
        }
        let name = reference.to_string();
        let mut state = self.state();
        loop {
            if let Some((since, digest)) = state.known.get(&name)
                && since.elapsed() < if digest.is_ok() { FRESH } else { FAILED }
            {
                return digest.clone();
            }
            if !state.asked.contains(&name) && state.asked.len() < AT_ONCE {
                state.asked.push(name.clone());
                let (tags, reference) = (Arc::clone(self), reference.clone());
                std::thread::spawn(move || tags.look_up(&reference));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("the digest of {name} is still being looked up; try again in a moment"));
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The digest that a reference was last known to mean, or why not, and whether that still counts; nobody is asked.
    pub(super) fn remembered(&self, reference: &Reference) -> Option<(bool, Result<Digest, String>)> {
        if let Some(digest) = reference.digest() {
            return Some((true, Ok(digest.clone())));
        }
        let state = self.state();
        let (since, digest) = state.known.get(&reference.to_string())?;
        Some((since.elapsed() < FRESH, digest.clone()))
    }

    fn look_up(&self, reference: &Reference) {
        let location = Location::Registry(reference.clone());
        let look = || Ok(Repository::open(&location, &self.registry)?.resolve(&location)?.digest);
        let found = look().map_err(|error: anyhow::Error| words(&error));
        let name = reference.to_string();
        let mut state = self.state();
        if state.known.len() >= MOST {
            state.known.clear();
        }
        state.asked.retain(|asked| *asked != name);
        state.known.insert(name, (Instant::now(), found));
        self.changed.notify_all();
    }
}
