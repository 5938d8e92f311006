//! What the server tells Prometheus.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: Word,
    route: String,
    status: u16,
}

/// A label that is one of few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Word(&'static str);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        self.0.encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kept {
    result: Word,
}

/// The figures. Labels are routes and statuses, never what a request says, so that their number is bounded and nothing
/// secret is in them.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Histogram, fn() -> Histogram>,
    batches: Histogram,
    submissions: Family<Kept, Counter>,
    entries: Gauge,
    checkpoint: Gauge,
    indexed: Gauge,
    lag: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let seconds = || Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]);
        let metrics = Self {
            registry: Registry::default(),
            requests: Family::new_with_constructor(seconds),
            batches: Histogram::new([1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0]),
            submissions: Family::default(),
            entries: Gauge::default(),
            checkpoint: Gauge::default(),
            indexed: Gauge::default(),
            lag: Gauge::default(),
        };
        metrics.register()
    }

    fn register(mut self) -> Self {
        let registry = self.registry.sub_registry_with_prefix("probity");
        registry.register_with_unit(
            "request_duration",
            "Time to answer a request",
            Unit::Seconds,
            self.requests.clone(),
        );
        registry.register("append_batch_size", "Entries sent in one request", self.batches.clone());
        registry.register("submissions", "Entries sent, by what became of them", self.submissions.clone());
        registry.register("entries", "Entries of the ledger, published or not", self.entries.clone());
        registry.register("checkpoint_size", "Entries under the newest checkpoint", self.checkpoint.clone());
        registry.register("indexed_entries", "Entries that the index has", self.indexed.clone());
        registry.register("index_lag", "Published entries that the index does not have yet", self.lag.clone());
        self
    }

    /// Counts a request.
    pub(crate) fn request(&self, method: &Method, route: &str, status: StatusCode, time: Duration) {
        let labels = Request { method: Word(word(method)), route: route.to_owned(), status: status.as_u16() };
        self.requests.get_or_create(&labels).observe(time.as_secs_f64());
    }

    /// Counts what was sent in one request.
    pub(crate) fn appended(&self, new: u64, repeated: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a batch has fewer entries than a double has integers")]
        self.batches.observe((new + repeated) as f64);
        self.submissions.get_or_create(&Kept { result: Word("new") }).inc_by(new);
        self.submissions.get_or_create(&Kept { result: Word("repeated") }).inc_by(repeated);
    }

    /// Counts what was sent in one request and not kept.
    pub(crate) fn refused(&self, count: u64) {
        self.submissions.get_or_create(&Kept { result: Word("refused") }).inc_by(count);
    }

    /// Everything in the text form.
    pub(crate) fn text(&self, entries: u64, checkpoint: u64, indexed: u64) -> String {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.entries.set(number(entries));
        self.checkpoint.set(number(checkpoint));
        self.indexed.set(number(indexed));
        self.lag.set(number(checkpoint.saturating_sub(indexed)));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// The method, if it is a usual one: clients may send any word.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_in_the_text() {
        let metrics = Metrics::new();
        metrics.request(&Method::GET, "/decisions/{index}", StatusCode::OK, Duration::from_millis(30));
        metrics.request(&Method::from_bytes(b"SECRET").unwrap(), "", StatusCode::NOT_FOUND, Duration::ZERO);
        metrics.appended(3, 1);
        let text = metrics.text(12, 10, 7);
        for line in [
            "probity_request_duration_seconds_bucket{le=\"0.05\",method=\"GET\",route=\"/decisions/{index}\",status=\"200\"} 1",
            "probity_append_batch_size_sum 4.0",
            "probity_submissions_total{result=\"new\"} 3",
            "probity_entries 12",
            "probity_checkpoint_size 10",
            "probity_index_lag 3",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("SECRET"));
    }
}
