//! EDN (`github.com/edn-format/edn`). Only the first value of a text is read.
//!
//! Lists and vectors are lists, maps are objects, strings are strings. Everything else is a string of how Go would print
//! it, as Conftest has it: a keyword `:a`, a number in decimal, `nil` as `<nil>`, a character as its number, a set as
//! `map[a:true]`, a tagged value as `#tag value`.

mod reader;
mod scalar;

use probity_model::value::{Array, Object};
use probity_model::{Key, Problem, Span, Value};

use crate::text::Text;

/// A value with its place.
#[derive(Debug)]
struct Edn {
    form: Form,
    span: Span,
}

#[derive(Debug)]
enum Form {
    /// A string, or what is printed as one.
    Text(String),
    List(Vec<Edn>),
    Map(Vec<(Edn, Edn)>),
    Set(Vec<Edn>),
    Tagged(String, Box<Edn>),
}

pub(crate) fn read(text: &Text<'_>) -> Result<Value, Problem> {
    value(text, reader::read(text)?)
}

fn value(text: &Text<'_>, edn: Edn) -> Result<Value, Problem> {
    match edn.form {
        Form::Text(text) => Ok(text.into()),
        Form::List(elements) => {
            let spans = elements.iter().map(|element| element.span).collect();
            let elements = elements.into_iter().map(|element| value(text, element)).collect::<Result<_, _>>()?;
            Ok(Value::Array(Array::with_spans(elements, spans)))
        }
        Form::Map(entries) => {
            let mut found = Vec::with_capacity(entries.len());
            for (key, inner) in entries {
                let Form::Text(name) = &key.form else {
                    let range = key.span.start as usize..key.span.end as usize;
                    return Err(text.problem("only a scalar can be a key here", range));
                };
                let span = Span { end: inner.span.end, ..key.span };
                found.push((Key::new(name), value(text, inner)?, span));
            }
            Ok(Value::Object(Object::with_spans(found)))
        }
        Form::Set(_) | Form::Tagged(..) => Ok(printed(&edn).into()),
    }
}

/// A value as Go prints it.
fn printed(edn: &Edn) -> String {
    let joined = |mut parts: Vec<String>| {
        parts.sort();
        format!("map[{}]", parts.join(" "))
    };
    match &edn.form {
        Form::Text(text) => text.clone(),
        Form::List(elements) => format!("[{}]", elements.iter().map(printed).collect::<Vec<_>>().join(" ")),
        Form::Map(entries) => {
            joined(entries.iter().map(|(key, value)| format!("{}:{}", printed(key), printed(value))).collect())
        }
        Form::Set(members) => joined(members.iter().map(|member| format!("{}:true", printed(member))).collect()),
        Form::Tagged(tag, inner) => format!("#{tag} {}", printed(inner)),
    }
}
