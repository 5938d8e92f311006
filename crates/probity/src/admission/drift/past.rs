//! What the ledger has of requests: what other replicas let in, and what was let in before this process.

use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use probity_evidence_index::{AdmissionFilter, Page, Queries};
use probity_evidence_ledger::AdmissionRecord;
use serde::Deserialize;

use crate::admission::webhook::Gate;

/// How long a server is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most requests about an object that are looked at.
const NEWEST: usize = 20;

/// A request that a gate answered.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    /// When.
    pub(super) time: Timestamp,
    pub(super) admission: AdmissionRecord,
}

#[derive(Deserialize)]
struct Answer {
    rows: Vec<Asked>,
}

/// Whether other replicas may have let in what this one did not: they have a server in common.
pub(super) fn is_shared(gate: &Gate) -> bool {
    gate.queue.server().is_some()
}

/// Whether a request with this content was let in. Waits for the disk or a server.
///
/// # Errors
/// When it cannot be told.
pub(super) fn is_let_in(gate: &Gate, digest: &str) -> Result<bool> {
    let cluster = Some(gate.cluster_name.to_string());
    let filter = AdmissionFilter { cluster, object_digest: Some(digest.to_owned()), ..AdmissionFilter::default() };
    Ok(!ask(gate, &filter, 1)?.is_empty())
}

/// The newest requests about an object, since then if a time is given. Waits for the disk or a server.
///
/// # Errors
/// When it cannot be told.
pub(super) fn about(
    gate: &Gate,
    kind: &str,
    (namespace, name): (&str, &str),
    from: Option<Timestamp>,
) -> Result<Vec<Asked>> {
    let filter = AdmissionFilter {
        from,
        cluster: Some(gate.cluster_name.to_string()),
        kind: Some(kind.to_owned()),
        namespace: Some(namespace.to_owned()),
        name: Some(name.to_owned()),
        ..AdmissionFilter::default()
    };
    ask(gate, &filter, NEWEST)
}

fn ask(gate: &Gate, filter: &AdmissionFilter, limit: usize) -> Result<Vec<Asked>> {
    if let Some(server) = gate.queue.server() {
        let limit = limit.to_string();
        let from = filter.from.map(|time| time.to_string());
        let named = [
            ("cluster", &filter.cluster),
            ("kind", &filter.kind),
            ("namespace", &filter.namespace),
            ("name", &filter.name),
            ("object_digest", &filter.object_digest),
            ("from", &from),
        ];
        let named = named.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let parameters: Vec<(&str, &str)> = named.chain([("limit", limit.as_str())]).collect();
        let answer: Answer = server.get("/api/v1/admissions", &parameters, PATIENCE).map_err(anyhow::Error::msg)?;
        return Ok(answer.rows);
    }
    let index = gate.index.as_ref().context("there is no ledger to ask")?;
    let found = Queries::open(index)?.admissions(filter, Page::first(limit))?.rows.into_iter();
    Ok(found.map(|row| Asked { time: row.decision.time, admission: row.admission }).collect())
}
