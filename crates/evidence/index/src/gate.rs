//! The numbers of the gates, and which of them never came.

use rusqlite::{Connection, OptionalExtension as _};

/// More missing numbers of one gate are counted as so many: a gate may send any number.
const MISSING_AT_MOST: i64 = 1 << 40;

/// What is known of a gate.
#[derive(Clone, Copy)]
pub(crate) struct GateState {
    pub(crate) id: i64,
    first_sequence: i64,
    last_sequence: i64,
    entries: i64,
    missing: i64,
    first_time: i64,
    last_time: i64,
    last_ends: bool,
}

impl GateState {
    /// What is known so far.
    pub(crate) fn load(connection: &Connection, kind: i64, name: &str) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached(
                "SELECT id, first_sequence, last_sequence, entries, missing, first_time, last_time, last_ends
                 FROM gate WHERE kind = ?1 AND name = ?2",
            )?
            .query_row((kind, name), |row| {
                Ok(Self {
                    id: row.get(0)?,
                    first_sequence: row.get(1)?,
                    last_sequence: row.get(2)?,
                    entries: row.get(3)?,
                    missing: row.get(4)?,
                    first_time: row.get(5)?,
                    last_time: row.get(6)?,
                    last_ends: row.get(7)?,
                })
            })
            .optional()
    }

    /// A gate that is seen for the first time, before its entry is counted.
    pub(crate) fn create(connection: &Connection, kind: i64, name: &str, time: i64) -> rusqlite::Result<Self> {
        let id = connection
            .prepare_cached(
                "INSERT INTO gate(kind, name, first_sequence, last_sequence, entries, missing, first_time, last_time, last_ends)
                 VALUES (?1, ?2, 0, 0, 0, 0, ?3, ?3, 0) RETURNING id",
            )?
            .query_row((kind, name, time), |row| row.get(0))?;
        Ok(Self {
            id,
            first_sequence: 0,
            last_sequence: 0,
            entries: 0,
            missing: 0,
            first_time: time,
            last_time: time,
            last_ends: false,
        })
    }

    /// Counts an entry.
    pub(crate) fn count(
        &mut self,
        connection: &Connection,
        sequence: i64,
        time: i64,
        ends: bool,
    ) -> rusqlite::Result<()> {
        if sequence > self.last_sequence {
            if sequence > self.last_sequence + 1 {
                add_gap(connection, self.id, self.last_sequence + 1, sequence - 1)?;
                self.missing =
                    (self.missing + (sequence - 1 - self.last_sequence).min(MISSING_AT_MOST)).min(MISSING_AT_MOST);
            }
            self.last_sequence = sequence;
            self.last_ends = ends;
        } else if fill(connection, self.id, sequence)? {
            self.missing = (self.missing - 1).max(0);
        }
        self.first_sequence = if self.entries == 0 { sequence } else { self.first_sequence.min(sequence) };
        self.entries += 1;
        self.first_time = self.first_time.min(time);
        self.last_time = self.last_time.max(time);
        Ok(())
    }

    /// Writes what was counted.
    pub(crate) fn save(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE gate SET first_sequence = ?2, last_sequence = ?3, entries = ?4, missing = ?5, first_time = ?6,
                 last_time = ?7, last_ends = ?8 WHERE id = ?1",
            )?
            .execute((
                self.id,
                self.first_sequence,
                self.last_sequence,
                self.entries,
                self.missing,
                self.first_time,
                self.last_time,
                self.last_ends,
            ))
            .map(drop)
    }
}

fn add_gap(connection: &Connection, gate: i64, first: i64, last: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO gap(gate, first, last) VALUES (?1, ?2, ?3)")?
        .execute((gate, first, last))
        .map(drop)
}

/// Takes a number that came late out of the gap that it was in.
fn fill(connection: &Connection, gate: i64, sequence: i64) -> rusqlite::Result<bool> {
    let gap: Option<(i64, i64)> = connection
        .prepare_cached("SELECT first, last FROM gap WHERE gate = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1")?
        .query_row((gate, sequence), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((first, last)) = gap.filter(|(_, last)| *last >= sequence) else { return Ok(false) };
    connection.prepare_cached("DELETE FROM gap WHERE gate = ?1 AND first = ?2")?.execute((gate, first))?;
    if first < sequence {
        add_gap(connection, gate, first, sequence - 1)?;
    }
    if last > sequence {
        add_gap(connection, gate, sequence + 1, last)?;
    }
    Ok(true)
}
