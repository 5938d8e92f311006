//! What is remembered of each object: enough to see that a verdict became worse.

use std::collections::HashMap;

use probity_crypto::Sha256;
use probity_model::{Action, Finding, Outcome, Stage};

/// How bad it is: the strictest stage at which something does not hold, and how much does not hold there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(u32);

impl Rank {
    /// Of what was found. That a policy itself failed says nothing of the object.
    pub(super) fn of<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let (mut worst, mut count) = (0, 0);
        for finding in findings.into_iter().filter(|finding| finding.outcome == Outcome::Fail) {
            let level = match finding.stage {
                Stage::Observe => 1,
                Stage::Warn => 2,
                Stage::Enforce => 3,
            };
            if level > worst {
                (worst, count) = (level, 0);
            }
            count += u32::from(level == worst);
        }
        Self(worst << 16 | count.min(0xffff))
    }

    pub(super) fn is_failing(self) -> bool {
        self.0 > 0
    }

    /// Whether it is what a finding at this stage makes of an object.
    pub(super) fn is_of(self, finding: &Finding) -> bool {
        Self::of([finding]).0 >> 16 == self.0 >> 16 && self.is_failing()
    }

    /// What a gate would do.
    pub(super) fn action(self) -> Action {
        match self.0 >> 16 {
            3 => Action::Deny,
            2 => Action::Warn,
            _ => Action::Allow,
        }
    }
}

/// What an object was when it was last judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// The beginning of the digest of its content.
    pub(super) content: u64,
    pub(super) rank: Rank,
    /// The same without what is said of its images.
    pub(super) own: Rank,
    /// By which policies, on which day.
    pub(super) epoch: u32,
    /// In which round, or after it.
    pub(super) round: u32,
}

impl Record {
    /// Why this, judged anew, is worse than before though the object is as it was; `None` when it is not. What becomes
    /// known of images is told elsewhere.
    pub(super) fn is_worse_by(&self, before: &Self) -> Option<Cause> {
        if self.content != before.content {
            return None;
        }
        if self.epoch > before.epoch {
            return (self.rank > before.rank).then_some(Cause::Policies);
        }
        (self.own > before.own).then_some(Cause::Surroundings)
    }
}

/// What makes an object worse that is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Other policies, or another day.
    Policies,
    /// What policies look at besides.
    Surroundings,
}

/// What is known of all objects.
#[derive(Debug, Default)]
pub(super) struct Records {
    known: HashMap<u128, Record>,
    failing: usize,
}

impl Records {
    /// An object was judged. Gives what was known of it before.
    pub(super) fn judged(&mut self, uid: &str, record: Record) -> Option<Record> {
        let before = self.known.insert(key(uid), record);
        self.failing -= usize::from(before.is_some_and(|before| before.rank.is_failing()));
        self.failing += usize::from(record.rank.is_failing());
        before
    }

    /// How bad an object is at most without its images, of which policies that could not be asked may say what they said
    /// before: that they can be asked again makes nothing worse.
    pub(super) fn at_most(&self, uid: &str, own: Rank) -> Rank {
        self.known.get(&key(uid)).map_or(Rank(u32::MAX), |before| before.own.max(own))
    }

    /// An object is there and was not judged anew.
    pub(super) fn seen(&mut self, uid: &str, round: u32) -> bool {
        self.known.get_mut(&key(uid)).map(|record| record.round = round).is_some()
    }

    pub(super) fn forget(&mut self, uid: &str) {
        if self.known.remove(&key(uid)).is_some_and(|record| record.rank.is_failing()) {
            self.failing -= 1;
        }
    }

    /// Forgets what was not seen in a round or after it.
    pub(super) fn sweep(&mut self, round: u32) {
        self.known.retain(|_, record| record.round >= round);
        self.failing = self.known.values().filter(|record| record.rank.is_failing()).count();
    }

    /// How many objects are known.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// In how many of them something does not hold.
    pub(super) fn failing(&self) -> usize {
        self.failing
    }
}

/// An object's UID in few bytes.
fn key(uid: &str) -> u128 {
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(uid)[..16]);
    u128::from_be_bytes(half)
}

#[cfg(test)]
mod tests {
    use probity_model::{PolicyId, Severity};
    use proptest::prelude::*;

    use super::*;

