//! Blocks to documents.

use std::collections::HashMap;

use hcl_edit::Span as _;
use hcl_edit::structure::{Block, Body, Structure};
use probity_model::value::{Array, Object};
use probity_model::{Key, SourceId, Span, Value};

use super::config::Origin;
use super::eval::{EvalError, Evaluator, Scope, pairs};
use super::instance::{Instance, unknown};

/// Deepest nesting of blocks; the parser's own bound is lower.
const MAX_DEPTH: usize = 128;

/// The document of a block: attributes under their names, nested blocks as lists of objects under theirs. Attributes
/// that are null are left out, as if they were not written.
pub(super) fn of(body: &Body, origin: Origin, instance: &Instance<'_>, scope: &Scope) -> Value {
    Value::Object(object(body, origin, instance, scope, 0))
}

fn object(body: &Body, origin: Origin, instance: &Instance<'_>, scope: &Scope, depth: usize) -> Object {
    let mut entries: Vec<(Key, Value, Span)> = Vec::new();
    let mut blocks: Vec<(Key, Vec<Value>, Vec<Span>)> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    let nowhere = Span::new(SourceId(origin.source.0), 0..0);
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => {
                let value = Evaluator::new(instance, scope)
                    .evaluate(&attribute.value)
                    .unwrap_or_else(|EvalError(message)| unknown(&message));
                if !value.is_null() {
                    let span = match (attribute.key.span(), attribute.value.span()) {
                        (Some(key), Some(value)) => origin.span(Some(key.start..value.end)),
                        (key, value) => origin.span(key.or(value)),
                    };
                    entries.push((Key::new(attribute.key.as_str()), value, span.unwrap_or(nowhere)));
                }
            }
            Structure::Block(block) if depth < MAX_DEPTH => {
                for (name, value) in expand(block, origin, instance, scope, depth) {
                    let span = origin.span(block.span()).unwrap_or(nowhere);
                    let position = *positions.entry(name).or_insert_with_key(|name| {
                        blocks.push((Key::new(name), Vec::new(), Vec::new()));
                        blocks.len() - 1
                    });
                    blocks[position].1.push(value);
                    blocks[position].2.push(span);
                }
            }
            Structure::Block(_) => {}
        }
    }
    for (name, values, spans) in blocks {
        let span = spans[0];
        entries.push((name, Value::Array(Array::with_spans(values, spans)), span));
    }
    Object::with_spans(entries)
}

/// A nested block, or what a `dynamic` block stands for.
fn expand(block: &Block, origin: Origin, instance: &Instance<'_>, scope: &Scope, depth: usize) -> Vec<(String, Value)> {
    let inner = |body: &Body, scope: &Scope| Value::Object(object(body, origin, instance, scope, depth + 1));
    let label = block.labels.first().map(|label| label.as_str().to_owned());
    let (Some(name), "dynamic") = (label, block.ident.as_str()) else {
        return vec![(block.ident.as_str().to_owned(), inner(&block.body, scope))];
    };
    let Some(content) = block.body.get_blocks("content").next() else { return Vec::new() };
    let iterator = match block.body.get_attribute("iterator").map(|attribute| &attribute.value) {
        Some(hcl_edit::expr::Expression::Variable(iterator)) => iterator.as_str().to_owned(),
        _ => name.clone(),
    };
    let for_each = block
        .body
        .get_attribute("for_each")
        .map_or(Ok(Value::Null), |attribute| Evaluator::new(instance, scope).evaluate(&attribute.value));
    let element = |key: Value, value: Value| {
        let scope = scope.with(&iterator, Value::object([("key", key), ("value", value)]));
        (name.clone(), inner(&content.body, &scope))
    };
    match for_each.and_then(|collection| pairs(&collection)) {
        Ok(Some(pairs)) => pairs.into_iter().map(|(key, value)| element(key, value)).collect(),
        // How many there will be is not known: one stands for them.
        Ok(None) | Err(_) => {
            vec![element(unknown(&format!("{iterator}.key")), unknown(&format!("{iterator}.value")))]
        }
    }
}
