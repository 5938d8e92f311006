//! What a replica knows of a lease, and what follows from it, without asking anybody.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use super::Terms;

/// Longest time that a lease of others is honoured: what writes more is wrong, and would keep everybody from leading.
const LONGEST: Duration = Duration::from_mins(5);

pub(super) struct Candidate {
    holder: String,
    terms: Terms,
    /// The lease as it was last seen, and since when it has been like that.
    seen: Option<(LeaseSpec, Instant)>,
    /// When the request began that last renewed the lease.
    renewed: Option<Instant>,
}

impl Candidate {
    pub(super) fn new(holder: String, terms: Terms) -> Self {
        Self { holder, terms, seen: None, renewed: None }
    }

    pub(super) fn holder(&self) -> &str {
        &self.holder
    }

    pub(super) fn terms(&self) -> Terms {
        self.terms
    }

    /// Who holds the lease, as far as is known.
    pub(super) fn known_holder(&self) -> &str {
        self.seen.as_ref().map(|(spec, _)| holder_of(spec)).unwrap_or_default()
    }

    /// Until when this replica leads, when nothing else happens.
    pub(super) fn leads_until(&self) -> Option<Instant> {
        self.renewed.map(|renewed| renewed + self.terms.give_up)
    }

    pub(super) fn leads(&self, now: Instant) -> bool {
        self.leads_until().is_some_and(|until| now < until)
    }

    /// Leads no more, whatever the lease says.
    pub(super) fn resign(&mut self) {
        self.renewed = None;
    }

    /// Takes note of the lease as it is now; gives what should be written, when this replica may hold it.
    pub(super) fn look(&mut self, held: Option<&LeaseSpec>, now: Instant) -> Option<LeaseSpec> {
        let Some(held) = held else {
            // Somebody deleted it, and anybody may make it anew.
            self.seen = None;
            self.renewed = None;
            return Some(self.term(&LeaseSpec::default()));
        };
        if self.seen.as_ref().is_none_or(|(seen, _)| seen != held) {
            self.seen = Some((held.clone(), now));
        }
        if holder_of(held) == self.holder {
            return Some(LeaseSpec { renew_time: Some(MicroTime(Timestamp::now())), ..held.clone() });
        }
        // Another one has it, or had it.
        self.renewed = None;
        self.is_free(held, now).then(|| self.term(held))
    }

    /// What was to be written is, by a request that began then.
    pub(super) fn wrote(&mut self, spec: LeaseSpec, started: Instant) {
        self.seen = Some((spec, started));
        self.renewed = Some(started);
    }

    /// What the lease says when it is given back; `None` when another one holds it.
    pub(super) fn released(&self, held: &LeaseSpec) -> Option<LeaseSpec> {
        (holder_of(held) == self.holder).then(|| LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            renew_time: Some(MicroTime(Timestamp::now())),
            ..held.clone()
        })
    }

    fn is_free(&self, held: &LeaseSpec, now: Instant) -> bool {
        if holder_of(held).is_empty() {
            return true;
        }
        let said = held.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let valid = said.map(Duration::from_secs).unwrap_or_default().min(LONGEST).max(self.terms.valid);
        self.seen.as_ref().is_some_and(|(_, since)| now.saturating_duration_since(*since) >= valid)
    }

    /// The lease with this replica as its new holder.
    fn term(&self, held: &LeaseSpec) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let seconds = self.terms.valid.as_millis().div_ceil(1_000);
        LeaseSpec {
            holder_identity: Some(self.holder.clone()),
            lease_duration_seconds: Some(i32::try_from(seconds).unwrap_or(i32::MAX)),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(held.lease_transitions.unwrap_or(0).saturating_add(1)),
            ..held.clone()
        }
    }
}

