//! Judging the requests of a log, each once.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use probity_model::{Decision, Location, SmolStr, Subject};
use probity_policy_core::PolicySet;

use super::entry::Entry;
use crate::judge::judge;

/// So many requests are remembered, so that the response of each is not judged again.
const REMEMBERED: usize = 200_000;

/// Judges entries as they come.
pub struct Auditor {
    set: Arc<PolicySet>,
    today: Date,
    seen: HashSet<SmolStr>,
    order: VecDeque<SmolStr>,
    counts: Counts,
}

/// What came of the entries so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Entries of either kind.
    pub entries: u64,
    /// Requests that were judged.
    pub judged: u64,
    /// Requests that Vault refused by itself, which no policy has to judge.
    pub refused: u64,
    /// Lines that are no entries.
    pub problems: u64,
}

/// A request that was judged.
#[derive(Debug)]
pub struct Judged {
    /// What the policies say.
    pub decision: Decision,
    /// What they were asked about.
    pub subject: Subject,
    /// When the request came.
    pub time: Timestamp,
}

/// What came of a line.
#[derive(Debug)]
pub enum Step {
    /// Its request was judged.
    Judged(Box<Judged>),
    /// It is the other entry of a request that was judged, or of one that Vault refused.
    Passed,
    /// It is no entry.
    Problem(String),
}

impl Auditor {
    /// An auditor that asks these policies. Waivers expire by the day.
    pub fn new(set: Arc<PolicySet>, today: Date) -> Self {
        Self { set, today, seen: HashSet::new(), order: VecDeque::new(), counts: Counts::default() }
    }

    /// What came of the lines so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The day by which waivers expire from now on.
    pub fn set_day(&mut self, today: Date) {
        self.today = today;
    }

    /// Judges the request of a line that stands at a place.
    pub fn line(&mut self, place: &Location, line: &str) -> Step {
        let entry = match Entry::read(line) {
            Ok(entry) => entry,
            Err(problem) => {
                self.counts.problems += 1;
                return Step::Problem(problem);
            }
        };
        self.counts.entries += 1;
        if self.is_known(entry.request.id.as_deref()) {
            return Step::Passed;
        }
        if entry.refused.is_some() {
            self.counts.refused += 1;
            return Step::Passed;
        }
        self.counts.judged += 1;
        let time = entry.request.time;
        let (mut decision, subject) = judge(&self.set, entry.request.subject(), self.today);
        decision.subject.location = Some(place.clone());
        for finding in &mut decision.findings {
            finding.location = Some(place.clone());
        }
        Step::Judged(Box::new(Judged { decision, subject, time }))
    }

    /// Whether an entry of this request came before; now one has.
    fn is_known(&mut self, id: Option<&str>) -> bool {
        let Some(id) = id.filter(|id| !id.is_empty()) else { return false };
        if self.seen.contains(id) {
            return true;
        }
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        let id = SmolStr::from(id);
        self.order.push_back(id.clone());
        self.seen.insert(id);
        false
    }
}
