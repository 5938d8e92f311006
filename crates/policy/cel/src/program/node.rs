//! The compiled form of an expression: its names looked up, its constants made.

use probity_model::value::Key;
use smol_str::SmolStr;

use super::attribute;
use super::comprehension::Loop;
use super::frame::Frame;
use super::operator::{self, Arithmetic, Relation};
use crate::value::{Comparison, Map, Struct};
use crate::{Error, Implementation, Overload, Value};

/// The name of a field, as a text and as documents have it.
#[derive(Clone)]
pub(super) struct Field {
    pub(super) name: SmolStr,
    pub(super) key: Key,
}

impl Field {
    pub(super) fn new(name: &SmolStr) -> Self {
        Self { name: name.clone(), key: Key::new(name) }
    }
}

/// Where a path begins.
pub(super) enum Root {
    Variable(SmolStr),
    Local(usize),
    /// The field of a lazy variable.
    Lazy(SmolStr, SmolStr),
}

/// A call of a function, of which one of several overloads takes the arguments.
pub(super) struct Call {
    pub(super) name: SmolStr,
    pub(super) overloads: Vec<Overload>,
    /// What the only overload does, with the constants among its arguments read.
    pub(super) special: Option<Implementation>,
    pub(super) args: Box<[Node]>,
}

pub(super) enum Node {
    Constant(Value),
    /// What was computed when the expression was compiled, with its cost.
    Folded(Value, u64),
    Path(Root, Box<[Field]>),
    Select(Box<Node>, Field),
    OptionalSelect(Box<Node>, Field),
    /// `has(operand.field)`
    Has(Box<Node>, Field, u64),
    HasLazy(SmolStr, SmolStr),
    Index(Box<[Node; 2]>),
    OptionalIndex(Box<[Node; 2]>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<[Node]>),
    Or(Box<[Node]>),
    Conditional(Box<[Node; 3]>),
    /// `==`, or `!=` when negated.
    Equal(Box<[Node; 2]>, bool),
    Order(Relation, Box<[Node; 2]>),
    Arithmetic(Arithmetic, Box<[Node; 2]>),
    In(Box<[Node; 2]>),
    Call(Box<Call>),
    List(Box<[(Node, bool)]>),
    Map(Box<[(Node, Node, bool)]>),
    Struct(SmolStr, Box<[(SmolStr, Node, bool)]>),
    Loop(Box<Loop>),
    /// A value and what is computed with it, at the depth of its variable.
    Bind(usize, Box<[Node; 2]>),
    Block(Box<[Node]>, Box<Node>),
    Slot(usize),
    /// `optional.or(other)`
    OptionalOr(Box<[Node; 2]>),
    /// `optional.orValue(other)`
    OptionalOrValue(Box<[Node; 2]>),
    /// A part that costs one more than it would.
    Counted(Box<Node>),
    Fail(Error),
}

