//! Documents with variables in them: `{{ request.object.metadata.name }}` (Kyverno, `pkg/engine/variables`).
//!
//! A document is looked through once, when the policy is read: what holds no variable stays as it is, and what does is
//! cut into literal text and parsed expressions. A text that is one variable and nothing else becomes the variable's
//! value, whatever its kind; elsewhere values are written into the text.

use std::borrow::Cow;
use std::sync::LazyLock;

use probity_model::value::Array;
use probity_model::{Key, SmolStr, Value, json};
use regex::Regex;

use crate::context::Context;
use crate::query::{Query, QueryError};
use crate::reference;

/// Variables: two braces with anything but braces within, or a single pair of braces. What stands before the first
/// brace is part of the match, for a backslash there means that it is no variable.
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:^|[^\\])(\{\{(?:\{[^{}]*\}|[^{}])*\}\})").expect("a constant expression"));

/// How often what was put in is looked through for further variables.
const MAX_ROUNDS: usize = 64;

/// Longest text, in bytes, that variables make.
const MAX_TEXT: usize = 4 << 20;

/// Deepest document.
const MAX_DEPTH: usize = 256;

/// A document, ready to have its variables put in.
#[derive(Debug, Clone)]
pub struct Template(Part);

/// Why variables could not be put in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SubstituteError {
    /// Why, in the words that Kyverno has for it.
    pub message: String,
    /// Whether a variable has no value, rather than that something failed.
    pub is_not_found: bool,
}

impl SubstituteError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_not_found: false }
    }
}

#[derive(Debug, Clone)]
enum Part {
    Constant(Value),
    Text(Text),
    List(Vec<Part>),
    Object(Vec<(KeyPart, Part)>),
    /// A reference in it leads nowhere: it fails when it is needed.
    Broken(String),
}

#[derive(Debug, Clone)]
enum KeyPart {
    Constant(Key),
    Text(Text),
}

/// A text with variables.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// Where it stands in its document, such as `/spec/containers/0/image`.
    path: SmolStr,
    written: SmolStr,
    segments: Vec<Segment>,
    /// Variables that are found only in later rounds.
    later: Vec<Variable>,
}

#[derive(Debug, Clone)]
enum Segment {
    Literal(SmolStr),
    Variable(Variable),
}

#[derive(Debug, Clone)]
struct Variable {
    /// As it is written, with its braces.
    written: SmolStr,
    /// `{{- x }}`: what is put in is not looked through again.
    is_shallow: bool,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// An expression, and what takes its place when the object is deleted: `request.object` is then the old one.
    Query(Query, Option<Query>),
    /// `{{@}}`, alone: the value at the same place of the resource that is judged or changed.
    Here,
}

/// A syntax error in a variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// Where it stands in the document, such as `/spec/containers/0/image`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

fn inner(written: &str) -> (Cow<'_, str>, bool) {
    let text = written.replace("{{", "").replace("}}", "");
    let text = text.trim();
    match text.strip_prefix('-') {
        Some(rest) => (rest.trim().to_owned().into(), true),
        None => (text.to_owned().into(), false),
    }
}

impl Variable {
    fn parse(written: &str) -> Result<Self, QueryError> {
        let (text, is_shallow) = inner(written);
        let what = if text == "@" { What::Here } else { What::query(&text)? };
        Ok(Self { written: written.into(), is_shallow, what })
    }

    fn value(&self, context: &Context<'_>, path: &str) -> Result<Value, SubstituteError> {
        let found = match &self.what {
            What::Query(query, on_delete) => {
                let query = on_delete.as_ref().filter(|_| context.is_delete()).unwrap_or(query);
                return context.search(query).map_err(|error| unresolved(query.text(), path, &error));
            }
            What::Here => context.here(path),
        };
        Query::parse(&found).and_then(|query| context.search(&query)).map_err(|error| unresolved(&found, path, &error))
    }
}

impl What {
    fn query(text: &str) -> Result<Self, QueryError> {
        let is_about_object = text.contains("request.object");
        let on_delete = is_about_object.then(|| Query::parse(&text.replace("request.object", "request.oldObject")));
        Ok(Self::Query(Query::parse(text)?, on_delete.transpose()?))
    }
}

fn unresolved(text: &str, path: &str, error: &QueryError) -> SubstituteError {
    SubstituteError {
        message: format!("failed to resolve {text} at path {path}: {error}"),
        is_not_found: error.is_not_found,
    }
}

