//! `DeletingPolicy`: what is deleted by a schedule.

use probity_model::node::{Mapping, Node};
use probity_model::{Problem, Value};
use probity_policy_admission::{Compiler, Context, input};
use probity_policy_cel::Value as Cel;

use super::environment::{Family, environment};
use super::exception::{Excepted, Exception};
use super::rules::{Head, Rules, answers, evaluation, now};
use super::seen::Seen;
use crate::host::Host;
use crate::response::{Response, RuleResponse, RuleType, Status};

const FIELDS: &[&str] = &["matchConstraints", "conditions", "variables", "schedule", "deletionPropagationPolicy"];

/// A policy that deletes, compiled.
#[derive(Debug, Clone)]
pub struct DeletingPolicy {
    /// Its name and place.
    pub head: Head,
    /// When it is asked: five fields of cron.
    pub schedule: String,
    rules: Rules,
}

impl DeletingPolicy {
    /// Reads a policy and compiles its expressions.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub(crate) fn read(node: Node<'_>, exceptions: &[Exception]) -> Result<Self, Problem> {
        let head = Head::read(node)?;
        let spec = node.mapping()?.required("spec")?.mapping()?;
        spec.only(FIELDS)?;
        let mut compiler = Compiler::new(environment(Family::Deleting, head.scope()));
        let rules = Rules::read(&head, &spec, &mut compiler, exceptions, "conditions")?;
        check_propagation(&spec)?;
        Ok(Self { head, schedule: schedule(&spec)?, rules })
    }

    /// Whether an object would be deleted; `None` when the policy is not about it.
    pub(crate) fn apply(&self, seen: &Seen, host: &dyn Host) -> Option<Response> {
        let constraints = self.rules.constraints.as_ref()?.of_any_operation();
        match constraints.matches_exactly(&seen.attributes) {
            Ok(false) => None,
            Ok(true) => Some(self.response(self.deletes(seen.inputs(), host))),
            Err(message) => Some(self.response(Err(message))),
        }
    }

    /// Whether a document that is no Kubernetes object would be deleted.
    pub(crate) fn apply_to_json(&self, document: &Value, host: &dyn Host) -> Response {
        self.response(self.deletes(vec![("object", input(document)), ("namespaceObject", Cel::Null)], host))
    }

    fn response(&self, deletes: Result<bool, String>) -> Response {
        let (status, message) = match deletes {
            Ok(true) => (Status::Pass, "resource matched".to_owned()),
            Ok(false) => (Status::Fail, "resource did not match".to_owned()),
            Err(message) => (Status::Error, message),
        };
        let rule = RuleResponse::new(self.head.name.clone(), RuleType::Deletion, status, message);
        Response { rules: vec![rule], patched: None }
    }

    fn deletes(&self, inputs: Vec<(&'static str, Cel)>, host: &dyn Host) -> Result<bool, String> {
        let answers = answers(&self.head, host);
        let evaluation = evaluation(&answers);
        let context = Context::new(inputs, &self.rules.variables, &evaluation);
        // Here an exception for some images or values only excepts as well.
        match self.rules.exceptions.apply(&context, self.rules.failure, now(host))? {
            Excepted::Partly { images, values } if images.is_empty() && values.is_empty() => {}
            Excepted::Wholly(_) | Excepted::Partly { .. } => return Ok(false),
        }
        self.rules.conditions.hold(&context, self.rules.failure).map_err(|errors| errors.join("; "))
    }
}

fn schedule(spec: &Mapping<'_>) -> Result<String, Problem> {
    let node = spec.required("schedule")?;
    let text = node.string()?;
    let fields: Vec<&str> = text.split_whitespace().collect();
    let named = matches!(text, "@yearly" | "@annually" | "@monthly" | "@weekly" | "@daily" | "@midnight" | "@hourly");
    let letters = |field: &&str| field.chars().all(|one| one.is_ascii_alphanumeric() || "*/,-?".contains(one));
    if named || (fields.len() == 5 && fields.iter().all(letters)) {
        return Ok(text.to_owned());
    }
    Err(node.problem(format!("`{text}` is not a schedule")).with_help("five fields of cron, such as `0 0 * * *`"))
}

fn check_propagation(spec: &Mapping<'_>) -> Result<(), Problem> {
    const KNOWN: &[&str] = &["Foreground", "Background", "Orphan"];
    let Some(node) = spec.optional("deletionPropagationPolicy") else { return Ok(()) };
    let word = node.string()?;
    if KNOWN.contains(&word) {
        return Ok(());
    }
    Err(node.problem(format!("`{word}` is not a propagation")).with_help(format!("one of {}", KNOWN.join(", "))))
}
