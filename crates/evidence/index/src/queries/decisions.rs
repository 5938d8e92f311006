use jiff::civil::Date;
use probity_evidence_ledger::Digest;
use probity_model::{Action, Outcome, Severity, Stage};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{Queries, one_of};
use crate::batch::signed;
use crate::bits::CHUNK;
use crate::error::IndexError;
use crate::facet;
use crate::filter::{Filter, Page, Period};
use crate::index::next;
use crate::plan::Plan;
use crate::rows::{Choices, DecisionPage, DecisionRow, EntryRow, FindingRow, GateRef, Outcomes, Sample, Total};
use crate::time::{day_number, from_micros, micros};

/// With a full page, so many entries found by text are counted before the count is left open.
const COUNTED: u64 = 60_000;
/// Findings of a decision that are given in a row.
const FINDINGS: i64 = 500;
/// Rows of a sample.
const SAMPLE: u64 = 10_000;
/// Values of a facet that are offered.
const CHOICES: usize = 500;

const ENTRY: &str = "SELECT entry.id, leaf, time, recorded, gate_kind.text, gate.name, sequence, kind.text
  FROM entry JOIN word kind ON kind.id = entry.kind
  LEFT JOIN gate ON gate.id = entry.gate LEFT JOIN word gate_kind ON gate_kind.id = gate.kind
  WHERE entry.id = ?1";

const DECISION: &str =
    "SELECT entry.id, leaf, time, recorded, gate_kind.text, gate.name, sequence, kind.text, type.text,
  address.text, environment.text, service.text, owner.text, action, severity, passed
  FROM entry JOIN subject ON subject.id = entry.subject
  JOIN word kind ON kind.id = subject.kind JOIN word type ON type.id = subject.type
  JOIN word address ON address.id = subject.address LEFT JOIN word environment ON environment.id = subject.environment
  LEFT JOIN word service ON service.id = subject.service LEFT JOIN word owner ON owner.id = subject.owner
  LEFT JOIN gate ON gate.id = entry.gate LEFT JOIN word gate_kind ON gate_kind.id = gate.kind
  WHERE entry.id = ?1";

const FINDING: &str = "SELECT policy.text, outcome, severity, stage, message.text, reason.text
  FROM finding JOIN word policy ON policy.id = finding.policy JOIN word message ON message.id = finding.message
  LEFT JOIN word reason ON reason.id = finding.reason WHERE entry = ?1 ORDER BY position LIMIT ?2";

