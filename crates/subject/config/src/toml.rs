//! TOML 1.1.

use std::ops::Range;

use probity_model::value::{Array, Object};
use probity_model::{Key, Problem, Value};
use toml_edit::{Document, Item, TableLike};

use crate::MAX_DEPTH;
use crate::scalar;
use crate::text::{Text, shown};

pub(crate) fn read(text: &Text<'_>) -> Result<Value, Problem> {
    let document = Document::parse(text.whole).map_err(|error| {
        let range = error.span().unwrap_or(0..0);
        text.problem(error.message().lines().next().unwrap_or("not understood"), range)
    })?;
    Reader { text }.table(document.as_table(), 0)
}

struct Reader<'t> {
    text: &'t Text<'t>,
}

impl Reader<'_> {
    fn check_depth(&self, depth: usize, range: Range<usize>) -> Result<(), Problem> {
        if depth > MAX_DEPTH {
            return Err(self.text.problem(format!("nested deeper than {MAX_DEPTH} levels"), range));
        }
        Ok(())
    }

    fn table(&self, table: &dyn TableLike, depth: usize) -> Result<Value, Problem> {
        let mut entries = Vec::with_capacity(table.len());
        for (name, item) in table.iter() {
            let key = table.key(name).and_then(toml_edit::Key::span);
            let value = item.span();
            let range = match (key, value) {
                (Some(key), Some(value)) => key.start.min(value.start)..key.end.max(value.end),
                (key, value) => key.or(value).unwrap_or(0..0),
            };
            let value = self.item(item, range.clone(), depth + 1)?;
            entries.push((Key::new(name), value, self.text.span(range)));
        }
        Ok(Value::Object(Object::with_spans(entries)))
    }

    fn item(&self, item: &Item, range: Range<usize>, depth: usize) -> Result<Value, Problem> {
        self.check_depth(depth, range.clone())?;
        match item {
            Item::None => Ok(Value::Null),
            Item::Value(value) => self.value(value, range, depth),
            Item::Table(table) => self.table(table, depth),
            Item::ArrayOfTables(tables) => {
                let (mut elements, mut spans) = (Vec::new(), Vec::new());
                for table in tables {
                    elements.push(self.table(table, depth + 1)?);
                    spans.push(self.text.span(table.span().unwrap_or_else(|| range.clone())));
                }
                Ok(Value::Array(Array::with_spans(elements, spans)))
            }
        }
    }

    fn value(&self, value: &toml_edit::Value, range: Range<usize>, depth: usize) -> Result<Value, Problem> {
        self.check_depth(depth, range.clone())?;
        match value {
            toml_edit::Value::String(text) => Ok(Value::from(text.value().as_str())),
            toml_edit::Value::Integer(integer) => Ok(Value::from(*integer.value())),
            toml_edit::Value::Boolean(truth) => Ok(Value::Bool(*truth.value())),
            toml_edit::Value::Float(_) => self.float(value, range),
            toml_edit::Value::Datetime(time) => Ok(Value::from(rfc3339(time.value()))),
            toml_edit::Value::InlineTable(table) => self.table(table, depth),
            toml_edit::Value::Array(array) => {
                let (mut elements, mut spans) = (Vec::with_capacity(array.len()), Vec::with_capacity(array.len()));
                for element in array {
                    let range = element.span().unwrap_or_else(|| range.clone());
                    elements.push(self.value(element, range.clone(), depth + 1)?);
                    spans.push(self.text.span(range));
                }
                Ok(Value::Array(Array::with_spans(elements, spans)))
            }
        }
    }

    /// A float with the digits it is written with.
    fn float(&self, value: &toml_edit::Value, range: Range<usize>) -> Result<Value, Problem> {
        let range = value.span().unwrap_or(range);
        let written = self.text.whole.get(range.clone()).unwrap_or_default().replace('_', "");
        let written = written.strip_prefix('+').unwrap_or(&written);
        let number = scalar::number(written).map(Value::Number);
        number.ok_or_else(|| self.text.problem(format!("`{}` is no number of JSON", shown(written)), range))
    }
}

/// A time as Conftest shows it: RFC 3339 to the second or finer. What a local time lacks is the first of January of
/// the year 0, midnight, and UTC.
fn rfc3339(time: &toml_edit::Datetime) -> String {
    let date = time.date.map_or_else(|| "0000-01-01".to_owned(), |date| date.to_string());
    let clock = match time.time {
        None => "00:00:00".to_owned(),
        Some(clock) => {
            let fraction = clock.nanosecond.filter(|nanosecond| *nanosecond > 0).map(|nanosecond| {
                let digits = format!(".{nanosecond:09}");
                digits.trim_end_matches('0').to_owned()
            });
            let second = clock.second.unwrap_or(0);
            format!("{:02}:{:02}:{second:02}{}", clock.hour, clock.minute, fraction.unwrap_or_default())
        }
    };
    let offset = time.offset.filter(|offset| !matches!(offset, toml_edit::Offset::Custom { minutes: 0 }));
    format!("{date}T{clock}{}", offset.map_or_else(|| "Z".to_owned(), |offset| offset.to_string()))
}
