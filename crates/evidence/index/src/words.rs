//! Repeated texts are kept once; tables refer to them by number.

use std::borrow::Cow;

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use probity_evidence_ledger::Digest;
use rusqlite::{Connection, OptionalExtension as _};

/// Characters of a text that the index keeps. The ledger has all of it.
const KEPT: usize = 1_000;
/// Numbers held in memory at most.
const HELD: usize = 50_000;

/// The number that stands for no text.
pub(crate) const NONE: i64 = 0;

/// A text as the index keeps it. One that is cut ends in a part of its digest, so that different texts stay different.
pub(crate) fn kept(text: &str) -> Cow<'_, str> {
    let text = if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) };
    match text.char_indices().nth(KEPT) {
        None => text,
        Some((end, _)) => Cow::Owned(format!("{}… ({})", &text[..end], &Digest::of(text.as_bytes()).hex()[..16])),
    }
}

/// The numbers of texts, as far as they were needed lately.
#[derive(Default, Debug)]
pub(crate) struct Words {
    held: HashMap<String, i64>,
    /// Words of the full-text index that are known to be in the list of its words.
    terms: HashSet<String>,
}

impl Words {
    /// The number of a text, given to it now when it had none.
    pub(crate) fn number(&mut self, connection: &Connection, text: &str) -> rusqlite::Result<i64> {
        let text = kept(text);
        if let Some(number) = self.held.get(text.as_ref()) {
            return Ok(*number);
        }
        let number = match find_kept(connection, &text)? {
            Some(number) => number,
            None => connection
                .prepare_cached("INSERT INTO word(text) VALUES (?1) RETURNING id")?
                .query_row([text.as_ref()], |row| row.get(0))?,
        };
        if self.held.len() >= HELD {
            self.held = HashMap::new();
        }
        self.held.insert(text.into_owned(), number);
        Ok(number)
    }

    /// Notes the words of an entry in the list of all words, in which those with the same beginning are found.
    pub(crate) fn note_terms(&mut self, connection: &Connection, text: &str) -> rusqlite::Result<()> {
        for term in text.split(' ').filter(|term| !term.is_empty()) {
            if self.terms.contains(term) {
                continue;
            }
            connection.prepare_cached("INSERT OR IGNORE INTO term VALUES (?1)")?.execute([term])?;
            if self.terms.len() >= HELD {
                self.terms = HashSet::new();
            }
            self.terms.insert(term.to_owned());
        }
        Ok(())
    }

    /// Like [`Words::number`]; [`NONE`] for no text.
    pub(crate) fn optional(&mut self, connection: &Connection, text: Option<&str>) -> rusqlite::Result<i64> {
        text.map_or(Ok(NONE), |text| self.number(connection, text))
    }
}

/// The number of a text that the index has.
pub(crate) fn find(connection: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
    find_kept(connection, &kept(text))
}

fn find_kept(connection: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached("SELECT id FROM word WHERE text = ?1")?.query_row([text], |row| row.get(0)).optional()
}

/// A pattern with `*` and `?` as the `GLOB` of the database takes it, where `[` is a sign of its own.
pub(crate) fn glob(pattern: &str) -> String {
    kept(pattern).replace('[', "[[]")
}

/// Whether a text has signs of a pattern.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_cut_has_one_number() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE word(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)").unwrap();
        let long = "x".repeat(3 * KEPT);
        let number = Words::default().number(&connection, &long).unwrap();
        // What is held in memory is gone after a restart.
        assert_eq!(Words::default().number(&connection, &long).unwrap(), number);
        assert_eq!(find(&connection, &long).unwrap(), Some(number));
        assert_ne!(Words::default().number(&connection, &format!("{long}y")).unwrap(), number);
    }
}
