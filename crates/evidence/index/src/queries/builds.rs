use rusqlite::{OptionalExtension as _, Row, params_from_iter};

use super::decisions::gate;
use super::wanted::{self, Wanted};
use super::{Queries, from_json};
use crate::batch::signed;
use crate::builds::{BuildFilter, BuildPage, BuildRow};
use crate::error::IndexError;
use crate::filter::Page;
use crate::time::from_micros;

const BUILD: &str = "SELECT build.entry, build.time, leaf, body, gate_kind.text, gate.name, sequence
  FROM build JOIN entry ON entry.id = build.entry
  LEFT JOIN gate ON gate.id = entry.gate LEFT JOIN word gate_kind ON gate_kind.id = gate.kind";

impl Queries {
    /// Builds, newest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn builds(&self, filter: &BuildFilter, page: Page) -> Result<BuildPage, IndexError> {
        let (sql, values) = wanted(filter).newest(BUILD, "build", page);
        self.read(|connection| {
            let mut rows: Vec<BuildRow> = connection
                .prepare_cached(&sql)?
                .query_map(params_from_iter(values), build)?
                .collect::<Result<_, _>>()?;
            let more = rows.len() > page.rows();
            rows.truncate(page.rows());
            let next = rows.last().map(|row| row.index).filter(|_| more);
            Ok(BuildPage { rows, next })
        })
    }

    /// One build; none when there is no entry with this index, or it is of another kind.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn build(&self, index: u64) -> Result<Option<BuildRow>, IndexError> {
        let sql = format!("{BUILD} WHERE build.entry = ?1");
        self.read(|connection| connection.prepare_cached(&sql)?.query_row([signed(index)], build).optional())
    }
}

fn wanted(filter: &BuildFilter) -> Wanted {
    let mut wanted = Wanted::default();
    wanted.within(filter.from, filter.to);
    wanted.like("project", filter.project.as_deref());
    if let Some(number) = &filter.number {
        wanted.add("number = ?", number.trim_start_matches('#').to_owned());
    }
    if let Some(commit) = &filter.commit {
        wanted.begins(commit, |is| is("commit_id"));
    }
    if let Some(digest) = &filter.digest {
        wanted.begins(&wanted::digest(digest), |is| {
            format!("entry IN (SELECT entry FROM build_image WHERE {})", is("digest"))
        });
    }
    if let Some(action) = filter.action {
        wanted.add("action = ?", action as i64);
    }
    wanted
}

fn build(row: &Row<'_>) -> rusqlite::Result<BuildRow> {
    Ok(BuildRow {
        index: row.get::<_, i64>(0)?.cast_unsigned(),
        time: from_micros(row.get(1)?),
        leaf: probity_evidence_ledger::Digest(row.get(2)?),
        build: from_json(&row.get::<_, String>(3)?)?,
        gate: gate(row)?,
    })
}
