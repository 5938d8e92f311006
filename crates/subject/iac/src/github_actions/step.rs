//! Steps: of a job, or of a composite action.

use probity_model::value::{Array, Object};
use probity_model::{SmolStr, Span, Value};

use super::object::{Entries, texts};
use super::origin::Scope;
use super::reader::{Part, Reader};
use super::{shell, uses};

/// Most steps of one job; GitHub takes 1,000.
const MAX_STEPS: usize = 2_000;

/// Fields of steps that run nothing, but wait for others or end them.
const CONTROLS: [&str; 3] = ["wait", "wait-all", "cancel"];

/// What the steps of one job, or one action, have in common.
pub(super) struct Around<'v> {
    /// What addresses begin with: `ci.yml:jobs.build.steps`.
    pub(super) address: String,
    /// Names and values that every step's document has: the job and the workflow around it.
    pub(super) context: Vec<(&'static str, Value)>,
    pub(super) scope: Scope<'v>,
    /// The shell of steps that name none.
    pub(super) shell: Option<SmolStr>,
    /// Whether the fault of a step without a shell is its own: a composite action has no default.
    pub(super) is_action: bool,
}

impl<'t> Reader<'t> {
    /// The steps of a list.
    pub(super) fn steps(&mut self, steps: &Value, span: Span, around: &Around<'_>) -> Vec<Part> {
        let Some(list) = steps.as_array() else {
            if !steps.is_null() {
                self.tell(format!("`steps` is a {}, not a list", steps.kind()), span, "begin each step with `- `");
            }
            return Vec::new();
        };
        let mut parts = Vec::new();
        self.list_of_steps(list, span, &around.address, around, &mut parts);
        parts
    }

    /// The steps of a list at an address; those of a `parallel` block stand in the place of its step.
    fn list_of_steps(&mut self, list: &Array, span: Span, address: &str, around: &Around<'_>, parts: &mut Vec<Part>) {
        for (index, step) in list.iter().enumerate() {
            let place = self.trimmed(list.span(index).unwrap_or(span));
            if parts.len() >= MAX_STEPS {
                self.tell(format!("more than {MAX_STEPS} steps; the rest is not judged"), place, "split the job");
                return;
            }
            let Some(step) = self.mapping(step, place, "a step") else { continue };
            let address = format!("{address}[{index}]");
            // GitHub takes no block within a block.
            match step.get("parallel").and_then(Value::as_array) {
                Some(inner) if !address.contains(".parallel[") => {
                    let place = step.span("parallel").unwrap_or(place);
                    self.list_of_steps(inner, place, &format!("{address}.parallel"), around, parts);
                }
                _ => parts.push(self.step(address, parts.len(), step, place, around)),
            }
        }
    }

    fn step(&mut self, address: String, index: usize, step: &Object, span: Span, around: &Around<'_>) -> Part {
        self.check_step(step, span, around.is_action);
        let mut scope = around.scope.clone();
        if let Some(Value::Object(env)) = step.get("env") {
            scope.env.insert(0, env);
        }
        let named = step.get("uses").and_then(Value::as_str);
        let code = named.map_or(&[][..], uses::code_inputs);
        let is_code = |field: &str| {
            field == "run"
                || field
                    .strip_prefix("with.")
                    .is_some_and(|input| code.iter().any(|code| code.eq_ignore_ascii_case(input)))
        };
        let expressions = self.expressions(step, span, &[], &is_code, &scope);
        let place = |key: &str| step.span(key).unwrap_or(span);
        let mut entries = Entries::of(step, span);
        entries.add("index", i64::try_from(index).unwrap_or(i64::MAX));
        for (name, value) in &around.context {
            entries.add(name, value.clone());
        }
        if let Some(named) = named {
            let comment = self.comment_behind(place("uses"));
            entries.add_at("action", uses::document(named, comment, place("uses")), place("uses"));
            let inputs = step.get("with").and_then(Value::as_object).into_iter().flat_map(Object::iter);
            entries.add_at("inputs", texts(inputs.map(|(name, _)| name.as_str())), place("with"));
        }
        entries.add("expressions", expressions);
        if let Some(run) = step.get("run").and_then(Value::as_str) {
            let shell = step.get("shell").and_then(Value::as_str).map(program).or_else(|| around.shell.clone());
            let shell = shell.unwrap_or_else(|| "bash".into());
            let at = self.script_place(place("run"), run);
            entries.add_some("commands", shell::commands(run, &shell, &at));
            entries.add("program", shell);
        }
        Part {
            kind: "github.step",
            address: address.into(),
            document: entries.object(),
            span,
            header: self.first_line(["name", "uses", "run"].iter().find_map(|key| step.span(key)).unwrap_or(span)),
            skips: self.comments.take(span),
        }
    }

    fn check_step(&mut self, step: &Object, span: Span, is_action: bool) {
        match (step.get("uses"), step.get("run")) {
            (None, None) if CONTROLS.iter().any(|control| step.get(control).is_some()) => {}
            (None, None) => {
                self.tell(
                    "a step without `uses` or `run`",
                    span,
                    "name an action with `uses`, or give commands with `run`",
                );
            }
            (Some(_), Some(_)) => {
                self.tell("a step with both `uses` and `run`", span, "make two steps of it");
            }
            (None, Some(_)) if is_action && step.get("shell").is_none() => {
                self.tell("a step of an action without `shell`", span, "an action has no default: add `shell: bash`");
            }
            _ => {}
        }
        for key in ["uses", "run"] {
            // GitHub takes a number or a truth value for its text.
            let value = step.get(key).filter(|value| matches!(value, Value::Array(_) | Value::Object(_)));
            if let Some(value) = value {
                let place = step.span(key).unwrap_or(span);
                self.tell(format!("`{key}` is a {}, not a text", value.kind()), place, "write it as a text");
            }
        }
    }

    /// The place of a byte of a script: its line in the file. Lines of a block are found again by their text.
    fn script_place<'a>(&'a self, entry: Span, script: &'a str) -> impl Fn(usize) -> Span + use<'a, 't> {
        let (start, end) = (entry.start as usize, (entry.end as usize).min(self.text.len()));
        let source = self.text.get(start..end).unwrap_or_default();
        // Where the script's first line stands in the source, counted in lines.
        let first = script.lines().next().unwrap_or_default().trim();
        let header = source.lines().position(|line| !first.is_empty() && line.contains(first)).unwrap_or(0);
        let mut lines = Vec::new();
        let mut at = 0;
        for line in source.split_inclusive('\n') {
            let indentation = line.len() - line.trim_start().len();
            lines.push((at + indentation.min(line.trim_end().len().max(indentation)), at + line.trim_end().len()));
            at += line.len();
        }
        move |byte| {
            let number = script[..byte.min(script.len())].matches('\n').count();
            let (from, to) = lines.get(header + number).copied().unwrap_or((0, source.len()));
            Span::new(entry.source, start + from..start + to.max(from))
        }
    }
}

/// The program of a shell as `shell` gives it: `/usr/bin/bash -e {0}` is `bash`.
pub(super) fn program(shell: &str) -> SmolStr {
    let first = shell.split_whitespace().next().unwrap_or_default();
    let name = first.rsplit(['/', '\\']).next().unwrap_or(first).to_ascii_lowercase();
    name.strip_suffix(".exe").unwrap_or(&name).into()
}
