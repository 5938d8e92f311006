//! HCL to blocks.

use hcl_edit::Span as _;
use hcl_edit::structure::{Body, Structure};
use probity_model::{Problem, SourceId, Span};

use super::literal::value;
use super::read::Block;
use crate::policy::Problems;

/// Deepest nesting of brackets that is handed to the parser.
const MAX_DEPTH: usize = 64;

/// The blocks of a text.
pub(super) fn blocks(text: &str, source: SourceId) -> Result<Vec<Block>, Problems> {
    let fail = |message: String, at: usize| Problems(vec![Problem::new(message, Span::new(source, at..at))]);
    if let Some(at) = too_deep(text) {
        return Err(fail(format!("nested deeper than {MAX_DEPTH} levels"), at));
    }
    let body = hcl_edit::parser::parse_body(text).map_err(|error| {
        let lines: Vec<&str> = error.message().lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        fail(lines.join("; "), error.location().offset().min(text.len()))
    })?;
    let root = block(&body, source).map_err(|problem| Problems(vec![problem]))?;
    match root.attributes.keys().next() {
        None => Ok(root.blocks),
        Some(name) => Err(fail(format!("`{name}` stands outside of a block"), 0)),
    }
}

/// Where brackets are nested too deeply; those in strings and comments count, too.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Some(at);
        }
    }
    None
}

fn block(body: &Body, source: SourceId) -> Result<Block, Problem> {
    let mut block_of = Block::default();
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => {
                let value = value(&attribute.value, source)?;
                block_of.attributes.insert(attribute.key.as_str().to_owned(), value);
            }
            Structure::Block(inner) => {
                let mut read = block(&inner.body, source)?;
                inner.ident.as_str().clone_into(&mut read.kind);
                read.labels = inner.labels.iter().map(|label| label.as_str().to_owned()).collect();
                read.span = inner.ident.span().map(|range| Span::new(source, range));
                block_of.blocks.push(read);
            }
        }
    }
    Ok(block_of)
}
