//! The syntax of Terraform (HCL native syntax specification), as a tree whose parts know where they stand.
//!
//! The parser keeps what a file has of whole blocks when one of them is broken, follows the language in where line breaks
//! count and what blanks a template drops, and keeps every digit of a number.

mod body;
mod cursor;
mod expression;
pub(super) mod json;
mod template;
#[cfg(test)]
mod tests;

use probity_model::value::Value;
use probity_model::{Problem, SourceId, Span};

pub(super) use body::body;

/// Deepest nesting of expressions, templates and blocks.
const MAX_DEPTH: usize = 64;

/// Most operators of one chain such as `a + b + c`.
const MAX_CHAIN: usize = 200;

/// Most indices, attributes and splats of one reference.
const MAX_STEPS: usize = 200;

/// Attributes and blocks.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) attributes: Vec<Attribute>,
    pub(super) blocks: Vec<Block>,
}

impl Body {
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| &*attribute.name == name)
    }

    /// The blocks of this name, in order.
    pub(super) fn blocks<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b Block> {
        self.blocks.iter().filter(move |block| &*block.name == name)
    }
}

/// `name = value`
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: Box<str>,
    pub(super) value: Expression,
    /// Name and value together.
    pub(super) span: Span,
}

/// `name "label" { ... }`
#[derive(Debug)]
pub(super) struct Block {
    pub(super) name: Box<str>,
    pub(super) labels: Vec<Box<str>>,
    pub(super) body: Body,
    pub(super) span: Span,
}

/// A piece of syntax that has a value, and where it stands.
#[derive(Debug)]
pub(super) struct Expression {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) enum Kind {
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
    Call(Box<Call>),
    /// Condition, and what stands for true and false.
    Conditional(Box<[Expression; 3]>),
    Unary(Unary, Box<Expression>),
    Binary(Binary, Box<[Expression; 2]>),
    For(Box<For>),
}

/// A call of a function.
#[derive(Debug)]
pub(super) struct Call {
    /// Without `core::`; with the provider where it is one's, as `provider::aws::arn_parse`.
    pub(super) name: Box<str>,
    pub(super) arguments: Vec<Expression>,
    /// Whether the last argument is followed by `...`.
    pub(super) expand: bool,
}

/// `[for key, value in collection : result if condition]`, or with braces and `key_result => result`.
#[derive(Debug)]
pub(super) struct For {
    pub(super) key: Option<Box<str>>,
    pub(super) value: Box<str>,
    pub(super) collection: Expression,
    pub(super) key_result: Option<Expression>,
    pub(super) result: Expression,
    /// Whether results of one key are gathered.
    pub(super) grouping: bool,
    pub(super) condition: Option<Expression>,
}

/// One step of a traversal.
#[derive(Debug)]
pub(super) enum Step {
    Attribute(Box<str>),
    Index(Expression),
    /// The steps that are taken in each element.
    Splat(Vec<Step>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Negative,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// A part of a template; blanks that it drops are gone.
#[derive(Debug)]
pub(super) enum Part {
    Text(Box<str>),
    Interpolation(Expression),
    If { condition: Expression, yes: Vec<Part>, no: Vec<Part> },
    For { key: Option<Box<str>>, value: Box<str>, collection: Expression, body: Vec<Part> },
}

/// Why a text is not in this syntax, and where.
#[derive(Debug)]
struct Failure {
    message: String,
    at: usize,
}

type Parsed<T> = Result<T, Failure>;

/// Parses a template: what stands in a file that `templatefile` reads, or in a string of JSON. All of it stands at `span`.
pub(super) fn template(text: &str, span: Span) -> Result<Expression, String> {
    cursor::Cursor::within(text, span).whole_template().map_err(|failure| failure.message)
}

/// Parses an expression that stands at `span` as a whole, as types do in JSON.
pub(super) fn expression(text: &str, span: Span) -> Result<Expression, String> {
    cursor::Cursor::within(text, span).whole_expression().map_err(|failure| failure.message)
}

/// The place of what does not stand in a file.
pub(super) fn nowhere() -> Span {
    Span::new(SourceId(u32::MAX), 0..0)
}

fn problem(failure: &Failure, source: SourceId) -> Problem {
    Problem::new(format!("not valid Terraform: {}", failure.message), Span::new(source, failure.at..failure.at))
        .with_help("this block is not judged before it is mended; the others of the file are")
}

impl Expression {
    /// Calls `visit` with this expression and with all inside it.
    pub(super) fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Expression)) {
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
    pub(super) fn walk<'b>(&'b self, visit: &mut dyn FnMut(&'b Expression)) {
        self.attributes.iter().for_each(|attribute| attribute.value.walk(visit));
        self.blocks.iter().for_each(|block| block.body.walk(visit));
    }
}
