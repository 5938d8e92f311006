//! INI files: keys and values in sections.
//!
//! Numbers and truth values are read as such. What stands before the first section is left out, as Conftest leaves it
//! out. `;` and `#` begin comments; values may go on after a `\` at the end of their line, or between `"""`.

use std::collections::HashMap;
use std::ops::Range;

use probity_model::value::Object;
use probity_model::{Key, Problem, Span, Value};

use crate::scalar;
use crate::text::{Lines, Text, shown};

/// The section of keys that stand before any other.
const DEFAULT: &str = "DEFAULT";

#[derive(Debug)]
struct Section<'t> {
    name: &'t str,
    span: Span,
    entries: Vec<(Key, Value, Span)>,
}

struct Reader<'t> {
    text: Text<'t>,
    lines: Lines<'t>,
    sections: Vec<Section<'t>>,
    /// Where each section stands in `sections`.
    positions: HashMap<&'t str, usize>,
    current: usize,
    /// Number of the next key that is written `-`.
    count: usize,
}

pub(crate) fn read(text: &Text<'_>) -> Result<Value, Problem> {
    let mut reader = Reader {
        text: *text,
        lines: text.lines(),
        sections: Vec::new(),
        positions: HashMap::new(),
        current: 0,
        count: 1,
    };
    reader.enter(DEFAULT, text.span(0..0));
    while let Some((at, line)) = reader.lines.next() {
        let line = if at == 0 { line.trim_start_matches('\u{feff}') } else { line };
        reader.line(line)?;
    }
    let sections = reader.sections.into_iter().filter(|section| section.name != DEFAULT);
    let entries = sections
        .map(|section| (Key::new(section.name), Value::Object(Object::with_spans(section.entries)), section.span));
    Ok(Value::Object(Object::with_spans(entries.collect())))
}

impl<'t> Reader<'t> {
    /// Where a part of the text stands.
    fn range(&self, part: &str) -> Range<usize> {
        let start = (part.as_ptr() as usize).saturating_sub(self.text.whole.as_ptr() as usize);
        start..start + part.len()
    }

    fn problem(&self, message: impl AsRef<str>, line: &str) -> Problem {
        self.text.problem(message, self.range(line.trim()))
    }

    fn enter(&mut self, name: &'t str, span: Span) {
        let sections = &mut self.sections;
        self.current = *self.positions.entry(name).or_insert_with(|| {
            sections.push(Section { name, span, entries: Vec::new() });
            sections.len() - 1
        });
        self.count = 1;
    }

    fn line(&mut self, line: &'t str) -> Result<(), Problem> {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', ';']) {
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix('[') {
            let end = rest.rfind(']').ok_or_else(|| self.problem("the section's name does not end", line))?;
            let name = &rest[..end];
            if name.is_empty() {
                return Err(self.problem("a section without a name", line));
            }
            self.enter(name, self.text.span(self.range(&line[..end + 2])));
            return Ok(());
        }
        let (name, rest) = self.key(line)?;
        let start = self.range(line).start;
        let value = self.value(rest)?;
        let end = self.lines.at().min(self.text.whole.len());
        let written = self.text.whole[start..end].trim_end().len();
        let span = self.text.span(start..start + written);
        let key = if name == "-" { self.next_number() } else { Key::new(name) };
        self.sections[self.current].entries.push((key, scalar::typed(&value), span));
        Ok(())
    }

    fn next_number(&mut self) -> Key {
        let key = Key::new(&format!("#{}", self.count));
        self.count += 1;
        key
    }

    /// The key of a line, and what follows its `=` or `:`.
    fn key(&self, line: &'t str) -> Result<(&'t str, &'t str), Problem> {
        let no_delimiter = || self.problem(format!("`{}` is no section, key or comment", shown(line)), line);
        let quote = match line {
            _ if line.len() > 6 && line.starts_with("\"\"\"") => "\"\"\"",
            _ if line.starts_with('"') => "\"",
            _ if line.starts_with('`') => "`",
            _ => "",
        };
        let inner = &line[quote.len()..];
        let (name, rest) = if quote.is_empty() {
            let end = line.find(['=', ':']).ok_or_else(no_delimiter)?;
            (&line[..end], &line[end + 1..])
        } else {
            let end = inner.find(quote).ok_or_else(|| self.problem("the quoted key does not end", line))?;
            let rest = &inner[end + quote.len()..];
            let delimiter = rest.find(['=', ':']).ok_or_else(no_delimiter)?;
            (&inner[..end], &rest[delimiter + 1..])
        };
        match name.trim() {
            "" => Err(self.problem("a value without a key", line)),
            name => Ok((name, rest)),
        }
    }

    fn value(&mut self, rest: &'t str) -> Result<String, Problem> {
        let line = rest.trim_start();
        for quote in ["\"\"\"", "`"] {
            let Some(inner) = line.strip_prefix(quote) else { continue };
            if quote.len() == 3 && line.len() == 3 {
                continue;
            }
            return match inner.rfind(quote) {
                Some(end) => Ok(inner[..end].to_owned()),
                None => self.quoted_lines(inner, quote),
            };
        }
        let line = line.trim_end();
        if let Some(first) = line.strip_suffix('\\') {
            return Ok(self.continued(first));
        }
        let line = line.find(['#', ';']).map_or(line, |comment| line[..comment].trim());
        Ok(unquoted(line).to_owned())
    }

    fn quoted_lines(&mut self, first: &'t str, quote: &str) -> Result<String, Problem> {
        let mut value = first.to_owned();
        for (_, line) in self.lines.by_ref() {
            if let Some(end) = line.rfind(quote) {
                value.push_str(&line[..end]);
                return Ok(value);
            }
            value.push_str(line);
        }
        Err(self.problem("the quoted value does not end", first))
    }

    fn continued(&mut self, first: &str) -> String {
        let mut value = first.to_owned();
        for (_, line) in self.lines.by_ref() {
            let line = line.trim();
            let Some(part) = line.strip_suffix('\\') else {
                value.push_str(line);
                break;
            };
            value.push_str(part);
        }
        value
    }
}

/// The text between quotes that stand at both ends and nowhere else.
fn unquoted(text: &str) -> &str {
    let inner = |quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some(inner)
    };
    inner('\'').or_else(|| inner('"')).unwrap_or(text)
}
