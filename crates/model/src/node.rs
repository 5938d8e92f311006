//! Reading configuration out of a value, with errors that name the place.

use crate::source::{Problem, Span};
use crate::value::{Key, Object, Value};

/// A value together with where it stands, for reading typed configuration out of it.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// The value.
    pub value: &'a Value,
    /// Where it stands; of an entry, key and value together.
    pub span: Option<Span>,
}

impl<'a> Node<'a> {
    /// The root of a document.
    pub fn root(value: &'a Value, span: impl Into<Option<Span>>) -> Self {
        Self { value, span: span.into() }
    }

    /// A problem at this place.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(message, self.span)
    }

    fn expected(&self, what: &str) -> Problem {
        self.problem(format!("expected {what}, found a {}", self.value.kind()))
    }

    /// This value as a mapping.
    pub fn mapping(self) -> Result<Mapping<'a>, Problem> {
        match self.value {
            Value::Object(object) => Ok(Mapping { object, span: self.span }),
            _ => Err(self.expected("a mapping")),
        }
    }

    /// The elements of this list.
    pub fn list(self) -> Result<Vec<Node<'a>>, Problem> {
        let Value::Array(array) = self.value else { return Err(self.expected("a list")) };
        Ok(array
            .iter()
            .enumerate()
            .map(|(index, value)| Node { value, span: array.span(index).or(self.span) })
            .collect())
    }

    /// The elements of this list, or this value itself as the only one.
    pub fn list_or_one(self) -> Result<Vec<Node<'a>>, Problem> {
        if matches!(self.value, Value::Array(_)) { self.list() } else { Ok(vec![self]) }
    }

    /// This value as a string.
    pub fn string(self) -> Result<&'a str, Problem> {
        self.value.as_str().ok_or_else(|| self.expected("a string"))
    }

    /// This value as a truth value.
    pub fn boolean(self) -> Result<bool, Problem> {
        self.value.as_bool().ok_or_else(|| self.expected("true or false"))
    }

    /// This value as a scalar's text: strings, numbers and truth values.
    pub fn text(self) -> Result<String, Problem> {
        match self.value {
            Value::String(text) => Ok(text.to_string()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(truth) => Ok(truth.to_string()),
            _ => Err(self.expected("a string")),
        }
    }

    /// This value as something that is read from a string.
    pub fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(self) -> Result<T, Problem> {
        self.text()?.parse().map_err(|error: T::Err| self.problem(error.to_string()))
    }

    /// The strings of this list.
    pub fn strings(self) -> Result<Vec<&'a str>, Problem> {
        self.list()?.into_iter().map(Node::string).collect()
    }
}

/// A mapping with named fields.
#[derive(Debug, Clone, Copy)]
pub struct Mapping<'a> {
    object: &'a Object,
    span: Option<Span>,
}

impl<'a> Mapping<'a> {
    /// Where the mapping stands.
    pub fn span(&self) -> Option<Span> {
        self.span
    }

    /// A problem with the mapping as a whole.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(message, self.span)
    }

    /// The field, when it is there and not null.
    pub fn optional(&self, name: &str) -> Option<Node<'a>> {
        let value = self.object.get(name).filter(|value| !value.is_null())?;
        Some(Node { value, span: self.object.span(name).or(self.span) })
    }

    /// The field's value, whatever it is.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name)
    }

    /// The field.
    ///
    /// # Errors
    /// When it is missing.
    pub fn required(&self, name: &str) -> Result<Node<'a>, Problem> {
        self.optional(name).ok_or_else(|| self.problem(format!("missing field `{name}`")))
    }

    /// The entries in the order of their keys.
    pub fn entries(&self) -> impl Iterator<Item = (&'a Key, Node<'a>)> {
        let outer = self.span;
        self.object.iter_spanned().map(move |(key, value, span)| (key, Node { value, span: span.or(outer) }))
    }

    /// Checks that there are no other fields than these.
    ///
    /// # Errors
    /// Names the first unknown field and the one that was probably meant.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        for (key, node) in self.entries() {
            if !known.contains(&key.as_str()) {
                let problem = node.problem(format!("unknown field `{key}`"));
                return Err(match closest(key.as_str(), known) {
                    Some(meant) => problem.with_help(format!("did you mean `{meant}`?")),
                    None => problem.with_help(format!("known fields: {}", known.join(", "))),
                });
            }
        }
        Ok(())
    }
}

/// The word among `known` that was probably meant, when one is near enough.
pub fn closest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{SourceId, Sources};
    use crate::yaml::{self, Dialect};
    use std::path::Path;

    fn error(text: &str, read: impl Fn(Mapping<'_>) -> Result<(), Problem>) -> String {
        let sources = Sources::default();
        let id = sources.add("conf.yaml", text);
        assert_eq!(id, SourceId(0));
        let documents = yaml::read(text, id, Dialect::Core).unwrap();
        let mapping = Node::root(&documents[0].value, documents[0].span).mapping().unwrap();
        read(mapping).unwrap_err().display(&sources, Path::new("conf.yaml"))
    }

    #[test]
    fn errors_name_place_and_remedy() {
        assert_eq!(
            error("a: 1\nseverty: high\n", |mapping| mapping.only(&["a", "severity"])),
            "conf.yaml:2:1: unknown field `severty` (did you mean `severity`?)"
        );
        assert_eq!(
            error("a:\n  - 1\n", |mapping| mapping.required("a")?.strings().map(drop)),
            "conf.yaml:2:5: expected a string, found a number"
        );
        assert_eq!(error("a: 1\n", |mapping| mapping.required("id").map(drop)), "conf.yaml:1:1: missing field `id`");
    }
}
