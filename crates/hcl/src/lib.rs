//! The syntax of HCL (HCL native syntax specification), as a tree whose parts know where they stand.
//!
//! The parser keeps what a file has of whole blocks when one of them is broken, follows the language in where line breaks
//! count and what blanks a template drops, and keeps every digit of a number.

mod body;
mod cursor;
mod expression;
mod template;
#[cfg(test)]
mod tests;

use probity_model::value::Value;
use probity_model::{Problem, SourceId, Span};

pub use body::body;

/// Deepest nesting of expressions, templates and blocks.
const MAX_DEPTH: usize = 64;

/// Most operators of one chain such as `a + b + c`.
const MAX_CHAIN: usize = 200;

/// Most indices, attributes and splats of one reference.
const MAX_STEPS: usize = 200;

/// Attributes and blocks.
#[derive(Debug, Default)]
pub struct Body {
    /// In the order of the file.
    pub attributes: Vec<Attribute>,
    /// In the order of the file.
    pub blocks: Vec<Block>,
}

impl Body {
    /// The attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| &*attribute.name == name)
    }

    /// The blocks of this name, in order.
    pub fn blocks<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b Block> {
        self.blocks.iter().filter(move |block| &*block.name == name)
    }
}

/// `name = value`
#[derive(Debug)]
pub struct Attribute {
    /// Its name.
    pub name: Box<str>,
    /// Its value.
    pub value: Expression,
    /// Name and value together.
    pub span: Span,
}

/// `name "label" { ... }`
#[derive(Debug)]
pub struct Block {
    /// Its type.
    pub name: Box<str>,
    /// Its labels, as written.
    pub labels: Vec<Box<str>>,
    /// What it holds.
    pub body: Body,
    /// From its name to its closing brace.
    pub span: Span,
}

/// A piece of syntax that has a value, and where it stands.
#[derive(Debug)]
pub struct Expression {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub span: Span,
}

/// What an expression is.
#[derive(Debug)]
pub enum Kind {
    /// `null`, `true`, a number, a text without templates in it.
    Literal(Value),
    /// A text with interpolations or directives.
    Template(Vec<Part>),
    /// `[a, b]`
    Tuple(Vec<Expression>),
    /// `{ key = value }`; a bare name as a key is a literal.
    Object(Vec<(Expression, Expression)>),
    /// A name by itself.
    Name(Box<str>),
    /// What follows a value: `.name`, `[index]`, `[*]`.
    Traversal(Box<Expression>, Vec<Step>),
    /// `f(a, b)`
    Call(Box<Call>),
    /// Condition, and what stands for true and false.
    Conditional(Box<[Expression; 3]>),
    /// `-a`, `!a`
    Unary(Unary, Box<Expression>),
    /// `a + b`
    Binary(Binary, Box<[Expression; 2]>),
    /// `[for a in b : a]`
    For(Box<For>),
}

/// A call of a function.
#[derive(Debug)]
pub struct Call {
    /// Without `core::`; with the provider where it is one's, as `provider::aws::arn_parse`.
    pub name: Box<str>,
    /// In order.
    pub arguments: Vec<Expression>,
    /// Whether the last argument is followed by `...`.
    pub expand: bool,
}

/// `[for key, value in collection : result if condition]`, or with braces and `key_result => result`.
#[derive(Debug)]
pub struct For {
    /// The name of the key, or the position.
    pub key: Option<Box<str>>,
    /// The name of the element.
    pub value: Box<str>,
    /// What is gone through.
    pub collection: Expression,
    /// The key of each result, of an object.
    pub key_result: Option<Expression>,
    /// Each result.
    pub result: Expression,
    /// Whether results of one key are gathered.
    pub grouping: bool,
    /// Which elements count.
    pub condition: Option<Expression>,
}

/// One step of a traversal.
#[derive(Debug)]
pub enum Step {
    /// `.name`
    Attribute(Box<str>),
    /// `[index]`
    Index(Expression),
    /// The steps that are taken in each element.
    Splat(Vec<Step>),
}

/// An operator in front of its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unary {
    /// `!`
    Not,
    /// `-`
    Negative,
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

