use std::collections::BTreeMap;

use probity_evidence_ledger::Digest;
use probity_model::PolicyId;
use rusqlite::{Connection, OptionalExtension as _};

use super::decisions::time_range;
use super::posture::outcomes_of;
use super::{Queries, from_json};
use crate::error::IndexError;
use crate::filter::{Period, Scope};
use crate::plan::policies_like;
use crate::rows::{PolicyChange, PolicyDetail, PolicyRecord, PolicyRow, PolicyVersion};
use crate::time::from_micros;
use crate::words::find;

/// Changes that are given at once.
const CHANGES: usize = 1_000;
/// Versions of a policy that are given.
const VERSIONS: i64 = 200;

impl Queries {
    /// All policies that were ever asked or are in a set, in the order of their ids, with their findings in a scope.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn policies(&self, scope: &Scope) -> Result<Vec<PolicyRow>, IndexError> {
        self.read(|connection| {
            let outcomes = outcomes_of(connection, scope, policies_like(connection, "*")?)?;
            let mut select = connection.prepare_cached(
                "SELECT word.id, word.text, body FROM word LEFT JOIN policy ON policy.id = word.id
                 LEFT JOIN policy_version ON policy_version.id = policy.version
                 WHERE word.id IN (SELECT policy FROM asked UNION SELECT id FROM policy) ORDER BY word.text",
            )?;
            let mut rows = select.query([])?;
            let mut policies = Vec::new();
            while let Some(row) = rows.next()? {
                let record: Option<String> = row.get(2)?;
                policies.push(PolicyRow {
                    id: PolicyId(row.get::<_, String>(1)?.into()),
                    record: record.as_deref().map(from_json).transpose()?,
                    outcomes: outcomes.get(&row.get(0)?).copied().unwrap_or_default(),
                });
            }
            Ok(policies)
        })
    }

    /// One policy by its id, with its versions and its findings in a scope; none when it was never asked and is in no set.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn policy(&self, id: &str, scope: &Scope) -> Result<Option<PolicyDetail>, IndexError> {
        self.read(|connection| {
            let Some(number) = find(connection, id)? else { return Ok(None) };
            let versions = versions(connection, number)?;
            let asked: bool = connection
                .prepare_cached("SELECT EXISTS(SELECT 1 FROM asked WHERE policy = ?1)")?
                .query_row([number], |row| row.get(0))?;
            if !asked && versions.is_empty() {
                return Ok(None);
            }
            let record: Option<String> = connection
                .prepare_cached(
                    "SELECT body FROM policy JOIN policy_version ON policy_version.id = version WHERE policy.id = ?1",
                )?
                .query_row([number], |row| row.get(0))
                .optional()?;
            let outcomes = outcomes_of(connection, scope, [number])?;
            let policy = PolicyRow {
                id: PolicyId(id.into()),
                record: record.as_deref().map(from_json).transpose()?,
                outcomes: outcomes.get(&number).copied().unwrap_or_default(),
            };
            Ok(Some(PolicyDetail { policy, versions }))
        })
    }

    /// What the newest set that has a policy says of it; none when the ledger has no text of it.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn policy_record(&self, id: &str) -> Result<Option<PolicyRecord>, IndexError> {
        self.read(|connection| {
            let Some(number) = find(connection, id)? else { return Ok(None) };
            let record: Option<String> = connection
                .prepare_cached(
                    "SELECT body FROM policy JOIN policy_version ON policy_version.id = version WHERE policy.id = ?1",
                )?
                .query_row([number], |row| row.get(0))
                .optional()?;
            record.as_deref().map(from_json).transpose()
        })
    }

    /// Sets of policies that were first seen in a period, the newest first, each against the one that was new before it.
    /// Gates may use different sets at the same time; what changed is told in the order in which the ledger saw them.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn policy_changes(&self, period: Period) -> Result<Vec<PolicyChange>, IndexError> {
        self.read(|connection| {
            let (from, to) = time_range(period);
            let sets = sets(connection)?;
            let mut changes = Vec::new();
            for (at, set) in sets.iter().enumerate().rev() {
                if set.time < from || set.time >= to || changes.len() == CHANGES {
                    continue;
                }
                changes.push(change(connection, set, at.checked_sub(1).map(|before| &sets[before]))?);
            }
            Ok(changes)
        })
    }
}

fn versions(connection: &Connection, policy: i64) -> rusqlite::Result<Vec<PolicyVersion>> {
    let mut select = connection.prepare_cached(
        "SELECT first_entry, first_time, body FROM policy_version WHERE policy = ?1 ORDER BY first_entry DESC LIMIT ?2",
    )?;
    select
        .query_map((policy, VERSIONS), |row| {
            Ok(PolicyVersion {
                first_entry: row.get::<_, i64>(0)?.cast_unsigned(),
                first_time: from_micros(row.get(1)?),
                record: from_json(&row.get::<_, String>(2)?)?,
            })
        })?
        .collect()
}

struct Set {
    id: i64,
    digest: Digest,
    entry: i64,
    time: i64,
    gate: Option<String>,
    sources: Option<Vec<u8>>,
}

fn sets(connection: &Connection) -> rusqlite::Result<Vec<Set>> {
    connection
        .prepare_cached(
            "SELECT policy_set.id, digest, first_entry, policy_set.first_time, gate.name, sources FROM policy_set
             LEFT JOIN gate ON gate.id = policy_set.gate ORDER BY first_entry, policy_set.id",
        )?
        .query_map([], |row| {
            Ok(Set {
                id: row.get(0)?,
                digest: Digest(row.get(1)?),
                entry: row.get(2)?,
                time: row.get(3)?,
                gate: row.get(4)?,
                sources: row.get(5)?,
            })
        })?
        .collect()
}

fn change(connection: &Connection, set: &Set, before: Option<&Set>) -> rusqlite::Result<PolicyChange> {
    let known = set.sources.is_some() && before.is_none_or(|before| before.sources.is_some());
    let mut change = PolicyChange {
        entry: set.entry.cast_unsigned(),
        time: from_micros(set.time),
        gate: set.gate.clone(),
        set: set.digest,
        before: before.map(|before| before.digest),
        known,
        added: Vec::new(),
        removed: Vec::new(),
        changed: Vec::new(),
        sources_changed: known && before.is_some_and(|before| before.sources != set.sources),
    };
    if !known {
        return Ok(change);
    }
    let now = members(connection, set.id)?;
    let then = before.map_or_else(|| Ok(BTreeMap::new()), |before| members(connection, before.id))?;
    for (id, version) in &now {
        match then.get(id) {
            None => change.added.push(PolicyId(id.as_str().into())),
            Some(earlier) if earlier != version => change.changed.push(PolicyId(id.as_str().into())),
            Some(_) => {}
        }
    }
    change.removed = then.keys().filter(|id| !now.contains_key(*id)).map(|id| PolicyId(id.as_str().into())).collect();
    Ok(change)
}

fn members(connection: &Connection, set: i64) -> rusqlite::Result<BTreeMap<String, i64>> {
    connection
        .prepare_cached("SELECT text, version FROM policy_in JOIN word ON word.id = policy WHERE policy_set = ?1")?
        .query_map([set], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