    fn finding(outcome: Outcome, stage: Stage) -> Finding {
        Finding {
            policy: PolicyId::from("P"),
            outcome,
            severity: Severity::High,
            stage,
            message: String::new(),
            reason: None,
            span: None,
            location: None,
        }
    }

    #[test]
    fn what_is_stricter_or_more_is_worse() {
        use Outcome::{Error, Fail, Pass, Waived};
        use Stage::{Enforce, Observe, Warn};
        let rank = |findings: &[(Outcome, Stage)]| {
            let findings: Vec<_> = findings.iter().map(|(outcome, stage)| finding(*outcome, *stage)).collect();
            Rank::of(&findings)
        };
        let ascending = [
            rank(&[(Pass, Enforce), (Waived, Enforce), (Error, Enforce)]),
            rank(&[(Fail, Observe)]),
            rank(&[(Fail, Observe), (Fail, Observe)]),
            rank(&[(Fail, Warn)]),
            rank(&[(Fail, Enforce), (Fail, Warn), (Fail, Warn)]),
            rank(&[(Fail, Enforce), (Fail, Enforce)]),
        ];
        assert!(ascending.is_sorted_by(|a, b| a < b), "{ascending:?}");
        let actions = ascending.map(Rank::action);
        let wanted = [Action::Allow, Action::Allow, Action::Allow, Action::Warn, Action::Deny, Action::Deny];
        assert_eq!(actions, wanted);
        assert!(ascending[3].is_of(&finding(Fail, Warn)) && !ascending[4].is_of(&finding(Fail, Warn)));
        assert!(!ascending[0].is_of(&finding(Pass, Enforce)));
    }

    #[test]
    fn only_what_nobody_asked_for_is_drift() {
        let before = Record { content: 1, rank: Rank(0), own: Rank(0), epoch: 1, round: 1 };
        let worse = Rank(3 << 16 | 1);
        let cases = [
            (Record { rank: worse, own: worse, epoch: 2, ..before }, Some(Cause::Policies)),
            (Record { rank: worse, epoch: 2, ..before }, Some(Cause::Policies)),
            // The object is another: that was a request.
            (Record { rank: worse, own: worse, epoch: 2, content: 2, ..before }, None),
            (Record { rank: worse, own: worse, content: 2, ..before }, None),
            // The same policies on the same day: only images are worse, or what is around it is another.
            (Record { rank: worse, ..before }, None),
            (Record { rank: worse, own: worse, ..before }, Some(Cause::Surroundings)),
            (Record { epoch: 2, ..before }, None),
        ];
        for (now, cause) in cases {
            assert_eq!(now.is_worse_by(&before), cause, "{now:?}");
        }
    }

    #[test]
    fn what_could_not_be_asked_makes_nothing_worse_when_it_answers_again() {
        let record = |own: u32, round: u32| Record { content: 1, rank: Rank(0), own: Rank(own), epoch: 1, round };
        let mut records = Records::default();
        let unsure = Record { own: records.at_most("new", Rank(0)), ..record(0, 1) };
        records.judged("new", unsure);
        records.judged("known", record(5, 1));
        records.judged("known", Record { own: records.at_most("known", Rank(0)), ..record(0, 2) });
        for (uid, own, cause) in [
            ("new", 5, None),
            ("known", 5, None),
            ("known", 6, Some(Cause::Surroundings)),
            ("new", 6, Some(Cause::Surroundings)),
        ] {
            let now = record(own, 3);
            let before = records.judged(uid, now).unwrap();
            assert_eq!(now.is_worse_by(&before), cause, "{uid}");
        }
    }

    proptest! {
        #[test]
        fn those_that_fail_are_counted(events in prop::collection::vec((0u8..5, 0u32..3, 0u8..4), 0..60)) {
            let mut records = Records::default();
            for (round, (name, level, what)) in (0u32..).zip(events) {
                let uid = format!("uid-{name}");
                match what {
                    0 => records.forget(&uid),
                    1 => records.sweep(round.saturating_sub(3)),
                    2 => drop(records.seen(&uid, round)),
                    _ => drop(records.judged(&uid, Record { content: 0, rank: Rank(level), own: Rank(0), epoch: 0, round })),
                }
                let failing = records.known.values().filter(|record| record.rank.is_failing()).count();
                prop_assert_eq!(records.failing(), failing);
            }
        }
    }
}
