//! Actions: what `action.yml` says of one.

use probity_model::value::Object;
use probity_model::yaml::Document;
use probity_model::{Span, Value};

use super::object::{Entries, list};
use super::origin::Scope;
use super::reader::{Part, Reader};
use super::step::Around;
use super::values;

impl Reader<'_> {
    pub(super) fn action(&mut self, document: &Document) {
        let span = self.trimmed(document.span);
        let Some(root) = self.mapping(&document.value, span, "the action") else { return };
        let place = root.span("runs").unwrap_or(span);
        let Some(runs) = self.mapping(root.get("runs").unwrap_or(&Value::Null), place, "`runs`") else { return };
        if runs.get("using").and_then(Value::as_str).is_none() {
            self.tell(
                "`runs` does not say `using`",
                place,
                "say what runs the action: `composite`, `docker` or `node24`",
            );
        }
        let scope =
            Scope { inputs: root.get("inputs").and_then(Value::as_object).into_iter().collect(), ..Scope::default() };
        let around = Around {
            address: format!("{}:runs.steps", self.file),
            context: vec![("in_action", self.context(root, span))],
            scope: scope.clone(),
            shell: None,
            is_action: true,
        };
        let is_composite = runs.get("using").and_then(Value::as_str) == Some("composite");
        let steps = runs.get("steps").filter(|_| is_composite);
        let steps =
            steps.map(|steps| self.steps(steps, runs.span("steps").unwrap_or(place), &around)).unwrap_or_default();
        // Descriptions are no place for expressions.
        let without = ["name", "description", "author", "branding", "runs", "inputs"];
        let expressions = self.expressions(root, span, &without, &|_| false, &scope);
        let mut entries = Entries::of(root, span);
        entries.add("file", self.file.clone());
        entries.add("expressions", expressions);
        entries.add("images", values::images(image(runs, place), &scope));
        let documents = steps.iter().map(|step| (step.document.clone(), step.span)).collect();
        entries.add_at("steps", list(documents), place);
        let header = self.first_line(root.span("name").unwrap_or(place));
        let skips = self.comments.rest();
        let problems = std::mem::take(&mut self.comments.problems);
        self.read.problems.extend(problems);
        let outer = skips.clone();
        let address = self.file.clone();
        let parent =
            self.add(Part { kind: "github.action", address, document: entries.object(), span, header, skips }, None);
        for mut step in steps {
            step.skips.extend(outer.iter().cloned());
            self.add(step, Some(parent));
        }
    }

    /// What a step's document says of the action around it.
    fn context(&self, root: &Object, span: Span) -> Value {
        let mut entries = Entries::at(span);
        entries.add("file", self.file.clone());
        entries.add_some("name", root.get("name").cloned());
        entries.object()
    }
}

/// The image that a Docker action names; one that it builds itself is judged as a Dockerfile.
fn image(runs: &Object, span: Span) -> Vec<(String, &Value, Span)> {
    let image = runs.get("image").filter(|image| image.as_str().is_some_and(|image| image.starts_with("docker://")));
    let place = runs.span("image").unwrap_or(span);
    image.map(|image| ("runs.image".to_owned(), image, place)).into_iter().collect()
}