/// A part of a template; blanks that it drops are gone.
#[derive(Debug)]
pub enum Part {
    /// What stands there as it is.
    Text(Box<str>),
    /// `${a}`
    Interpolation(Expression),
    /// `%{ if a }b%{ else }c%{ endif }`
    If {
        /// Which of the two it is.
        condition: Expression,
        /// Where it is true.
        yes: Vec<Part>,
        /// Where it is false.
        no: Vec<Part>,
    },
    /// `%{ for a, b in c }d%{ endfor }`
    For {
        /// The name of the key, or the position.
        key: Option<Box<str>>,
        /// The name of the element.
        value: Box<str>,
        /// What is gone through.
        collection: Expression,
        /// What stands there for each element.
        body: Vec<Part>,
    },
}

/// Why a text is not in this syntax, and where.
#[derive(Debug)]
struct Failure {
    message: String,
    at: usize,
}

type Parsed<T> = Result<T, Failure>;

/// Parses a template: what stands in a file that `templatefile` reads, or in a string of JSON. All of it stands at `span`.
///
/// # Errors
/// What is wrong with it.
pub fn template(text: &str, span: Span) -> Result<Expression, String> {
    cursor::Cursor::within(text, span).whole_template().map_err(|failure| failure.message)
}

/// Parses an expression that stands at `span` as a whole, as types do in JSON.
///
/// # Errors
/// What is wrong with it.
pub fn expression(text: &str, span: Span) -> Result<Expression, String> {
    cursor::Cursor::within(text, span).whole_expression().map_err(|failure| failure.message)
}

/// The place of what does not stand in a file.
pub fn nowhere() -> Span {
    Span::new(SourceId(u32::MAX), 0..0)
}

impl Failure {
    fn problem(&self, source: SourceId) -> Problem {
        Problem::new(&*self.message, Span::new(source, self.at..self.at))
    }
}

impl Expression {
    /// Calls `visit` with this expression and with all inside it.
    pub fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Expression)) {
        visit(self);
        match &self.kind {
            Kind::Literal(_) | Kind::Name(_) => {}
            Kind::Template(parts) => walk_parts(parts, visit),
            Kind::Tuple(elements) => elements.iter().for_each(|element| element.walk(visit)),
            Kind::Object(entries) => entries.iter().for_each(|(key, value)| {
                key.walk(visit);
                value.walk(visit);
            }),
            Kind::Traversal(from, steps) => {
                from.walk(visit);
                walk_steps(steps, visit);
            }
            Kind::Call(call) => call.arguments.iter().for_each(|argument| argument.walk(visit)),
            Kind::Conditional(parts) => parts.iter().for_each(|part| part.walk(visit)),
            Kind::Unary(_, inner) => inner.walk(visit),
            Kind::Binary(_, sides) => sides.iter().for_each(|side| side.walk(visit)),
            Kind::For(made) => {
                made.collection.walk(visit);
                let others = [made.key_result.as_ref(), Some(&made.result), made.condition.as_ref()];
                others.into_iter().flatten().for_each(|inner| inner.walk(visit));
            }
        }
    }
}

fn walk_steps<'e>(steps: &'e [Step], visit: &mut dyn FnMut(&'e Expression)) {
    for step in steps {
        match step {
            Step::Attribute(_) => {}
            Step::Index(index) => index.walk(visit),
            Step::Splat(steps) => walk_steps(steps, visit),
        }
    }
}

fn walk_parts<'e>(parts: &'e [Part], visit: &mut dyn FnMut(&'e Expression)) {
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::Interpolation(inner) => inner.walk(visit),
            Part::If { condition, yes, no } => {
                condition.walk(visit);
                walk_parts(yes, visit);
                walk_parts(no, visit);
            }
            Part::For { collection, body, .. } => {
                collection.walk(visit);
                walk_parts(body, visit);
            }
        }
    }
}

impl Body {
    /// Calls `visit` with every expression of the body.
    pub fn walk<'b>(&'b self, visit: &mut dyn FnMut(&'b Expression)) {
        self.attributes.iter().for_each(|attribute| attribute.value.walk(visit));
        self.blocks.iter().for_each(|block| block.body.walk(visit));
    }
}
