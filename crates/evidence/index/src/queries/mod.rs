//! Questions.
//!
//! Every text in a filter is bound to its statement, never part of it.

mod admissions;
mod builds;
mod decisions;
mod gates;
mod images;
mod liveness;
mod policies;
mod posture;
mod scans;
mod wanted;

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::error::IndexError;
use crate::filter::Period;
use crate::index::next;
use crate::schema::{self, wrap};
use crate::time::{day_number, month_number};

pub use posture::Of;

/// Questions to the index, on a connection of their own that only reads. Each answer is of one moment; after
/// [`Queries::pin`] all are of the same.
#[derive(Debug)]
pub struct Queries {
    file: PathBuf,
    connection: Connection,
}

impl Queries {
    /// Opens an index to read from it.
    ///
    /// # Errors
    /// When there is none of this version, or it cannot be read.
    pub fn open(file: &Path) -> Result<Self, IndexError> {
        Ok(Self { file: file.to_owned(), connection: schema::open_to_read(file)? })
    }

    /// Holds fast to what the index says now, until this is dropped: all answers are over the same entries.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn pin(&self) -> Result<(), IndexError> {
        let pin = || -> rusqlite::Result<()> {
            if self.connection.is_autocommit() {
                self.connection.execute_batch("BEGIN")?;
            }
            next(&self.connection).map(drop)
        };
        pin().map_err(|source| wrap(&self.file, source))
    }

    /// How many entries of the ledger the index knows, from the first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn entries_known(&self) -> Result<u64, IndexError> {
        self.read(next)
    }

    /// Answers by several statements of the same moment.
    fn read<T>(&self, answer: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, IndexError> {
        let read = || {
            let moment =
                if self.connection.is_autocommit() { Some(self.connection.unchecked_transaction()?) } else { None };
            let answer = answer(&self.connection)?;
            if let Some(moment) = moment {
                moment.finish()?;
            }
            Ok(answer)
        };
        read().map_err(|source| wrap(&self.file, source))
    }
}

/// A number of the tables as one of an enumeration.
fn one_of<T: Copy>(all: &[T], number: i64) -> rusqlite::Result<T> {
    usize::try_from(number).ok().and_then(|number| all.get(number)).copied().ok_or_else(|| {
        let what = format!("{number} stands for nothing").into();
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Integer, what)
    })
}

/// A JSON text of the tables.
fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into()))
}

/// A period as ranges of sums: whole months by month, the rest by day.
fn spans(period: Period) -> Vec<(i64, i64, i64)> {
    use crate::batch::{DAYS, MONTHS};
    if period.first > period.last {
        return Vec::new();
    }
    let days = vec![(DAYS, day_number(period.first), day_number(period.last))];
    let first = if period.first.day() == 1 { Some(period.first) } else { period.first.last_of_month().tomorrow().ok() };
    let last = if period.last == period.last.last_of_month() {
        Some(period.last)
    } else {
        period.last.first_of_month().yesterday().ok()
    };
    let (Some(first), Some(last)) = (first, last) else { return days };
    if first > last {
        return days;
    }
    let mut spans = vec![(MONTHS, month_number(first), month_number(last))];
    if let Ok(before) = first.yesterday()
        && before >= period.first
    {
        spans.push((DAYS, day_number(period.first), day_number(before)));
    }
    if let Ok(after) = last.tomorrow()
        && after <= period.last
    {
        spans.push((DAYS, day_number(after), day_number(period.last)));
    }
    spans
}

/// The number of an environment for a statement: none for all, one that occurs nowhere for an unknown one.
fn environment(connection: &Connection, name: Option<&str>) -> rusqlite::Result<Option<i64>> {
    match name {
        None => Ok(None),
        Some(name) => Ok(Some(crate::words::find(connection, name)?.unwrap_or(-1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{DAYS, MONTHS};

    #[test]
    fn whole_months_are_taken_by_month() {
        for (first, last, expected) in [
            ("2026-01-01", "2026-03-31", vec![(MONTHS, 202_601, 202_603)]),
            ("2026-01-02", "2026-01-30", vec![(DAYS, 20_260_102, 20_260_130)]),
            ("2026-01-31", "2026-02-01", vec![(DAYS, 20_260_131, 20_260_201)]),
            (
                "2025-12-30",
                "2026-02-02",
                vec![(MONTHS, 202_601, 202_601), (DAYS, 20_251_230, 20_251_231), (DAYS, 20_260_201, 20_260_202)],
            ),
            ("2026-02-02", "2026-02-01", vec![]),
        ] {
            let period = Period::new(first.parse().unwrap(), last.parse().unwrap());
            assert_eq!(spans(period), expected, "{first} {last}");
        }
    }
}