impl Queries {
    /// The decisions that a filter names, newest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn decisions(&self, filter: &Filter, page: Page) -> Result<DecisionPage, IndexError> {
        self.read(|connection| {
            let mut found = Vec::new();
            let mut total = Total { count: 0, exact: true };
            if let Some(plan) = Plan::new(connection, filter, next(connection)?)? {
                for chunk in plan.chunks() {
                    if plan.has_text() && found.len() > page.rows() && total.count >= COUNTED {
                        total.exact = false;
                        break;
                    }
                    let entries = plan.entries(connection, chunk)?;
                    total.count += entries.count();
                    let indexes = entries.descending().map(|position| chunk * CHUNK + u64::from(position));
                    let wanted = indexes.filter(|index| page.before.is_none_or(|before| *index < before));
                    found.extend(wanted.take(page.rows() + 1 - found.len().min(page.rows() + 1)));
                }
            }
            let more = found.len() > page.rows();
            found.truncate(page.rows());
            let next = found.last().copied().filter(|_| more);
            Ok(DecisionPage { rows: rows(connection, &found)?, total, next })
        })
    }

    /// One decision; none when there is no entry with this index, or it is of another kind.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn decision(&self, index: u64) -> Result<Option<DecisionRow>, IndexError> {
        self.read(|connection| row(connection, index))
    }

    /// The indexes of all decisions that a filter names, in order, handed on one by one.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn each_decision(&self, filter: &Filter, mut with: impl FnMut(DecisionRow)) -> Result<u64, IndexError> {
        self.read(|connection| {
            let mut count = 0;
            let Some(plan) = Plan::new(connection, filter, next(connection)?)? else { return Ok(0) };
            let mut chunks: Vec<u64> = plan.chunks().collect();
            chunks.reverse();
            for chunk in chunks {
                let entries = plan.entries(connection, chunk)?;
                let mut positions: Vec<u16> = entries.descending().collect();
                positions.reverse();
                for position in positions {
                    if let Some(row) = row(connection, chunk * CHUNK + u64::from(position))? {
                        count += 1;
                        with(row);
                    }
                }
            }
            Ok(count)
        })
    }

    /// Draws `count` of the decisions that a filter names, by a seed; see [`Sample`] for how. At most 10,000.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn sample(&self, filter: &Filter, count: u64, seed: &str) -> Result<Sample, IndexError> {
        self.read(|connection| {
            let mut sample = Sample { seed: seed.to_owned(), population: 0, rows: Vec::new() };
            let Some(plan) = Plan::new(connection, filter, next(connection)?)? else { return Ok(sample) };
            let mut chunks: Vec<u64> = plan.chunks().collect();
            chunks.reverse();
            let mut sets = Vec::new();
            for chunk in chunks {
                let entries = plan.entries(connection, chunk)?;
                sets.push((chunk, sample.population, entries.clone()));
                sample.population += entries.count();
            }
            let mut drawn = Vec::new();
            for rank in draw(sample.population, count.min(SAMPLE), seed) {
                let at = sets.partition_point(|(_, before, _)| *before <= rank) - 1;
                let (chunk, before, entries) = &sets[at];
                drawn.extend(entries.nth(rank - before).map(|position| chunk * CHUNK + u64::from(position)));
            }
            sample.rows = rows(connection, &drawn)?;
            Ok(sample)
        })
    }

    /// One entry of any kind; none when the index does not know it.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn entry(&self, index: u64) -> Result<Option<EntryRow>, IndexError> {
        self.read(|connection| entry(connection, index))
    }

    /// Entries of one kind or of all, newest first, and what [`Page::before`] is for the next page.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn entries(
        &self,
        kind: Option<&str>,
        period: Option<Period>,
        page: Page,
    ) -> Result<(Vec<EntryRow>, Option<u64>), IndexError> {
        self.read(|connection| {
            let plan = Plan::entries_of(connection, kind, period, next(connection)?)?;
            let mut found = Vec::new();
            for chunk in plan.iter().flat_map(Plan::chunks) {
                let (Some(plan), true) = (&plan, found.len() <= page.rows()) else { break };
                let entries = plan.entries(connection, chunk)?;
                let indexes = entries.descending().map(|position| chunk * CHUNK + u64::from(position));
                found.extend(indexes.filter(|index| page.before.is_none_or(|before| *index < before)));
            }
            let more = found.len() > page.rows();
            found.truncate(page.rows());
            let next = found.last().copied().filter(|_| more);
            let rows: rusqlite::Result<Vec<Option<EntryRow>>> =
                found.iter().map(|index| entry(connection, *index)).collect();
            Ok((rows?.into_iter().flatten().collect(), next))
        })
    }

    /// The values that filters can have, in order, each list bounded.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn choices(&self) -> Result<Choices, IndexError> {
        self.read(|connection| {
            Ok(Choices {
                environments: choices(connection, facet::ENVIRONMENT)?,
                services: choices(connection, facet::SERVICE)?,
                owners: choices(connection, facet::OWNER)?,
                subject_kinds: choices(connection, facet::SUBJECT_KIND)?,
                resource_types: choices(connection, facet::RESOURCE_TYPE)?,
                frameworks: connection
                    .prepare_cached("SELECT DISTINCT framework FROM serves ORDER BY framework LIMIT 500")?
                    .query_map([], |row| row.get(0))?
                    .collect::<Result<_, _>>()?,
            })
        })
    }

    /// The first and the last day on which anything was decided.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn days_known(&self) -> Result<Option<(Date, Date)>, IndexError> {
        self.read(|connection| {
            let ends: (Option<i64>, Option<i64>) =
                connection.query_row("SELECT min(period), max(period) FROM actions_by", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            let day = |number: Option<i64>| number.and_then(crate::time::day_from_number);
            Ok(day(ends.0).zip(day(ends.1)))
        })
    }
}

/// Positions in a population by a seed; see [`Sample`].
fn draw(population: u64, count: u64, seed: &str) -> Vec<u64> {
    let count = usize::try_from(count.min(population)).unwrap_or(usize::MAX);
    let mut drawn = Vec::with_capacity(count);
    let mut known = std::collections::HashSet::new();
    for number in 0_u64.. {
        if drawn.len() == count {
            break;
        }
        let digest = Digest::of(format!("{seed}:{number}").as_bytes());
        let position = digest.0[..8].iter().fold(0, |all: u64, byte| all << 8 | u64::from(*byte)) % population;
        if known.insert(position) {
            drawn.push(position);
        }
    }
    drawn
}

