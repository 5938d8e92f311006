//! `ValidatingPolicy`: expressions that must hold of Kubernetes objects or of other documents.

use probity_model::node::Node;
use probity_model::value::SmolStr;
use probity_model::{Problem, Value};
use probity_policy_admission::{Compiler, Context, Expression, Variables, input};
use probity_policy_cel::{Type, Value as Cel};

use super::autogen::{self, Config};
use super::environment::{Family, environment};
use super::exception::Exception;
use super::judging::{self, Judging, Origin};
use super::library::Scope;
use super::rules::{Before, Head, Rules, answers, evaluation, excepted, now};
use super::seen::Seen;
use crate::host::Host;
use crate::object;
use crate::response::{Response, RuleResponse, RuleType, Status};

const FIELDS: &[&str] = &[
    "matchConstraints",
    "validations",
    "failurePolicy",
    "auditAnnotations",
    "matchConditions",
    "variables",
    "autogen",
    "validationActions",
    "webhookConfiguration",
    "evaluation",
];

/// A policy that judges, compiled.
#[derive(Debug, Clone)]
pub struct ValidatingPolicy {
    pub(crate) judging: Judging<Variant>,
}

/// The policy itself, or what it says of what makes pods.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    /// `None` for the policy itself.
    config: Option<Config>,
    rules: Rules,
    validations: Vec<Validation>,
}

/// An expression that must hold.
#[derive(Debug, Clone)]
pub(crate) struct Validation {
    expression: Expression,
    message: String,
    message_expression: Option<Expression>,
}

/// What came of a policy on one object.
#[derive(Debug)]
enum Outcome {
    Skipped,
    Excepted(RuleResponse),
    /// The policy's conditions could not be evaluated.
    Failed(String),
    /// An expression could not be evaluated.
    Error(String, usize),
    Passed(Vec<(SmolStr, String)>),
    Violated {
        message: String,
        index: usize,
        annotations: Vec<(SmolStr, String)>,
    },
}

impl Validation {
    pub(crate) fn read(node: Node<'_>, compiler: &Compiler) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["expression", "message", "messageExpression", "reason"])?;
        let message_expression = fields.optional("messageExpression").filter(|node| node.value.as_str() != Some(""));
        Ok(Self {
            expression: compiler.condition(fields.required("expression")?)?,
            message: fields.optional("message").map(Node::string).transpose()?.unwrap_or_default().to_owned(),
            message_expression: message_expression
                .map(|node| compiler.expression(node, &[Type::String]))
                .transpose()?,
        })
    }

    /// Whether it holds.
    pub(crate) fn holds(&self, context: &Context<'_>) -> Result<bool, String> {
        context.holds(&self.expression).map_err(|error| error.to_string())
    }

    /// What is said when it does not hold.
    pub(crate) fn failure(&self, context: &Context<'_>, index: usize) -> String {
        let message = match &self.message_expression {
            None => self.message.clone(),
            Some(expression) => match expression.evaluate(context) {
                Err(error) => format!("failed to evaluate message expression: {error}"),
                Ok(Cel::String(text)) => text.to_string(),
                Ok(other) => format!("failed to convert message expression to string: a {}", other.type_name()),
            },
        };
        if message.is_empty() { format!("CEL expression validation failed at index {index}") } else { message }
    }
}

impl ValidatingPolicy {
    /// Reads a policy and compiles its expressions.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub(crate) fn read(node: Node<'_>, exceptions: &[Exception]) -> Result<Self, Problem> {
        let judging = Judging::read(node, FIELDS, |origin, spec| Variant::read(origin, spec, exceptions))?;
        Ok(Self { judging })
    }

    /// What comes of a request, for the policy itself and each way in which it is about what makes pods.
    pub(crate) fn apply(&self, seen: &Seen, host: &dyn Host) -> Vec<Response> {
        let apply = |variant: &Variant| {
            let rules = match variant.rules.matches(seen) {
                Ok(false) if variant.rules.is_simple => return None,
                Ok(false) => Vec::new(),
                Ok(true) => vec![self.judge(variant, seen, host)],
                Err(error) => {
                    vec![RuleResponse::error("match", RuleType::Validation, "failed to execute matching", error)]
                }
            };
            Some(Response { rules, patched: None })
        };
        self.judging.variants.iter().filter_map(apply).collect()
    }

    /// What comes of a document that is no Kubernetes object.
    pub(crate) fn apply_to_json(&self, document: &Value, host: &dyn Host) -> Response {
        let inputs = vec![
            ("object", input(document)),
            ("oldObject", Cel::Null),
            ("request", Cel::Null),
            ("namespaceObject", Cel::Null),
        ];
        let rules = self
            .judging
            .variants
            .iter()
            .map(|variant| response(variant.evaluate(inputs.clone(), &self.judging.head, host)));
        Response { rules: rules.collect(), patched: None }
    }

    fn judge(&self, variant: &Variant, seen: &Seen, host: &dyn Host) -> RuleResponse {
        if variant.config == Some(Config::Extract) {
            return response(self.judge_templates(variant, seen, host));
        }
        response(variant.evaluate(seen.inputs(), &self.judging.head, host))
    }

    /// Judges each pod template that is found in the object as a pod; the first that does not pass decides.
    fn judge_templates(&self, variant: &Variant, seen: &Seen, host: &dyn Host) -> Outcome {
        let (object, old) = (&seen.attributes.object, &seen.attributes.old_object);
        let (source, other) = if object.is_null() { (old, object) } else { (object, old) };
        let templates = autogen::pod_templates(source);
        if templates.is_empty() {
            let (version, kind) = (object::text(source, "apiVersion"), object::text(source, "kind"));
            return Outcome::Error(format!("extraction mode: no pod template found in {version}/{kind}"), 0);
        }
        let others = autogen::pod_templates(other);
        let (name, namespace) = (object::name(source), object::namespace(source));
        let pod = |template: &Value| autogen::pod_of(template, name, namespace);
        let mut last = Outcome::Skipped;
        for (path, template) in &templates {
            let other = others.iter().find(|(known, _)| known == path).map(|(_, template)| pod(template));
            let (new, old) = if object.is_null() { (other, Some(pod(template))) } else { (Some(pod(template)), other) };
            let at = format!(" (pod template at {path})");
            match variant.evaluate(seen.of_pod(new, old).inputs(), &self.judging.head, host) {
                Outcome::Skipped => {}
                Outcome::Excepted(response) => {
                    if matches!(last, Outcome::Skipped) {
                        last = Outcome::Excepted(response);
                    }
                }
                Outcome::Passed(annotations) => last = Outcome::Passed(annotations),
                Outcome::Violated { message, index, annotations } => {
                    return Outcome::Violated { message: message + &at, index, annotations };
                }
                Outcome::Error(message, index) => return Outcome::Error(message + &at, index),
                failed @ Outcome::Failed(_) => return failed,
            }
        }
        last
    }
}