impl Node {
    pub(super) fn evaluate(&self, frame: &mut Frame<'_>) -> Result<Value, Error> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Folded(value, cost) => {
                frame.charge(*cost)?;
                Ok(value.clone())
            }
            Self::Path(root, fields) => attribute::path(frame, root, fields, 1 + fields.len() as u64),
            Self::Select(operand, field) => {
                let operand = operand.evaluate(frame)?;
                charge_present(frame, attribute::select(&operand, field)?)
            }
            Self::OptionalSelect(operand, field) => {
                let operand = operand.evaluate(frame)?;
                charge_present(frame, attribute::optional_select(&operand, field)?)
            }
            Self::Has(operand, field, cost) => {
                frame.charge(*cost)?;
                if let Self::Path(root, fields) = operand.as_ref() {
                    return attribute::has_path(frame, root, fields, field).map(Value::Bool);
                }
                attribute::has(&operand.evaluate(frame)?, field).map(Value::Bool)
            }
            Self::HasLazy(variable, field) => Ok(Value::Bool(frame.bindings.field(variable, field).is_some())),
            Self::Index(pair) => {
                let (operand, index) = (pair[0].evaluate(frame)?, part(frame, &pair[1])?);
                charge_present(frame, attribute::index(&operand, &index)?)
            }
            Self::OptionalIndex(pair) => {
                let (operand, index) = (pair[0].evaluate(frame)?, part(frame, &pair[1])?);
                charge_present(frame, attribute::optional_index(&operand, &index)?)
            }
            Self::Not(operand) => {
                let operand = operand.evaluate(frame)?;
                frame.charge(1)?;
                operand.as_bool().map(|truth| Value::Bool(!truth)).ok_or(Error::NoSuchOverload)
            }
            Self::Negate(operand) => {
                let operand = operand.evaluate(frame)?;
                frame.charge(1)?;
                operator::negate(&operand)
            }
            Self::And(terms) => logical(frame, terms, false),
            Self::Or(terms) => logical(frame, terms, true),
            Self::Conditional(parts) => match parts[0].evaluate(frame)? {
                Value::Bool(true) => part(frame, &parts[1]),
                Value::Bool(false) => part(frame, &parts[2]),
                _ => Err(Error::NoSuchOverload),
            },
            Self::Equal(pair, negated) => {
                let (left, right) = both(frame, pair)?;
                frame.charge(operator::equality_cost(&left, &right))?;
                Ok(Value::Bool(Comparison::new().equals(&left, &right)? != *negated))
            }
            Self::Order(relation, pair) => {
                let (left, right) = both(frame, pair)?;
                frame.charge(operator::order_cost(&left, &right))?;
                relation.holds(&left, &right).map(Value::Bool)
            }
            Self::Arithmetic(operation, pair) => {
                let (left, right) = both(frame, pair)?;
                frame.charge(operation.cost(&left, &right))?;
                operation.apply(&left, &right)
            }
            Self::In(pair) => {
                let (element, container) = both(frame, pair)?;
                // Membership in a list of constants is looked up.
                if pair[1].constant().is_none() {
                    frame.charge(operator::in_cost(&container))?;
                }
                operator::is_in(&element, &container).map(Value::Bool)
            }
            Self::Call(call) => call.evaluate(frame),
            Self::List(elements) => list(frame, elements),
            Self::Map(entries) => map(frame, entries),
            Self::Struct(name, fields) => object(frame, name, fields),
            Self::Loop(comprehension) => comprehension.evaluate(frame),
            Self::Bind(depth, pair) => bind(frame, *depth, pair),
            Self::Block(slots, body) => block(frame, slots, body),
            Self::Slot(index) => {
                frame.charge(1)?;
                frame.slots.get(*index).cloned().unwrap_or(Err(Error::NoSuchOverload))
            }
            Self::OptionalOr(pair) => optional_or(frame, pair),
            Self::OptionalOrValue(pair) => match pair[0].evaluate(frame)? {
                Value::Optional(None) => pair[1].evaluate(frame),
                Value::Optional(Some(value)) => Ok((*value).clone()),
                _ => Err(Error::NoSuchOverload),
            },
            Self::Counted(node) => {
                let value = node.evaluate(frame)?;
                frame.charge(1)?;
                Ok(value)
            }
            Self::Fail(error) => Err(error.clone()),
        }
    }

    /// Whether this is known and costs nothing.
    pub(super) fn is_free(&self) -> bool {
        matches!(self, Self::Constant(_) | Self::Folded(_, 0))
    }

    /// The value, when it is known already.
    pub(super) fn constant(&self) -> Option<&Value> {
        match self {
            Self::Constant(value) | Self::Folded(value, _) => Some(value),
            _ => None,
        }
    }
}

fn bind(frame: &mut Frame<'_>, depth: usize, pair: &[Node; 2]) -> Result<Value, Error> {
    let value = pair[0].evaluate(frame)?;
    frame.locals.truncate(depth);
    frame.locals.push(value);
    let result = pair[1].evaluate(frame);
    frame.locals.truncate(depth);
    result
}

fn optional_or(frame: &mut Frame<'_>, pair: &[Node; 2]) -> Result<Value, Error> {
    match pair[0].evaluate(frame)? {
        Value::Optional(None) => match pair[1].evaluate(frame)? {
            other @ Value::Optional(_) => Ok(other),
            _ => Err(Error::NoSuchOverload),
        },
        found @ Value::Optional(Some(_)) => Ok(found),
        _ => Err(Error::NoSuchOverload),
    }
}

/// What is taken out of an optional costs when it is there.
fn charge_present(frame: &mut Frame<'_>, found: Value) -> Result<Value, Error> {
    if !matches!(found, Value::Optional(None)) {
        frame.charge(1)?;
    }
    Ok(found)
}

/// A branch of a conditional or an index, in which cel-go does not count the reading of a variable.
fn part(frame: &mut Frame<'_>, node: &Node) -> Result<Value, Error> {
    match node {
        Node::Path(root, fields) => attribute::path(frame, root, fields, fields.len() as u64),
        other => other.evaluate(frame),
    }
}

fn both(frame: &mut Frame<'_>, pair: &[Node; 2]) -> Result<(Value, Value), Error> {
    Ok((pair[0].evaluate(frame)?, pair[1].evaluate(frame)?))
}

