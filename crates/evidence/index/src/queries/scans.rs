use probity_evidence_ledger::ScanRecord;
use rusqlite::{OptionalExtension as _, Row};

use super::decisions::{gate, time_range};
use super::posture::count;
use super::{Queries, from_json};
use crate::batch::signed;
use crate::error::IndexError;
use crate::filter::{Page, Period};
use crate::rows::{Outcomes, ScanPage, ScanRow, WaiverRow};
use crate::time::from_micros;

/// Waivers that are given at once.
const WAIVERS: i64 = 5_000;

const SCAN: &str = "SELECT scan.entry, scan.time, problems, body, gate_kind.text, gate.name, sequence
  FROM scan JOIN entry ON entry.id = scan.entry
  LEFT JOIN gate ON gate.id = entry.gate LEFT JOIN word gate_kind ON gate_kind.id = gate.kind";

impl Queries {
    /// Runs that ended in a period, newest first; only those that could not read everything, when asked for.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn scans(&self, period: Period, only_incomplete: bool, page: Page) -> Result<ScanPage, IndexError> {
        self.read(|connection| {
            let (from, to) = time_range(period);
            let before = page.before.map_or(i64::MAX, signed);
            let limit = i64::try_from(page.rows()).unwrap_or(i64::MAX).saturating_add(1);
            let sql = format!(
                "{SCAN} WHERE scan.entry IN (SELECT entry FROM scan WHERE time >= ?1 AND time < ?2 AND entry < ?3
                 AND (NOT ?4 OR problems > 0) ORDER BY entry DESC LIMIT ?5) ORDER BY scan.entry DESC"
            );
            let mut rows: Vec<ScanRow> = connection
                .prepare_cached(&sql)?
                .query_map((from, to, before, only_incomplete, limit), scan)?
                .collect::<Result<_, _>>()?;
            let more = rows.len() > page.rows();
            rows.truncate(page.rows());
            let next = rows.last().map(|row| row.index).filter(|_| more);
            Ok(ScanPage { rows, next })
        })
    }

    /// One run; none when there is no entry with this index, or it is of another kind.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn scan(&self, index: u64) -> Result<Option<ScanRow>, IndexError> {
        let sql = format!("{SCAN} WHERE scan.entry = ?1");
        self.read(|connection| connection.prepare_cached(&sql)?.query_row([signed(index)], scan).optional())
    }

    /// Waivers that were in force in runs of a period, those seen last first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn waivers(&self, period: Period) -> Result<Vec<WaiverRow>, IndexError> {
        self.read(|connection| {
            let (from, to) = time_range(period);
            connection
                .prepare_cached(
                    "SELECT body, first_entry, first_time, last_entry, last_time, scans FROM waiver
                     WHERE last_time >= ?1 AND first_time < ?2 ORDER BY last_entry DESC, id LIMIT ?3",
                )?
                .query_map((from, to, WAIVERS), |row| {
                    Ok(WaiverRow {
                        waiver: from_json(&row.get::<_, String>(0)?)?,
                        first_entry: row.get::<_, i64>(1)?.cast_unsigned(),
                        first_time: from_micros(row.get(2)?),
                        last_entry: row.get::<_, i64>(3)?.cast_unsigned(),
                        last_time: from_micros(row.get(4)?),
                        scans: count(row.get(5)?),
                    })
                })?
                .collect()
        })
    }
}

fn scan(row: &Row<'_>) -> rusqlite::Result<ScanRow> {
    let record: ScanRecord = from_json(&row.get::<_, String>(3)?)?;
    let mut outcomes = Outcomes::default();
    record.outcomes.iter().for_each(|(outcome, count)| outcomes.add(*outcome, *count));
    Ok(ScanRow {
        index: row.get::<_, i64>(0)?.cast_unsigned(),
        time: from_micros(row.get(1)?),
        gate: gate(row)?,
        origin: record.origin,
        paths: record.paths,
        files: record.files,
        decisions: record.decisions,
        outcomes,
        problem_count: count(row.get(2)?),
        problems: record.problems,
        policies: record.policies,
        frameworks: record.frameworks,
        version: record.version,
    })
}
