//! Texts in which nothing was found, by the thread that looked: requests repeat theirs.

use std::cell::RefCell;
use std::collections::HashSet;

/// Most texts that are remembered at a time.
const MAX_REMEMBERED: usize = 4096;

/// Longest text that is remembered, in bytes.
const MAX_LENGTH: usize = 128;

thread_local! {
    static REMEMBERED: RefCell<HashSet<Box<str>>> = RefCell::default();
}

/// Whether the text was looked through before, and had no secret in it.
pub(crate) fn is_known(text: &str) -> bool {
    text.len() <= MAX_LENGTH && REMEMBERED.with_borrow(|remembered| remembered.contains(text))
}

/// Remembers a text in which there is no secret.
pub(crate) fn remember(text: &str) {
    if text.len() > MAX_LENGTH {
        return;
    }
    REMEMBERED.with_borrow_mut(|remembered| {
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(text.into());
    });
}