/// `||` (ended by `true`) or `&&` (ended by `false`): the value that decides wins over errors before and after it.
fn logical(frame: &mut Frame<'_>, terms: &[Node], decides: bool) -> Result<Value, Error> {
    let mut failed = None;
    for term in terms {
        match term.evaluate(frame) {
            Ok(Value::Bool(truth)) if truth == decides => return Ok(Value::Bool(decides)),
            Ok(Value::Bool(_)) => {}
            Ok(_) => failed = failed.or(Some(Error::NoSuchOverload)),
            Err(error) if error.ends_evaluation() => return Err(error),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(Value::Bool(!decides)), Err)
}

impl Call {
    pub(super) fn evaluate(&self, frame: &mut Frame<'_>) -> Result<Value, Error> {
        match self.args.as_ref() {
            [one] => {
                let args = [one.evaluate(frame)?];
                self.apply(frame, &args)
            }
            [one, two] => {
                let args = [one.evaluate(frame)?, two.evaluate(frame)?];
                self.apply(frame, &args)
            }
            many => {
                let args = many.iter().map(|arg| arg.evaluate(frame)).collect::<Result<Vec<_>, _>>()?;
                self.apply(frame, &args)
            }
        }
    }

    fn apply(&self, frame: &mut Frame<'_>, args: &[Value]) -> Result<Value, Error> {
        let overload =
            self.overloads.iter().find(|overload| overload.admits(args)).ok_or_else(|| self.no_overload(args))?;
        let run = self.special.as_ref().unwrap_or(&overload.run);
        if overload.charged_first {
            frame.charge((overload.cost)(args, &Value::Null))?;
            return run(frame.evaluation, args);
        }
        let result = run(frame.evaluation, args)?;
        frame.charge((overload.cost)(args, &result))?;
        Ok(result)
    }

    /// Functions that cel-go dispatches by the type of their first argument do not tell their names.
    fn no_overload(&self, args: &[Value]) -> Error {
        if matches!(self.name.as_str(), "contains" | "startsWith" | "endsWith" | "matches") {
            return Error::NoSuchOverload;
        }
        let types: Vec<&str> = args.iter().map(Value::type_name).collect();
        let types = if self.name == "size" { String::new() } else { format!("({})", types.join(", ")) };
        Error::Other(format!("no such overload: {}{types}", self.name).into())
    }
}

fn list(frame: &mut Frame<'_>, elements: &[(Node, bool)]) -> Result<Value, Error> {
    let mut values = Vec::with_capacity(elements.len());
    for (element, optional) in elements {
        let value = element.evaluate(frame)?;
        values.extend(present(value, *optional)?);
    }
    frame.charge(if elements.iter().all(|(element, _)| element.constant().is_some()) { 0 } else { 10 })?;
    Ok(Value::List(values.into()))
}

/// The value of a part; none when it is an absent optional.
fn present(value: Value, optional: bool) -> Result<Option<Value>, Error> {
    match value {
        value if !optional => Ok(Some(value)),
        Value::Optional(value) => Ok(value.map(|value| (*value).clone())),
        other => {
            let message = format!("cannot initialize optional list element from non-optional value {other:?}");
            Err(Error::Other(message.into()))
        }
    }
}

fn map(frame: &mut Frame<'_>, entries: &[(Node, Node, bool)]) -> Result<Value, Error> {
    let mut values = Vec::with_capacity(entries.len());
    for (key, value, optional) in entries {
        let key = key.evaluate(frame)?;
        let value = value.evaluate(frame)?;
        if let Some(value) = present(value, *optional)? {
            values.push((key, value));
        }
    }
    let known = |(key, value, _): &(Node, Node, bool)| key.constant().is_some() && value.constant().is_some();
    frame.charge(if entries.iter().all(known) { 0 } else { 30 })?;
    Map::from_entries(values).map(Value::Map)
}

fn object(frame: &mut Frame<'_>, name: &SmolStr, fields: &[(SmolStr, Node, bool)]) -> Result<Value, Error> {
    let mut values = Vec::with_capacity(fields.len());
    for (field, value, optional) in fields {
        let value = value.evaluate(frame)?;
        if let Some(value) = present(value, *optional)? {
            values.push((Value::String(field.clone()), value));
        }
    }
    frame.charge(40)?;
    Ok(Value::opaque(Struct::new(name.clone(), Map::from_entries(values)?)))
}

fn block(frame: &mut Frame<'_>, slots: &[Node], body: &Node) -> Result<Value, Error> {
    let outer = std::mem::take(&mut frame.slots);
    for slot in slots {
        let value = slot.evaluate(frame);
        if let Err(error) = &value
            && error.ends_evaluation()
        {
            return value;
        }
        frame.slots.push(value);
    }
    let result = body.evaluate(frame);
    frame.slots = outer;
    result
}
