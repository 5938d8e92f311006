//! What the gate tells Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use probity_evidence_ledger::DriftKind;
use probity_gate_admission::{Answer, Passed, Question};
use probity_policy_core::FailMode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper ends of the buckets of times, in seconds: verdicts take far less than a millisecond.
const BUCKETS: [f64; 12] = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Review {
    webhook: String,
    result: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Unkept {
    result: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Drifted {
    kind: &'static str,
}

/// The figures. Labels are words of ours alone, so that their number is bounded and nothing secret is in them.
pub(super) struct Figures {
    registry: Registry,
    times: Family<Review, Histogram, fn() -> Histogram>,
    unkept: Family<Unkept, Counter>,
    drifted: Family<Drifted, Counter>,
    undecided: Counter,
    waiting: Gauge,
    written: Gauge,
    open: Gauge,
    leads: Gauge,
    audited: Gauge,
    failing: Gauge,
    judged: Counter,
    round: Gauge<f64, AtomicU64>,
}

impl Figures {
    pub(super) fn new() -> Self {
        let mut figures = Self {
            registry: Registry::default(),
            times: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            unkept: Family::default(),
            drifted: Family::default(),
            undecided: Counter::default(),
            waiting: Gauge::default(),
            written: Gauge::default(),
            open: Gauge::default(),
            leads: Gauge::default(),
            audited: Gauge::default(),
            failing: Gauge::default(),
            judged: Counter::default(),
            round: Gauge::default(),
        };
        let registry = figures.registry.sub_registry_with_prefix("probity_admission");
        registry.register_with_unit("review_duration", "Time to decide and keep", Unit::Seconds, figures.times.clone());
        registry.register("unkept", "Decisions that could not be kept", figures.unkept.clone());
        registry.register("drift", "Changes that no gate was asked about", figures.drifted.clone());
        registry.register("undecided", "Reviews without a verdict: malformed, or late", figures.undecided.clone());
        registry.register("queue_waiting", "Entries that wait for the ledger", figures.waiting.clone());
        registry.register("queue_written", "Entries written to this replica's disk", figures.written.clone());
        registry.register("reviews_open", "Reviews that are being decided", figures.open.clone());
        registry.register("leads", "Whether this replica leads: 1 or 0", figures.leads.clone());
        let registry = figures.registry.sub_registry_with_prefix("probity_audit");
        registry.register("objects", "Objects whose verdict is known", figures.audited.clone());
        registry.register("failing", "Objects for which a policy does not hold", figures.failing.clone());
        registry.register("judged", "Objects judged", figures.judged.clone());
        registry.register_with_unit(
            "round",
            "Time of the last look at all objects",
            Unit::Seconds,
            figures.round.clone(),
        );
        figures
    }

    pub(super) fn answered(&self, question: Question, answer: &Answer, took: Duration) {
        let webhook = match question {
            Question::Validate(FailMode::Closed) => "validate/fail",
            Question::Validate(FailMode::Open) => "validate/ignore",
            Question::Mutate(FailMode::Closed) => "mutate/fail",
            Question::Mutate(FailMode::Open) => "mutate/ignore",
            Question::Exempt => "exempt",
        };
        let result = match (answer.allowed, &answer.passed) {
            (false, _) => "denied",
            (true, Some(Passed::Exempt(_))) => "exempt",
            (true, Some(Passed::FailOpen(_))) => "fail-open",
            (true, None) if answer.patch.is_empty() => "allowed",
            (true, None) => "changed",
        };
        let labels = Review { webhook: webhook.to_owned(), result: result.to_owned() };
        self.times.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(super) fn unkept(&self, allowed: bool) {
        let result = if allowed { "allowed" } else { "denied" };
        self.unkept.get_or_create(&Unkept { result: result.to_owned() }).inc();
    }

    pub(super) fn drifted(&self, kind: DriftKind) {
        self.drifted.get_or_create(&Drifted { kind: kind.as_str() }).inc();
    }

    /// Whether this replica leads. One that does not knows of no objects.
    pub(super) fn leads(&self, leads: bool) {
        self.leads.set(i64::from(leads));
        if !leads {
            self.known(0, 0);
        }
    }

    /// How many objects the audit knows, and how many of them fail.
    pub(super) fn known(&self, objects: usize, failing: usize) {
        for (gauge, count) in [(&self.audited, objects), (&self.failing, failing)] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// An object was judged in the background.
    pub(super) fn judged(&self) {
        self.judged.inc();
    }

    /// How long a look at all objects took.
    pub(super) fn round(&self, took: Duration) {
        self.round.set(took.as_secs_f64());
    }

    pub(super) fn undecided(&self) {
        self.undecided.inc();
    }

    /// All figures in Prometheus' text form.
    pub(super) fn text(&self, waiting: u64, written: u64, open: u64) -> String {
        for (gauge, value) in [(&self.waiting, waiting), (&self.written, written), (&self.open, open)] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
