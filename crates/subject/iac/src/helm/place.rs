//! Reads the objects of a rendered template, with places in the template.

use probity_model::value::{Array, Object, Value};
use probity_model::{SourceId, Span};

use super::Rendered;
use crate::{Read, kubernetes};

/// Stands for the rendered text, which is no source; no span that leaves here has it.
const RENDERED: SourceId = SourceId(u32::MAX);

/// The objects of a rendered template, each value with the place in the template that it comes from.
pub(super) fn read(rendered: &Rendered) -> Read {
    let mut read = kubernetes::read_rendered(&rendered.output.text, RENDERED);
    let places = Places { rendered };
    for subject in &mut read.subjects {
        subject.document = places.value(&subject.document);
        subject.span = subject.span.map(|span| places.span(span));
        subject.header = subject.header.map(|span| places.span(span));
        for skip in &mut subject.skips {
            skip.span = skip.span.map(|span| places.span(span));
        }
    }
    for problem in &mut read.problems {
        problem.message = format!("does not render to YAML: {}", problem.message);
        problem.help = Some("look at it with `helm template`, or give other values with `--helm-values`".to_owned());
        problem.span = problem.span.map(|span| places.span(span));
    }
    read
}

struct Places<'r> {
    rendered: &'r Rendered,
}

impl Places<'_> {
    fn span(&self, span: Span) -> Span {
        if span.source != RENDERED {
            return span;
        }
        match self.rendered.output.origin(span.start as usize..span.end as usize) {
            Some((source, range)) => Span::new(SourceId(source), range),
            None => Span::new(self.rendered.source, 0..0),
        }
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::Array(list) => {
                let spans: Option<Vec<Span>> = (0..list.len()).map(|index| list.span(index)).collect();
                let elements: Vec<Value> = list.iter().map(|element| self.value(element)).collect();
                match spans {
                    Some(spans) => {
                        let spans = spans.into_iter().map(|span| self.span(span)).collect();
                        Value::Array(Array::with_spans(elements, spans))
                    }
                    None => Value::array(elements),
                }
            }
            Value::Object(object) => {
                let entries = object.iter_spanned().map(|(key, value, span)| {
                    let span = span.map_or(Span::new(self.rendered.source, 0..0), |span| self.span(span));
                    (key.clone(), self.value(value), span)
                });
                Value::Object(Object::with_spans(entries.collect()))
            }
            other => other.clone(),
        }
    }
}
