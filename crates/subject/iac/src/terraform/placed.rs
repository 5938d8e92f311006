//! What a plan says of a resource, at the lines of the configuration that it was made from.

use std::collections::HashMap;

use probity_model::value::{Array, Object};
use probity_model::{Span, Subject, Value};

/// Puts the subjects of a plan where the subjects of its configuration stand: those of the same address, or, where the
/// configuration could not tell the instances, of the same address without their keys. Gives how many were found.
pub(crate) fn at_source(plan: &mut [Subject], source: &[Subject]) -> usize {
    let places = Places::of(source);
    let mut found = 0;
    for subject in plan {
        let Some(place) = places.get(&subject.address) else { continue };
        found += 1;
        subject.span = place.span;
        subject.header = place.header;
        subject.calls.clone_from(&place.calls);
        subject.skips.clone_from(&place.skips);
        if let Some(header) = place.header.or(place.span) {
            subject.document = moved(&subject.document, &place.document, header);
        }
    }
    found
}

/// How many subjects of a plan a configuration has.
pub(crate) fn known(plan: &[Subject], source: &[Subject]) -> usize {
    let places = Places::of(source);
    plan.iter().filter(|subject| places.get(&subject.address).is_some()).count()
}

struct Places<'s> {
    exact: HashMap<&'s str, &'s Subject>,
    without_keys: HashMap<String, &'s Subject>,
}

impl<'s> Places<'s> {
    fn of(source: &'s [Subject]) -> Self {
        Self {
            exact: source.iter().map(|subject| (subject.address.as_str(), subject)).collect(),
            without_keys: source.iter().map(|subject| (super::plan::without_keys(&subject.address), subject)).collect(),
        }
    }

    fn get(&self, address: &str) -> Option<&'s Subject> {
        let exact = self.exact.get(address);
        exact.or_else(|| self.without_keys.get(&super::plan::without_keys(address))).copied()
    }
}

/// The value with the places of what the other has of the same name; what the other does not have stands at `place`.
fn moved(value: &Value, other: &Value, place: Span) -> Value {
    match value {
        Value::Object(object) => {
            let names = other.as_object();
            let entry = |(key, value): (&probity_model::Key, &Value)| {
                let span = names.and_then(|names| names.span(key.as_str())).unwrap_or(place);
                let inner = names.and_then(|names| names.get_key(key)).unwrap_or(&Value::Null);
                (key.clone(), moved(value, inner, span), span)
            };
            Value::Object(Object::with_spans(object.iter().map(entry).collect()))
        }
        Value::Array(list) => {
            let elements = other.as_array();
            let element = |(position, value): (usize, &Value)| {
                let span = elements.and_then(|elements| elements.span(position)).unwrap_or(place);
                let inner = elements.and_then(|elements| elements.get(position)).unwrap_or(&Value::Null);
                (moved(value, inner, span), span)
            };
            let (values, spans) = list.iter().enumerate().map(element).unzip();
            Value::Array(Array::with_spans(values, spans))
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terraform::{ModuleFile, read_plan, read_tree};
    use probity_model::{SourceId, json};

    #[test]
    fn a_plan_stands_at_the_lines_of_its_configuration() {
        let text =
            "resource \"a\" \"one\" {\n  count = var.n\n  x = 1\n  rule {\n    y = 2\n  }\n}\nvariable \"n\" {}\n";
        let file = ModuleFile { path: "d/main.tf".into(), text: text.into(), source: SourceId(7) };
        let source = read_tree(
            &[("d".into(), vec![file])].into(),
            &super::super::Installed::default(),
            &super::super::Options::default(),
        );
        let source = &source[0].1.subjects;
        let plan = json::read_with_spans(
            r#"{"format_version":"1.2","planned_values":{"root_module":{"resources":[
               {"address":"a.one[1]","mode":"managed","type":"a","name":"one","values":{"x":5,"rule":[{"y":6}],"computed":7}},
               {"address":"b.other","mode":"managed","type":"b","name":"other","values":{}}]}}}"#,
            SourceId(9),
        )
        .unwrap();
        let mut read = read_plan(&plan);
        assert_eq!(known(&read.subjects, source), 1);
        assert_eq!(at_source(&mut read.subjects, source), 1);
        let at = |span: Option<Span>| span.map(|span| &text[span.start as usize..span.end as usize]);
        let one = &read.subjects[0];
        let document = one.document.as_object().unwrap();
        assert_eq!(at(document.span("x")), Some("x = 1"));
        let rule = document.get("rule").unwrap().as_array().unwrap().get(0).unwrap().as_object().unwrap();
        assert_eq!(at(rule.span("y")), Some("y = 2"));
        assert_eq!(at(document.span("computed")), Some("resource \"a\" \"one\" {"));
        assert_eq!(json::write(&one.document), r#"{"computed":7,"rule":[{"y":6}],"x":5}"#);
        assert_eq!(read.subjects[1].span.unwrap().source, SourceId(9));
    }
}
