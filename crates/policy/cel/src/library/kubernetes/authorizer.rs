//! Questions to the cluster's authorizer: may a user do something?

use std::any::Any;
use std::fmt;

use super::accessors;
use crate::environment::Builder;
use crate::library::args::text;
use crate::program::traversal;
use crate::value::Opaque;
use crate::{Error, Evaluation, Overload, Type, Value};

const AUTHORIZER: &str = "kubernetes.authorization.Authorizer";
const PATH: &str = "kubernetes.authorization.PathCheck";
const GROUP: &str = "kubernetes.authorization.GroupCheck";
const RESOURCE: &str = "kubernetes.authorization.ResourceCheck";
const DECISION: &str = "kubernetes.authorization.Decision";

/// What a check costs: two of them are the most that an expression may make.
const CHECK_COST: u64 = 350_000;

/// What is asked: who may do what to which resource or path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Namespace and name of the service account that is asked about instead of the request's user.
    pub service_account: Option<(String, String)>,
    /// The verb, such as `get`.
    pub verb: String,
    /// A path that is no resource, such as `/healthz`.
    pub path: Option<String>,
    /// The API group of the resource.
    pub group: String,
    /// The resource, such as `pods`.
    pub resource: String,
    /// The subresource, such as `status`; empty for none.
    pub subresource: String,
    /// The namespace; empty for all or none.
    pub namespace: String,
    /// The name; empty for all.
    pub name: String,
    /// Selects by fields; empty for all.
    pub field_selector: String,
    /// Selects by labels; empty for all.
    pub label_selector: String,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Why, as the authorizer says it.
    pub reason: String,
    /// Why there is no answer.
    pub error: Option<String>,
}

/// Who answers.
pub trait Authorizer {
    /// Answers a question about the request's user or a service account.
    fn decide(&self, attributes: &Attributes) -> Decision;
}

/// A question that is being put together; its type says which parts may still be told.
#[derive(Clone)]
struct Question {
    r#type: &'static str,
    attributes: Attributes,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(self.r#type).field(&self.attributes).finish()
    }
}

