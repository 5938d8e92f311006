//! `ValidatingAdmissionPolicy`: expressions that must hold (API server, `pkg/admission/plugin/policy/validating`).

use probity_model::node::{Mapping, Node};
use probity_model::value::SmolStr;
use probity_model::{Problem, Span, Value};
use probity_policy_cel::{Type, Value as Cel};

use crate::attributes::{Attributes, Matched};
use crate::conditions::{Conditions, FailurePolicy, mappings};
use crate::environment::{Names, environment};
use crate::expression::{Compiler, Context, Expression, Variables, input};
use crate::head::Head;
use crate::host::{self, Host};

/// What all validations of one evaluation may cost together, in the units of cel-go.
const BUDGET: u64 = 10_000_000;

/// What all match conditions of one evaluation may cost together.
const CONDITIONS_BUDGET: u64 = 2_500_000;

/// Longest message that an expression may give, in bytes.
const MAX_MESSAGE: usize = 5 * 1024;

const OUT_OF_BUDGET: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";

const FIELDS: &[&str] = &[
    "paramKind",
    "matchConstraints",
    "validations",
    "failurePolicy",
    "auditAnnotations",
    "matchConditions",
    "variables",
];

/// A policy, compiled.
#[derive(Debug, Clone)]
pub struct ValidatingPolicy {
    /// Its name, place and reach.
    pub head: Head,
    rules: Rules,
}

/// The expressions of a policy: what is evaluated when it applies.
#[derive(Debug, Clone)]
pub struct Rules {
    failure: FailurePolicy,
    conditions: Conditions,
    variables: Variables,
    validations: Vec<Validation>,
    annotations: Vec<(SmolStr, Expression)>,
    budget: u64,
}

/// An expression that must hold, and what is said when it does not.
#[derive(Debug, Clone)]
pub struct Validation {
    /// The expression.
    pub expression: Expression,
    /// What to say.
    pub message: Option<String>,
    /// An expression that gives what to say.
    pub message_expression: Option<Expression>,
    /// Why, in a word of the API.
    pub reason: Option<SmolStr>,
    /// Where it stands.
    pub span: Option<Span>,
}

/// How an evaluation of one expression came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evaluated {
    /// It holds.
    Admit,
    /// It does not hold.
    Deny,
    /// It could not be evaluated.
    Error,
    /// What it looks at cannot be known yet.
    Unknown,
}

/// What became of one validation, or of the policy as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// How the evaluation came out.
    pub evaluated: Evaluated,
    /// Whether the request is denied by it: errors may be ignored.
    pub denies: bool,
    /// What is said.
    pub message: String,
    /// Why, in a word of the API; of failures only.
    pub reason: Option<SmolStr>,
    /// Where the validation stands.
    pub span: Option<Span>,
}

/// What a policy says of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// One for each validation; none when the policy's match conditions do not hold.
    pub decisions: Vec<Decision>,
    /// What is to be written to the audit log.
    pub annotations: Vec<(SmolStr, String)>,
    /// Whether the policy's match conditions held.
    pub applies: bool,
}

impl Validation {
    /// Reads one of `validations`.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub fn read(fields: &Mapping<'_>, compiler: &Compiler, messages: &Compiler) -> Result<Self, Problem> {
        fields.only(&["expression", "message", "messageExpression", "reason"])?;
        let message_expression =
            fields.optional("messageExpression").map(|node| messages.expression(node, &[Type::String]));
        let message = fields.optional("message").map(Node::string).transpose()?;
        Ok(Self {
            expression: compiler.condition(fields.required("expression")?)?,
            message: message.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned),
            message_expression: message_expression.transpose()?,
            reason: fields.optional("reason").map(reason).transpose()?,
            span: fields.span(),
        })
    }

    /// What is said when it does not hold: what the expression for it gives, as far as that is one line of text.
    fn failure(&self, context: &Context<'_>) -> String {
        let given = self.message_expression.as_ref().and_then(|expression| expression.evaluate(context).ok());
        given
            .as_ref()
            .and_then(Cel::as_str)
            .map(str::trim)
            .filter(|text| !text.is_empty() && text.len() <= MAX_MESSAGE && !text.contains('\n'))
            .map(str::to_owned)
            .or_else(|| self.message.clone())
            .unwrap_or_else(|| format!("failed expression: {}", self.expression.text().trim()))
    }
}

