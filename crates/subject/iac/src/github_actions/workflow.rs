//! Workflows.

use probity_model::value::Object;
use probity_model::yaml::Document;
use probity_model::{InlineSkip, Span, Value};

use super::job::Job;
use super::object::{Entries, texts};
use super::origin::Scope;
use super::reader::{Part, Reader};
use super::token;

/// A workflow, as far as its jobs ask about it.
pub(super) struct Workflow<'v> {
    pub(super) root: &'v Object,
    pub(super) scope: Scope<'v>,
    /// What documents of jobs and steps say of it.
    pub(super) context: Value,
}

impl Reader<'_> {
    pub(super) fn workflow(&mut self, document: &Document) {
        let span = self.trimmed(document.span);
        let Some(root) = self.mapping(&document.value, span, "the workflow") else { return };
        let place = |key: &str| root.span(key).unwrap_or(span);
        let on = self.triggers(root, span);
        let token = token::document(None, root.get("permissions"), span);
        let workflow = Workflow {
            root,
            scope: Scope { env: env(root), matrix: None, inputs: inputs(root) },
            context: context(&self.file, root, &on, &token, span),
        };
        let jobs = self.jobs(root, span, &workflow);
        let expressions = self.expressions(root, span, &["jobs", "name"], &|_| false, &workflow.scope);
        let mut entries = Entries::of(root, span);
        entries.add("file", self.file.clone());
        entries.add_at("triggers", names(&on), place("on"));
        entries.add_at("on", on, place("on"));
        entries.add_at("token", token, place("permissions"));
        entries.add("expressions", expressions);
        let mut documents = Entries::at(place("jobs"));
        for job in &jobs {
            documents.add_at(&job.id, job.part.document.clone(), job.part.span);
        }
        entries.add_at("jobs", documents.object(), place("jobs"));
        entries.add("inherits", texts(jobs.iter().filter(|job| job.inherits_token()).map(|job| &job.id)));
        let header = self.first_line(["name", "on"].iter().find_map(|key| root.span(key)).unwrap_or(span));
        let skips = self.comments.rest();
        let problems = std::mem::take(&mut self.comments.problems);
        self.read.problems.extend(problems);
        let address = self.file.clone();
        let part = Part { kind: "github.workflow", address, document: entries.object(), span, header, skips };
        self.add_all(part, jobs);
    }

    /// Adds the workflow, its jobs and their steps; what is skipped for one is skipped for all in it.
    fn add_all(&mut self, workflow: Part, jobs: Vec<Job>) {
        let outer = workflow.skips.clone();
        let parent = self.add(workflow, None);
        for mut job in jobs {
            job.part.skips.extend(outer.iter().cloned());
            let own: Vec<InlineSkip> = job.part.skips.clone();
            let parent = self.add(job.part, Some(parent));
            for mut step in job.steps {
                step.skips.extend(own.iter().cloned());
                self.add(step, Some(parent));
            }
        }
    }

    fn jobs(&mut self, root: &Object, span: Span, workflow: &Workflow<'_>) -> Vec<Job> {
        let place = root.span("jobs").unwrap_or(span);
        let jobs = root.get("jobs").unwrap_or(&Value::Null);
        if jobs.is_null() {
            self.tell("the workflow has no `jobs`", self.first_line(span), "a workflow needs at least one job");
        }
        let Some(jobs) = self.mapping(jobs, place, "`jobs`") else { return Vec::new() };
        let mut entries: Vec<_> = jobs.iter_spanned().collect();
        entries.sort_by_key(|(.., span)| span.map(|span| span.start));
        entries
            .into_iter()
            .filter_map(|(id, job, span)| self.job(id.as_str(), job, span.unwrap_or(place), workflow))
            .collect()
    }

    /// `on` as a mapping from events to what narrows them.
    fn triggers(&mut self, root: &Object, span: Span) -> Value {
        let place = root.span("on").unwrap_or(span);
        let mut entries = Entries::at(place);
        let nothing = || Value::object::<&str>([]);
        match root.get("on") {
            Some(Value::String(event)) => entries.add(event, nothing()),
            Some(Value::Array(events)) => {
                for (index, event) in events.iter().enumerate() {
                    match event {
                        Value::String(event) => entries.add_at(event, nothing(), events.span(index).unwrap_or(place)),
                        other => {
                            self.tell(format!("an event is a {}, not a text", other.kind()), place, "name the event");
                        }
                    }
                }
            }
            Some(Value::Object(events)) => {
                for (event, narrowed, at) in events.iter_spanned() {
                    let narrowed = if narrowed.is_null() { nothing() } else { narrowed.clone() };
                    entries.add_at(event.as_str(), narrowed, at.unwrap_or(place));
                }
            }
            _ => self.tell("the workflow has no `on`", self.first_line(span), "say which events start it"),
        }
        entries.object()
    }
}

fn env(root: &Object) -> Vec<&Object> {
    root.get("env").and_then(Value::as_object).into_iter().collect()
}

/// The inputs of a manual start and of a call.
fn inputs(root: &Object) -> Vec<&Object> {
    let events = ["workflow_dispatch", "workflow_call"].iter();
    events.filter_map(|event| root.get("on")?.at(&[event, "inputs"])?.as_object()).collect()
}

fn names(on: &Value) -> Value {
    texts(on.as_object().into_iter().flat_map(Object::iter).map(|(event, _)| event.as_str()))
}

fn context(file: &str, root: &Object, on: &Value, token: &Value, span: Span) -> Value {
    let mut entries = Entries::at(span);
    entries.add("file", file);
    let place = |key: &str| root.span(key).unwrap_or(span);
    entries.add_at("triggers", names(on), place("on"));
    entries.add_at("on", on.clone(), place("on"));
    entries.add_at("token", token.clone(), place("permissions"));
    if let Some(name) = root.get("name") {
        entries.add_at("name", name.clone(), place("name"));
    }
    entries.object()
}
