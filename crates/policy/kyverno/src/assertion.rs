//! Assertion trees, as `validate.assert` has them (kyverno-json): documents that look like what is asserted, whose keys
//! and values may be expressions in parentheses.
//!
//! Kyverno took `assert` out of its engine again; policies that have it mean this.

use std::fmt::Write as _;

use probity_model::node::Node as Source;
use probity_model::value::Array;
use probity_model::{Key, SmolStr, Value, json};
use probity_policy_jmespath::Evaluation;

use crate::query::Query;
use crate::read::{Path, ReadError, Within};

/// An assertion tree, compiled.
#[derive(Debug, Clone)]
pub struct Assertion(Node);

#[derive(Debug, Clone)]
enum Node {
    /// Everything that is said of parts of the value holds.
    Map(Vec<(Projection, Node)>),
    /// There are as many elements, and each is as the one at its place says.
    List(Vec<Node>),
    /// It is this value.
    Value(Value),
    /// It is what the expression gives on it.
    Expression(Expression),
}

/// Which part of a value something is said of.
#[derive(Debug, Clone)]
struct Projection {
    written: SmolStr,
    what: What,
    /// `~`: it is said of each element, whose place has this name.
    each: Option<SmolStr>,
    /// `->name`: the part has a name below.
    binding: Option<SmolStr>,
}

#[derive(Debug, Clone)]
enum What {
    Field(Key),
    Expression(Expression),
}

/// An expression on the value, or on what has a name: `$name`.
#[derive(Debug, Clone)]
struct Expression {
    of: Option<SmolStr>,
    query: Option<Query>,
}

impl Assertion {
    pub(crate) fn read(source: Source<'_>) -> Result<Self, ReadError> {
        Ok(Self(Node::read(source)?))
    }

    /// What does not hold of a value, each in words; nothing when all holds.
    ///
    /// # Errors
    /// When an expression fails.
    pub(crate) fn failures(&self, value: &Value, evaluation: &Evaluation<'_>) -> Result<Vec<String>, String> {
        let mut check = Check { evaluation, bindings: Vec::new(), failures: Vec::new() };
        check.node(&self.0, value, "")?;
        Ok(check.failures)
    }
}

/// The expression in parentheses that a text is; `jp` names the language, which is the only one.
fn inner(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    Some(inner.strip_prefix("jp:").unwrap_or(inner))
}

impl Node {
    fn read(source: Source<'_>) -> Result<Self, ReadError> {
        match source.value {
            Value::Object(_) => {
                let mut parts = Vec::new();
                for (key, node) in source.mapping()?.entries() {
                    let projection = Projection::parse(key.as_str()).map_err(|message| node.problem(message));
                    parts.push((projection.within(key.as_str())?, Self::read(node).within(key.as_str())?));
                }
                Ok(Self::Map(parts))
            }
            Value::Array(_) => {
                let read = |(index, node)| Self::read(node).within(Path::Index(index));
                Ok(Self::List(source.list()?.into_iter().enumerate().map(read).collect::<Result<_, _>>()?))
            }
            Value::String(text) => match inner(text) {
                Some(inner) => {
                    let expression = Expression::parse(inner).map_err(|message| source.problem(message))?;
                    Ok(Self::Expression(expression))
                }
                None => Ok(Self::Value(unescaped(text).into())),
            },
            other => Ok(Self::Value(other.clone())),
        }
    }
}

/// The text between two backslashes that keep it from being an expression.
fn unescaped(text: &str) -> &str {
    text.strip_prefix('\\').and_then(|rest| rest.strip_suffix('\\')).filter(|rest| !rest.is_empty()).unwrap_or(text)
}

impl Projection {
    fn parse(written: &str) -> Result<Self, String> {
        let new = |what, each, binding| Self { written: written.into(), what, each, binding };
        if unescaped(written) != written {
            return Ok(new(What::Field(Key::new(unescaped(written))), None, None));
        }
        let (each, rest) = match written.strip_prefix('~').and_then(|rest| rest.split_once('.')) {
            Some((name, rest)) => (Some(SmolStr::from(name)), rest),
            None => (None, written),
        };
        let (rest, binding) = match rest.rsplit_once("->") {
            Some((rest, name)) => (rest.trim_end(), Some(SmolStr::from(name.trim()))),
            None => (rest, None),
        };
        let what = match inner(rest) {
            Some(inner) => What::Expression(Expression::parse(inner)?),
            None => What::Field(Key::new(rest)),
        };
        Ok(new(what, each, binding))
    }
}

