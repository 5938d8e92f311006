//! Preconditions and the conditions of `deny` (Kyverno, `pkg/engine/variables/evaluate.go`).

mod membership;
mod operator;

use probity_model::Value;
use probity_model::node::Node;

pub(crate) use operator::Operator;

use crate::context::Context;
use crate::read::{Path, ReadError, Within};
use crate::template::{Template, TemplateError};

/// One comparison.
#[derive(Debug, Clone)]
pub struct Condition {
    key: Template,
    operator: Operator,
    value: Template,
    message: String,
}

/// Conditions that together hold or do not.
#[derive(Debug, Clone)]
pub enum Conditions {
    /// One of `any` holds, when there are such, and all of `all` do.
    AnyAll {
        /// Absent is not the same as empty: of none, none holds.
        any: Option<Vec<Condition>>,
        /// All of these hold.
        all: Vec<Condition>,
    },
    /// All hold: the older form.
    List(Vec<Condition>),
}

/// Whether conditions hold, with what they say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether they hold.
    pub holds: bool,
    /// The messages of the conditions that were decisive.
    pub message: String,
}

pub(crate) fn template_error(node: Node<'_>, error: &TemplateError) -> ReadError {
    let message = match error.path.as_str() {
        "" => error.message.clone(),
        path => format!("{} at {path}", error.message),
    };
    node.problem(message).into()
}

impl Condition {
    fn read(node: Node<'_>) -> Result<Self, ReadError> {
        let fields = node.mapping()?;
        fields.only(&["key", "operator", "value", "message"])?;
        let template = |name: &str| {
            let value = fields.get(name).unwrap_or(&Value::Null);
            let place = Node { value, span: fields.optional(name).map_or(node.span, |node| node.span) };
            Template::compile(value).map_err(|error| template_error(place, &error)).within(name)
        };
        let operator = fields.required("operator")?;
        let known = Operator::parse(operator.string().within("operator")?);
        let known = known.ok_or_else(|| {
            let message = format!("`{}` is no operator", operator.value.as_str().unwrap_or_default());
            operator.problem(message).with_help(format!("one of {}", Operator::NAMES.join(", ")))
        });
        let message = fields.optional("message").map(Node::string).transpose().within("message")?;
        Ok(Self {
            key: template("key")?,
            operator: known.within("operator")?,
            value: template("value")?,
            message: message.unwrap_or_default().to_owned(),
        })
    }

    fn holds(&self, context: &Context<'_>) -> Result<bool, String> {
        let key = self.key.substitute(context);
        let key = key.map_err(|error| format!("failed to substitute variables in condition key: {error}"))?;
        let value = self.value.substitute(context);
        let value = value.map_err(|error| format!("failed to substitute variables in condition value: {error}"))?;
        Ok(self.operator.holds(&key, &value))
    }
}

fn conditions(nodes: Vec<Node<'_>>) -> Result<Vec<Condition>, ReadError> {
    let read = |(index, node)| Condition::read(node).within(Path::Index(index));
    nodes.into_iter().enumerate().map(read).collect()
}

impl Conditions {
    /// Reads conditions in either form.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, ReadError> {
        if matches!(node.value, Value::Array(_)) {
            return Ok(Self::List(conditions(node.list()?)?));
        }
        let fields = node.mapping()?;
        fields.only(&["any", "all"])?;
        let list = |name: &str| {
            let node = fields.optional(name);
            node.map(|node| node.list().map_err(ReadError::from).and_then(conditions)).transpose().within(name)
        };
        Ok(Self::AnyAll { any: list("any")?, all: list("all")?.unwrap_or_default() })
    }

    /// The same, where an empty `any` is as if it were not there.
    pub(crate) fn without_empty_any(self) -> Self {
        match self {
            Self::AnyAll { any, all } => Self::AnyAll { any: any.filter(|any| !any.is_empty()), all },
            list @ Self::List(_) => list,
        }
    }

    /// Whether they hold.
    ///
    /// # Errors
    /// When a variable has no value.
    pub fn evaluate(&self, context: &Context<'_>) -> Result<Outcome, String> {
        match self {
            Self::AnyAll { any, all } => any_all(any.as_deref(), all, context),
            Self::List(list) => {
                let mut messages = Vec::new();
                for condition in list {
                    if !condition.holds(context)? {
                        return Ok(Outcome { holds: false, message: condition.message.clone() });
                    }
                    messages.push(condition.message.as_str());
                }
                Ok(Outcome { holds: true, message: joined(&messages, ";") })
            }
        }
    }
}

fn any_all(any: Option<&[Condition]>, all: &[Condition], context: &Context<'_>) -> Result<Outcome, String> {
    let (mut held, mut failed) = (Vec::new(), Vec::new());
    let mut any_holds = any.is_none();
    for condition in any.unwrap_or_default() {
        if condition.holds(context)? {
            any_holds = true;
            held.push(condition.message.as_str());
            break;
        }
        failed.push(condition.message.as_str());
    }
    let mut all_hold = true;
    for condition in all {
        if !condition.holds(context)? {
            all_hold = false;
            failed.push(condition.message.as_str());
            break;
        }
        held.push(condition.message.as_str());
    }
    let holds = any_holds && all_hold;
    Ok(Outcome { holds, message: joined(if holds { &held } else { &failed }, "; ") })
}

/// The texts that are not empty, with something between them.
pub(crate) fn joined(texts: &[&str], between: &str) -> String {
    let texts: Vec<&str> = texts.iter().copied().filter(|text| !text.is_empty()).collect();
    texts.join(between)
}
