//! Which objects are judged next, without asking anybody.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use probity_cluster::Kind;
use probity_model::SmolStr;

/// Of so many objects one is of the round, while others that changed wait too: neither keeps the other from being judged.
const TURNS: u32 = 4;

/// An object of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) kind: Arc<Kind>,
    /// Empty for objects of the cluster.
    pub(super) namespace: SmolStr,
    pub(super) name: SmolStr,
}

/// An object that is to be judged now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) key: Key,
    /// The round it is judged for; none for one that changed.
    round: Option<u32>,
}

/// A look at all objects.
struct Round {
    number: u32,
    todo: VecDeque<Key>,
    /// How many are being judged.
    open: usize,
}

/// Objects that wait to be judged: those that changed, each once, and those of a round.
#[derive(Default)]
pub(super) struct Plan {
    changed: VecDeque<Key>,
    waiting: HashSet<Key>,
    round: Option<Round>,
    rounds: u32,
    in_hand: HashSet<Key>,
    turn: u32,
}

impl Plan {
    /// An object is another. It is judged once, however often that happens before.
    pub(super) fn changed(&mut self, key: Key) {
        if self.waiting.insert(key.clone()) {
            self.changed.push_back(key);
        }
    }

    /// All objects are to be judged; a round that is not at its end is given up for this one. Gives the number of the round.
    pub(super) fn begin(&mut self, all: impl IntoIterator<Item = Key>) -> u32 {
        self.rounds += 1;
        self.round = Some(Round { number: self.rounds, todo: all.into_iter().collect(), open: 0 });
        self.rounds
    }

    /// The number of the last round that began.
    pub(super) fn round(&self) -> u32 {
        self.rounds
    }

    /// What is judged next. No object is judged twice at the same time: of two verdicts the older one could come last.
    pub(super) fn next(&mut self) -> Option<Job> {
        self.turn = (self.turn + 1) % TURNS;
        let job = if self.turn == 0 {
            self.next_of_round().or_else(|| self.next_changed())
        } else {
            self.next_changed().or_else(|| self.next_of_round())
        };
        self.in_hand.extend(job.iter().map(|job| job.key.clone()));
        job
    }

    fn next_changed(&mut self) -> Option<Job> {
        let key = first_free(&mut self.changed, &self.in_hand)?;
        self.waiting.remove(&key);
        Some(Job { key, round: None })
    }

    fn next_of_round(&mut self) -> Option<Job> {
        let round = self.round.as_mut()?;
        let key = first_free(&mut round.todo, &self.in_hand)?;
        round.open += 1;
        Some(Job { key, round: Some(round.number) })
    }

    /// An object is judged. Gives the number of the round that is at its end with it.
    pub(super) fn done(&mut self, job: &Job) -> Option<u32> {
        self.in_hand.remove(&job.key);
        let round = self.round.as_mut()?;
        round.open -= usize::from(job.round == Some(round.number));
        self.at_end()
    }

    /// The number of the round, when nothing of it is left; it is told once.
    pub(super) fn at_end(&mut self) -> Option<u32> {
        let round = self.round.take_if(|round| round.todo.is_empty() && round.open == 0)?;
        Some(round.number)
    }
}

/// Takes the first that is not in hand; those before it come later.
fn first_free(queue: &mut VecDeque<Key>, in_hand: &HashSet<Key>) -> Option<Key> {
    for _ in 0..queue.len().min(in_hand.len() + 1) {
        let key = queue.pop_front()?;
        if !in_hand.contains(&key) {
            return Some(key);
        }
        queue.push_back(key);
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn key(name: u8) -> Key {
        let kind = Kind {
            group: String::new(),
            version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            plural: "pods".to_owned(),
            namespaced: true,
        };
        Key { kind: Arc::new(kind), namespace: "shop".into(), name: format!("n{name}").into() }
    }

    #[derive(Debug, Clone)]
    enum Event {
        Changed(u8),
        Begin(u8),
        Next,
        Done(usize),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            3 => (0u8..6).prop_map(Event::Changed),
            1 => (0u8..6).prop_map(Event::Begin),
            6 => Just(Event::Next),
            6 => (0usize..3).prop_map(Event::Done),
        ]
    }

    proptest! {
        #[test]
        fn what_changed_is_judged_after_it_did_and_never_twice_at_once(events in prop::collection::vec(event(), 0..80)) {
            let mut plan = Plan::default();
            // Which state of each object is there, and which of them was judged last.
            let (mut now, mut judged): (HashMap<Key, u32>, HashMap<Key, u32>) = Default::default();
            let mut working: Vec<(Job, u32)> = Vec::new();
            let mut ended = Vec::new();
            let mut begun = Vec::new();
            let work = |plan: &mut Plan, working: &mut Vec<(Job, u32)>, now: &HashMap<Key, u32>| {
                let Some(job) = plan.next() else { return false };
                assert!(working.iter().all(|(other, _)| other.key != job.key), "{job:?} twice");
                let state = now.get(&job.key).copied().unwrap_or_default();
                working.push((job, state));
                true
            };
            for event in events {
                match event {
                    Event::Changed(name) => {
                        *now.entry(key(name)).or_default() += 1;
                        plan.changed(key(name));
                    }
                    Event::Begin(count) => {
                        begun.push(plan.begin((0..count).map(key)));
                        ended.extend(plan.at_end());
                    }
                    Event::Next => drop(work(&mut plan, &mut working, &now)),
                    Event::Done(position) if position < working.len() => {
                        let (job, state) = working.swap_remove(position);
                        judged.insert(job.key.clone(), state);
                        ended.extend(plan.done(&job));
                    }
                    Event::Done(_) => {}
                }
            }
            loop {
                while working.len() < 2 && work(&mut plan, &mut working, &now) {}
                let Some((job, state)) = working.pop() else { break };
                judged.insert(job.key.clone(), state);
                ended.extend(plan.done(&job));
            }
            for (key, state) in &now {
                prop_assert_eq!(judged.get(key), Some(state));
            }
            prop_assert!(plan.round.is_none());
            prop_assert_eq!(ended.last(), begun.last());
            prop_assert!(ended.is_sorted() && ended.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", ended);
        }
    }

    #[test]
    fn a_round_goes_on_while_objects_change_without_a_pause() {
        let mut plan = Plan::default();
        let round = plan.begin((0..10).map(key));
        let mut asked = 0;
        loop {
            (20..23).for_each(|name| plan.changed(key(name)));
            let job = plan.next().unwrap();
            asked += 1;
            if plan.done(&job) == Some(round) {
                break;
            }
            assert!(asked < 100, "the round does not come to its end");
        }
        // And what changed did not wait for the round.
        assert!(asked >= 30);
    }
}
