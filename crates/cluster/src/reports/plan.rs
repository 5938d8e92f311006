//! Which reports there are and which are to be written, without asking anybody.

use std::collections::{HashMap, VecDeque};

use super::form::{Place, Report};

/// Most bytes of reports that wait to be written; a whole cluster of failures would take all memory.
const MOST_WAITING: usize = 32 << 20;

/// What a report says, in short: two that say the same have the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Content(u128);

impl Content {
    pub(super) fn of(digest: &[u8; 32]) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Self(u128::from_be_bytes(half))
    }

    /// As a report has it. What somebody else wrote is the content of no report.
    pub(super) fn read(text: &str) -> Self {
        let is_written = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        Self(u128::from_str_radix(text, 16).ok().filter(|_| is_written).unwrap_or_default())
    }
}

impl std::fmt::Display for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What became of what was found of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The cluster says so already.
    Same,
    /// It waits to be written.
    Waiting,
    /// So much waits that it is left out; it is taken when it is found again later.
    Full,
    /// The cluster has no kind for reports, or nobody has looked yet which it has.
    Closed,
}

/// What is to be done for an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Todo {
    Write { report: Report, exists: bool },
    Delete { place: Place },
}

impl Todo {
    fn size(&self) -> usize {
        match self {
            Self::Write { report, .. } => report.size(),
            Self::Delete { place } => place.len(),
        }
    }
}

/// How far writing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Objects whose reports are to be written or deleted.
    pub waiting: usize,
    /// Reports that the cluster has.
    pub reports: usize,
    /// How often a report was written.
    pub written: u64,
    /// How many were deleted.
    pub deleted: u64,
    /// How often something was left out because too much waited.
    pub left_out: u64,
    /// How many the API server refused.
    pub refused: u64,
    /// What went wrong the last time.
    pub trouble: Option<String>,
}

/// A report that the cluster has.
#[derive(Debug, Clone)]
struct Known {
    place: Place,
    content: Content,
    round: u64,
}

#[derive(Default)]
pub(super) struct Plan {
    is_open: bool,
    known: HashMap<String, Known>,
    waiting: HashMap<String, Todo>,
    /// In which order; what is no longer waiting is skipped.
    order: VecDeque<String>,
    bytes: usize,
    /// The object whose report is being written, and where.
    in_hand: Option<(String, Place)>,
    round: u64,
    progress: Progress,
}

impl Plan {
    /// The cluster has these reports.
    pub(super) fn open(&mut self, reports: Vec<(String, Place, Content)>) {
        self.is_open = true;
        let before = std::mem::take(&mut self.known);
        for (uid, place, content) in reports {
            let round = before.get(&uid).map_or(0, |known| known.round);
            self.known.insert(uid, Known { place, content, round });
        }
        // What is gone need not be deleted.
        let Self { known, waiting, bytes, .. } = self;
        waiting.retain(|uid, todo| {
            let stays = known.contains_key(uid) || matches!(todo, Todo::Write { .. });
            *bytes -= if stays { 0 } else { todo.size() };
            stays
        });
    }

    /// Nothing can be written.
    pub(super) fn close(&mut self) {
        let Self { round, progress, .. } = std::mem::take(self);
        *self = Self { round, progress, ..Self::default() };
    }

    pub(super) fn begin(&mut self) -> u64 {
        self.round += 1;
        self.round
    }

    /// Deletes what was not seen in a round.
    pub(super) fn finish(&mut self, round: u64) {
        let stale = self.known.iter().filter(|(uid, known)| known.round < round && !self.waiting.contains_key(*uid));
        let stale: Vec<_> = stale.map(|(uid, known)| (uid.clone(), known.place.clone())).collect();
        for (uid, place) in stale {
            self.wait(uid, Todo::Delete { place });
        }
    }

    pub(super) fn take(&mut self, uid: &str, report: Option<Report>) -> Taken {
        if !self.is_open {
            return Taken::Closed;
        }
        let round = self.round;
        let Some(report) = report else {
            let in_hand = self.in_hand.as_ref().filter(|(of, _)| of == uid).map(|(_, place)| place);
            let place = self.known.get(uid).map(|known| &known.place).or(in_hand).cloned();
            return match place {
                Some(place) => self.wait(uid.to_owned(), Todo::Delete { place }),
                None => self.drop_waiting(uid),
            };
        };
        if let Some(known) = self.known.get_mut(uid) {
            known.round = round;
            if known.content == report.content && known.place == report.place {
                return self.drop_waiting(uid);
            }
            return self.wait(uid.to_owned(), Todo::Write { report, exists: true });
        }
        self.wait(uid.to_owned(), Todo::Write { report, exists: false })
    }

