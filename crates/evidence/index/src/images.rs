//! Images that were looked into: their rows, and which of them are asked for.

use jiff::Timestamp;
use probity_evidence_ledger::{Digest, ImageRecord};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::batch::At;
use crate::rows::GateRef;
use crate::words::kept;

/// Members of each list of a record that its row keeps. The ledger has all of them.
const LISTED: usize = 1_000;

/// What one scan found of one image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageRow {
    /// The index of its entry in the ledger.
    pub index: u64,
    /// Its leaf hash there (RFC 6962).
    pub leaf: Digest,
    /// When it was looked into; to the microsecond.
    pub time: Timestamp,
    /// The gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateRef>,
    /// What was found. Of each list the first thousand.
    pub image: ImageRecord,
}

/// A part of the images asked for, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImagePage {
    /// The images.
    pub rows: Vec<ImageRow>,
    /// What [`Page::before`](crate::Page) is for the next page; none on the last.
    pub next: Option<u64>,
}

/// Which images are asked for. What is not given does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageFilter {
    /// Looked into at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Looked into before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// How it was asked for: a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The digest of its manifest or configuration, or the beginning of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<probity_model::Action>,
    /// Only the newest of each digest.
    pub latest: bool,
}

/// Writes the row of an image.
pub(crate) fn write(connection: &Connection, at: At, image: &ImageRecord) -> rusqlite::Result<()> {
    let mut row = image.clone();
    row.refused.truncate(LISTED);
    row.signatures.iter_mut().for_each(|list| list.truncate(LISTED));
    row.attestations.iter_mut().for_each(|list| list.truncate(LISTED));
    if let Some(found) = &mut row.vulnerabilities {
        found.accepted.truncate(LISTED);
        found.not_assessed.truncate(LISTED);
    }
    let body = serde_json::to_string(&row).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let (reference, content, id) = (kept(&image.reference), kept(image.content()), kept(&image.id));
    connection.prepare_cached("INSERT INTO image VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute((
        at.id,
        at.time,
        reference,
        content,
        id,
        image.action as i64,
        body,
    ))?;
    Ok(())
}
