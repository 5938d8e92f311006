//! `Fn::ForEach` (`AWS::LanguageExtensions`): entries that are made for each element of a collection.

use probity_model::value::{Array, Object};
use probity_model::{Key, Problem, Span, Value};

use super::eval::Evaluator;

/// What the key of a loop starts with; its name follows.
const PREFIX: &str = "Fn::ForEach::";

/// Whether this is the key of a loop.
pub(super) fn is_loop(key: &Key) -> bool {
    key.as_str().starts_with(PREFIX)
}

/// The entries of a mapping, loops replaced by what they make.
///
/// A collection that is not known makes one entry, with the identifier's own name in its place.
pub(super) fn expanded(object: &Object, span: Span, evaluator: &mut Evaluator<'_, '_>) -> Vec<(Key, Value, Span)> {
    let mut entries = Vec::with_capacity(object.len());
    for (key, value, place) in object.iter_spanned() {
        let place = place.unwrap_or(span);
        if is_loop(key) {
            expand(value, place, evaluator, &mut entries);
        } else {
            entries.push((key.clone(), value.clone(), place));
        }
    }
    entries
}

fn expand(value: &Value, span: Span, evaluator: &mut Evaluator<'_, '_>, entries: &mut Vec<(Key, Value, Span)>) {
    let parts = value.as_array().map(Array::as_slice).unwrap_or_default();
    let [Value::String(identifier), collection, Value::Object(body)] = parts else {
        let problem = Problem::new("`Fn::ForEach` is not a list of identifier, collection and mapping", span);
        return evaluator.run().tell(problem.with_help("write `[Name, [a, b], {Key${Name}: ...}]`"));
    };
    if !evaluator.run().enter(Some(span)) {
        return;
    }
    for item in items(collection, span, evaluator).unwrap_or_else(|| vec![identifier.to_string()]) {
        let given = Given { identifier, item: &item };
        for (key, value, place) in body.iter_spanned() {
            let place = place.unwrap_or(span);
            let Some(value) = given.value(value, place, evaluator) else { break };
            if is_loop(key) {
                expand(&value, place, evaluator, entries);
            } else {
                entries.push((Key::new(&given.text(key.as_str())), value, place));
            }
        }
    }
    evaluator.run().leave();
}

/// The elements of a collection, when they are known.
fn items(collection: &Value, span: Span, evaluator: &mut Evaluator<'_, '_>) -> Option<Vec<String>> {
    let collection = evaluator.exactly(collection, span)?;
    let text = |item: &Value| match item {
        Value::String(text) => Some(text.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    collection.as_array()?.iter().map(text).collect()
}

/// An identifier with the element that it stands for.
struct Given<'i> {
    identifier: &'i str,
    item: &'i str,
}

impl Given<'_> {
    /// A copy of a value with the element in the identifier's place; `None` when too much was done already.
    fn value(&self, value: &Value, span: Span, evaluator: &Evaluator<'_, '_>) -> Option<Value> {
        if !evaluator.run().charge(1, Some(span)) {
            return None;
        }
        Some(match value {
            Value::String(text) => Value::from(self.text(text)),
            Value::Array(list) => {
                let place = |index| list.span(index).unwrap_or(span);
                let elements =
                    list.iter().enumerate().map(|(index, element)| self.value(element, place(index), evaluator));
                let elements: Vec<Value> = elements.collect::<Option<_>>()?;
                Value::Array(Array::with_spans(elements, (0..list.len()).map(place).collect()))
            }
            Value::Object(object)
                if object.len() == 1 && object.get("Ref").and_then(Value::as_str) == Some(self.identifier) =>
            {
                self.item.into()
            }
            Value::Object(object) => {
                let entries = object.iter_spanned().map(|(key, value, place)| {
                    let place = place.unwrap_or(span);
                    Some((Key::new(&self.text(key.as_str())), self.value(value, place, evaluator)?, place))
                });
                Value::Object(Object::with_spans(entries.collect::<Option<_>>()?))
            }
            other => other.clone(),
        })
    }

    /// A text with the element for `${Name}`, and for `&{Name}` what of it is letters and digits.
    fn text(&self, text: &str) -> String {
        if !text.contains('{') {
            return text.to_owned();
        }
        let plain: String = self.item.chars().filter(char::is_ascii_alphanumeric).collect();
        text.replace(&format!("${{{}}}", self.identifier), self.item)
            .replace(&format!("&{{{}}}", self.identifier), &plain)
    }
}
