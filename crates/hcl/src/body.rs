//! Files: attributes and blocks, and what is left of a file when one of them is broken.

use std::collections::HashSet;

use probity_model::{Problem, SourceId};

use crate::cursor::Cursor;
use crate::{Attribute, Block, Body, Failure, Parsed};

/// Most problems that one file tells.
const MAX_PROBLEMS: usize = 100;

/// Parses a file. What cannot be parsed is a problem, and what follows it is still read: `top` names the blocks that the file
/// may have at its top, so that a line that begins with one ends a block that was not closed.
pub fn body(text: &str, source: SourceId, top: &[&str]) -> (Body, Vec<Problem>) {
    let mut cursor = Cursor::new(text, source);
    cursor.take("\u{feff}");
    let (mut body, mut problems) = (Body::default(), Vec::new());
    let mut names = HashSet::new();
    loop {
        cursor.skip_blanks(true);
        let start = cursor.at;
        if cursor.rest().is_empty() || problems.len() >= MAX_PROBLEMS {
            return (body, problems);
        }
        let item = cursor.item(&mut body, &mut names);
        problems.extend(cursor.passed_over.drain(..).map(|failure| failure.problem(source)));
        if let Err(failure) = item {
            problems.push(failure.problem(source));
            cursor.at = next_item(text, start, top);
        }
    }
}

/// Where the next block or attribute begins after one that is broken: at a line that begins with what can stand at the top.
fn next_item(text: &str, broken: usize, top: &[&str]) -> usize {
    let mut at = broken;
    loop {
        match text[at..].find('\n') {
            None => return text.len(),
            Some(end) => at += end + 1,
        }
        let line = &text[at..];
        let word = &line[..line.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-')).unwrap_or(line.len())];
        let behind = line[word.len()..].trim_start_matches([' ', '\t']);
        let is_attribute = !word.is_empty() && behind.starts_with('=') && !behind.starts_with("==");
        if top.contains(&word) && behind.starts_with(['{', '"']) || is_attribute {
            return at;
        }
    }
}

impl Cursor<'_> {
    /// One attribute or block.
    fn item(&mut self, body: &mut Body, names: &mut HashSet<Box<str>>) -> Parsed<()> {
        let start = self.at;
        let Some(name) = self.name() else {
            return self.fail(format!("expected the name of an attribute or a block, found {}", self.found()));
        };
        self.skip();
        if self.rest().starts_with('=') && !self.rest().starts_with("==") {
            self.at += 1;
            return self.attribute(name, start, body, names);
        }
        let mut labels = Vec::new();
        loop {
            self.skip();
            match self.byte() {
                Some(b'{') => break,
                Some(b'"') => labels.push(self.label()?),
                _ => match self.name() {
                    Some(label) => labels.push(label.into()),
                    None => return self.fail(format!("expected `=` or `{{` after `{name}`, found {}", self.found())),
                },
            }
        }
        self.at += 1;
        let inner = self.nested(|cursor| cursor.with_line_breaks(true, |cursor| cursor.block_body(name, start)))?;
        body.blocks.push(Block { name: name.into(), labels, body: inner, span: self.span(start) });
        self.end_of_item()
    }

    fn attribute(&mut self, name: &str, start: usize, body: &mut Body, names: &mut HashSet<Box<str>>) -> Parsed<()> {
        let value = self.expression()?;
        let span = self.span(start);
        if names.insert(name.into()) {
            body.attributes.push(Attribute { name: name.into(), value, span });
        } else if self.passed_over.len() < MAX_PROBLEMS {
            let message = format!("`{name}` is set twice, and the first is taken; leave one of the two out");
            self.passed_over.push(Failure { message, at: start });
        }
        self.end_of_item()
    }

    fn label(&mut self) -> Parsed<Box<str>> {
        let start = self.at + 1;
        let length = self.text[start..].find(['"', '\n']).filter(|end| self.text[start + end..].starts_with('"'));
        let Some(length) = length else { return self.fail("a label is not closed on its line") };
        self.at = start + length + 1;
        Ok(self.text[start..start + length].into())
    }

    fn block_body(&mut self, name: &str, start: usize) -> Parsed<Body> {
        let mut body = Body::default();
        let mut names = HashSet::new();
        loop {
            self.skip_blanks(true);
            if self.take("}") {
                return Ok(body);
            }
            if self.rest().is_empty() {
                self.at = start;
                return self.fail(format!("`{name}` is not closed: a `}}` is missing"));
            }
            self.item(&mut body, &mut names)?;
        }
    }

    fn end_of_item(&mut self) -> Parsed<()> {
        self.skip();
        if self.rest().is_empty() || self.rest().starts_with(['\n', '}']) {
            return Ok(());
        }
        self.fail(format!("expected the end of the line, found {}", self.found()))
    }
}
