//! What is kept of a decision.

use std::collections::BTreeMap;
use std::pin::Pin;

use jiff::Timestamp;
use probity_model::value::Value;
use probity_model::{Caller, Decision};

/// A decision and what it was made from, after masking.
#[derive(Debug, Clone)]
pub struct Event {
    /// The decision in the words of the house: the request is its subject.
    pub decision: Decision,
    /// The name under which the client knows it (UUID version 4).
    pub decision_id: String,
    /// The document asked for, parts with `/` between; empty for a query.
    pub path: String,
    /// The query, when it was one.
    pub query: Option<String>,
    /// The input as far as it is not masked.
    pub input: Option<Value>,
    /// What was answered, as far as it is not masked; `None` when it was undefined.
    pub result: Option<Value>,
    /// Why nothing could be answered.
    pub error: Option<String>,
    /// Who asked.
    pub caller: Caller,
    /// The revisions of the bundles in force, by name.
    pub revisions: BTreeMap<String, String>,
    /// When.
    pub time: Timestamp,
    /// How long parts of it took, by OPA's names.
    pub metrics: Vec<(&'static str, u64)>,
    /// What masking took away, as JSON Pointers such as `/input/password`.
    pub erased: Vec<String>,
    /// What masking replaced.
    pub masked: Vec<String>,
}

/// Whether an event is kept: ready once it is durable, an error when it cannot be.
pub type Recorded = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Keeps decisions.
pub trait DecisionLog: Send + Sync {
    /// Keeps an event. The client gets its answer when this is ready, and none when it fails.
    fn record(&self, event: Event) -> Recorded;
}
