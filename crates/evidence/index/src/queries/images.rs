use rusqlite::{OptionalExtension as _, Row, params_from_iter};

use super::decisions::gate;
use super::wanted::{self, Wanted};
use super::{Queries, from_json};
use crate::batch::signed;
use crate::error::IndexError;
use crate::filter::Page;
use crate::images::{ImageFilter, ImagePage, ImageRow};
use crate::time::from_micros;

const IMAGE: &str = "SELECT image.entry, image.time, leaf, body, gate_kind.text, gate.name, sequence
  FROM image JOIN entry ON entry.id = image.entry
  LEFT JOIN gate ON gate.id = entry.gate LEFT JOIN word gate_kind ON gate_kind.id = gate.kind";

impl Queries {
    /// Images that were looked into, newest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn images(&self, filter: &ImageFilter, page: Page) -> Result<ImagePage, IndexError> {
        let (sql, values) = wanted(filter).newest(IMAGE, "image", page);
        self.read(|connection| {
            let mut rows: Vec<ImageRow> = connection
                .prepare_cached(&sql)?
                .query_map(params_from_iter(values), image)?
                .collect::<Result<_, _>>()?;
            let more = rows.len() > page.rows();
            rows.truncate(page.rows());
            let next = rows.last().map(|row| row.index).filter(|_| more);
            Ok(ImagePage { rows, next })
        })
    }

    /// One record of an image; none when there is no entry with this index, or it is of another kind.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn image(&self, index: u64) -> Result<Option<ImageRow>, IndexError> {
        let sql = format!("{IMAGE} WHERE image.entry = ?1");
        self.read(|connection| connection.prepare_cached(&sql)?.query_row([signed(index)], image).optional())
    }
}

fn wanted(filter: &ImageFilter) -> Wanted {
    let mut wanted = Wanted::default();
    wanted.within(filter.from, filter.to);
    wanted.like("reference", filter.reference.as_deref());
    if let Some(digest) = &filter.digest {
        wanted.begins(&wanted::digest(digest), |is| format!("({} OR {})", is("digest"), is("configuration")));
    }
    if let Some(action) = filter.action {
        wanted.add("action = ?", action as i64);
    }
    if filter.latest {
        wanted.holds(
            "NOT EXISTS (SELECT 1 FROM image later WHERE later.digest = image.digest AND later.entry > image.entry)",
        );
    }
    wanted
}

fn image(row: &Row<'_>) -> rusqlite::Result<ImageRow> {
    Ok(ImageRow {
        index: row.get::<_, i64>(0)?.cast_unsigned(),
        time: from_micros(row.get(1)?),
        leaf: probity_evidence_ledger::Digest(row.get(2)?),
        image: from_json(&row.get::<_, String>(3)?)?,
        gate: gate(row)?,
    })
}