impl Expression {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (of, text) = match text.strip_prefix('$') {
            Some(rest) => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let (name, rest) = rest.split_at(end);
                (Some(name.into()), rest.strip_prefix('.').unwrap_or(rest).trim())
            }
            None => (None, text),
        };
        let query = (!text.is_empty()).then(|| Query::parse(text)).transpose().map_err(|error| error.message)?;
        Ok(Self { of, query })
    }
}

struct Check<'e> {
    evaluation: &'e Evaluation<'e>,
    bindings: Vec<(SmolStr, Value)>,
    failures: Vec<String>,
}

impl Check<'_> {
    fn node(&mut self, node: &Node, value: &Value, path: &str) -> Result<(), String> {
        match node {
            Node::Map(parts) => {
                parts.iter().try_for_each(|(projection, node)| self.part(projection, node, value, path))
            }
            Node::List(nodes) => {
                let elements = value.as_array().map(Array::as_slice).unwrap_or_default();
                if value.as_array().is_none() || elements.len() != nodes.len() {
                    self.fail(path, value, "lengths of slices don't match");
                    return Ok(());
                }
                for (index, (node, element)) in nodes.iter().zip(elements).enumerate() {
                    self.node(node, element, &format!("{path}[{index}]"))?;
                }
                Ok(())
            }
            Node::Value(wanted) => {
                self.equal(wanted, value, path);
                Ok(())
            }
            Node::Expression(expression) => {
                let wanted = self.evaluate(expression, value)?;
                self.equal(&wanted, value, path);
                Ok(())
            }
        }
    }

    fn part(&mut self, projection: &Projection, node: &Node, value: &Value, path: &str) -> Result<(), String> {
        let mut path = path.to_owned();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&projection.written);
        let part = match &projection.what {
            What::Expression(expression) => self.evaluate(expression, value)?,
            What::Field(key) => {
                let Some(part) = value.as_object().and_then(|object| object.get_key(key)) else {
                    self.failures.push(format!("{path}: Required value: field not found in the input object"));
                    return Ok(());
                };
                part.clone()
            }
        };
        let known = self.bindings.len();
        if let Some(name) = &projection.binding {
            self.bindings.push((name.clone(), part.clone()));
        }
        let result = match &projection.each {
            None => self.node(node, &part, &path),
            Some(name) => self.each(name, node, &part, &path),
        };
        self.bindings.truncate(known);
        result
    }

    fn each(&mut self, name: &SmolStr, node: &Node, value: &Value, path: &str) -> Result<(), String> {
        let elements: Vec<(Value, &Value)> = match value {
            Value::Array(array) => {
                (0_i64..).zip(array.iter()).map(|(index, element)| (index.into(), element)).collect()
            }
            Value::Object(object) => object.iter().map(|(key, element)| (key.to_value(), element)).collect(),
            _ => {
                self.fail(path, value, "expected a list or an object");
                return Ok(());
            }
        };
        for (place, element) in elements {
            let mut path = path.to_owned();
            let _ = write!(path, "[{}]", crate::gofmt::print(&place));
            self.bindings.push((name.clone(), place));
            let result = self.node(node, element, &path);
            self.bindings.pop();
            result?;
        }
        Ok(())
    }

    fn evaluate(&self, expression: &Expression, value: &Value) -> Result<Value, String> {
        let of = match &expression.of {
            None => value,
            Some(name) => {
                let known = self.bindings.iter().rev().find(|(known, _)| known == name);
                &known.ok_or_else(|| format!("nothing is called `${name}`"))?.1
            }
        };
        match &expression.query {
            None => Ok(of.clone()),
            Some(query) => match query.search(of, self.evaluation) {
                Ok(found) => Ok(found),
                Err(error) if error.is_not_found => Ok(Value::Null),
                Err(error) => Err(error.message),
            },
        }
    }

    fn equal(&mut self, wanted: &Value, value: &Value, path: &str) {
        if wanted != value {
            self.fail(path, value, &format!("Expected value: {}", json::write(wanted)));
        }
    }

    fn fail(&mut self, path: &str, value: &Value, message: &str) {
        self.failures.push(format!("{path}: Invalid value: {}: {message}", json::write(value)));
    }
}
