//! The audit log of API servers, as their webhook backend sends it: what a server did becomes evidence, and what was used of
//! rights is kept.
//!
//! Much that is sent leaves no entry: who only reads, and what runs no containers and was no gate's to decide. An answer of 200
//! says that all of it is durable; with any other the API server sends the same again, and what was kept is not kept twice.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use probity_evidence_confirmations::{Confirmation, Confirmations};
use probity_evidence_index::Queries;
use probity_evidence_ledger::{Body, GateNumber, Submission};
use probity_evidence_redact::Redactor;
use probity_evidence_usage::{TakeError, is_cluster_name};
use probity_model::Gate;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::ingest;
use crate::access::Identity;
use crate::app::{App, run};
use crate::params::{Params, bad};
use crate::problem::{Kind, Problem};

/// Parts of logs that are read at once; more wait.
const AT_ONCE: usize = 2;

/// Events that are remembered while the index does not have them yet.
const REMEMBERED: usize = 50_000;

/// Compiled once.
static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::new);

/// What is known of the audit logs that are sent here.
pub(crate) struct AuditLog {
    places: Arc<Semaphore>,
    /// Entries that the ledger had at the start: before the index has them, it does not know what was kept.
    at_start: u64,
    /// One part is kept at a time, so that an event in two of them is kept once.
    kept: Mutex<Kept>,
}

struct Kept {
    /// What is between this server's names of gates: numbers begin anew with each start.
    run: Option<String>,
    /// The last number of each gate.
    numbers: HashMap<String, u64>,
    /// Events that were kept lately, and those before: cluster and `auditID`.
    new: HashSet<(String, String)>,
    old: HashSet<(String, String)>,
}

impl AuditLog {
    pub(crate) fn new(at_start: u64) -> Self {
        let kept = Kept { run: None, numbers: HashMap::new(), new: HashSet::new(), old: HashSet::new() };
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), at_start, kept: Mutex::new(kept) }
    }
}

/// What became of what was sent.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Taken {
    /// Events that were read.
    events: u64,
    /// Those that are entries now.
    confirmations: u64,
    /// Those that were before.
    repeated: u64,
    /// Those that are none.
    broken: u64,
}

/// `POST /api/v1/audit-log/{cluster}`. The name is in the path: of the address that a kubeconfig has, the API server leaves out
/// what follows a question mark.
pub(crate) async fn take(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    Path(cluster): Path<String>,
    params: Params,
    request: Request,
) -> Result<Json<Taken>, Problem> {
    params.only(&[&["timeout"]])?;
    if !is_cluster_name(&cluster) {
        return Err(bad("cluster", "it has 1 to 100 bytes and no slash"));
    }
    if !identity.token.sends_for(&format!("{}/", gate(&cluster))) {
        let said = format!("The token `{}` does not send for the gate `{}`.", identity.token.name, gate(&cluster));
        return Err(Problem::new(Kind::Forbidden, said));
    }
    // Before the body is read: what waits takes no memory.
    let place = Arc::clone(&app.audit_log.places).acquire_owned().await;
    let place = place.map_err(|_| Problem::new(Kind::Unavailable, "The server is stopping."))?;
    let body = ingest::body(request).await?;
    let taken = read(&app, cluster, body).await;
    drop(place);
    taken.map(Json)
}

/// What the names of the gates begin with under which the log of a cluster is kept.
fn gate(cluster: &str) -> String {
    format!("audit-log/{cluster}")
}

async fn read(app: &Arc<App>, cluster: String, body: Bytes) -> Result<Taken, Problem> {
    let (name, part) = (cluster.clone(), body.clone());
    let (found, mut taken) = run(move || Ok(confirmations(&name, &part))).await?;
    if taken.events == 0 && taken.broken > 0 {
        return Err(Problem::new(Kind::BadRequest, "The body is no Event or EventList of audit.k8s.io/v1."));
    }
    if !found.is_empty() {
        let name = cluster.clone();
        let count = found.len() as u64;
        let added = app.ask(move |app, queries| keep(app, queries, &name, found)).await?;
        (taken.confirmations, taken.repeated) = (added, taken.repeated + count - added);
    }
    // Last: what is sent again because something before failed is not counted twice.
    let usage = Arc::clone(&app.usage);
    run(move || match usage.take(&cluster, &body) {
        // What is broken was counted; the rest is kept.
        Ok(_) | Err(TakeError::Event(_)) => Ok(()),
        Err(error @ TakeError::Clusters(_)) => Err(Problem::new(Kind::BadRequest, format!("{error}."))),
        Err(TakeError::Usage(error)) => {
            eprintln!("probity serve: what rights were used cannot be kept: {error}");
            Err(Problem::new(Kind::Unavailable, "It cannot be kept now. The server's log says why. Send it again."))
        }
    })
    .await?;
    Ok(taken)
}

