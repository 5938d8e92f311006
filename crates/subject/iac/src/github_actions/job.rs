//! Jobs of a workflow.

use probity_model::value::Object;
use probity_model::{SmolStr, Span, Value};

use super::object::{Entries, list};
use super::origin::Scope;
use super::reader::{Part, Reader};
use super::step::{Around, program};
use super::workflow::Workflow;
use super::{token, uses, values};

/// A job and its steps.
pub(super) struct Job {
    pub(super) id: SmolStr,
    pub(super) part: Part,
    pub(super) steps: Vec<Part>,
}

impl Job {
    /// Whether its token has the workflow's rights.
    pub(super) fn inherits_token(&self) -> bool {
        self.part.document.at(&["token", "from"]).and_then(Value::as_str) == Some("workflow")
    }
}

impl Reader<'_> {
    /// Reads one job; nothing when it is no mapping.
    pub(super) fn job(&mut self, id: &str, value: &Value, span: Span, workflow: &Workflow<'_>) -> Option<Job> {
        let span = self.trimmed(span);
        let job = self.mapping(value, span, &format!("the job `{id}`"))?;
        self.check_job(id, job, span);
        let scope = scope(job, workflow);
        let place = |key: &str| job.span(key).unwrap_or(span);
        let token = token::document(job.get("permissions"), workflow.root.get("permissions"), span);
        let runs_on = job.get("runs-on").unwrap_or(&Value::Null);
        let runner = values::runner(runs_on, &scope, place("runs-on"));
        let around = Around {
            address: format!("{}:jobs.{id}.steps", self.file),
            context: vec![("job", context(id, job, &token, &runner, span)), ("workflow", workflow.context.clone())],
            shell: shell(job, workflow, &runner),
            scope: scope.clone(),
            is_action: false,
        };
        let steps = self.steps(job.get("steps").unwrap_or(&Value::Null), place("steps"), &around);
        let expressions = self.expressions(job, span, &["steps"], &|_| false, &scope);
        let mut entries = Entries::of(job, span);
        entries.add("id", id);
        entries.add("workflow", workflow.context.clone());
        entries.add_at("token", token, place("permissions"));
        if job.get("runs-on").is_some() {
            entries.add_at("runner", runner, place("runs-on"));
        }
        if let Some(named) = job.get("uses").and_then(Value::as_str) {
            let comment = self.comment_behind(place("uses"));
            entries.add_at("action", uses::document(named, comment, place("uses")), place("uses"));
        }
        entries.add("images", values::images(images(job, span), &scope));
        entries.add("expressions", expressions);
        let documents = steps.iter().map(|step| (step.document.clone(), step.span)).collect();
        entries.add_at("steps", list(documents), place("steps"));
        let part = Part {
            kind: "github.job",
            address: format!("{}:jobs.{id}", self.file).into(),
            document: entries.object(),
            span,
            header: self.first_line(span),
            skips: self.comments.take(span),
        };
        Some(Job { id: id.into(), part, steps })
    }

    fn check_job(&mut self, id: &str, job: &Object, span: Span) {
        match (job.get("uses"), job.get("runs-on"), job.get("steps")) {
            (None, None, _) => {
                self.tell(
                    format!("the job `{id}` has neither `runs-on` nor `uses`"),
                    self.first_line(span),
                    "say on which runner its steps run, or which workflow it calls",
                );
            }
            (Some(_), _, Some(_)) => {
                self.tell(
                    format!("the job `{id}` has `uses` and `steps`"),
                    self.first_line(span),
                    "make two jobs of it",
                );
            }
            (None, Some(_), None) => {
                self.tell(format!("the job `{id}` has no `steps`"), self.first_line(span), "give it steps");
            }
            _ => {}
        }
    }
}

fn scope<'v>(job: &'v Object, workflow: &Workflow<'v>) -> Scope<'v> {
    let mut scope = workflow.scope.clone();
    if let Some(Value::Object(env)) = job.get("env") {
        scope.env.insert(0, env);
    }
    scope.matrix = job.get("strategy").and_then(|strategy| strategy.get("matrix"));
    scope
}

/// What a step's document says of its job.
fn context(id: &str, job: &Object, token: &Value, runner: &Value, span: Span) -> Value {
    let mut entries = Entries::at(span);
    entries.add("id", id);
    entries.add("token", token.clone());
    entries.add("runner", runner.clone());
    for name in ["name", "if", "environment", "permissions"] {
        if let Some(value) = job.get(name) {
            entries.add_at(name, value.clone(), job.span(name).unwrap_or(span));
        }
    }
    entries.object()
}

/// The program that runs commands when a step does not say.
fn shell(job: &Object, workflow: &Workflow<'_>, runner: &Value) -> Option<SmolStr> {
    let default = |value: Option<&Value>| value?.at(&["run", "shell"]).and_then(Value::as_str).map(program);
    let labels = runner.get("labels").and_then(Value::as_array);
    let mut labels = labels.into_iter().flatten().filter_map(Value::as_str).peekable();
    let is_windows = |label: &str| label.to_ascii_lowercase().starts_with("windows");
    let by_runner = || (labels.peek().is_some() && labels.all(is_windows)).then(|| SmolStr::new_static("pwsh"));
    default(job.get("defaults")).or_else(|| default(workflow.root.get("defaults"))).or_else(by_runner)
}

/// The images of a job's container, services and steps.
fn images<'v>(job: &'v Object, span: Span) -> Vec<(String, &'v Value, Span)> {
    let mut found: Vec<(String, &'v Value, Span)> = Vec::new();
    let mut container = |at: String, value: &'v Value, place: Span| match value {
        Value::Object(object) => {
            if let Some(image) = object.get("image") {
                found.push((at, image, object.span("image").unwrap_or(place)));
            }
        }
        text => found.push((at, text, place)),
    };
    if let Some(value) = job.get("container") {
        container("container".to_owned(), value, job.span("container").unwrap_or(span));
    }
    if let Some(Value::Object(services)) = job.get("services") {
        for (name, service, place) in services.iter_spanned() {
            container(format!("services.{name}"), service, place.unwrap_or(span));
        }
    }
    found
}
