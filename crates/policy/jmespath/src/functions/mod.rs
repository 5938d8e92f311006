//! The functions: `JMESPath`'s and Kyverno's. Where both have one of a name, Kyverno's is the one.

mod arithmetic;
mod certificates;
mod collections;
mod encoding;
mod image;
mod outside;
mod regular;
mod standard;
mod strings;
mod table;
mod times;

use std::fmt;

use probity_model::value::Array;
use probity_model::{SmolStr, Value};

use crate::ast::{Call, Node, Prepared};
use crate::error::SearchError;
use crate::interpreter::{Current, Interpreter, elements};
use crate::text;

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Number,
    /// A text.
    String,
    /// A list.
    Array,
    /// An object.
    Object,
    /// A list of numbers.
    ArrayNumber,
    /// A list of texts.
    ArrayString,
    /// An expression behind `&`.
    Expression,
    /// Anything.
    Any,
}

impl Kind {
    fn takes(self, argument: &Argument<'_>) -> bool {
        match (self, argument) {
            (Self::Expression, argument) => matches!(argument, Argument::Expression(_)),
            (_, Argument::Expression(_)) => false,
            (Self::Any, _) => true,
            (Self::Number, Argument::Value(value)) => value.as_number().is_some(),
            (Self::String, Argument::Value(value)) => value.as_str().is_some(),
            (Self::Array, Argument::Value(value)) => elements(value).is_some(),
            (Self::Object, Argument::Value(value)) => value.as_object().is_some(),
            (Self::ArrayNumber, Argument::Value(value)) => all_are(value, |element| element.as_number().is_some()),
            (Self::ArrayString, Argument::Value(value)) => all_are(value, |element| element.as_str().is_some()),
        }
    }
}

fn all_are(value: &Value, are: impl Fn(&Value) -> bool) -> bool {
    elements(value).is_some_and(|elements| elements.iter().all(are))
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
            Self::ArrayNumber => "array[number]",
            Self::ArrayString => "array[string]",
            Self::Expression => "expref",
            Self::Any => "any",
        })
    }
}

/// How many arguments a function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arity {
    /// As many as it has kinds.
    Exact,
    /// At least as many as it has kinds.
    AtLeast,
    /// Any number, which are not looked at.
    Free,
}

type Handler = fn(&Arguments<'_>) -> Result<Value, SearchError>;

/// A function of the language.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    pub(crate) name: &'static str,
    pub(crate) takes: &'static [&'static [Kind]],
    pub(crate) arity: Arity,
    handler: Handler,
}

impl Function {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What each argument may be.
    pub fn takes(&self) -> &'static [&'static [Kind]] {
        self.takes
    }
}

/// The function of this name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    table::FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok().map(|at| &table::FUNCTIONS[at])
}

/// Every function, by name.
pub fn all() -> &'static [Function] {
    table::FUNCTIONS
}

pub(crate) enum Argument<'c> {
    Value(Value),
    Expression(&'c Node),
}

impl Argument<'_> {
    fn weight(&self) -> usize {
        match self {
            Self::Value(value) => weight(value),
            Self::Expression(_) => 0,
        }
    }
}

/// What a function is called with.
pub(crate) struct Arguments<'c> {
    name: &'static str,
    given: Vec<Argument<'c>>,
    prepared: Option<&'c Prepared>,
    interpreter: &'c Interpreter<'c>,
}

/// Calls a function on arguments that are evaluated on `current`.
pub(crate) fn call(interpreter: &Interpreter<'_>, call: &Call, current: Current<'_>) -> Result<Value, SearchError> {
    let mut given = Vec::with_capacity(call.arguments.len());
    for argument in &call.arguments {
        given.push(match argument {
            Node::Reference(expression) => Argument::Expression(expression),
            other => match interpreter.evaluate(other, current) {
                Ok(value) => Argument::Value(value),
                Err(error) if error.is_not_found() => Argument::Value(Value::Null),
                Err(error) => return Err(error),
            },
        });
    }
    let function = call.function.ok_or_else(|| SearchError::Function(format!("unknown function: {}", call.name)))?;
    check(function, &given)?;
    for argument in &given {
        interpreter.spend(argument.weight())?;
    }
    let arguments = Arguments { name: function.name, given, prepared: call.prepared.as_ref(), interpreter };
    let result = (function.handler)(&arguments)?;
    interpreter.spend(weight(&result))?;
    Ok(result)
}

