//! Values changed in one place, where all others keep theirs.

use probity_model::value::{Array, Key, Number, Object, Value};
use probity_model::{SourceId, Span, yaml};

/// What a step of rendering gives, or why kustomize refuses.
pub(super) type Outcome<T> = Result<T, String>;

/// A value, with the place that is to be changed when it is wrong.
#[derive(Debug, Clone)]
pub(super) struct New {
    pub(super) value: Value,
    /// Without, the place of what was there before is kept.
    pub(super) span: Option<Span>,
}

impl New {
    pub(super) fn text(text: &str, span: Option<Span>) -> Self {
        Self { value: text.into(), span }
    }
}

/// The object with this entry put in place of the one that has its name, or added.
pub(super) fn with(object: &Object, name: &str, new: New) -> Object {
    let span = new.span.or_else(|| object.span(name));
    let others = object.iter_spanned().filter(|(key, ..)| key.as_str() != name);
    let others = others.map(|(key, value, span)| (key.clone(), value.clone(), span));
    Object::with_known_spans(others.chain([(Key::new(name), new.value, span)]).collect())
}

pub(super) fn without(object: &Object, name: &str) -> Object {
    let others = object.iter_spanned().filter(|(key, ..)| key.as_str() != name);
    Object::with_known_spans(others.map(|(key, value, span)| (key.clone(), value.clone(), span)).collect())
}

/// The list with each element as `change` gives it; nothing when it changes none.
pub(super) fn changed_elements(
    list: &Array,
    change: &mut dyn FnMut(&Value) -> Outcome<Option<New>>,
) -> Outcome<Option<Array>> {
    let (mut elements, mut is_changed) = (Vec::with_capacity(list.len()), false);
    for (element, span) in list.iter_spanned() {
        match change(element)? {
            Some(new) => {
                is_changed = true;
                elements.push((new.value, new.span.or(span)));
            }
            None => elements.push((element.clone(), span)),
        }
    }
    Ok(is_changed.then(|| Array::with_known_spans(elements)))
}

/// The value with another one at a path of names; mappings on the way are made.
pub(super) fn put(value: &Value, path: &[&str], new: New) -> Value {
    let Some((first, rest)) = path.split_first() else { return new.value };
    let empty = Object::default();
    let object = value.as_object().unwrap_or(&empty);
    let inner = match rest {
        [] => new,
        rest => {
            let present = object.get(first).cloned().unwrap_or_default();
            let span = object.span(first).map_or(new.span, |_| None);
            New { value: put(&present, rest, new), span }
        }
    };
    Value::Object(with(object, first, inner))
}

/// The value without what is at a path of names.
pub(super) fn take(value: &Value, path: &[&str]) -> Value {
    let (Some((first, rest)), Value::Object(object)) = (path.split_first(), value) else { return value.clone() };
    match (object.get(first), rest) {
        (None, _) => value.clone(),
        (Some(_), []) => Value::Object(without(object, first)),
        (Some(inner), rest) => {
            let inner = take(inner, rest);
            Value::Object(with(object, first, New { value: inner, span: None }))
        }
    }
}

/// The text of a scalar as it is written; nothing of other values.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => String::new(),
    }
}

pub(super) fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Object(_) | Value::Array(_))
}

/// Whether kustomize counts a value as absent.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(object) => object.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// What a text without quotes means in YAML.
pub(super) fn plain(text: &str) -> Value {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '_' | '~');
    if text.is_empty() || text.len() > 64 || !text.chars().all(is_word) {
        return text.into();
    }
    match yaml::read(text, SourceId(0), yaml::Dialect::Go) {
        Ok(documents) => documents.into_iter().next().map_or_else(|| text.into(), |document| document.value),
        Err(_) => text.into(),
    }
}

/// A text in place of a scalar: it has the type of the one before.
pub(super) fn retyped(before: &Value, text: &str) -> Value {
    match before {
        Value::String(_) => text.into(),
        Value::Number(_) => text.parse::<Number>().map_or_else(|_| text.into(), Value::Number),
        _ => plain(text),
    }
}

/// The value with every place as `place` gives it.
pub(super) fn relocated(value: &Value, place: &dyn Fn(Span) -> Span) -> Value {
    match value {
        Value::Array(list) => {
            let elements = list.iter_spanned().map(|(value, span)| (relocated(value, place), span.map(place)));
            Value::Array(Array::with_known_spans(elements.collect()))
        }
        Value::Object(object) => {
            let entries =
                object.iter_spanned().map(|(key, value, span)| (key.clone(), relocated(value, place), span.map(place)));
            Value::Object(Object::with_known_spans(entries.collect()))
        }
        other => other.clone(),
    }
}

/// Most values in one object that is rendered, parts that occur several times counted each time.
const MAX_WEIGHT: usize = 5_000_000;

/// Deepest nesting of an object that is rendered.
const MAX_DEPTH: usize = 256;

/// Refuses what has grown without bound.
pub(super) fn check_size(value: &Value) -> Outcome<()> {
    let mut left = MAX_WEIGHT;
    if weigh(value, MAX_DEPTH, &mut left) { Ok(()) } else { Err("an object has grown too large or too deep".into()) }
}

fn weigh(value: &Value, depth: usize, left: &mut usize) -> bool {
    if depth == 0 || *left == 0 {
        return false;
    }
    *left -= 1;
    match value {
        Value::Array(list) => list.iter().all(|element| weigh(element, depth - 1, left)),
        Value::Object(object) => object.iter().all(|(_, value)| weigh(value, depth - 1, left)),
        _ => true,
    }
}