fn reason(node: Node<'_>) -> Result<SmolStr, Problem> {
    const REASONS: &[&str] = &["Unauthorized", "Forbidden", "Invalid", "RequestEntityTooLarge"];
    let word = node.string()?;
    if REASONS.contains(&word) {
        return Ok(word.into());
    }
    let problem = node.problem(format!("`{word}` is not a reason"));
    Err(problem.with_help(format!("one of {}", REASONS.join(", "))))
}

impl Rules {
    fn read(spec: &Mapping<'_>, names: Names) -> Result<Self, Problem> {
        let mut compiler = Compiler::new(environment(names));
        let variables = compiler.variables(spec)?;
        // What is said may not depend on who asks.
        let mut messages = Compiler::new(environment(Names { authorizer: false, ..names }));
        messages.see(&compiler);
        let conditions = Conditions::read(spec, "matchConditions", &compiler)?;
        let validations: Vec<Validation> = mappings(spec, "validations")?
            .iter()
            .map(|fields| Validation::read(fields, &compiler, &messages))
            .collect::<Result<_, _>>()?;
        let annotations = annotations(spec, &compiler)?;
        if validations.is_empty() && annotations.is_empty() {
            return Err(spec.problem("a policy needs `validations` or `auditAnnotations`"));
        }
        Ok(Self {
            failure: FailurePolicy::read(spec)?,
            conditions,
            variables,
            validations,
            annotations,
            budget: BUDGET,
        })
    }

    /// Rules that were read from something other than a policy; all validations together may cost no more than the
    /// budget, in the units of cel-go.
    pub fn new(
        failure: FailurePolicy,
        conditions: Conditions,
        variables: Variables,
        validations: Vec<Validation>,
        budget: u64,
    ) -> Self {
        Self { failure, conditions, variables, validations, annotations: Vec::new(), budget }
    }

    /// Whether an expression names a variable, such as `namespaceObject`.
    pub fn names(&self, variable: &str) -> bool {
        let conditions = self.conditions.iter().chain(self.variables.iter()).map(|(_, expression)| expression);
        let validations = self.validations.iter();
        let validations = validations.flat_map(|one| one.message_expression.iter().chain([&one.expression]));
        let annotations = self.annotations.iter().map(|(_, expression)| expression);
        conditions.chain(validations).chain(annotations).any(|expression| expression.names(variable))
    }

    /// Evaluates the rules on a request.
    pub fn evaluate(
        &self,
        attributes: &Attributes,
        matched: &Matched,
        params: Option<&Value>,
        host: Host<'_>,
    ) -> Verdict {
        self.evaluate_with(Inputs::new(attributes, matched, params).0, host)
    }

