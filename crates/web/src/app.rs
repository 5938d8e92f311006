//! What all handlers share.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::Method;
use probity_controls::Frameworks;
use probity_evidence_index::{IndexError, Queries};
use probity_evidence_ledger::{Ledger, LedgerError, Reader};
use probity_evidence_usage::UsageStore;
use probity_model::Metadata;
use tokio::sync::{Semaphore, watch};

use crate::access::{Sessions, TokenFile};
use crate::api::AuditLog;
use crate::config::Config;
use crate::follow::Follower;
use crate::metrics::Metrics;
use crate::problem::{Kind, Problem};

/// What the server serves.
#[derive(Debug)]
pub struct Parts {
    /// The ledger, open for writing.
    pub ledger: Arc<Ledger>,
    /// The index's file; made when it is not there, made anew when it is damaged.
    pub index: PathBuf,
    /// The frameworks.
    pub frameworks: &'static Frameworks,
    /// What is known of the policies that this installation would ask today.
    pub policies: Vec<Metadata>,
    /// A gate that answers beside the server's own pages and API.
    pub gate: Option<Mounted>,
    /// What answers requests that show by themselves who sends them.
    pub signed: Option<Signed>,
    /// Where what audit logs say of rights is kept.
    pub usage: Arc<UsageStore>,
}

/// Paths at which no token is asked for: each request has a signature, and who answers checks it.
pub struct Signed {
    /// What is answered.
    pub router: Router,
    /// Whether a path is one of these.
    pub is_path: fn(&str) -> bool,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").finish_non_exhaustive()
    }
}

/// A gate that is part of the server. The server finds out who asks and puts a [`Caller`](probity_model::Caller) into the
/// request; whether the caller may change something is for the gate to say.
pub struct Mounted {
    /// What it answers.
    pub router: Router,
    /// Whether a path is one of its own.
    pub is_path: fn(&str) -> bool,
    /// Whether it can decide, or why not; it says so in the log itself.
    pub ready: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mounted").finish_non_exhaustive()
    }
}

/// What all handlers share.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) reader: Reader,
    pub(crate) frameworks: &'static Frameworks,
    pub(crate) policies: Vec<Metadata>,
    pub(crate) gate: Option<Mounted>,
    pub(crate) signed: Option<Signed>,
    pub(crate) tokens: TokenFile,
    pub(crate) sessions: Sessions,
    pub(crate) metrics: Metrics,
    pub(crate) follower: Follower,
    pub(crate) ingests: Arc<Semaphore>,
    pub(crate) audit_log: AuditLog,
    pub(crate) usage: Arc<UsageStore>,
    /// One report at a time: each is as large as its framework.
    pub(crate) reports: Semaphore,
    /// Browsers that look at what comes.
    pub(crate) live: Arc<Semaphore>,
    /// Whether the server is to stop: what goes on by itself ends then.
    pub(crate) stopping: watch::Sender<bool>,
    questions: Arc<Semaphore>,
    /// Connections to the index that nobody uses now.
    idle: Mutex<Vec<(u64, Queries)>>,
}

impl App {
    pub(crate) fn new(config: Config, parts: Parts, tokens: TokenFile, follower: Follower) -> Self {
        let reader = parts.ledger.reader();
        Self {
            ingests: Arc::new(Semaphore::new(config.limits.ingests)),
            reports: Semaphore::new(1),
            live: Arc::new(Semaphore::new(config.limits.live)),
            stopping: watch::Sender::new(false),
            questions: Arc::new(Semaphore::new(config.limits.questions)),
            config,
            audit_log: AuditLog::new(parts.ledger.appended()),
            usage: parts.usage,
            ledger: parts.ledger,
            reader,
            frameworks: parts.frameworks,
            policies: parts.policies,
            gate: parts.gate,
            signed: parts.signed,
            tokens,
            sessions: Sessions::default(),
            metrics: Metrics::new(),
            follower,
            idle: Mutex::default(),
        }
    }

    /// Whether a request is one that the gate answers.
    pub(crate) fn is_gates(&self, method: &Method, path: &str) -> bool {
        self.gate.as_ref().is_some_and(|gate| (gate.is_path)(path) || path == "/" && method == Method::POST)
    }

    /// Whether a request shows by itself who sends it.
    pub(crate) fn is_signed(&self, path: &str) -> bool {
        self.signed.as_ref().is_some_and(|signed| (signed.is_path)(path))
    }

    /// Asks the index and the ledger, on a thread where waiting for the disk is allowed. Waits while as many questions as
    /// allowed are being answered.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&App, &Queries) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let place = Arc::clone(&self.questions).acquire_owned().await;
        let place = place.map_err(|_| Problem::new(Kind::Unavailable, "The server is stopping."))?;
        let app = Arc::clone(self);
        run(move || {
            // Kept until the answer is there, although the client may have left.
            let _place = place;
            let queries = app.queries()?;
            let answer = question(&app, &queries.1);
            app.put_back(queries);
            answer
        })
        .await
    }

    /// A connection to the index; one that was opened before the index was made anew is not used.
    fn queries(&self) -> Result<(u64, Queries), Problem> {
        let generation = self.follower.generation();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(of, _)| *of == generation);
        if let Some(queries) = idle.pop() {
            return Ok(queries);
        }
        drop(idle);
        Ok((generation, self.follower.queries()?))
    }

    fn put_back(&self, queries: (u64, Queries)) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if queries.0 == self.follower.generation() && idle.len() < self.config.limits.questions {
            idle.push(queries);
        }
    }
}

/// Runs what waits for the disk where that is allowed.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Problem::new(Kind::Internal, "The request could not be answered.")))
}

impl From<IndexError> for Problem {
    fn from(error: IndexError) -> Self {
        // Paths of this machine are for its log, not for those who ask.
        eprintln!("probity serve: the index: {error}");
        Self::new(Kind::Unavailable, "The index cannot be read now. The server's log says why.")
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::NoEntry { .. } | LedgerError::NoBlob { .. } | LedgerError::NoFile { .. } => {
                Self::new(Kind::NotFound, format!("{error}."))
            }
            LedgerError::Empty { .. } => Self::new(Kind::NotFound, "The ledger has no checkpoint yet."),
            _ => {
                eprintln!("probity serve: the ledger: {error}");
                Self::new(Kind::Unavailable, "The ledger cannot be read now. The server's log says why.")
            }
        }
    }
}
