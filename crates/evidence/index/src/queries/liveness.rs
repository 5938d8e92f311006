use jiff::Timestamp;
use rusqlite::{Row, params_from_iter};

use super::decisions::{gate, time_range};
use super::wanted::Wanted;
use super::{Queries, from_json};
use crate::error::IndexError;
use crate::filter::{Page, Period};
use crate::liveness::{DriftFilter, DriftPage, DriftRow, GapRow, ReplicaRow, Silence};
use crate::time::{from_micros, micros};

/// Rows of lists that are given whole.
const MOST: i64 = 1_000;

const GATE: &str = "LEFT JOIN gate ON gate.id = entry.gate LEFT JOIN word gate_kind ON gate_kind.id = gate.kind";

impl Queries {
    /// What changed without a gate having been asked, newest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn drift(&self, filter: &DriftFilter, page: Page) -> Result<DriftPage, IndexError> {
        let select = format!(
            "SELECT drift.entry, drift.time, leaf, body, gate_kind.text, gate.name, sequence
             FROM drift JOIN entry ON entry.id = drift.entry {GATE}"
        );
        let (sql, values) = drift_wanted(filter).newest(&select, "drift", page);
        self.read(|connection| {
            let mut rows: Vec<DriftRow> = connection
                .prepare_cached(&sql)?
                .query_map(params_from_iter(values), drift)?
                .collect::<Result<_, _>>()?;
            let more = rows.len() > page.rows();
            rows.truncate(page.rows());
            let next = rows.last().map(|row| row.index).filter(|_| more);
            Ok(DriftPage { rows, next })
        })
    }

    /// Times of the period in which gates answered without evidence, newest first, at most a thousand.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn unrecorded(&self, period: Period) -> Result<Vec<GapRow>, IndexError> {
        let (from, to) = time_range(period);
        let sql = format!(
            "SELECT unrecorded.entry, 0, leaf, body, gate_kind.text, gate.name, sequence
             FROM unrecorded JOIN entry ON entry.id = unrecorded.entry {GATE}
             WHERE unrecorded.last >= ?1 AND unrecorded.first < ?2 ORDER BY unrecorded.entry DESC LIMIT {MOST}"
        );
        self.read(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_map((from, to), |row| {
                    Ok(GapRow { index: index(row)?, gate: gate(row)?, gap: from_json(&row.get::<_, String>(3)?)? })
                })?
                .collect()
        })
    }

    /// The replicas of gates that were there in the period, those that spoke last first, at most a thousand. `now` says which
    /// of them should have said something since.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn replicas(&self, period: Period, now: Timestamp) -> Result<Vec<ReplicaRow>, IndexError> {
        let (from, to) = time_range(period);
        let sql = format!(
            "SELECT replica.entry, replica.time, leaf, body, gate_kind.text, gate.name, sequence, gate.last_sequence
             FROM replica JOIN entry ON entry.id = replica.entry {GATE}
             WHERE replica.time >= ?1 AND replica.since < ?2 ORDER BY replica.time DESC LIMIT {MOST}"
        );
        self.read(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_map((from, to), |row| {
                    let heartbeat = from_json(&row.get::<_, String>(3)?)?;
                    let last_sequence = row.get::<_, Option<i64>>(7)?.map(i64::cast_unsigned);
                    let last = from_micros(row.get(1)?);
                    Ok(ReplicaRow::new(index(row)?, last, gate(row)?, heartbeat, last_sequence, now))
                })?
                .collect()
        })
    }

    /// Times of the period in which replicas said nothing although they had not stopped, newest first, at most a thousand.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn silences(&self, period: Period, now: Timestamp) -> Result<Vec<Silence>, IndexError> {
        let (from, to) = time_range(period);
        let mut silences: Vec<Silence> = self
            .replicas(period, now)?
            .into_iter()
            .filter(|row| row.silent && micros(row.last) < to)
            .map(|row| Silence {
                cluster: row.heartbeat.cluster,
                replica: row.heartbeat.replica,
                from: row.last,
                to: None,
                last_sequence: row.last_sequence,
            })
            .collect();
        let sql = format!(
            "SELECT cluster, name, first, last FROM silence WHERE last >= ?1 AND first < ?2 ORDER BY first DESC LIMIT {MOST}"
        );
        silences.extend(self.read(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_map((from, to), |row| {
                    Ok(Silence {
                        cluster: row.get(0)?,
                        replica: row.get(1)?,
                        from: from_micros(row.get(2)?),
                        to: Some(from_micros(row.get(3)?)),
                        last_sequence: None,
                    })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?);
        Ok(silences)
    }
}

fn drift_wanted(filter: &DriftFilter) -> Wanted {
    let mut wanted = Wanted::default();
    wanted.within(filter.from, filter.to);
    wanted.like("cluster", filter.cluster.as_deref());
    wanted.like("environment", filter.environment.as_deref());
    wanted.like("address", filter.address.as_deref());
    if let Some(what) = filter.what {
        wanted.add("what = ?", what.as_str().to_owned());
    }
    if let Some(severity) = filter.severity_at_least {
        wanted.add("severity >= ?", severity as i64);
    }
    wanted
}

fn drift(row: &Row<'_>) -> rusqlite::Result<DriftRow> {
    Ok(DriftRow {
        index: index(row)?,
        time: from_micros(row.get(1)?),
        gate: gate(row)?,
        drift: from_json(&row.get::<_, String>(3)?)?,
    })
}

fn index(row: &Row<'_>) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(0)?.cast_unsigned())
}
