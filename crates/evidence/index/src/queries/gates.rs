use rusqlite::Connection;

use super::Queries;
use super::decisions::time_range;
use super::posture::count;
use crate::batch::signed;
use crate::error::IndexError;
use crate::filter::Page;
use crate::rows::{GateFilter, GatePage, GateRow};
use crate::time::from_micros;
use crate::words::{find, glob};

/// Ranges of missing numbers that are given for a gate.
const GAPS: i64 = 100;

const WHERE: &str = "(?1 IS NULL OR name GLOB ?1) AND (?2 IS NULL OR kind = ?2) AND last_time >= ?3 AND first_time < ?4
  AND (NOT ?5 OR missing > 0)";

type Parameters = (Option<String>, Option<i64>, i64, i64, bool);

impl Queries {
    /// Gates and their numbers, those first seen last first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn gates(&self, filter: &GateFilter, page: Page) -> Result<GatePage, IndexError> {
        self.read(|connection| {
            let parameters = parameters(connection, filter)?;
            let sums = format!("SELECT count(*), coalesce(sum(missing), 0) FROM gate WHERE {WHERE}");
            let (total, missing) = connection
                .prepare_cached(&sums)?
                .query_row(parameters.clone(), |row| Ok((count(row.get(0)?), count(row.get(1)?))))?;
            let mut rows = gates(connection, parameters, page)?;
            let more = rows.len() > page.rows();
            rows.truncate(page.rows());
            for row in &mut rows {
                row.gaps = gaps(connection, row.id)?;
            }
            let next = rows.last().map(|row| row.id).filter(|_| more);
            Ok(GatePage { rows, total, missing, next })
        })
    }
}

fn parameters(connection: &Connection, filter: &GateFilter) -> rusqlite::Result<Parameters> {
    let kind = match filter.kind {
        None => None,
        Some(kind) => Some(find(connection, kind.as_str())?.unwrap_or(-1)),
    };
    let (from, to) = filter.period.map_or((i64::MIN, i64::MAX), time_range);
    Ok((filter.name.as_deref().map(glob), kind, from, to, filter.only_missing))
}

fn gates(connection: &Connection, parameters: Parameters, page: Page) -> rusqlite::Result<Vec<GateRow>> {
    let (name, kind, from, to, only_missing) = parameters;
    let before = page.before.map_or(i64::MAX, signed);
    let limit = i64::try_from(page.rows()).unwrap_or(i64::MAX).saturating_add(1);
    let sql = format!(
        "SELECT gate.id, (SELECT text FROM word WHERE word.id = kind), name, first_sequence, last_sequence, entries, missing,
         first_time, last_time, last_ends FROM gate WHERE {WHERE} AND id < ?6 ORDER BY id DESC LIMIT ?7"
    );
    connection
        .prepare_cached(&sql)?
        .query_map((name, kind, from, to, only_missing, before, limit), |row| {
            Ok(GateRow {
                id: row.get::<_, i64>(0)?.cast_unsigned(),
                kind: row.get(1)?,
                name: row.get(2)?,
                first_sequence: count(row.get(3)?),
                last_sequence: count(row.get(4)?),
                entries: count(row.get(5)?),
                missing: count(row.get(6)?),
                gaps: Vec::new(),
                first_time: from_micros(row.get(7)?),
                last_time: from_micros(row.get(8)?),
                ended: row.get(9)?,
            })
        })?
        .collect()
}

fn gaps(connection: &Connection, gate: u64) -> rusqlite::Result<Vec<(u64, u64)>> {
    connection
        .prepare_cached("SELECT first, last FROM gap WHERE gate = ?1 ORDER BY first LIMIT ?2")?
        .query_map((signed(gate), GAPS), |row| Ok((count(row.get(0)?), count(row.get(1)?))))?
        .collect()
}