/// Whether a text holds a variable.
pub fn has_variable(text: &str) -> bool {
    text.contains("{{") && VARIABLE.is_match(text)
}

fn variables(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
    VARIABLE.captures_iter(text).filter_map(|found| found.get(1)).map(|found| found.range())
}

impl Text {
    /// Cuts a text into literals and variables; `None` when there is nothing to put in.
    pub(crate) fn parse(text: &str, path: &str) -> Result<Option<Self>, QueryError> {
        if !text.contains("{{") {
            return Ok(None);
        }
        let (mut segments, mut later, mut at) = (Vec::new(), Vec::new(), 0);
        for range in variables(text) {
            if at < range.start {
                segments.push(Segment::Literal(text[at..range.start].into()));
            }
            let written = &text[range.clone()];
            segments.push(Segment::Variable(Variable::parse(written)?));
            at = range.end;
        }
        if segments.is_empty() {
            // Only escaped braces, or braces that are no variable.
            return Ok(text.contains("\\{{").then(|| Self {
                path: path.into(),
                written: text.into(),
                segments: vec![Segment::Literal(text.into())],
                later,
            }));
        }
        if at < text.len() {
            segments.push(Segment::Literal(text[at..].into()));
        }
        for segment in &segments {
            // Two variables without anything between: the second is found in the next round.
            if let Segment::Literal(literal) = segment {
                later.extend(variables(literal).filter_map(|range| Variable::parse(&literal[range]).ok()));
            }
        }
        Ok(Some(Self { path: path.into(), written: text.into(), segments, later }))
    }

    /// The text with its variables put in; the value of a variable that stands alone.
    pub(crate) fn substitute(&self, context: &Context<'_>) -> Result<Value, SubstituteError> {
        if let [Segment::Variable(variable)] = self.segments.as_slice() {
            return variable.value(context, &self.path);
        }
        let (mut text, mut is_shallow) = (String::with_capacity(self.written.len()), false);
        for segment in &self.segments {
            match segment {
                Segment::Literal(literal) => text.push_str(literal),
                Segment::Variable(variable) => {
                    push(&mut text, &variable.value(context, &self.path)?, variable.is_shallow);
                    is_shallow = variable.is_shallow;
                }
            }
        }
        if is_shallow || !text.contains("{{") {
            return Ok(unescaped(text));
        }
        self.rounds(text, context)
    }

    /// Looks through a text again until there is no more variable in it.
    fn rounds(&self, mut text: String, context: &Context<'_>) -> Result<Value, SubstituteError> {
        for _ in 0..MAX_ROUNDS {
            let found: Vec<_> = variables(&text).collect();
            if found.is_empty() {
                return Ok(unescaped(text));
            }
            let (mut next, mut at, mut is_shallow) = (String::with_capacity(text.len()), 0, false);
            for range in found {
                next.push_str(&text[at..range.start]);
                let written = &text[range.clone()];
                let known = self.later.iter().find(|variable| variable.written == written);
                let variable = match known {
                    Some(known) => Cow::Borrowed(known),
                    None => Cow::Owned(Variable::parse(written).map_err(|error| {
                        let (text, _) = inner(written);
                        SubstituteError::new(format!("failed to resolve {text} at path {}: {error}", self.path))
                    })?),
                };
                let value = variable.value(context, &self.path)?;
                if written.len() == text.len() {
                    return Ok(value);
                }
                push(&mut next, &value, variable.is_shallow);
                is_shallow = variable.is_shallow;
                at = range.end;
            }
            next.push_str(&text[at..]);
            if next.len() > MAX_TEXT {
                return Err(SubstituteError::new(format!("the text at path {} grows too long", self.path)));
            }
            text = next;
            if is_shallow {
                return Ok(unescaped(text));
            }
        }
        Err(SubstituteError::new(format!("the variables at path {} have no end", self.path)))
    }
}

fn push(text: &mut String, value: &Value, is_shallow: bool) {
    let written: Cow<'_, str> = match value {
        Value::String(own) => own.as_str().into(),
        other => {
            let written = json::write(other);
            match json::escaped_for_html(&written) {
                Cow::Borrowed(_) => written.into(),
                Cow::Owned(escaped) => escaped.into(),
            }
        }
    };
    if is_shallow {
        text.push_str(&written.replace("{{", "\\{{"));
    } else {
        text.push_str(&written);
    }
}

fn unescaped(text: String) -> Value {
    if text.contains("\\{{") { text.replace("\\{{", "{{").into() } else { text.into() }
}