fn rows(connection: &Connection, indexes: &[u64]) -> rusqlite::Result<Vec<DecisionRow>> {
    let rows: rusqlite::Result<Vec<Option<DecisionRow>>> =
        indexes.iter().map(|index| row(connection, *index)).collect();
    Ok(rows?.into_iter().flatten().collect())
}

pub(super) fn row(connection: &Connection, index: u64) -> rusqlite::Result<Option<DecisionRow>> {
    let mut select = connection.prepare_cached(DECISION)?;
    let Some(mut row) = select.query_row([signed(index)], decision).optional()? else { return Ok(None) };
    row.findings =
        connection.prepare_cached(FINDING)?.query_map([signed(index), FINDINGS], finding)?.collect::<Result<_, _>>()?;
    row.findings.iter().for_each(|finding| row.outcomes.add(finding.outcome, 1));
    Ok(Some(row))
}

fn decision(row: &Row<'_>) -> rusqlite::Result<DecisionRow> {
    let severity: Option<i64> = row.get(14)?;
    let passed: i64 = row.get(15)?;
    Ok(DecisionRow {
        index: row.get::<_, i64>(0)?.cast_unsigned(),
        leaf: Digest(row.get(1)?),
        time: from_micros(row.get(2)?),
        recorded: from_micros(row.get(3)?),
        gate: gate(row)?,
        subject_kind: row.get(7)?,
        resource_type: row.get(8)?,
        address: row.get(9)?,
        environment: row.get(10)?,
        service: row.get(11)?,
        owner: row.get(12)?,
        action: one_of(Action::ALL, row.get(13)?)?,
        severity: severity.map(|severity| one_of(Severity::ALL, severity)).transpose()?,
        outcomes: Outcomes { pass: passed.cast_unsigned(), ..Outcomes::default() },
        findings: Vec::new(),
    })
}

fn finding(row: &Row<'_>) -> rusqlite::Result<FindingRow> {
    Ok(FindingRow {
        policy: row.get(0)?,
        outcome: one_of(Outcome::ALL, row.get(1)?)?,
        severity: one_of(Severity::ALL, row.get(2)?)?,
        stage: one_of(Stage::ALL, row.get(3)?)?,
        message: row.get(4)?,
        reason: row.get(5)?,
    })
}

fn entry(connection: &Connection, index: u64) -> rusqlite::Result<Option<EntryRow>> {
    connection
        .prepare_cached(ENTRY)?
        .query_row([signed(index)], |row| {
            Ok(EntryRow {
                index: row.get::<_, i64>(0)?.cast_unsigned(),
                leaf: Digest(row.get(1)?),
                time: from_micros(row.get(2)?),
                recorded: from_micros(row.get(3)?),
                gate: gate(row)?,
                kind: row.get(7)?,
            })
        })
        .optional()
}

/// The gate in columns four to six.
pub(super) fn gate(row: &Row<'_>) -> rusqlite::Result<Option<GateRef>> {
    let Some(kind) = row.get::<_, Option<String>>(4)? else { return Ok(None) };
    let sequence: i64 = row.get(6)?;
    Ok(Some(GateRef { kind: kind.into(), name: row.get(5)?, sequence: sequence.cast_unsigned() }))
}

fn choices(connection: &Connection, facet: i64) -> rusqlite::Result<Vec<String>> {
    let mut choices: Vec<String> = connection
        .prepare_cached("SELECT DISTINCT text FROM facet JOIN word ON word.id = value WHERE facet = ?1 LIMIT ?2")?
        .query_map((facet, i64::try_from(CHOICES).unwrap_or(i64::MAX)), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    choices.sort_unstable();
    Ok(choices)
}

/// The days of a period as the tables number them.
pub(super) fn day_range(period: Period) -> (i64, i64) {
    (day_number(period.first), day_number(period.last))
}

/// The times of a period, the end excluded.
pub(super) fn time_range(period: Period) -> (i64, i64) {
    (micros(period.start()), micros(period.end()))
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn a_seed_draws_the_same_again() {
        let drawn = draw(1_000, 25, "2026-Q1");
        assert_eq!(drawn, draw(1_000, 25, "2026-Q1"));
        assert_ne!(drawn, draw(1_000, 25, "2026-Q2"));
        // printf '2026-Q1:0' | sha256sum, the first eight bytes modulo 1000
        assert_eq!(drawn.len(), 25);
        assert!(drawn.iter().all(|position| *position < 1_000));
    }

    #[test]
    fn all_are_drawn_once_when_there_are_fewer() {
        let mut drawn = draw(7, 100, "");
        drawn.sort_unstable();
        assert_eq!(drawn, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(draw(0, 5, "x"), [] as [u64; 0]);
    }
}
