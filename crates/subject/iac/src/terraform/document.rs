//! Blocks to documents.

use std::collections::HashMap;

use probity_model::value::{Array, Object};
use probity_model::{Key, Span, Value};

use super::eval::{EvalError, Evaluator, Scope, pairs};
use super::instance::{Instance, unknown};
use super::syntax::{Block, Body, Expression, Kind, Step};

/// Deepest nesting of blocks; the parser's own bound is lower.
const MAX_DEPTH: usize = 128;

/// The document of a block: attributes under their names, nested blocks as lists of objects under theirs. Attributes
/// that are null are left out, as if they were not written.
pub(super) fn of(body: &Body, instance: &Instance<'_>, scope: &Scope) -> Value {
    Value::Object(object(body, instance, scope, 0))
}

fn object(body: &Body, instance: &Instance<'_>, scope: &Scope, depth: usize) -> Object {
    let mut entries: Vec<(Key, Value, Span)> = Vec::new();
    let mut blocks: Vec<(Key, Vec<Value>, Vec<Span>)> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    for attribute in &body.attributes {
        let value = match &*attribute.name {
            // References by themselves, which have no value.
            "provider" | "depends_on" | "providers" if depth == 0 => written(&attribute.value),
            "ignore_changes" | "replace_triggered_by" => written(&attribute.value),
            _ => None,
        };
        let value = value.unwrap_or_else(|| {
            Evaluator::new(instance, scope).evaluate(&attribute.value).unwrap_or_else(EvalError::into_unknown)
        });
        if is_block_as_attribute(&attribute.name, &value) {
            let what = format!("`{}`, which is a block and no attribute", attribute.name);
            entries.push((Key::new(&attribute.name), unknown(&what), attribute.span));
        } else if !value.is_null() {
            let value = placed(value, &attribute.value);
            entries.push((Key::new(&attribute.name), value, attribute.span));
        }
    }
    for block in body.blocks.iter().filter(|_| depth < MAX_DEPTH) {
        for (name, value) in expand(block, instance, scope, depth) {
            let position = *positions.entry(name).or_insert_with_key(|name| {
                blocks.push((Key::new(name), Vec::new(), Vec::new()));
                blocks.len() - 1
            });
            blocks[position].1.push(value);
            blocks[position].2.push(block.span);
        }
    }
    for (name, values, spans) in blocks {
        let span = spans[0];
        entries.push((name, Value::Array(Array::with_spans(values, spans)), span));
    }
    Object::with_spans(entries)
}

/// Whether these are the containers of a Pod, given as a value: the provider takes them as blocks only, so nothing is said of them.
fn is_block_as_attribute(name: &str, value: &Value) -> bool {
    matches!(name, "container" | "init_container")
        && value.as_array().is_some_and(|list| list.iter().any(|element| element.as_object().is_some()))
}

/// The value with the places of what was written as it is: entries of objects, elements of lists.
fn placed(value: Value, expression: &Expression) -> Value {
    match (&expression.kind, &value) {
        (Kind::Object(written), Value::Object(object)) => {
            let written: HashMap<&str, (Span, &Expression)> = written
                .iter()
                .filter_map(|(key, value)| match &key.kind {
                    Kind::Literal(name) => Some((name.as_str()?, (Span { end: value.span.end, ..key.span }, value))),
                    _ => None,
                })
                .collect();
            let entry = |(key, value): (&Key, &Value)| match written.get(key.as_str()) {
                Some((span, inner)) => (key.clone(), placed(value.clone(), inner), *span),
                None => (key.clone(), value.clone(), expression.span),
            };
            Value::Object(Object::with_spans(object.iter().map(entry).collect()))
        }
        (Kind::Tuple(written), Value::Array(list)) if written.len() == list.len() => {
            let element = |(inner, value): (&Expression, &Value)| (placed(value.clone(), inner), inner.span);
            let (values, spans) = written.iter().zip(list).map(element).unzip();
            Value::Array(Array::with_spans(values, spans))
        }
        _ => value,
    }
}

/// References as they are written: `aws.west`, a list of them, or a mapping to them; `None` for what is none.
fn written(expression: &Expression) -> Option<Value> {
    match &expression.kind {
        Kind::Name(name) => Some((&**name).into()),
        Kind::Traversal(from, steps) => {
            let Kind::Name(root) = &from.kind else { return None };
            let name = |step: &Step| if let Step::Attribute(name) = step { Some(format!(".{name}")) } else { None };
            let names: String = steps.iter().map(name).collect::<Option<_>>()?;
            Some(format!("{root}{names}").into())
        }
        Kind::Tuple(elements) => elements.iter().map(written).collect::<Option<Vec<_>>>().map(Value::array),
        Kind::Object(entries) => {
            // A key may be `aws.west` in parentheses.
            let entry = |(key, value): &(Expression, Expression)| {
                let key = match &key.kind {
                    Kind::Literal(Value::String(key)) => key.to_string(),
                    _ => written(key)?.as_str()?.to_owned(),
                };
                Some((key, written(value)?))
            };
            entries.iter().map(entry).collect::<Option<Vec<_>>>().map(Value::object)
        }
        _ => None,
    }
}

/// A nested block, or what a `dynamic` block stands for.
fn expand(block: &Block, instance: &Instance<'_>, scope: &Scope, depth: usize) -> Vec<(String, Value)> {
    let inner = |body: &Body, scope: &Scope| Value::Object(object(body, instance, scope, depth + 1));
    let label = block.labels.first().map(ToString::to_string);
    let (Some(name), "dynamic") = (label, &*block.name) else {
        return vec![(block.name.to_string(), inner(&block.body, scope))];
    };
    let Some(content) = block.body.blocks("content").next() else { return Vec::new() };
    let iterator = match block.body.attribute("iterator").map(|attribute| &attribute.value.kind) {
        Some(Kind::Name(iterator)) => iterator.to_string(),
        // In JSON it is a text.
        Some(Kind::Literal(Value::String(iterator))) => iterator.to_string(),
        _ => name.clone(),
    };
    let for_each = block
        .body
        .attribute("for_each")
        .map_or(Ok(Value::Null), |attribute| Evaluator::new(instance, scope).evaluate(&attribute.value));
    let element = |key: Value, value: Value| {
        let scope = scope.with(&iterator, Value::object([("key", key), ("value", value)]));
        (name.clone(), inner(&content.body, &scope))
    };
    match for_each.and_then(|collection| pairs(&collection)) {
        Ok(Some(pairs)) => {
            let room = instance.run.instances(pairs.len(), Some(block.span));
            pairs.into_iter().take(room).map(|(key, value)| element(key, value)).collect()
        }
        // How many there will be is not known: one stands for them.
        Ok(None) | Err(_) => {
            vec![element(unknown(&format!("{iterator}.key")), unknown(&format!("{iterator}.value")))]
        }
    }
}
