//! A template's sections, and its resources as subjects.

use std::collections::{BTreeSet, HashMap};

use probity_model::value::Object;
use probity_model::{Key, Labels, NodeIndex, Problem, SmolStr, Span, Subject, SubjectKind, Value};

use super::budget::Run;
use super::eval::Evaluator;
use super::{loops, sam, skips};
use crate::Read;

/// Attributes of a resource that policies see beside its properties.
const ATTRIBUTES: [&str; 3] = ["DeletionPolicy", "UpdateReplacePolicy", "Metadata"];

/// Most resources of one template; CloudFormation itself takes 500.
const MAX_RESOURCES: usize = 10_000;

/// A template.
pub(super) struct Template<'t> {
    document: &'t Object,
    span: Span,
    pub(super) run: Run,
}

/// A resource that is there, evaluated.
pub(super) struct Resource {
    pub(super) name: SmolStr,
    /// Its type: `AWS::S3::Bucket`.
    pub(super) kind: SmolStr,
    pub(super) document: Value,
    pub(super) span: Span,
    pub(super) header: Span,
    pub(super) skips: Vec<probity_model::InlineSkip>,
    /// The logical names that it refers to.
    pub(super) references: BTreeSet<SmolStr>,
}

impl<'t> Template<'t> {
    /// A document that is a template: one with resources, or with the version of the format.
    pub(super) fn new(document: &'t Value, span: Span) -> Option<Self> {
        let object = document.as_object()?;
        let is_template = object.get("AWSTemplateFormatVersion").is_some()
            || object.get("Resources").and_then(Value::as_object).is_some();
        is_template.then(|| Self { document: object, span, run: Run::default() })
    }

    /// A section, when it is a mapping.
    pub(super) fn section(&self, name: &str) -> Option<&'t Object> {
        self.document.get(name)?.as_object()
    }

    /// Where a section stands.
    pub(super) fn place(&self, section: &str) -> Span {
        self.document.span(section).unwrap_or(self.span)
    }

    /// The names of the macros that make the template.
    pub(super) fn transforms(&self) -> Vec<&'t str> {
        match self.document.get("Transform") {
            Some(Value::String(name)) => vec![name.as_str()],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Reads the resources; `text` is the template's source.
    pub(super) fn read(self, text: &str) -> Read {
        let resources = self.resources(text);
        let mut read = Read { problems: self.run.take_problems(), ..Read::default() };
        read.edges = edges(&resources);
        read.subjects = resources.into_iter().map(Resource::into_subject).collect();
        read
    }

    fn resources(&self, text: &str) -> Vec<Resource> {
        let Some(section) = self.document.get("Resources") else { return Vec::new() };
        let place = self.place("Resources");
        let Some(section) = section.as_object() else {
            if !section.is_null() {
                let message = format!("`Resources` is a {}, not a mapping", section.kind());
                self.run.tell(Problem::new(message, place));
            }
            return Vec::new();
        };
        let mut evaluator = Evaluator::new(self);
        let mut entries = loops::expanded(section, place, &mut evaluator);
        entries.sort_by_key(|(.., span)| span.start);
        evaluator.declare(entries.iter().map(|(name, ..)| name.as_str()));
        let is_sam = sam::is_used(&self.transforms());
        let mut resources = Vec::new();
        for (name, value, span) in &entries {
            if resources.len() >= MAX_RESOURCES {
                let problem =
                    Problem::new(format!("more than {MAX_RESOURCES} resources; the rest is not judged"), *span);
                self.run.tell(problem);
                break;
            }
            let Some(resource) = self.resource(name, value, *span, text, &mut evaluator) else { continue };
            if is_sam {
                sam::expand(&resource, &mut resources);
            }
            resources.push(resource);
        }
        resources
    }

    /// One resource; `None` for what is none, or is not there because its condition is false.
    fn resource(
        &self,
        name: &Key,
        value: &Value,
        span: Span,
        text: &str,
        evaluator: &mut Evaluator<'_, 't>,
    ) -> Option<Resource> {
        let Some(fields) = value.as_object() else {
            // What a macro puts here cannot be told.
            if !name.as_str().starts_with("Fn::") {
                let message = format!("the resource `{name}` is a {}, not a mapping", value.kind());
                self.run.tell(Problem::new(message, span).with_help("give it a `Type` and `Properties`"));
            }
            return None;
        };
        let Some(kind) = fields.get("Type").and_then(Value::as_str) else {
            let problem = Problem::new(format!("the resource `{name}` has no `Type`"), span);
            self.run.tell(problem.with_help("it is not judged without"));
            return None;
        };
        if let Some(condition) = fields.get("Condition").and_then(Value::as_str)
            && evaluator.condition(condition, fields.span("Condition")) == Some(false)
        {
            return None;
        }
        let mut problems = Vec::new();
        let mut skips = skips::commented(text, span, &mut problems);
        skips.extend(skips::from_metadata(fields, &mut problems));
        for problem in problems {
            self.run.tell(problem);
        }
        let properties = sam::with_globals(kind, fields, self.section("Globals"));
        let document = evaluator.document(fields, properties.as_ref(), span, &ATTRIBUTES);
        let mut references = evaluator.take_references();
        references.extend(depends_on(fields));
        references.remove(name.as_str());
        Some(Resource {
            name: SmolStr::new(name.as_str()),
            kind: SmolStr::new(kind),
            document,
            span,
            header: header(name, span, text),
            skips,
            references,
        })
    }
}

