//! `JMESPath` with the functions, the numbers and the errors that Kyverno has, over model values.
//!
//! An [`Expression`] is parsed once and searched many times. The specification is jmespath.org's, as far as
//! `github.com/kyverno/go-jmespath` keeps to it; its Go source is what counts. Unlike `JMESPath`'s, its search fails when
//! a key is not found ([`SearchError::NotFound`]), unless an operator takes that as null.

mod ast;
mod error;
mod functions;
mod host;
mod interpreter;
mod lexer;
mod parser;
mod text;

use std::cell::Cell;
use std::fmt;

use probity_model::Value;

use ast::Node;
use interpreter::{Current, Interpreter};

pub use error::{SearchError, SyntaxError};
pub use functions::{Function, Kind, all as all_functions};
pub use host::{Closed, Host};
pub use text::to_json;

/// How many steps the searches of one evaluation may take together unless told otherwise.
pub const DEFAULT_STEPS: u64 = 2_000_000;

/// With more parts that make lists or objects than this, a result is measured before it is given.
const MANY_PARTS: usize = 12;

/// What an expression is searched on. Entries may be made when they are asked for.
pub trait Root {
    /// The entry under this key, if there is one.
    fn get(&self, key: &str) -> Result<Option<Value>, SearchError>;

    /// All of it as a value.
    fn whole(&self) -> Result<Value, SearchError>;

    /// Whether it is null, on which lists and objects of expressions are null too.
    fn is_null(&self) -> bool {
        false
    }
}

impl Root for Value {
    fn get(&self, key: &str) -> Result<Option<Value>, SearchError> {
        match self {
            Self::Object(object) => Ok(object.get(key).cloned()),
            // A field of what is no object is null, not an error.
            _ => Ok(Some(Self::Null)),
        }
    }

    fn whole(&self) -> Result<Value, SearchError> {
        Ok(self.clone())
    }

    fn is_null(&self) -> bool {
        Self::is_null(self)
    }
}

/// What searches may have and how long they may take together.
pub struct Evaluation<'h> {
    pub(crate) host: &'h dyn Host,
    pub(crate) default_registry: &'h str,
    pub(crate) steps: Cell<u64>,
}

impl<'h> Evaluation<'h> {
    /// With this host, [`DEFAULT_STEPS`], and `docker.io` as the registry of images that name none.
    pub fn new(host: &'h dyn Host) -> Self {
        Self { host, default_registry: "docker.io", steps: Cell::new(DEFAULT_STEPS) }
    }

    /// With another number of steps.
    #[must_use]
    pub fn with_steps(self, steps: u64) -> Self {
        Self { steps: Cell::new(steps), ..self }
    }

    /// With another registry for images that name none.
    #[must_use]
    pub fn with_default_registry(self, default_registry: &'h str) -> Self {
        Self { default_registry, ..self }
    }
}

/// A `JMESPath` expression, ready to be searched.
#[derive(Clone)]
pub struct Expression {
    text: Box<str>,
    node: Node,
    /// Whether a result may be much larger than what it was made from.
    may_grow: bool,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is none, with the place. A function that does not exist is no error here: it is one when it is called
    /// (see [`Expression::unknown_functions`]).
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let node = parser::parse(text)?;
        let mut parts = 0;
        node.visit(&mut |node| parts += usize::from(matches!(node, Node::List(_) | Node::Object(_) | Node::Call(_))));
        Ok(Self { text: text.into(), node, may_grow: parts > MANY_PARTS })
    }

    /// The expression as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the expression gives on this root.
    ///
    /// # Errors
    /// When a key is not found, a function cannot do what it is asked, or a bound is reached.
    pub fn search(&self, root: &dyn Root, evaluation: &Evaluation<'_>) -> Result<Value, SearchError> {
        let interpreter = Interpreter { evaluation };
        let result = interpreter.evaluate(&self.node, Current::Root(root))?;
        if self.may_grow {
            Interpreter::check_size(&result)?;
        }
        Ok(result)
    }

    /// Names of functions that the expression calls and that do not exist.
    pub fn unknown_functions(&self) -> Vec<&str> {
        let mut unknown = Vec::new();
        self.node.visit(&mut |node| {
            if let Node::Call(call) = node
                && call.function.is_none()
            {
                unknown.push(call.name.as_str());
            }
        });
        unknown
    }

    /// Keys of the root that the expression asks for by name; `None` when it may look at all of it.
    pub fn root_keys(&self) -> Option<Vec<&str>> {
        let mut keys = Vec::new();
        roots(&self.node, &mut keys).then_some(keys)
    }
}

/// Whether a part that is evaluated on the root looks at named keys only, which are added.
fn roots<'n>(node: &'n Node, keys: &mut Vec<&'n str>) -> bool {
    match node {
        Node::Field(key) => {
            keys.push(key.as_str());
            true
        }
        // What is referred to is evaluated on elements.
        Node::Literal(_) | Node::Reference(_) => true,
        Node::Current | Node::Index(_) | Node::Slice(_) => false,
        Node::Sub(left, right) | Node::Pipe(left, right) if matches!(**left, Node::Current) => roots(right, keys),
        // What is to the right of these is evaluated on what the left gives.
        Node::Sub(left, _)
        | Node::Pipe(left, _)
        | Node::Flatten(left)
        | Node::Project(left, _)
        | Node::ProjectValues(left, _)
        | Node::Filter { list: left, .. } => roots(left, keys),
        Node::Or(left, right) | Node::And(left, right) | Node::Compare(_, left, right) => {
            roots(left, keys) && roots(right, keys)
        }
        Node::Not(inner) => roots(inner, keys),
        Node::List(parts) => parts.iter().all(|part| roots(part, keys)),
        Node::Object(parts) => parts.iter().all(|(_, part)| roots(part, keys)),
        Node::Call(call) => call.arguments.iter().all(|argument| roots(argument, keys)),
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl std::str::FromStr for Expression {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
