//! What is kept of a request that was judged.

use std::pin::Pin;

use jiff::Timestamp;
use probity_model::{Decision, Subject};

/// A decision on a request, and what became of it.
#[derive(Debug, Clone)]
pub struct Event {
    /// The name under which the request is known: Vault's own, or the one that the proxy gave it.
    pub id: String,
    /// What the policies say.
    pub decision: Decision,
    /// The request. What is in `request.data` is secret.
    pub subject: Subject,
    /// When it came.
    pub time: Timestamp,
    /// Whether it went on to Vault.
    pub allowed: bool,
    /// Why it did, or did not, when the policies alone do not say.
    pub note: Option<String>,
}

/// Whether an event is kept: ready once it is durable, an error when it cannot be.
pub type Recorded = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Keeps decisions.
pub trait DecisionLog: Send + Sync {
    /// Keeps an event. The client gets its answer when this is ready.
    fn record(&self, event: Event) -> Recorded;
}