    /// Evaluates the rules on inputs by name.
    pub fn evaluate_with(&self, inputs: Vec<(&'static str, Cel)>, host: Host<'_>) -> Verdict {
        let conditions = host.evaluation();
        let mut context = Context::new(inputs, &self.variables, &conditions);
        match self.conditions.hold(&context, self.failure) {
            Ok(true) if conditions.cost() > CONDITIONS_BUDGET => return self.failed(OUT_OF_BUDGET.to_owned()),
            Ok(true) => {}
            Ok(false) => return Verdict::default(),
            Err(errors) => return self.failed(errors.join("; ")),
        }
        let evaluation = host.evaluation();
        context = context.again(&evaluation);
        let decisions: Vec<Decision> =
            self.validations.iter().map(|validation| self.decide(validation, &context)).collect();
        if evaluation.cost() > self.budget {
            return self.failed(OUT_OF_BUDGET.to_owned());
        }
        let mut verdict = Verdict { decisions, annotations: Vec::new(), applies: true };
        for (key, expression) in &self.annotations {
            self.annotate(key, expression, &context, &mut verdict);
        }
        verdict
    }

    fn decide(&self, validation: &Validation, context: &Context<'_>) -> Decision {
        match validation.expression.evaluate(context) {
            Ok(Cel::Bool(true)) => Decision {
                evaluated: Evaluated::Admit,
                denies: false,
                message: String::new(),
                reason: None,
                span: validation.span,
            },
            Ok(_) => Decision {
                evaluated: Evaluated::Deny,
                denies: true,
                message: validation.failure(context),
                reason: Some(validation.reason.clone().unwrap_or_else(|| "Invalid".into())),
                span: validation.span,
            },
            Err(error) => {
                let evaluated = match error {
                    probity_policy_cel::Error::Unknown(_) => Evaluated::Unknown,
                    _ => Evaluated::Error,
                };
                let text = validation.expression.text();
                let message = format!("expression '{text}' resulted in error: {error}");
                Decision { evaluated, span: validation.span, ..self.error(message) }
            }
        }
    }

    fn annotate(&self, key: &SmolStr, expression: &Expression, context: &Context<'_>, verdict: &mut Verdict) {
        match expression.evaluate(context) {
            Ok(Cel::String(text)) if !text.trim().is_empty() => {
                verdict.annotations.push((key.clone(), text.trim().to_owned()));
            }
            // An annotation that cannot be made denies, unless failures are ignored.
            Err(error) if self.failure == FailurePolicy::Fail => {
                let text = expression.text();
                verdict.decisions.push(self.error(format!("expression '{text}' resulted in error: {error}")));
            }
            Ok(_) | Err(_) => {}
        }
    }

    fn error(&self, message: String) -> Decision {
        let denies = self.failure == FailurePolicy::Fail;
        Decision { evaluated: Evaluated::Error, denies, message, reason: None, span: None }
    }

    fn failed(&self, message: String) -> Verdict {
        Verdict { decisions: vec![self.error(message)], annotations: Vec::new(), applies: true }
    }
}

fn annotations(spec: &Mapping<'_>, compiler: &Compiler) -> Result<Vec<(SmolStr, Expression)>, Problem> {
    let read = |fields: Mapping<'_>| {
        fields.only(&["key", "valueExpression"])?;
        let expression = compiler.expression(fields.required("valueExpression")?, &[Type::String, Type::Null])?;
        Ok((fields.required("key")?.string()?.into(), expression))
    };
    mappings(spec, "auditAnnotations")?.into_iter().map(read).collect()
}

/// What expressions see, by name.
pub(crate) struct Inputs(pub(crate) Vec<(&'static str, Cel)>);

impl Inputs {
    pub(crate) fn new(attributes: &Attributes, matched: &Matched, params: Option<&Value>) -> Self {
        let [authorizer, check] = host::inputs(attributes);
        Self(vec![
            ("object", input(&matched.convert(&attributes.object))),
            ("oldObject", input(&matched.convert(&attributes.old_object))),
            ("request", input(&attributes.request(matched))),
            ("namespaceObject", input(attributes.shown_namespace())),
            ("params", params.map_or(Cel::Null, input)),
            authorizer,
            check,
        ])
    }
}

impl ValidatingPolicy {
    /// Reads a policy and compiles its expressions.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let spec = node.mapping()?.required("spec")?.mapping()?;
        spec.only(FIELDS)?;
        let head = Head::read(node, &spec)?;
        let names = Names { params: head.param_kind.is_some(), authorizer: true, patches: false };
        Ok(Self { head, rules: Rules::read(&spec, names)? })
    }

    /// What counts when it cannot be evaluated.
    pub fn failure_policy(&self) -> FailurePolicy {
        self.rules.failure
    }

    /// Whether an expression of it names a variable, such as `namespaceObject`.
    pub fn names(&self, variable: &str) -> bool {
        self.rules.names(variable)
    }

    /// Evaluates the policy on a request that it is about.
    pub fn validate(
        &self,
        attributes: &Attributes,
        matched: &Matched,
        params: Option<&Value>,
        host: Host<'_>,
    ) -> Verdict {
        self.rules.evaluate(attributes, matched, params, host)
    }
}
