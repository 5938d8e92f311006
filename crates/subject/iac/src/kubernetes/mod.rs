//! Kubernetes objects, as YAML or JSON.
//!
//! A manifest may hold anything; what has an `apiVersion` and a `kind` is an object, the rest is left alone. A Helm
//! template is not a manifest before Helm has rendered it, and is left alone as well.

mod connect;
mod object;
mod references;
mod skips;

use std::borrow::Cow;

use probity_model::json;
use probity_model::yaml::{self, Dialect, Document};
use probity_model::{InlineSkip, Labels, Problem, SmolStr, SourceId, Span, Subject, SubjectKind, Value};

use crate::Read;

pub use connect::connect;

/// How many broken documents of one file are stepped over to read those behind them.
const MAX_BROKEN: usize = 16;

/// What a text is, as far as a glance tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glance {
    /// It may hold Kubernetes objects.
    Manifest,
    /// A Helm template.
    Template,
    /// Nothing of Kubernetes.
    Other,
}

/// Finds out cheaply whether a text is worth reading as a manifest.
pub fn glance(text: &str) -> Glance {
    if !text.contains("apiVersion") || !text.contains("kind") {
        Glance::Other
    } else if is_helm(text) {
        Glance::Template
    } else {
        Glance::Manifest
    }
}

/// Whether a placeholder names one of the objects that only Helm has. Braces alone say nothing: alert rules and
/// workflow manifests carry templates of their own inside valid YAML.
fn is_helm(text: &str) -> bool {
    text.split("{{").skip(1).any(|rest| {
        let inner = rest.split("}}").next().unwrap_or(rest);
        [".Values", ".Release", ".Chart", ".Capabilities"].iter().any(|name| inner.contains(name))
    })
}

/// Reads the objects of one text. References between them are found by [`connect`], over all files together.
///
/// A text without objects gives none, and no problem. One that cannot be parsed is a problem only when it means to hold
/// objects; the documents around a broken one are read.
pub fn read(text: &str, source: SourceId) -> Read {
    if glance(text) != Glance::Manifest {
        return Read::default();
    }
    let (documents, problems) = documents(text, source);
    objects(text, &documents, problems)
}

/// Reads the objects of a text that a template was rendered to: braces in it are no template's.
pub(crate) fn read_rendered(text: &str, source: SourceId) -> Read {
    let (documents, problems) = yaml_documents(text, source, false);
    objects(text, &documents, problems)
}

/// What the comments above a document ask to be skipped. What is wrong with them is told when the file is read by itself.
pub(crate) fn skips_above(text: &str, document: Span, first: bool) -> Vec<InlineSkip> {
    skips::above(text, document, first, &mut Vec::new())
}

/// The subject that an object is by itself, in no file; `None` for what is no object.
pub fn subject_of(object: &Value) -> Option<Subject> {
    object::kind(object).map(|_| subject(object, None, Vec::new()).0)
}

/// The subject that an object is, with skips beside those that it has itself; and what is wrong with those.
pub(crate) fn subject(value: &Value, span: Option<Span>, skips: Vec<InlineSkip>) -> (Subject, Vec<Problem>) {
    let mut read = Read::default();
    let kind = object::kind(value).or_else(|| value.get("kind").and_then(Value::as_str)).unwrap_or_default();
    let subject = Reader { read: &mut read, skips }.subject(kind, value, span);
    (subject, read.problems)
}

fn objects(text: &str, documents: &[Document], problems: Vec<Problem>) -> Read {
    let mut read = Read { problems, ..Read::default() };
    for (position, document) in documents.iter().enumerate() {
        let skips = skips::above(text, document.span, position == 0, &mut read.problems);
        let span = trimmed(text, document.span);
        let mut reader = Reader { read: &mut read, skips };
        reader.object(&document.value, Some(span), None);
    }
    read
}