/// What a part of a log confirms.
fn confirmations(cluster: &str, part: &[u8]) -> (Vec<Confirmation>, Taken) {
    let mut found = Vec::new();
    let mut confirmations = Confirmations::new(cluster, &REDACTOR);
    let read = confirmations.list(part, |confirmation| {
        found.push(confirmation);
        Ok::<_, std::convert::Infallible>(())
    });
    let Ok(summary) = read;
    let taken = Taken { events: summary.events, repeated: summary.repeated, broken: summary.broken, confirmations: 0 };
    (found, taken)
}

/// Makes entries of those that are none yet; gives how many those are. They are durable then.
fn keep(app: &App, queries: &Queries, cluster: &str, found: Vec<Confirmation>) -> Result<u64, Problem> {
    let log = &app.audit_log;
    if app.follower.indexed() < log.at_start {
        return Err(Problem::new(Kind::Unavailable, "The index catches up with the ledger. Send it again."));
    }
    let mut kept = log.kept.lock().unwrap_or_else(PoisonError::into_inner);
    let mut fresh = Vec::new();
    for confirmation in found {
        let id = (cluster.to_owned(), confirmation.record.audit_id.clone());
        if !kept.new.contains(&id) && !kept.old.contains(&id) && !queries.knows_audit_event(cluster, &id.1)? {
            fresh.push((id, confirmation));
        }
    }
    if fresh.is_empty() {
        return Ok(0);
    }
    let name = kept.gate(cluster)?;
    let last = kept.numbers.get(&name).copied().unwrap_or(0);
    let (ids, submissions): (Vec<_>, Vec<_>) = (last + 1..)
        .zip(fresh)
        .map(|(sequence, (id, Confirmation { time, record }))| {
            let gate = Some(GateNumber { kind: Gate::Admission, name: name.as_str().into(), sequence });
            (id, Submission { time, gate, body: Body::Confirmation(Box::new(record)) })
        })
        .unzip();
    app.ledger.append(&submissions).map_err(ingest::refused)?;
    let count = submissions.len() as u64;
    kept.numbers.insert(name, last + count);
    kept.remember(ids);
    app.metrics.appended(count, 0);
    Ok(count)
}

impl Kept {
    /// The gate under which the log of a cluster is kept, of this run.
    fn gate(&mut self, cluster: &str) -> Result<String, Problem> {
        let run = match &mut self.run {
            Some(run) => run,
            none => {
                let mut bytes = [0; 6];
                let random = probity_crypto::fill(&mut bytes);
                random.map_err(|_| Problem::new(Kind::Unavailable, "There is no randomness. Send it again."))?;
                none.insert(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
            }
        };
        Ok(format!("{}/{run}", gate(cluster)))
    }

    fn remember(&mut self, ids: Vec<(String, String)>) {
        self.new.extend(ids);
        if self.new.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.new);
        }
    }
}

/// `GET /api/v1/permissions/used`. A gate is told: it says which rights nobody uses.
pub(crate) async fn used(
    State(app): State<Arc<App>>,
    identity: Option<Extension<Identity>>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[&["cluster"]])?;
    let cluster = params.text("cluster").ok_or_else(|| bad("cluster", "name a cluster"))?.to_owned();
    let reads = app.config.loopback() || identity.as_ref().is_some_and(|identity| identity.token.role.reads());
    if let Some(Extension(identity)) = identity.filter(|_| !reads)
        && !identity.token.sends_for(&format!("{}/", gate(&cluster)))
    {
        let said = format!("The token `{}` does not send for the gate `{}`.", identity.token.name, gate(&cluster));
        return Err(Problem::new(Kind::Forbidden, said));
    }
    let text = run(move || {
        let look = app.usage.look(&cluster, serde_json::to_vec);
        let text = look.map_err(|error| {
            eprintln!("probity serve: {error}");
            Problem::new(Kind::Unavailable, "What was used cannot be read now. The server's log says why.")
        })?;
        let none = || Problem::new(Kind::NotFound, "No audit log of this cluster was sent here.");
        text.ok_or_else(none)?.map_err(|_| Problem::new(Kind::Internal, "It cannot be written."))
    });
    Ok(([(CONTENT_TYPE, "application/json")], text.await?).into_response())
}