impl judging::Variant for Variant {
    fn rules(&self) -> &Rules {
        &self.rules
    }
}

impl Variant {
    fn read(origin: Origin<'_>, node: Node<'_>, exceptions: &[Exception]) -> Result<Self, Problem> {
        let Origin { head, config, .. } = origin;
        let spec = node.mapping()?;
        let mut compiler = Compiler::new(environment(Family::Validating, head.scope()));
        let rules = Rules::read(head, &spec, &mut compiler, exceptions, "matchConditions")?;
        let nodes = spec.optional("validations").map(Node::list).transpose()?.unwrap_or_default();
        let validations = nodes.into_iter().map(|node| Validation::read(node, &compiler)).collect::<Result<_, _>>()?;
        Ok(Self { config, rules, validations })
    }

    fn evaluate(&self, inputs: Vec<(&'static str, Cel)>, head: &Head, host: &dyn Host) -> Outcome {
        let answers = answers(head, host);
        let evaluation = evaluation(&answers);
        let mut context = Context::new(inputs, &self.rules.variables, &evaluation);
        match self.rules.before(&mut context, &self.rules.conditions, now(host)) {
            Before::Evaluate => {}
            Before::Skip => return Outcome::Skipped,
            Before::Excepted(matched) => return Outcome::Excepted(excepted(&matched, RuleType::Validation)),
            Before::Failed(message) => return Outcome::Failed(message),
        }
        for (index, validation) in self.validations.iter().enumerate() {
            match validation.holds(&context) {
                Ok(true) => {}
                Err(message) => return Outcome::Error(message, index),
                Ok(false) => {
                    let message = validation.failure(&context, index);
                    return match self.rules.annotate(&context) {
                        Ok(annotations) => Outcome::Violated { message, index, annotations },
                        Err(error) => Outcome::Error(error, index),
                    };
                }
            }
        }
        match self.rules.annotate(&context) {
            Ok(annotations) => Outcome::Passed(annotations),
            Err(message) => Outcome::Failed(message),
        }
    }
}

fn response(outcome: Outcome) -> RuleResponse {
    const TYPE: RuleType = RuleType::Validation;
    let with_index = |mut annotations: Vec<(SmolStr, String)>, index: usize| {
        annotations.push(("cel.validationIndex".into(), index.to_string()));
        annotations
    };
    match outcome {
        Outcome::Skipped => RuleResponse::new("", TYPE, Status::Skip, "skip"),
        Outcome::Excepted(response) => response,
        Outcome::Failed(message) => RuleResponse::error("evaluation", TYPE, "failed to load context", message),
        Outcome::Error(message, index) => RuleResponse {
            properties: with_index(Vec::new(), index),
            ..RuleResponse::error("", TYPE, "error", message)
        },
        Outcome::Passed(properties) => {
            RuleResponse { properties, ..RuleResponse::new("", TYPE, Status::Pass, "success") }
        }
        Outcome::Violated { message, index, annotations } => RuleResponse {
            properties: with_index(annotations, index),
            ..RuleResponse::new("", TYPE, Status::Fail, message)
        },
    }
}

impl Head {
    /// Where the policy may look.
    pub(crate) fn scope(&self) -> Scope {
        if self.namespace.is_empty() { Scope::Cluster } else { Scope::Namespace }
    }
}

/// No variables.
pub(crate) fn without_variables() -> &'static Variables {
    static NONE: std::sync::LazyLock<Variables> = std::sync::LazyLock::new(Variables::default);
    &NONE
}
