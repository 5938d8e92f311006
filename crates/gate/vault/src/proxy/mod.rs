//! The proxy in front of Vault: each request is judged before it passes.

mod answer;
mod forward;
mod judged;
mod lookup;
mod read;
mod serve;
mod tls;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use probity_policy_core::PolicySet;

use crate::config::Governing;
use crate::log::DecisionLog;

pub use serve::{Proxy, ServeError, Stopper};
pub use upstream::{Upstream, UpstreamError};

/// What becomes of a request that cannot be decided: a policy fails with an error, needs what is not known, or the decision cannot
/// be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fail {
    /// It is denied.
    Closed,
    /// It passes, and the evidence says so.
    Open,
}

/// Certificate and key that the proxy shows, in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate and those that lead to its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How a proxy works.
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it shows clients; plain HTTP, and then only on a loopback address, without.
    pub tls: Option<TlsFiles>,
    /// Where requests go.
    pub upstream: Upstream,
    /// What becomes of requests that cannot be decided.
    pub fail: Fail,
    /// How long what is known of a token counts.
    pub remember: Duration,
    /// Largest body that is judged, in bytes.
    pub body_bytes: usize,
    /// The policies.
    pub set: Arc<PolicySet>,
    /// Which of them govern what.
    pub governing: Governing,
    /// Whether the set has policies of other languages, which judge every request.
    pub judges_all: bool,
    /// Where decisions are kept.
    pub log: Option<Arc<dyn DecisionLog>>,
}

impl Settings {
    /// Bytes of a body where nothing else is said: the bound of Vault.
    pub const BODY_BYTES: usize = 32 << 20;
    /// How long what is known of a token counts where nothing else is said.
    pub const REMEMBER: Duration = Duration::from_secs(5);
}
