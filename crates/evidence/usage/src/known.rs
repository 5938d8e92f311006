//! What is known of a cluster.

use jiff::{SignedDuration, Timestamp};
use probity_rbac::Use;
use serde::{Deserialize, Serialize};

/// A time without an event that is longer than this is one of which nothing is known: a cluster is never so quiet.
pub const SILENCE: SignedDuration = SignedDuration::from_mins(10);

/// Silences that are kept one by one; the oldest two become one when there are more.
const MAX_SILENCES: usize = 100;

/// A time of which nothing is known: the server was away, or the API server did not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// The last event before.
    pub from: Timestamp,
    /// The first one after.
    pub to: Timestamp,
}

/// What was used in a cluster.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownUsage {
    /// When nothing was heard.
    pub silences: Vec<Silence>,
    /// By whom, what, when.
    pub usage: Use,
}

impl KnownUsage {
    /// Adds what a part of the log said.
    pub(crate) fn add(&mut self, part: &Use) {
        if let (Some(from), Some(to)) = (self.usage.window().last, part.window().first)
            && to.duration_since(from) > SILENCE
        {
            self.silences.push(Silence { from, to });
        }
        if self.silences.len() > MAX_SILENCES {
            let first = self.silences.remove(0);
            self.silences[0].from = first.from;
        }
        self.usage.merge(part);
    }

    /// What is known of a time and what follows it.
    #[must_use]
    pub fn since(&self, time: Timestamp) -> Self {
        let silences = self.silences.iter().filter(|silence| silence.to > time);
        let cut = silences.map(|silence| Silence { from: silence.from.max(time), to: silence.to });
        Self { silences: cut.collect(), usage: self.usage.used_since(time) }
    }

    /// For how long nothing was heard, of the time that is known.
    pub fn silent(&self) -> SignedDuration {
        self.silences.iter().map(|silence| silence.to.duration_since(silence.from)).sum()
    }

    /// What is not known, in words, of a window that should be of so many days.
    pub fn doubts(&self, days: u32) -> Vec<String> {
        let mut doubts = self.usage.window().doubts(days);
        let silences = self.silences.iter().map(|silence| {
            let Silence { from, to } = silence;
            format!("nothing was heard from {from:.0} to {to:.0}: what was used then is not known")
        });
        doubts.extend(silences);
        doubts
    }
}