fn documents(text: &str, source: SourceId) -> (Vec<Document>, Vec<Problem>) {
    if !text.trim_start().starts_with(['{', '[']) {
        return yaml_documents(text, source, true);
    }
    match json::read_with_spans(text, source) {
        Ok(value) => (vec![Document { value, span: Span::new(source, 0..text.len()) }], Vec::new()),
        // YAML in its flow form looks like JSON.
        Err(problem) => match yaml::read(text, source, Dialect::Kubernetes) {
            Ok(documents) => (documents, Vec::new()),
            Err((_, documents)) => {
                (documents, vec![problem.with_help("check commas, quotes and brackets, or exclude the file")])
            }
        },
    }
}

/// The documents of a text, those behind a broken one too.
fn yaml_documents(text: &str, source: SourceId, may_be_template: bool) -> (Vec<Document>, Vec<Problem>) {
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    let mut rest = Cow::Borrowed(text);
    loop {
        let (problem, before) = match yaml::read(&rest, source, Dialect::Kubernetes) {
            Ok(read) => {
                documents.extend(read);
                break;
            }
            Err(failed) => failed,
        };
        let broken = problem.span.map_or(text.len(), |span| span.start as usize);
        documents.extend(before);
        if may_be_template && text.contains("{{") {
            // A template of another kind than Helm's; what it renders to cannot be told.
            break;
        }
        problems.push(problem.with_help("check indentation and quotes; the documents around this one are read"));
        let Some(next) = next_document(text, broken) else { break };
        if problems.len() >= MAX_BROKEN {
            let span = Span::new(source, next..next);
            problems.push(
                Problem::new(format!("after {MAX_BROKEN} broken documents the rest is not read"), span)
                    .with_help("mend those first"),
            );
            break;
        }
        // Blank lines in front keep the places of what follows.
        rest = ["\n".repeat(next).as_str(), &text[next..]].concat().into();
    }
    (documents, problems)
}

/// Where the next `---` line after this place starts; in YAML nothing can hide one.
fn next_document(text: &str, after: usize) -> Option<usize> {
    let after = (0..=after.min(text.len())).rev().find(|at| text.is_char_boundary(*at))?;
    text[after..].find("\n---").map(|at| after + at + 1)
}

/// The span without the space at its end.
fn trimmed(text: &str, span: Span) -> Span {
    let inner = text.get(span.start as usize..span.end as usize).unwrap_or_default();
    Span { end: span.start + u32::try_from(inner.trim_end().len()).unwrap_or(0), ..span }
}

struct Reader<'r> {
    read: &'r mut Read,
    skips: Vec<InlineSkip>,
}

impl Reader<'_> {
    /// Adds an object, or the objects of a list. `listed` is the kind that a typed list gives its items.
    fn object(&mut self, value: &Value, span: Option<Span>, listed: Option<&str>) {
        let own = object::kind(value);
        let Some(kind) = own.or(listed) else { return };
        if let Some(singular) = kind.strip_suffix("List")
            && let Some(items) = value.get("items").and_then(Value::as_array)
        {
            let listed = (!singular.is_empty()).then_some(singular);
            for (index, item) in items.iter().enumerate() {
                self.object(item, items.span(index).or(span), listed);
            }
            return;
        }
        if value.as_object().is_some() {
            let subject = self.subject(kind, value, span);
            self.read.subjects.push(subject);
        }
    }

    fn subject(&mut self, kind: &str, value: &Value, span: Option<Span>) -> Subject {
        let place = |key: &str| value.as_object().and_then(|object| object.span(key));
        let mut skips = self.skips.clone();
        skips.extend(skips::annotated(kind, value, &mut self.read.problems));
        Subject {
            kind: SubjectKind::Kubernetes,
            resource_type: SmolStr::new(kind),
            address: object::address(kind, value),
            document: span
                .and_then(|place| object::without_misplaced(kind, value, place))
                .unwrap_or_else(|| value.clone()),
            span,
            header: place("kind").or_else(|| place("metadata")),
            calls: Vec::new(),
            skips,
            labels: Labels::default(),
            sensitive: None,
        }
    }
}

#[cfg(test)]
mod tests;