impl Template {
    /// Looks through a document.
    ///
    /// # Errors
    /// The first variable that is no expression.
    pub fn compile(document: &Value) -> Result<Self, TemplateError> {
        Self::compile_at(document, "")
    }

    /// As [`Template::compile`], of a document that stands at this path of a larger one: `{{@}}` counts from there.
    ///
    /// # Errors
    /// As [`Template::compile`].
    pub fn compile_at(document: &Value, path: &str) -> Result<Self, TemplateError> {
        Ok(Self(match reference::resolve(document) {
            Ok(resolved) => compile(&resolved, &mut path.to_owned(), 0)?,
            Err(message) => Part::Broken(message),
        }))
    }

    /// A template of one text.
    ///
    /// # Errors
    /// As [`Template::compile`].
    pub fn of_text(text: &str) -> Result<Self, TemplateError> {
        Self::compile(&Value::from(text))
    }

    /// The document, when it has no variables.
    pub fn constant(&self) -> Option<&Value> {
        match &self.0 {
            Part::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The document with its variables put in.
    ///
    /// # Errors
    /// When a variable has no value, a key becomes no text, or a reference leads nowhere.
    pub fn substitute(&self, context: &Context<'_>) -> Result<Value, SubstituteError> {
        substitute(&self.0, context)
    }
}

fn compile(value: &Value, path: &mut String, depth: usize) -> Result<Part, TemplateError> {
    if depth > MAX_DEPTH {
        let message = format!("nested deeper than {MAX_DEPTH} levels");
        return Err(TemplateError { path: path.clone(), message });
    }
    let text = |text: &str, path: &str| {
        Text::parse(text, path).map_err(|error| TemplateError { path: path.to_owned(), message: error.message })
    };
    Ok(match value {
        Value::String(own) => text(own, path)?.map_or_else(|| Part::Constant(value.clone()), Part::Text),
        Value::Array(array) => {
            let mut parts = Vec::with_capacity(array.len());
            for (index, element) in array.iter().enumerate() {
                parts.push(within(path, &index.to_string(), |path| compile(element, path, depth + 1))?);
            }
            let is_constant = parts.iter().all(|part| matches!(part, Part::Constant(_)));
            if is_constant { Part::Constant(value.clone()) } else { Part::List(parts) }
        }
        Value::Object(object) => {
            let mut parts = Vec::with_capacity(object.len());
            for (key, element) in object.iter() {
                let name = text(key.as_str(), path)?.map_or_else(|| KeyPart::Constant(key.clone()), KeyPart::Text);
                let segment = key.as_str().replace('/', "\\/");
                parts.push((name, within(path, &segment, |path| compile(element, path, depth + 1))?));
            }
            let is_constant =
                |(key, part): &(KeyPart, Part)| matches!((key, part), (KeyPart::Constant(_), Part::Constant(_)));
            if parts.iter().all(is_constant) { Part::Constant(value.clone()) } else { Part::Object(parts) }
        }
        other => Part::Constant(other.clone()),
    })
}

/// Runs with a segment added to the path.
fn within<T>(path: &mut String, segment: &str, run: impl FnOnce(&mut String) -> T) -> T {
    let length = path.len();
    path.push('/');
    path.push_str(segment);
    let result = run(path);
    path.truncate(length);
    result
}

fn substitute(part: &Part, context: &Context<'_>) -> Result<Value, SubstituteError> {
    match part {
        Part::Constant(value) => Ok(value.clone()),
        Part::Text(text) => text.substitute(context),
        Part::List(parts) => {
            let elements: Result<Vec<Value>, _> = parts.iter().map(|part| substitute(part, context)).collect();
            Ok(Value::Array(Array::from_iter(elements?)))
        }
        Part::Object(parts) => {
            let mut entries = Vec::with_capacity(parts.len());
            for (key, part) in parts {
                let key = match key {
                    KeyPart::Constant(key) => key.clone(),
                    KeyPart::Text(text) => match text.substitute(context)? {
                        Value::String(key) => Key::new(&key),
                        Value::Null => Key::new(&text.written),
                        _ => {
                            let message =
                                format!("expected string after substituting variables in key \"{}\"", text.written);
                            return Err(SubstituteError::new(message));
                        }
                    },
                };
                entries.push((key, substitute(part, context)?));
            }
            Ok(Value::Object(entries.into_iter().collect()))
        }
        Part::Broken(message) => Err(SubstituteError::new(message.clone())),
    }
}