fn holder_of(spec: &LeaseSpec) -> &str {
    spec.holder_identity.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TERMS: Terms =
        Terms { valid: Duration::from_secs(15), give_up: Duration::from_secs(10), every: Duration::from_secs(2) };

    /// The API server's side: a version and the lease.
    #[derive(Default)]
    struct Server {
        version: u32,
        lease: Option<LeaseSpec>,
    }

    impl Server {
        fn write(&mut self, seen: u32, spec: LeaseSpec) -> bool {
            if self.version != seen {
                return false;
            }
            (self.version, self.lease) = (seen + 1, Some(spec));
            true
        }
    }

    /// How far a replica is with looking at the lease.
    #[derive(Clone)]
    enum Step {
        Idle,
        Read { started: Instant, version: u32, lease: Option<LeaseSpec> },
        Written { started: Instant, spec: LeaseSpec },
    }

    #[derive(Debug, Clone, Copy)]
    enum Event {
        /// A replica comes one step further.
        Step(usize),
        /// An answer to it is lost.
        Lost(usize),
        /// It ends: resigns, then gives the lease back.
        Ends(usize),
        /// Somebody deletes the lease while nobody leads.
        Deleted,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            24 => (0usize..3).prop_map(Event::Step),
            2 => (0usize..3).prop_map(Event::Lost),
            1 => (0usize..3).prop_map(Event::Ends),
            1 => Just(Event::Deleted),
        ]
    }

    /// A time in which one of the replicas does not come further, unless it is one that there is not.
    fn spell() -> impl Strategy<Value = (usize, Vec<(u64, Event)>)> {
        (0usize..4, prop::collection::vec((0u64..600, event()), 0..60))
    }

    proptest! {
        #[test]
        fn two_never_lead_at_once(spells in prop::collection::vec(spell(), 0..12)) {
            let mut now = Instant::now();
            let mut server = Server::default();
            let mut replicas: Vec<(Candidate, Step)> =
                (0..3).map(|n| (Candidate::new(format!("replica-{n}"), TERMS), Step::Idle)).collect();
            let events = spells.into_iter().flat_map(|(quiet, events)| events.into_iter().map(move |event| (quiet, event)));
            for (quiet, (passed, event)) in events {
                now += Duration::from_millis(passed);
                let may_lead = |(candidate, step): &(Candidate, Step)| {
                    candidate.leads(now) || matches!(step, Step::Written { .. })
                };
                let nobody_leads = !replicas.iter().any(may_lead);
                match event {
                    Event::Step(n) if n == quiet => {}
                    Event::Step(n) => step(&mut replicas[n], &mut server, now),
                    Event::Lost(n) => replicas[n].1 = Step::Idle,
                    Event::Ends(n) => {
                        let (candidate, step) = &mut replicas[n];
                        candidate.resign();
                        *step = Step::Idle;
                        if let Some(released) = server.lease.as_ref().and_then(|held| candidate.released(held)) {
                            let version = server.version;
                            prop_assert!(server.write(version, released));
                        }
                    }
                    Event::Deleted if nobody_leads => (server.version, server.lease) = (server.version + 1, None),
                    Event::Deleted => {}
                }
                let leaders = replicas.iter().filter(|(candidate, _)| candidate.leads(now)).count();
                prop_assert!(leaders <= 1, "{leaders} lead");
            }
        }
    }

    fn step((candidate, at): &mut (Candidate, Step), server: &mut Server, now: Instant) {
        *at = match std::mem::replace(at, Step::Idle) {
            Step::Idle => Step::Read { started: now, version: server.version, lease: server.lease.clone() },
            Step::Read { started, version, lease } => match candidate.look(lease.as_ref(), now) {
                Some(spec) if server.write(version, spec.clone()) => Step::Written { started, spec },
                _ => Step::Idle,
            },
            Step::Written { started, spec } => {
                candidate.wrote(spec, started);
                Step::Idle
            }
        };
    }

    /// Looks and writes without anything in between; says whether it leads then.
    fn at_once(replica: &mut (Candidate, Step), server: &mut Server, now: Instant) -> bool {
        (0..3).for_each(|_| step(replica, server, now));
        replica.1 = Step::Idle;
        replica.0.leads(now)
    }

    #[test]
    fn it_is_taken_over_when_it_ran_out_and_at_once_when_it_is_given_back() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut server = Server::default();
        let [mut one, mut two] = ["one", "two"].map(|name| (Candidate::new(name.to_owned(), TERMS), Step::Idle));
        assert!(at_once(&mut one, &mut server, at(0)));
        assert!(!at_once(&mut two, &mut server, at(1)));
        assert_eq!(two.0.known_holder(), "one");
        assert!(at_once(&mut one, &mut server, at(8)));
        assert!(!at_once(&mut two, &mut server, at(9)));
        // The first one says nothing more: it stops before the second one begins.
        assert!(one.0.leads(at(17)) && !one.0.leads(at(18)));
        assert!(!at_once(&mut two, &mut server, at(23)));
        assert!(at_once(&mut two, &mut server, at(24)));
        assert_eq!(server.lease.as_ref().and_then(|spec| spec.lease_transitions), Some(2));
        two.0.resign();
        let released = server.lease.as_ref().and_then(|held| two.0.released(held)).unwrap();
        let version = server.version;
        assert!(server.write(version, released));
        assert!(at_once(&mut one, &mut server, at(25)));
    }

    #[test]
    fn what_others_wrote_into_a_lease_neither_fails_nor_blocks_for_ever() {
        let start = Instant::now();
        let mut candidate = Candidate::new("one".to_owned(), TERMS);
        for seconds in [None, Some(i32::MIN), Some(-1), Some(i32::MAX)] {
            let held = LeaseSpec {
                holder_identity: Some(format!("other-{seconds:?}")),
                lease_duration_seconds: seconds,
                lease_transitions: Some(i32::MAX),
                ..LeaseSpec::default()
            };
            assert_eq!(candidate.look(Some(&held), start), None);
            assert!(candidate.look(Some(&held), start + LONGEST).is_some());
        }
    }
}
