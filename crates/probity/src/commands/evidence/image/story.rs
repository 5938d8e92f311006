//! What the ledger knows of one image, put together from its records, builds and decisions.

use std::collections::HashMap;

use anyhow::Result;
use jiff::Timestamp;
use probity_evidence_index::{BuildFilter, BuildRow, DecisionRow, Filter, ImageRow, Page, Queries};
use probity_evidence_ledger::AcceptedRisk;
use serde::Serialize;

/// Builds and decisions that are shown at most, each the newest.
const SHOWN: usize = 100;

/// What went into an image, and what became of it.
#[derive(Debug, Serialize)]
pub(super) struct Story {
    /// What names its content.
    pub(super) digest: String,
    /// The newest record.
    pub(super) newest: ImageRow,
    /// All records, newest first: the entry and the time of each.
    pub(super) records: Vec<Seen>,
    /// Every acceptance of a vulnerability in any record, with where it was first seen.
    pub(super) accepted: Vec<Accepted>,
    /// Builds that made it, newest first.
    pub(super) builds: Vec<BuildRow>,
    /// Decisions about it, newest first.
    pub(super) decisions: Vec<DecisionRow>,
}

/// An entry, and when what it says happened.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Seen {
    pub(super) entry: u64,
    pub(super) time: Timestamp,
}

/// A vulnerability that somebody accepted.
#[derive(Debug, Serialize)]
pub(super) struct Accepted {
    #[serde(flatten)]
    pub(super) risk: AcceptedRisk,
    /// The first record with it.
    pub(super) first: Seen,
    /// Whether it still counts, by the newest record.
    pub(super) current: bool,
}

impl Story {
    /// Puts it together; the records are newest first, and there is at least one.
    pub(super) fn read(queries: &Queries, mut records: Vec<ImageRow>) -> Result<Self> {
        let digest = records.first().map(|row| row.image.content().to_owned()).unwrap_or_default();
        let filter = BuildFilter { digest: Some(digest.clone()), ..BuildFilter::default() };
        let builds = queries.builds(&filter, Page::first(SHOWN))?.rows;
        let decisions = decisions(queries, &digest, &records)?;
        let seen = records.iter().map(|row| Seen { entry: row.index, time: row.time }).collect();
        let accepted = accepted(&records);
        anyhow::ensure!(!records.is_empty(), "there is no record of the image");
        Ok(Self { digest, newest: records.swap_remove(0), records: seen, accepted, builds, decisions })
    }
}

/// Decisions that came with the records, and all others about a subject that is called by the digest.
fn decisions(queries: &Queries, digest: &str, records: &[ImageRow]) -> Result<Vec<DecisionRow>> {
    let filter = Filter { address: Some(format!("*{digest}*")), ..Filter::default() };
    let mut all = queries.decisions(&filter, Page::first(SHOWN))?.rows;
    for row in records.iter().take(SHOWN) {
        let Some(gate) = &row.gate else { continue };
        let count = usize::try_from(row.image.decisions).unwrap_or(usize::MAX);
        if count == 0 {
            continue;
        }
        let filter = Filter { gate: Some(gate.name.clone()), ..Filter::default() };
        let before = queries.decisions(&filter, Page { before: Some(row.index), limit: count.min(SHOWN) })?.rows;
        let numbers = gate.sequence.saturating_sub(row.image.decisions)..gate.sequence;
        all.extend(before.into_iter().filter(|decision| {
            decision.gate.as_ref().is_some_and(|of| of.kind == gate.kind && numbers.contains(&of.sequence))
        }));
    }
    all.sort_by_key(|decision| std::cmp::Reverse(decision.index));
    all.dedup_by_key(|decision| decision.index);
    all.truncate(SHOWN);
    Ok(all)
}

/// Each acceptance once, with the oldest record that has it.
fn accepted(records: &[ImageRow]) -> Vec<Accepted> {
    let mut known: HashMap<&AcceptedRisk, Seen> = HashMap::new();
    let mut order: Vec<&AcceptedRisk> = Vec::new();
    for row in records {
        for risk in row.image.vulnerabilities.iter().flat_map(|found| &found.accepted) {
            // Records are newest first: the last that is seen is the oldest.
            if known.insert(risk, Seen { entry: row.index, time: row.time }).is_none() {
                order.push(risk);
            }
        }
    }
    let newest: Vec<&AcceptedRisk> = records
        .iter()
        .take(1)
        .flat_map(|row| row.image.vulnerabilities.iter().flat_map(|found| &found.accepted))
        .collect();
    order
        .into_iter()
        .map(|risk| Accepted { risk: risk.clone(), first: known[risk], current: newest.contains(&risk) })
        .collect()
}
