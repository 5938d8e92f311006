//! HCL2, such as Terraform's, with nothing evaluated: an attribute is what it says, an expression is its source in
//! `${…}`; a block is a list of its bodies below its type and labels.

mod entries;
mod expression;

use std::collections::HashMap;

use hcl_edit::Span as _;
use hcl_edit::structure::{Attribute, Block, Body, Structure};
use probity_model::value::{Array, Object};
use probity_model::{Key, Problem, Span, Value};

use crate::MAX_DEPTH;
use crate::text::{Text, shown};
use expression::Expressions;

pub(crate) fn read(text: &Text<'_>) -> Result<Value, Problem> {
    // Spaces as long as a byte order mark keep every offset.
    let unmarked = text.whole.strip_prefix('\u{feff}').map(|rest| format!("   {rest}"));
    let text = &Text { whole: unmarked.as_deref().unwrap_or(text.whole), ..*text };
    if let Some(at) = entries::too_long(text.whole) {
        return Err(text.problem("an object with too many entries", at..at + 1).with_help("split it"));
    }
    let body = hcl_edit::parser::parse_body(text.whole).map_err(|error| {
        let at = error.location().offset().min(text.whole.len());
        let lines = error.message().lines().map(str::trim).filter(|line| !line.is_empty());
        text.problem(lines.collect::<Vec<_>>().join("; "), at..at)
    })?;
    Reader { text, expressions: Expressions { text } }.body(&body, 0)
}

struct Reader<'t> {
    text: &'t Text<'t>,
    expressions: Expressions<'t>,
}

/// What stands under a name of a body.
enum Entry {
    /// Bodies of blocks, or the one value of an attribute.
    Bodies(Vec<(Value, Span)>),
    Labels(Entries),
    Attribute(Value, Span),
}

#[derive(Default)]
struct Entries(HashMap<String, Entry>);

impl Reader<'_> {
    fn body(&self, body: &Body, depth: usize) -> Result<Value, Problem> {
        let mut entries = Entries::default();
        for block in body.iter().filter_map(Structure::as_block) {
            self.block(block, &mut entries, depth)?;
        }
        for attribute in body.iter().filter_map(Structure::as_attribute) {
            // An attribute stands in place of blocks of its name.
            entries.0.insert(attribute.key.as_str().to_owned(), self.attribute(attribute)?);
        }
        Ok(entries.value())
    }

    fn attribute(&self, attribute: &Attribute) -> Result<Entry, Problem> {
        let span = self.text.span(attribute.span().unwrap_or(0..0));
        Ok(Entry::Attribute(self.expressions.value(&attribute.value)?, span))
    }

    fn block(&self, block: &Block, entries: &mut Entries, depth: usize) -> Result<(), Problem> {
        let range = block.span().unwrap_or(0..0);
        let depth = depth + 1 + block.labels.len();
        if depth > MAX_DEPTH {
            return Err(self.text.problem(format!("nested deeper than {MAX_DEPTH} levels"), range));
        }
        let value = self.body(&block.body, depth)?;
        let mut path = vec![block.ident.as_str()];
        path.extend(block.labels.iter().map(hcl_edit::structure::BlockLabel::as_str));
        entries.add(&path, value, self.text.span(range.clone())).map_err(|name| {
            let message = format!("`{}` stands both with labels and without them", shown(&name));
            self.text.problem(message, range).with_help("give each block of a type as many labels")
        })
    }
}

impl Entries {
    /// Adds the body of a block under its type and labels; the name that is taken otherwise if there is one.
    fn add(&mut self, path: &[&str], body: Value, span: Span) -> Result<(), String> {
        let [name, labels @ ..] = path else { return Ok(()) };
        if labels.is_empty() {
            let entry = self.0.entry((*name).to_owned()).or_insert_with(|| Entry::Bodies(Vec::new()));
            let Entry::Bodies(bodies) = entry else { return Err((*name).to_owned()) };
            bodies.push((body, span));
            return Ok(());
        }
        let entry = self.0.entry((*name).to_owned()).or_insert_with(|| Entry::Labels(Entries::default()));
        let Entry::Labels(inner) = entry else { return Err((*name).to_owned()) };
        inner.add(labels, body, span)
    }

    fn value(self) -> Value {
        let entries = self.0.into_iter().map(|(name, entry)| {
            let (value, span) = entry.value();
            (Key::new(&name), value, span)
        });
        Value::Object(Object::with_spans(entries.collect()))
    }

    /// Where the first of them stands.
    fn span(&self) -> Option<Span> {
        self.0.values().filter_map(Entry::span).min()
    }
}

impl Entry {
    fn span(&self) -> Option<Span> {
        match self {
            Self::Bodies(bodies) => bodies.first().map(|(_, span)| *span),
            Self::Labels(entries) => entries.span(),
            Self::Attribute(_, span) => Some(*span),
        }
    }

    fn value(self) -> (Value, Span) {
        let span = self.span().unwrap_or(Span::new(probity_model::SourceId(0), 0..0));
        let value = match self {
            Self::Bodies(bodies) => {
                let (bodies, spans) = bodies.into_iter().unzip();
                Value::Array(Array::with_spans(bodies, spans))
            }
            Self::Labels(entries) => entries.value(),
            Self::Attribute(value, _) => value,
        };
        (value, span)
    }
}
