//! Conditions of a statement that are put together as they are asked for.

use jiff::Timestamp;
use rusqlite::types::Value;

use crate::batch::signed;
use crate::filter::Page;
use crate::time::micros;
use crate::words::{glob, is_pattern, kept};

/// What sorts behind every digit of a digest or a commit.
const BEHIND: char = 'g';

/// Conditions and the values that are bound to them.
#[derive(Default)]
pub(super) struct Wanted {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Wanted {
    /// A condition, `?` in it for the value.
    pub(super) fn add(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        self.conditions.push(condition.replace('?', &format!("?{}", self.values.len())));
    }

    /// A condition without a value.
    pub(super) fn holds(&mut self, condition: &str) {
        self.conditions.push(condition.to_owned());
    }

    /// Rows of a time.
    pub(super) fn within(&mut self, from: Option<Timestamp>, to: Option<Timestamp>) {
        if let Some(from) = from {
            self.add("time >= ?", micros(from));
        }
        if let Some(to) = to {
            self.add("time < ?", micros(to));
        }
    }

    /// A column that is this text, or fits this pattern.
    pub(super) fn like(&mut self, column: &str, text: Option<&str>) {
        let Some(text) = text else { return };
        if is_pattern(text) {
            self.add(&format!("{column} GLOB ?"), glob(text));
        } else {
            self.add(&format!("{column} = ?"), kept(text).into_owned());
        }
    }

    /// Rows of which a column of digests or commits begins so. `condition` is given the condition on any one column.
    pub(super) fn begins(&mut self, beginning: &str, condition: impl Fn(&dyn Fn(&str) -> String) -> String) {
        let beginning = kept(beginning).into_owned();
        self.values.push(format!("{beginning}{BEHIND}").into());
        self.values.push(beginning.into());
        let (last, first) = (self.values.len() - 1, self.values.len());
        self.conditions.push(condition(&|column| format!("{column} >= ?{first} AND {column} < ?{last}")));
    }

    /// All conditions as one, and the values that are bound in it.
    pub(super) fn into_conditions(self) -> (String, Vec<Value>) {
        let conditions = self.conditions.join(" AND ");
        (if conditions.is_empty() { "1".to_owned() } else { conditions }, self.values)
    }

    /// The statement for the newest rows of a table, one more than the page has.
    pub(super) fn newest(mut self, select: &str, table: &str, page: Page) -> (String, Vec<Value>) {
        if let Some(before) = page.before {
            self.add("entry < ?", signed(before));
        }
        let rows = i64::try_from(page.rows()).unwrap_or(i64::MAX).saturating_add(1);
        self.values.push(rows.into());
        let limit = self.values.len();
        let (conditions, values) = self.into_conditions();
        let sql = format!(
            "{select} WHERE {table}.entry IN (SELECT entry FROM {table} WHERE {conditions} ORDER BY entry DESC LIMIT ?{limit})
             ORDER BY {table}.entry DESC"
        );
        (sql, values)
    }
}

/// A digest as it is written when its algorithm is left out.
pub(super) fn digest(text: &str) -> String {
    if text.contains(':') { text.to_owned() } else { format!("sha256:{text}") }
}
