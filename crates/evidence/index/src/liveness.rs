//! What was not recorded, or not by a gate: drift, gaps in the evidence, and whether replicas live.

use jiff::{SignedDuration, Timestamp};
use probity_evidence_ledger::{DriftKind, DriftRecord, GapRecord, HeartbeatRecord, ReplicaState};
use probity_model::Severity;
use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};

use crate::admissions::json;
use crate::batch::{At, signed};
use crate::rows::GateRef;
use crate::time::micros;
use crate::words::kept;

/// So many intervals without a sign of life, and a replica is silent.
pub const SILENT_AFTER: u32 = 3;

/// The interval of a replica that does not say its own, in seconds.
const USUAL_INTERVAL: u32 = 60;

/// A change that no gate was asked about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftRow {
    /// The index of its entry in the ledger.
    pub index: u64,
    /// When it was seen; to the microsecond.
    pub time: Timestamp,
    /// Who saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateRef>,
    /// What changed.
    pub drift: DriftRecord,
}

/// A part of the changes asked for, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftPage {
    /// The changes.
    pub rows: Vec<DriftRow>,
    /// What [`Page::before`](crate::Page) is for the next page; none on the last.
    pub next: Option<u64>,
}

/// Which changes are asked for. What is not given does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DriftFilter {
    /// Seen at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Seen before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// The cluster: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The kind of change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<DriftKind>,
    /// The subject's address: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// At least this bad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity_at_least: Option<Severity>,
}

/// Requests of which there is no evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GapRow {
    /// The index of its entry in the ledger.
    pub index: u64,
    /// The gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateRef>,
    /// From when to when, how many, and why.
    pub gap: GapRecord,
}

/// A replica of a gate, as it told of itself last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplicaRow {
    /// The index of its newest heartbeat in the ledger.
    pub index: u64,
    /// When that was; to the microsecond.
    pub last: Timestamp,
    /// The gate that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateRef>,
    /// What it said.
    pub heartbeat: HeartbeatRecord,
    /// Whether it should have said something since: it was lost, and evidence may be lost with it.
    pub silent: bool,
    /// The highest number that the ledger has of its gate: of what was lost with it, the numbers are above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sequence: Option<u64>,
}

impl ReplicaRow {
    pub(crate) fn new(
        index: u64,
        last: Timestamp,
        gate: Option<GateRef>,
        heartbeat: HeartbeatRecord,
        last_sequence: Option<u64>,
        now: Timestamp,
    ) -> Self {
        let silent = heartbeat.state == ReplicaState::Alive && now.duration_since(last) > patience(&heartbeat);
        Self { index, last, gate, heartbeat, silent, last_sequence }
    }
}

/// A time in which a replica said nothing although it had not stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// The cluster.
    pub cluster: String,
    /// The replica.
    pub replica: String,
    /// Its last sign of life before.
    pub from: Timestamp,
    /// Its first one after; none when there was none yet.
    pub to: Option<Timestamp>,
    /// The highest number that the ledger has of a replica that was not heard of again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sequence: Option<u64>,
}

/// How long a replica may say nothing.
fn patience(heartbeat: &HeartbeatRecord) -> SignedDuration {
    let interval = if heartbeat.interval_s == 0 { USUAL_INTERVAL } else { heartbeat.interval_s };
    SignedDuration::from_secs(i64::from(interval) * i64::from(SILENT_AFTER))
}

pub(crate) fn write_drift(connection: &Connection, at: At, drift: &DriftRecord) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT INTO drift VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?.execute((
        at.id,
        at.time,
        kept(&drift.cluster),
        drift.subject.labels.environment.as_deref().map(kept),
        drift.what.as_str(),
        drift.severity as i64,
        kept(&drift.subject.address),
        json(drift)?,
    ))?;
    Ok(())
}

pub(crate) fn write_gap(connection: &Connection, at: At, gap: &GapRecord) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT INTO unrecorded VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
        at.id,
        micros(gap.from),
        micros(gap.to),
        signed(gap.allowed.saturating_add(gap.denied)),
        json(gap)?,
    ))?;
    Ok(())
}

/// Notes that a replica lives, and how long it had been silent.
pub(crate) fn write_heartbeat(connection: &Connection, at: At, heartbeat: &HeartbeatRecord) -> rusqlite::Result<()> {
    let (cluster, replica) = (kept(&heartbeat.cluster), kept(&heartbeat.replica));
    let before: Option<(i64, String, Option<i64>)> = connection
        .prepare_cached(
            "SELECT replica.time, body, entry.gate FROM replica JOIN entry ON entry.id = replica.entry
             WHERE cluster = ?1 AND replica.name = ?2",
        )?
        .query_row((&cluster, &replica), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    if let Some((last, body, gate)) = before {
        let before: Option<HeartbeatRecord> = serde_json::from_str(&body).ok();
        // Numbers tell what came first where clocks are set back.
        let is_next = gate.is_some()
            && gate == at.gate
            && before.as_ref().is_some_and(|before| before.last_sequence < heartbeat.last_sequence);
        if at.time < last && !is_next {
            // It was on its way for longer than one that came after it.
            return Ok(());
        }
        let until = if before.as_ref().is_some_and(|before| before.since == heartbeat.since) {
            at.time
        } else {
            micros(heartbeat.since).max(last).min(at.time)
        };
        let was_to_go_on = |before: &HeartbeatRecord| {
            let patience = i64::try_from(patience(before).as_micros()).unwrap_or(i64::MAX);
            before.state == ReplicaState::Alive && until - last > patience
        };
        if before.as_ref().is_some_and(was_to_go_on) {
            connection
                .prepare_cached("INSERT OR IGNORE INTO silence VALUES (?1, ?2, ?3, ?4)")?
                .execute((&cluster, &replica, last, until))?;
        }
    }
    connection.prepare_cached("INSERT OR REPLACE INTO replica VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute((
        cluster,
        replica,
        at.id,
        micros(heartbeat.since),
        at.time,
        json(heartbeat)?,
    ))?;
    Ok(())
}
