//! Sets of policies, as the ledger keeps them beside its entries.

use probity_evidence_ledger::Digest;
use rusqlite::{Connection, OptionalExtension as _};
use serde::Deserialize;

use crate::batch::At;
use crate::rows::PolicyRecord;
use crate::words::{Words, kept};

/// Gives the bytes that a digest names, when the ledger has them.
pub(crate) type Blobs<'b> = dyn FnMut(&Digest) -> Option<Vec<u8>> + 'b;

/// What a set says, as far as the index needs it.
#[derive(Deserialize)]
struct SetFile {
    policies: Vec<PolicyRecord>,
    #[serde(default)]
    sources: serde_json::Value,
}

/// A list of policies as it is stored.
pub(crate) fn encode_list(policies: &[i64]) -> Vec<u8> {
    policies.iter().flat_map(|policy| policy.to_le_bytes()).collect()
}

/// The policies of a stored list.
pub(crate) fn decode_list(stored: &[u8]) -> impl Iterator<Item = i64> {
    stored.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes))
}

/// Notes a set that an entry names, and reads it when it is new.
pub(crate) fn see(
    connection: &Connection,
    words: &mut Words,
    blobs: &mut Blobs<'_>,
    at: At,
    digest: &Digest,
) -> rusqlite::Result<()> {
    let known: Option<i64> = connection
        .prepare_cached("SELECT id FROM policy_set WHERE digest = ?1")?
        .query_row([&digest.0[..]], |row| row.get(0))
        .optional()?;
    if known.is_some() {
        return Ok(());
    }
    let id = connection
        .prepare_cached(
            "INSERT INTO policy_set(digest, first_entry, first_time, gate) VALUES (?1, ?2, ?3, ?4) RETURNING id",
        )?
        .query_row((&digest.0[..], at.id, at.time, at.gate), |row| row.get(0))?;
    read(connection, words, blobs, &Set { id, entry: at.id, time: at.time, digest: *digest })
}

/// Reads the sets that could not be read before.
pub(crate) fn read_missing(connection: &Connection, words: &mut Words, blobs: &mut Blobs<'_>) -> rusqlite::Result<()> {
    let missing: Vec<Set> = connection
        .prepare_cached("SELECT id, first_entry, first_time, digest FROM policy_set WHERE sources IS NULL LIMIT 100")?
        .query_map([], |row| {
            Ok(Set { id: row.get(0)?, entry: row.get(1)?, time: row.get(2)?, digest: Digest(row.get(3)?) })
        })?
        .collect::<Result<_, _>>()?;
    missing.iter().try_for_each(|set| read(connection, words, blobs, set))
}

struct Set {
    id: i64,
    entry: i64,
    time: i64,
    digest: Digest,
}

fn read(connection: &Connection, words: &mut Words, blobs: &mut Blobs<'_>, set: &Set) -> rusqlite::Result<()> {
    let Some(bytes) = blobs(&set.digest) else { return Ok(()) };
    let Ok(file) = serde_json::from_slice::<SetFile>(&bytes) else { return Ok(()) };
    let sources = Digest::of(file.sources.to_string().as_bytes());
    for record in &file.policies {
        add(connection, words, set, record)?;
    }
    connection
        .prepare_cached("UPDATE policy_set SET sources = ?2 WHERE id = ?1")?
        .execute((set.id, &sources.0[..]))
        .map(drop)
}

fn add(connection: &Connection, words: &mut Words, set: &Set, record: &PolicyRecord) -> rusqlite::Result<()> {
    let policy = words.number(connection, record.id.as_str())?;
    let body = serde_json::to_string(record).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let version: i64 = connection
        .prepare_cached(
            "INSERT INTO policy_version(policy, body, first_entry, first_time) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET first_time = iif(excluded.first_entry < first_entry, excluded.first_time, first_time),
             first_entry = min(first_entry, excluded.first_entry) RETURNING id",
        )?
        .query_row((policy, body, set.entry, set.time), |row| row.get(0))?;
    connection
        .prepare_cached("INSERT OR IGNORE INTO policy_in VALUES (?1, ?2, ?3)")?
        .execute((set.id, policy, version))?;
    let newest: Option<i64> = connection
        .prepare_cached(
            "SELECT policy_set.first_entry FROM policy JOIN policy_set ON policy_set.id = policy.policy_set WHERE policy.id = ?1",
        )?
        .query_row([policy], |row| row.get(0))
        .optional()?;
    if newest.is_some_and(|newest| newest > set.entry) {
        return Ok(());
    }
    connection.prepare_cached("INSERT OR REPLACE INTO policy VALUES (?1, ?2, ?3, ?4)")?.execute((
        policy,
        version,
        record.severity as i64,
        set.id,
    ))?;
    connection.prepare_cached("DELETE FROM serves WHERE policy = ?1")?.execute([policy])?;
    for link in &record.controls {
        connection.prepare_cached("INSERT OR REPLACE INTO serves VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
            kept(&link.control.framework),
            kept(&link.control.requirement),
            policy,
            link.serves as i64,
            kept(&link.why),
        ))?;
    }
    Ok(())
}