impl Opaque for Question {
    fn type_name(&self) -> &str {
        self.r#type
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn Any = other;
        other
            .downcast_ref::<Self>()
            .is_some_and(|other| self.r#type == other.r#type && self.attributes == other.attributes)
    }
}

impl Opaque for Decision {
    fn type_name(&self) -> &str {
        DECISION
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>() == Some(self)
    }
}

/// The value of the variable `authorizer`. Who answers is what the evaluation has; without anyone, everything is denied
/// with an error.
pub fn authorizer_value() -> Value {
    Value::opaque(Question { r#type: AUTHORIZER, attributes: Attributes::default() })
}

/// The value of the variable `authorizer.requestResource`: a check of the resource that a request is about.
pub fn resource_check_value(attributes: Attributes) -> Value {
    Value::opaque(Question { r#type: RESOURCE, attributes })
}

/// Declares the functions of authorizers, not the variables.
pub fn authorizer(builder: &mut Builder) {
    for name in [AUTHORIZER, PATH, GROUP, RESOURCE, DECISION] {
        builder.type_name(Type::opaque(name));
    }
    step(builder, "path", "authorizer_path", [AUTHORIZER, PATH], |question, text| {
        question.path = Some(text.to_owned());
        if text.trim().is_empty() { Err(Error::new("path must not be empty")) } else { Ok(()) }
    });
    step(builder, "group", "authorizer_group", [AUTHORIZER, GROUP], |question, text| {
        text.clone_into(&mut question.group);
        Ok(())
    });
    step(builder, "resource", "groupcheck_resource", [GROUP, RESOURCE], |question, text| {
        text.clone_into(&mut question.resource);
        if text.trim().is_empty() { Err(Error::new("resource must not be empty")) } else { Ok(()) }
    });
    resource_steps(builder);
    service_account(builder);
    checks(builder);
}

fn resource_steps(builder: &mut Builder) {
    step(builder, "subresource", "resourcecheck_subresource", [RESOURCE, RESOURCE], |question, text| {
        text.clone_into(&mut question.subresource);
        Ok(())
    });
    step(builder, "namespace", "resourcecheck_namespace", [RESOURCE, RESOURCE], |question, text| {
        text.clone_into(&mut question.namespace);
        Ok(())
    });
    step(builder, "name", "resourcecheck_name", [RESOURCE, RESOURCE], |question, text| {
        text.clone_into(&mut question.name);
        Ok(())
    });
    step(builder, "fieldSelector", "authorizer_fieldselector", [RESOURCE, RESOURCE], |question, text| {
        text.clone_into(&mut question.field_selector);
        Ok(())
    });
    step(builder, "labelSelector", "authorizer_labelselector", [RESOURCE, RESOURCE], |question, text| {
        text.clone_into(&mut question.label_selector);
        Ok(())
    });
}

fn question(args: &[Value]) -> Result<&Question, Error> {
    args.first().and_then(Value::downcast).ok_or(Error::NoSuchOverload)
}

/// A function that tells one more part of the question.
fn step(
    builder: &mut Builder,
    name: &'static str,
    id: &'static str,
    [from, to]: [&'static str; 2],
    set: fn(&mut Attributes, &str) -> Result<(), Error>,
) {
    let run = move |_: &Evaluation<'_>, args: &[Value]| {
        let mut question = Question { r#type: to, ..question(args)?.clone() };
        set(&mut question.attributes, text(args, 1)?)?;
        Ok(Value::opaque(question))
    };
    let overload = Overload::member(id, [Type::opaque(from), Type::String], Type::opaque(to), run);
    let selects = name.ends_with("Selector");
    builder.function(name, if selects { overload.with_cost(selector_cost) } else { overload });
}

/// A selector is read, and each of its requirements made.
fn selector_cost(args: &[Value], _: &Value) -> u64 {
    let length = args[1].size();
    10 + traversal(length) + length.div_ceil(2) * 50
}

fn service_account(builder: &mut Builder) {
    let run = |_: &Evaluation<'_>, args: &[Value]| {
        let (namespace, name) = (text(args, 1)?, text(args, 2)?);
        let label = |part: &str| {
            let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !part.is_empty() && part.bytes().all(inner) && !part.starts_with('-') && !part.ends_with('-')
        };
        if name.len() > 253 || !name.split('.').all(label) {
            return Err(Error::new("Invalid service account name"));
        }
        if namespace.len() > 63 || !label(namespace) {
            return Err(Error::new("Invalid service account namespace"));
        }
        let mut question = question(args)?.clone();
        question.attributes.service_account = Some((namespace.to_string(), name.to_string()));
        Ok(Value::opaque(question))
    };
    let params = [Type::opaque(AUTHORIZER), Type::String, Type::String];
    builder.function(
        "serviceAccount",
        Overload::member("authorizer_serviceaccount", params, Type::opaque(AUTHORIZER), run),
    );
}

fn checks(builder: &mut Builder) {
    let run = |evaluation: &Evaluation<'_>, args: &[Value]| {
        let question = question(args)?;
        let attributes = Attributes { verb: text(args, 1)?.to_string(), ..question.attributes.clone() };
        Ok(Value::opaque(match evaluation.authorizer() {
            Some(authorizer) => authorizer.decide(&attributes),
            None => {
                Decision { allowed: false, reason: String::new(), error: Some("there is no authorizer".to_owned()) }
            }
        }))
    };
    for (id, from) in [("pathcheck_check", PATH), ("resourcecheck_check", RESOURCE)] {
        let overload = Overload::member(id, [Type::opaque(from), Type::String], Type::opaque(DECISION), run);
        builder.function("check", overload.impure().with_cost(|_, _| CHECK_COST));
    }
    accessors!(builder, Decision, DECISION, {
        "allowed", "decision_allowed", Type::Bool, |decision| Ok(Value::Bool(decision.allowed));
        "reason", "decision_reason", Type::String, |decision| Ok(Value::from(decision.reason.as_str()));
        "errored", "decision_errored", Type::Bool, |decision| Ok(Value::Bool(decision.error.is_some()));
        "error", "decision_error", Type::String, |decision| Ok(Value::from(decision.error.as_deref().unwrap_or_default()));
    });
}
