//! `ValidatingPolicy` in the modes HTTP and Envoy: rules that answer requests (Kyverno's module `kyverno-authz`).

use probity_model::node::{Mapping, Node};
use probity_model::{Problem, Value};
use probity_policy_admission::{Compiler, Conditions, Context, Expression, FailurePolicy, Variables};
use probity_policy_cel::{Type, Value as Cel};

use super::exception::{Excepted, Exception, Exceptions};
use super::library::{Answer, Protocol, Refusal, authorizer_base};
use super::rules::{Head, answers, evaluation, now};
use super::validating::without_variables;
use crate::host::Host;
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

/// A policy that answers requests, compiled.
#[derive(Debug, Clone)]
pub struct AuthorizingPolicy {
    /// Its name and place.
    pub head: Head,
    /// Whose requests it answers.
    pub protocol: Protocol,
    failure: FailurePolicy,
    conditions: Conditions,
    variables: Variables,
    exceptions: Exceptions,
    rules: Vec<Expression>,
}

/// Whose requests a policy answers; `None` when it judges documents.
///
/// # Errors
/// When its mode is none.
pub(crate) fn protocol(node: Node<'_>) -> Result<Option<Protocol>, Problem> {
    match node.value.at(&["spec", "evaluation", "mode"]).and_then(Value::as_str).unwrap_or_default() {
        "" | "Kubernetes" | "JSON" => Ok(None),
        "HTTP" => Ok(Some(Protocol::Http)),
        "Envoy" => Ok(Some(Protocol::Envoy)),
        other => {
            let problem = node.problem(format!("`{other}` is not an evaluation mode"));
            Err(problem.with_help("one of Kubernetes, JSON, HTTP, Envoy"))
        }
    }
}

impl AuthorizingPolicy {
    /// Reads a policy and compiles its expressions.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub(crate) fn read(node: Node<'_>, protocol: Protocol, exceptions: &[Exception]) -> Result<Self, Problem> {
        let head = Head::read(node)?;
        let spec = node.mapping()?.required("spec")?.mapping()?;
        spec.only(FIELDS)?;
        let mut builder = authorizer_base().variable("object", protocol.request());
        protocol.add(&mut builder, head.scope());
        let mut compiler = Compiler::new(builder.build());
        let conditions = Conditions::read(&spec, "matchConditions", &compiler)?;
        let variables = compiler.variables(&spec)?;
        Ok(Self {
            failure: FailurePolicy::read(&spec)?,
            conditions,
            variables,
            exceptions: Exceptions::of(exceptions, &head.kind, &head.name, &compiler)?,
            rules: rules(&spec, protocol, &compiler)?,
            protocol,
            head,
        })
    }

    /// What becomes of a request, given as the document that tells of it.
    pub(crate) fn apply(&self, document: &Value, host: &dyn Host) -> Response {
        const TYPE: RuleType = RuleType::Validation;
        let (status, message) = match self.protocol.read(document) {
            Err(error) => (Status::Error, format!("this is no request: {error}")),
            Ok(request) => match self.answer(request, host) {
                Ok(None) => (Status::Skip, "request does not match".to_owned()),
                Ok(Some(Answer::Allowed)) => (Status::Pass, "request allowed".to_owned()),
                Ok(Some(Answer::Denied(Refusal::Reason(reason)))) => {
                    (Status::Fail, format!("request denied, reason: {reason}"))
                }
                Ok(Some(Answer::Denied(Refusal::Status(code)))) => {
                    (Status::Fail, format!("request denied with status code {code}"))
                }
                Err(_) if self.failure == FailurePolicy::Ignore => (Status::Skip, "request does not match".to_owned()),
                Err(message) => (Status::Error, message),
            },
        };
        Response { rules: vec![RuleResponse::new(self.head.name.clone(), TYPE, status, message)], patched: None }
    }

    /// What the first rule that answers says; `None` when the policy is not about the request, or no rule answers.
    fn answer(&self, request: Cel, host: &dyn Host) -> Result<Option<Answer>, String> {
        let answers = answers(&self.head, host);
        let evaluation = evaluation(&answers);
        let inputs = vec![("object", request)];
        // Conditions decide before there are variables.
        let before = Context::new(inputs.clone(), without_variables(), &evaluation);
        if !self.conditions.hold(&before, FailurePolicy::Fail).map_err(|errors| errors.join("; "))? {
            return Ok(None);
        }
        let context = Context::new(inputs, &self.variables, &evaluation);
        if let Excepted::Wholly(_) = self.exceptions.apply(&context, self.failure, now(host))? {
            return Ok(None);
        }
        for rule in &self.rules {
            let value = rule.evaluate(&context).map_err(|error| error.to_string())?;
            if let Some(answer) = Answer::of(&value)? {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }
}

fn rules(spec: &Mapping<'_>, protocol: Protocol, compiler: &Compiler) -> Result<Vec<Expression>, Problem> {
    let nodes = spec.optional("validations").map(Node::list).transpose()?.unwrap_or_default();
    let read = |node: Node<'_>| {
        let fields = node.mapping()?;
        fields.only(&["expression", "message", "messageExpression", "reason"])?;
        compiler.expression(fields.required("expression")?, &[protocol.response(), Type::Null])
    };
    nodes.into_iter().map(read).collect()
}