/// The part of an entry that is its key.
fn header(name: &Key, span: Span, text: &str) -> Span {
    let length = u32::try_from(name.as_str().len()).unwrap_or(0);
    let is_quoted = text.as_bytes().get(span.start as usize).is_some_and(|first| matches!(first, b'"' | b'\''));
    let end = span.start.saturating_add(length).saturating_add(if is_quoted { 2 } else { 0 });
    Span { end: end.min(span.end), ..span }
}

fn depends_on(fields: &Object) -> Vec<SmolStr> {
    match fields.get("DependsOn") {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(SmolStr::new).collect(),
        _ => Vec::new(),
    }
}

/// Which resources refer to which: by their logical names, and policies of buckets by the bucket's own name.
fn edges(resources: &[Resource]) -> Vec<(NodeIndex, NodeIndex)> {
    let index = |position: usize| NodeIndex(u32::try_from(position).unwrap_or(u32::MAX));
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (position, resource) in resources.iter().enumerate() {
        by_name.entry(&resource.name).or_default().push(position);
    }
    let mut edges = Vec::new();
    for (position, resource) in resources.iter().enumerate() {
        for target in resource.references.iter().filter_map(|name| by_name.get(name.as_str())).flatten() {
            if *target != position {
                edges.push((index(position), index(*target)));
            }
        }
    }
    let buckets: HashMap<&str, usize> = resources
        .iter()
        .enumerate()
        .filter(|(_, resource)| resource.kind == "AWS::S3::Bucket")
        .filter_map(|(position, bucket)| Some((bucket.document.get("BucketName")?.as_str()?, position)))
        .collect();
    for (position, resource) in resources.iter().enumerate() {
        let bucket = resource.document.get("Bucket").and_then(Value::as_str).and_then(|name| buckets.get(name));
        edges.extend(bucket.map(|bucket| (index(position), index(*bucket))));
    }
    edges
}

impl Resource {
    fn into_subject(self) -> Subject {
        Subject {
            kind: SubjectKind::CloudFormation,
            address: SmolStr::new(format!("{}.{}", self.kind, self.name)),
            resource_type: self.kind,
            document: self.document,
            span: Some(self.span),
            header: Some(self.header),
            calls: Vec::new(),
            skips: self.skips,
            labels: Labels::default(),
            sensitive: None,
        }
    }
}
