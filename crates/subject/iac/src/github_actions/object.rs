//! Building documents whose entries know where they stand.

use probity_model::value::{Array, Object};
use probity_model::{Key, Span, Value};

/// Entries of an object under construction.
pub(super) struct Entries {
    entries: Vec<(Key, Value, Span)>,
    /// Where an entry stands of which nothing else is known.
    span: Span,
}

impl Entries {
    pub(super) fn at(span: Span) -> Self {
        Self { entries: Vec::new(), span }
    }

    /// With the entries of a mapping as it was written.
    pub(super) fn of(object: &Object, span: Span) -> Self {
        let entries =
            object.iter_spanned().map(|(key, value, place)| (key.clone(), value.clone(), place.unwrap_or(span)));
        Self { entries: entries.collect(), span }
    }

    pub(super) fn add(&mut self, name: &str, value: impl Into<Value>) {
        self.add_at(name, value, self.span);
    }

    pub(super) fn add_at(&mut self, name: &str, value: impl Into<Value>, span: Span) {
        self.entries.push((Key::new(name), value.into(), span));
    }

    pub(super) fn add_some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    pub(super) fn object(self) -> Value {
        Value::Object(Object::with_spans(self.entries))
    }
}

/// A list whose elements know where they stand.
pub(super) fn list(elements: Vec<(Value, Span)>) -> Value {
    let (values, spans) = elements.into_iter().unzip();
    Value::Array(Array::with_spans(values, spans))
}

/// A list of texts.
pub(super) fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Value {
    Value::array(texts.into_iter().map(|text| Value::from(text.as_ref())))
}
