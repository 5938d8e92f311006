//! Builds: their rows, and which of them are asked for.

use jiff::Timestamp;
use probity_evidence_ledger::{BuildRecord, Digest};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::batch::At;
use crate::rows::GateRef;
use crate::words::kept;

/// Members of each list of a record that its row keeps. The ledger has all of them.
const LISTED: usize = 1_000;

/// One build and its checks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BuildRow {
    /// The index of its entry in the ledger.
    pub index: u64,
    /// Its leaf hash there (RFC 6962).
    pub leaf: Digest,
    /// When it was recorded by the gate; to the microsecond.
    pub time: Timestamp,
    /// The gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateRef>,
    /// The build. Of each list the first thousand.
    pub build: BuildRecord,
}

/// A part of the builds asked for, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BuildPage {
    /// The builds.
    pub rows: Vec<BuildRow>,
    /// What [`Page::before`](crate::Page) is for the next page; none on the last.
    pub next: Option<u64>,
}

/// Which builds are asked for. What is not given does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BuildFilter {
    /// Recorded at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Recorded before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// The project: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The number of the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The commit, or the beginning of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The digest of an image that it made, or the beginning of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<probity_model::Action>,
}

/// Writes the row of a build, and one for each of its images.
pub(crate) fn write(connection: &Connection, at: At, build: &BuildRecord) -> rusqlite::Result<()> {
    let mut row = build.clone();
    row.images.truncate(LISTED);
    row.checks.truncate(LISTED);
    let body = serde_json::to_string(&row).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let commit = build.origin.commit.as_deref().map(kept);
    connection.prepare_cached("INSERT INTO build VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute((
        at.id,
        at.time,
        kept(&build.project),
        build.number.as_deref().map(kept),
        commit,
        build.action as i64,
        body,
    ))?;
    for digest in row.images.iter().filter_map(|image| image.digest.as_deref()) {
        connection
            .prepare_cached("INSERT OR IGNORE INTO build_image VALUES (?1, ?2)")?
            .execute((kept(digest), at.id))?;
    }
    Ok(())
}