    /// What waits for an object is no longer so.
    fn drop_waiting(&mut self, uid: &str) -> Taken {
        if let Some(todo) = self.waiting.remove(uid) {
            self.bytes -= todo.size();
        }
        Taken::Same
    }

    fn wait(&mut self, uid: String, todo: Todo) -> Taken {
        let before = self.waiting.get(&uid).map_or(0, Todo::size);
        let bytes = self.bytes - before + todo.size();
        if bytes > MOST_WAITING {
            self.progress.left_out += 1;
            self.drop_waiting(&uid);
            return Taken::Full;
        }
        self.bytes = bytes;
        if self.waiting.insert(uid.clone(), todo).is_none() {
            if self.order.len() > 2 * self.waiting.len() + 1_000 {
                self.order = self.waiting.keys().filter(|waiting| **waiting != uid).cloned().collect();
            }
            self.order.push_back(uid);
        }
        Taken::Waiting
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// The report of an object stays for this round.
    pub(super) fn keep(&mut self, uid: &str) {
        if let Some(known) = self.known.get_mut(uid) {
            known.round = self.round;
        }
    }

    pub(super) fn forget(&mut self, uid: &str) {
        self.known.remove(uid);
        self.drop_waiting(uid);
    }

    /// What is to be done next; it waits no more.
    pub(super) fn next(&mut self) -> Option<(String, Todo)> {
        while let Some(uid) = self.order.pop_front() {
            let Some(todo) = self.waiting.remove(&uid) else { continue };
            self.bytes -= todo.size();
            match &todo {
                // It may have been written since it was found.
                Todo::Write { report, .. } if self.says(&uid, report.content) => continue,
                Todo::Write { report, .. } => self.in_hand = Some((uid.clone(), report.place.clone())),
                // What is found from now on is to be written.
                Todo::Delete { .. } => drop(self.known.remove(&uid)),
            }
            return Some((uid, todo));
        }
        None
    }

    fn says(&self, uid: &str, content: Content) -> bool {
        self.known.get(uid).is_some_and(|known| known.content == content)
    }

    /// It is done.
    pub(super) fn done(&mut self, uid: &str, todo: &Todo) {
        self.in_hand = None;
        self.progress.trouble = None;
        match todo {
            Todo::Write { report, .. } => {
                let known = Known { place: report.place.clone(), content: report.content, round: self.round };
                self.known.insert(uid.to_owned(), known);
                self.progress.written += 1;
            }
            Todo::Delete { .. } => self.progress.deleted += 1,
        }
    }

    /// It will not be done. What is found again is tried again.
    pub(super) fn refused(&mut self, uid: &str, todo: &Todo, why: String) {
        self.in_hand = None;
        if !matches!(todo, Todo::Write { exists: false, .. }) {
            self.doubt(uid, todo);
        }
        self.progress.refused += 1;
        self.progress.trouble = Some(why);
    }

    /// It is done later, unless something newer waits. It may have been done all the same.
    pub(super) fn put_back(&mut self, uid: String, todo: Todo) {
        self.in_hand = None;
        if self.is_open {
            self.doubt(&uid, &todo);
            if !self.waiting.contains_key(&uid) {
                self.wait(uid, todo);
            }
        }
    }

    /// There may be a report, and nobody knows what it says.
    fn doubt(&mut self, uid: &str, todo: &Todo) {
        let (Todo::Write { report: Report { place, .. }, .. } | Todo::Delete { place }) = todo;
        let known = Known { place: place.clone(), content: Content::default(), round: self.round };
        self.known.insert(uid.to_owned(), known);
    }

    pub(super) fn troubled(&mut self, why: String) {
        self.progress.trouble = Some(why);
    }

    pub(super) fn progress(&self) -> Progress {
        Progress { waiting: self.waiting.len(), reports: self.known.len(), ..self.progress.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::reports::form::{Audited, Limits, Reported, Verdict};

    fn report(uid: &str, message: &str) -> Option<Report> {
        let reported = Reported {
            policy: "P".to_owned(),
            rule: String::new(),
            verdict: Verdict::Fail,
            severity: None,
            category: String::new(),
            message: message.to_owned(),
            properties: BTreeMap::new(),
        };
        let audited =
            Audited { namespace: "ns".to_owned(), uid: uid.to_owned(), results: vec![reported], ..Audited::default() };
        Report::of(&audited, &Limits::default())
    }

    #[derive(Debug, Clone)]
    enum Event {
        /// What was found of an object; `None` when nothing is wrong with it.
        Found(u8, Option<u8>),
        /// The next thing to do goes out.
        Begins,
        /// Its answer comes; the number says whether it went well, is refused or must be tried again.
        Answered(u8),
        /// Somebody deletes a report, and the reports are looked at.
        Spoiled(u8),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            6 => (0u8..4, prop::option::of(0u8..3)).prop_map(|(uid, message)| Event::Found(uid, message)),
            4 => Just(Event::Begins),
            4 => (0u8..6).prop_map(Event::Answered),
            1 => (0u8..4).prop_map(Event::Spoiled),
        ]
    }

    /// The cluster's side: what each report says.
    type Reports = BTreeMap<String, Content>;

    fn carry_out(reports: &mut Reports, uid: &str, todo: &Todo) {
        match todo {
            Todo::Write { report, .. } => drop(reports.insert(uid.to_owned(), report.content)),
            Todo::Delete { .. } => drop(reports.remove(uid)),
        }
    }

    fn listed(reports: &Reports) -> Vec<(String, Place, Content)> {
        reports.iter().map(|(uid, content)| (uid.clone(), "ns".to_owned(), *content)).collect()
    }

    proptest! {
        #[test]
        fn in_the_end_reports_say_what_was_found_and_nothing_is_written_twice(
            there in prop::collection::btree_map(0u8..4, 0u8..3, 0..4),
            events in prop::collection::vec(event(), 0..60),
        ) {
            let name = |uid: u8| format!("uid-{uid}");
            let found = |uid: u8, message: Option<u8>| message.and_then(|n| report(&name(uid), &n.to_string()));
            let mut reports: Reports = there
                .iter()
                .map(|(uid, message)| (name(*uid), found(*uid, Some(*message)).unwrap().content))
                .collect();
            let mut plan = Plan::default();
            prop_assert_eq!(plan.take("uid-0", None), Taken::Closed);
            plan.open(listed(&reports));
            let mut last: BTreeMap<u8, Option<u8>> = BTreeMap::new();
            // What failed may have been done all the same; then it is done again.
            let (mut in_hand, mut failed) = (None, false);
            for event in events {
                match event {
                    Event::Found(uid, message) => {
                        last.insert(uid, message);
                        plan.take(&name(uid), found(uid, message));
                    }
                    Event::Begins if in_hand.is_none() => in_hand = plan.next(),
                    Event::Answered(how) => match (in_hand.take().inspect(|_| failed |= how < 2), how) {
                        (None, _) => {}
                        (Some((uid, todo)), 0) => plan.refused(&uid, &todo, "no".to_owned()),
                        (Some((uid, todo)), 1) => plan.put_back(uid, todo),
                        (Some((uid, todo)), _) => {
                            carry_out(&mut reports, &uid, &todo);
                            plan.done(&uid, &todo);
                        }
                    },
                    Event::Spoiled(uid) if in_hand.is_none() => {
                        reports.remove(&name(uid));
                        plan.open(listed(&reports));
                    }
                    Event::Begins | Event::Spoiled(_) => {}
                }
            }
            if let Some((uid, todo)) = in_hand.take() {
                failed = true;
                plan.put_back(uid, todo);
            }
            // A round over all objects mends what was refused or spoiled, and takes away what is of nobody.
            let round = plan.begin();
            for (uid, message) in &last {
                plan.take(&name(*uid), found(*uid, *message));
            }
            plan.finish(round);
            while let Some((uid, todo)) = plan.next() {
                let before = reports.get(&uid).copied();
                carry_out(&mut reports, &uid, &todo);
                plan.done(&uid, &todo);
                prop_assert!(failed || before != reports.get(&uid).copied(), "written for nothing");
            }
            let wanted: Reports = last
                .iter()
                .filter_map(|(uid, message)| Some((name(*uid), found(*uid, *message)?.content)))
                .collect();
            prop_assert_eq!(reports, wanted);
            prop_assert_eq!((plan.progress().waiting, plan.bytes), (0, 0));
        }
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut plan = Plan::default();
        plan.open(Vec::new());
        let long = "x".repeat(1_000);
        let size = report("uid", &long).unwrap().size();
        let mut taken = 0;
        for number in 0..2 * MOST_WAITING / size {
            taken += usize::from(plan.take(&number.to_string(), report("uid", &long)) == Taken::Waiting);
        }
        assert_eq!(taken, MOST_WAITING / size);
        assert!(plan.progress().left_out > 0);
        for number in 0..10_000 {
            plan.take("one", report("uid", &number.to_string()));
            plan.take("one", None);
        }
        assert!(plan.order.len() <= 3 * taken + 2_000, "{}", plan.order.len());
        assert_eq!(Content::read("not ours"), Content::default());
        let content = report("uid", "a").unwrap().content;
        assert_eq!(Content::read(&content.to_string()), content);
    }
}
