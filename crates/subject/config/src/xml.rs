//! XML: an element is an object of its attributes, with `-` in front, and its elements; several of a name are a list.
//! An element that has neither is its text. Beside other entries the text is `#content`.
//!
//! Of a text that elements or comments interrupt, the last piece counts. Prefixes of names are left out. Entities that
//! a document type declares are not replaced: using one is a problem.

use std::collections::HashMap;
use std::ops::Range;

use probity_model::value::{Array, Object};
use probity_model::{Key, Problem, Span, Value};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::MAX_DEPTH;
use crate::text::{Text, shown};

pub(crate) fn read(text: &Text<'_>) -> Result<Value, Problem> {
    let mut builder = Builder { text, open: vec![Element::default()], piece: String::new(), is_new: true };
    let mut reader = Reader::from_str(text.whole);
    loop {
        let start = offset(reader.buffer_position());
        let event = reader.read_event().map_err(|error| {
            let at = offset(reader.error_position()).min(text.whole.len());
            text.problem(error.to_string(), at..at)
        })?;
        let range = start..offset(reader.buffer_position());
        if matches!(event, Event::Eof) {
            return builder.finish();
        }
        builder.event(event, range)?;
    }
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// An element whose end has not come yet; the first stands for the document.
#[derive(Default)]
struct Element {
    name: String,
    start: usize,
    content: String,
    entries: Vec<(String, Value, Span)>,
}

struct Builder<'t> {
    text: &'t Text<'t>,
    open: Vec<Element>,
    /// The piece of text being read.
    piece: String,
    /// Whether no text was read since the last that is not text.
    is_new: bool,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) -> Result<(), Problem> {
        match event {
            Event::Text(text) => self.add(&text.into_inner()),
            Event::GeneralRef(reference) => {
                let character = self.referred(&reference, range)?;
                self.add(&character);
            }
            Event::CData(text) => {
                self.end_piece();
                self.add(&text.into_inner());
                self.end_piece();
            }
            other => {
                self.end_piece();
                self.markup(&other, range)?;
            }
        }
        Ok(())
    }

    fn markup(&mut self, event: &Event<'_>, range: Range<usize>) -> Result<(), Problem> {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::Empty(tag) => {
                self.start(tag, range.clone())?;
                self.end(range.end);
                Ok(())
            }
            Event::End(_) => {
                self.end(range.end);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add(&mut self, text: &str) {
        self.piece.push_str(text);
        self.is_new = false;
    }

    /// The last piece of text is the content of an element.
    fn end_piece(&mut self) {
        if self.is_new {
            return;
        }
        self.is_new = true;
        let piece = lines(std::mem::take(&mut self.piece));
        if let Some(element) = self.open.last_mut() {
            piece.trim_matches(is_blank).clone_into(&mut element.content);
        }
    }

    fn referred(&self, reference: &BytesRef<'_>, range: Range<usize>) -> Result<String, Problem> {
        if let Some(character) =
            reference.resolve_char_ref().map_err(|error| self.text.problem(error.to_string(), range.clone()))?
        {
            return Ok(character.to_string());
        }
        let name = reference.clone().into_inner();
        let known = resolve_predefined_entity(&name);
        known.map(str::to_owned).ok_or_else(|| {
            self.text
                .problem(format!("the entity `{}` is not known", shown(&name)), range)
                .with_help("entities of a document type are not replaced: write the text in place of the reference")
        })
    }

    fn start(&mut self, tag: &BytesStart<'_>, range: Range<usize>) -> Result<(), Problem> {
        if self.open.len() > MAX_DEPTH {
            return Err(self.text.problem(format!("nested deeper than {MAX_DEPTH} levels"), range));
        }
        let mut element =
            Element { name: local(tag.name().as_ref()).to_owned(), start: range.start, ..Element::default() };
        let span = self.text.span(range.clone());
        // Equal attributes are a list, as equal elements are.
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.text.problem(error.to_string(), range.clone()))?;
            let name = format!("-{}", local(attribute.key.as_ref()));
            let value = quick_xml::escape::unescape(&attribute.value)
                .map_err(|error| self.text.problem(error.to_string(), range.clone()))?;
            element.entries.push((name, lines(value.into_owned()).into(), span));
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self, end: usize) {
        let Some(element) = self.open.pop() else { return };
        let span = self.text.span(element.start..end);
        let name = element.name.clone();
        let value = value(element);
        if let Some(outer) = self.open.last_mut() {
            outer.entries.push((name, value, span));
        }
    }

    fn finish(mut self) -> Result<Value, Problem> {
        self.end_piece();
        match self.open.pop() {
            Some(document) if self.open.is_empty() => Ok(value(document)),
            Some(element) => {
                let message = format!("the element `{}` does not end", shown(&element.name));
                Err(self.text.problem(message, element.start..element.start + 1))
            }
            None => Ok(Value::Null),
        }
    }
}

fn value(element: Element) -> Value {
    if element.entries.is_empty() {
        return Value::from(element.content);
    }
    let mut positions = HashMap::new();
    let mut groups: Vec<(String, Vec<(Value, Span)>)> = Vec::new();
    for (name, value, span) in element.entries {
        let position = *positions.entry(name.clone()).or_insert_with(|| {
            groups.push((name, Vec::new()));
            groups.len() - 1
        });
        groups[position].1.push((value, span));
    }
    let mut entries: Vec<(Key, Value, Span)> = groups.into_iter().map(|(name, group)| entry(&name, group)).collect();
    if !element.content.is_empty() {
        let span = Span { end: entries[0].2.end, ..entries[0].2 };
        entries.push((Key::new("#content"), Value::from(element.content), span));
    }
    Value::Object(Object::with_spans(entries))
}

/// One value is itself, several are a list.
fn entry(name: &str, group: Vec<(Value, Span)>) -> (Key, Value, Span) {
    let (mut values, spans): (Vec<Value>, Vec<Span>) = group.into_iter().unzip();
    let first = spans[0];
    let value = if values.len() == 1 { values.remove(0) } else { Value::Array(Array::with_spans(values, spans)) };
    (Key::new(name), value, first)
}

fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

/// Every line's end is `\n` (XML 1.0, section 2.11).
fn lines(text: String) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text }
}

/// What is cut from both ends of a text: spaces, controls and marks that show nothing.
fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