/// How many steps a value is worth that a function goes through or makes: one for some dozens of bytes or one element.
fn weight(value: &Value) -> usize {
    const BYTES: usize = 32;
    match value {
        Value::String(text) => text.len() / BYTES,
        Value::Object(object) => object.len(),
        other => elements(other).unwrap_or_default().len(),
    }
}

fn check(function: &Function, given: &[Argument<'_>]) -> Result<(), SearchError> {
    let wrong = |message: &str| Err(SearchError::Function(message.to_owned()));
    match function.arity {
        Arity::Free => return Ok(()),
        Arity::Exact if given.len() != function.takes.len() => return wrong("incorrect number of args"),
        Arity::AtLeast if given.len() < function.takes.len() => return wrong("Invalid arity."),
        Arity::Exact | Arity::AtLeast => {}
    }
    let last = function.takes.last();
    for (position, argument) in given.iter().enumerate() {
        let Some(kinds) = function.takes.get(position).or(last) else { return Ok(()) };
        if !kinds.iter().any(|kind| kind.takes(argument)) {
            return Err(wrong_type(argument, kinds));
        }
    }
    Ok(())
}

fn wrong_type(argument: &Argument<'_>, kinds: &[Kind]) -> SearchError {
    let shown = match argument {
        Argument::Value(value) => text::printed(value),
        Argument::Expression(_) => "an expression".to_owned(),
    };
    let kinds: Vec<String> = kinds.iter().map(|kind| format!("\"{kind}\"")).collect();
    SearchError::Function(format!("Invalid type for: {shown}, expected: []jmespath.JpType{{{}}}", kinds.join(", ")))
}

/// An empty list, for arguments that are none.
static NULL: Value = Value::Null;

impl<'c> Arguments<'c> {
    /// The argument, null when it is an expression or there is none: kinds were checked.
    fn value(&self, index: usize) -> &Value {
        match self.given.get(index) {
            Some(Argument::Value(value)) => value,
            _ => &NULL,
        }
    }

    /// All arguments that are values.
    fn values(&self) -> impl Iterator<Item = &Value> {
        self.given.iter().filter_map(|argument| match argument {
            Argument::Value(value) => Some(value),
            Argument::Expression(_) => None,
        })
    }

    fn string(&self, index: usize) -> Result<&str, SearchError> {
        self.value(index).as_str().ok_or_else(|| self.not_of_type(index, "string"))
    }

    fn number(&self, index: usize) -> Result<f64, SearchError> {
        let number = self.value(index).as_number().ok_or_else(|| self.not_of_type(index, "float64"))?;
        Ok(number.as_f64())
    }

    fn list(&self, index: usize) -> Result<&[Value], SearchError> {
        elements(self.value(index)).ok_or_else(|| self.not_of_type(index, "Array"))
    }

    fn expression(&self, index: usize) -> Result<&'c Node, SearchError> {
        match self.given.get(index) {
            Some(Argument::Expression(node)) => Ok(node),
            _ => Err(self.not_of_type(index, "expref")),
        }
    }

    /// A number or text as a text. Numbers are written as those of 32 bits are.
    fn text(&self, index: usize) -> Result<SmolStr, SearchError> {
        as_text(self.value(index)).ok_or_else(|| self.not_of_type(index, "String or Real"))
    }

    fn not_of_type(&self, index: usize, kind: &str) -> SearchError {
        self.failed(&format!("argument #{} is not of type {kind}", index + 1))
    }

    /// An error of this function, in Kyverno's form.
    fn failed(&self, message: &str) -> SearchError {
        SearchError::Function(format!("JMESPath function '{}': {message}", self.name))
    }
}

/// A scalar as a text; nothing for null and containers.
fn as_text(value: &Value) -> Option<SmolStr> {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "there, numbers are written as those of 32 bits")]
        Value::Number(number) => Some(format!("{}", number.as_f64() as f32).into()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string().into()),
        _ => None,
    }
}

/// A text, unless it is too long.
fn bounded(text: String) -> Result<Value, SearchError> {
    if text.len() > text::MAX_TEXT {
        return Err(SearchError::Bound("a text is too long"));
    }
    Ok(text.into())
}

fn error(message: impl Into<String>) -> SearchError {
    SearchError::Function(message.into())
}

fn strings(elements: impl IntoIterator<Item = impl Into<SmolStr>>) -> Value {
    Value::Array(elements.into_iter().map(|element| Value::String(element.into())).collect::<Array>())
}
